/*
 * load.h - who uses the machine: time, processors and memory, as /proc tells it.
 *
 * What a machine does not tell is unknown: 0 processors, a NaN.
 */
#ifndef ODE_CLI_LOAD_H
#define ODE_CLI_LOAD_H

#include <stdbool.h>

/* Seconds of a clock that only goes forward. */
double load_seconds(void);

/* A reading of the clocks; times in seconds. */
struct load {
    double at;   /* load_seconds()                               */
    double busy; /* of all processors since the machine's start, */
    double own;  /* and of this process since its own            */
    int cores;   /* 0: not known                                 */
};

/* busy and cores from the text of /proc/stat, in which a second has `hz` ticks. Busy is
 * all but idle and iowait; what the host took ("steal") is busy, too. false if the text
 * has no such line. */
bool load_parse(const char *text, double hz, struct load *load);

struct load load_read(void);

/* The part, 0 to 1, of all processors that others used between two readings. NaN: not
 * known. */
double load_others(const struct load *from, const struct load *to);

/* The largest resident set of this process so far, in MiB, from the text of
 * /proc/self/status; and from there. */
double load_peak_mib_parse(const char *text);
double load_peak_mib(void);

/* Begins anew with the largest resident set, where the system can; gives unused memory
 * back first. */
void load_peak_reset(void);

/* The processor's name, from the text of /proc/cpuinfo; and from there. "unknown" where
 * it has none. */
void load_processor_parse(const char *text, char name[96]);
void load_processor(char name[96]);

#endif
