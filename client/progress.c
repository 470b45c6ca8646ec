/* progress.c - a run that is watched, on a terminal or in a log. */
#include "client/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/words.h"

#define COLUMNS_PRESET 80
#define ERASE          "\r\033[K"

static int
columns_of(int fd)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col < WORDS_LINE ? size.ws_col : WORDS_LINE;
    return COLUMNS_PRESET;
}

void
progress_init(struct progress *p, FILE *to)
{
    const char *term = getenv("TERM");
    const bool live = isatty(fileno(to)) && term && *term && strcmp(term, "dumb") != 0;

    *p = (struct progress){ .to = to, .columns = live ? columns_of(fileno(to)) : 0 };
}

void
progress_line(struct progress *p, const char *text)
{
    fprintf(p->to, "%s%s\n", p->standing ? ERASE : "", text);
    fflush(p->to);
    p->standing = false;
}

void
progress_end(struct progress *p)
{
    if (p->standing)
        fputc('\n', p->to);
    p->standing = false;
    fflush(p->to);
}

/* Levels that have ended since leave a line each. */
static void
levels_tell(struct progress *p, const json_t *levels)
{
    const json_t *level;
    const char *state;
    char text[WORDS_LINE];

    while ((level = json_array_get(levels, (size_t)p->told))) {
        state = json_string_value(json_object_get(level, "state"));
        if (!state || (strcmp(state, "done") != 0 && strcmp(state, "skipped") != 0))
            return;
        progress_line(p, words_level(level, (int)json_array_size(levels), text));
        p->told++;
    }
}

/* What a plain listing has a new line for. */
static void
key_make(const json_t *run, char key[PROGRESS_KEY])
{
    const char *state = json_string_value(json_object_get(run, "state"));
    const double epoch = json_number_value(json_object_get(run, "epoch"));

    snprintf(key, PROGRESS_KEY, "%.20s %lld %.0f", state ? state : "",
             (long long)json_integer_value(json_object_get(run, "level")),
             (double)(long long)epoch);
}

/* In a listing a state stands among the events already; why a run waits does not. */
static bool
is_news(const json_t *run)
{
    const char *state = json_string_value(json_object_get(run, "state"));

    return (state && strcmp(state, "running") == 0
            && json_is_integer(json_object_get(run, "level")))
           || json_is_string(json_object_get(run, "waits"));
}

void
progress_show(struct progress *p, const json_t *run, const json_t *levels)
{
    const json_t *number = json_object_get(run, "level");
    const json_t *level = json_is_integer(number)
                              ? json_array_get(levels, (size_t)json_integer_value(number))
                              : NULL;
    char text[WORDS_LINE], key[PROGRESS_KEY];

    levels_tell(p, levels);
    if (words_is_final(json_string_value(json_object_get(run, "state"))))
        return;
    if (p->columns > 0 && isatty(fileno(p->to)))
        p->columns = columns_of(fileno(p->to)); /* it may have been resized */
    words_progress(run, level, p->columns, text);
    key_make(run, key);
    if (p->columns > 0) {
        fprintf(p->to, ERASE "%s", text);
        fflush(p->to);
        p->standing = true;
    } else if (is_news(run) && strcmp(key, p->key) != 0) {
        progress_line(p, text);
    }
    strcpy(p->key, key);
}
