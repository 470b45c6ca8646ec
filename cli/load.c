/* load.c - who uses the machine: time, processors and memory, as /proc tells it. */
#include "cli/load.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { TEXT = 1 << 16 };

double
load_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The begin of a file; "" if there is none. */
static const char *
text_read(const char *path, char text[TEXT])
{
    FILE *file = fopen(path, "re");
    size_t n = 0;

    if (file) {
        n = fread(text, 1, TEXT - 1, file);
        fclose(file);
    }
    text[n] = '\0';
    return text;
}

/* Behind the key of the first line that begins with it; NULL if none does. */
static const char *
line_find(const char *text, const char *key)
{
    const size_t n = strlen(key);

    for (; text; text = strchr(text, '\n'), text = text ? text + 1 : NULL)
        if (strncmp(text, key, n) == 0)
            return text + n;
    return NULL;
}

/* --- processors -------------------------------------------------------------------- */

static int
cores_count(const char *text)
{
    int n = 0;

    while ((text = line_find(text, "cpu")))
        n += isdigit((unsigned char)*text) != 0;
    return n;
}

bool
load_parse(const char *text, double hz, struct load *load)
{
    /* user nice system idle iowait irq softirq steal; the two of guests are in user */
    const char *line = line_find(text, "cpu ");
    double t[8] = { 0 };

    if (!line
        || sscanf(line, "%lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3],
                  &t[4], &t[5], &t[6], &t[7])
               < 4)
        return false;
    load->busy = (t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / hz;
    load->cores = cores_count(text);
    return true;
}

static double
seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

struct load
load_read(void)
{
    struct load load = { .at = load_seconds() };
    struct rusage own;
    char text[TEXT];

    load_parse(text_read("/proc/stat", text), (double)sysconf(_SC_CLK_TCK), &load);
    getrusage(RUSAGE_SELF, &own);
    load.own = seconds_of(&own.ru_utime) + seconds_of(&own.ru_stime);
    return load;
}

double
load_others(const struct load *from, const struct load *to)
{
    const double all = to->cores * (to->at - from->at);
    const double used = to->busy - from->busy - (to->own - from->own);

    if (!(all > 0))
        return NAN;
    return used < 0 ? 0 : used > all ? 1 : used / all;
}

/* --- memory ------------------------------------------------------------------------ */

double
load_peak_mib_parse(const char *text)
{
    const char *line = line_find(text, "VmHWM:");
    double kib;

    return line && sscanf(line, "%lf kB", &kib) == 1 ? kib / 1024 : (double)NAN;
}

double
load_peak_mib(void)
{
    char text[TEXT];

    return load_peak_mib_parse(text_read("/proc/self/status", text));
}

void
load_peak_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");

#ifdef __GLIBC__
    malloc_trim(0);
#endif
    if (!file)
        return;
    fputs("5", file); /* proc(5): the peak becomes what is resident now */
    fclose(file);
}

/* --- the processor's name ---------------------------------------------------------- */

void
load_processor_parse(const char *text, char name[96])
{
    const char *line = line_find(text, "model name");

    if (!line || sscanf(line, " : %95[^\n]", name) != 1)
        snprintf(name, 96, "unknown");
}

void
load_processor(char name[96])
{
    char text[TEXT];

    load_processor_parse(text_read("/proc/cpuinfo", text), name);
}
