/* words.c - runs, levels and events in a line each. */
#include "client/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BAR_LEAST = 10, BAR_MOST = 40, BAR_PRESET = 20 };

/* A line that grows until it is full. */
struct line {
    char *text;
    size_t used;
};

static void line_add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
line_add(struct line *line, const char *format, ...)
{
    const size_t left = WORDS_LINE - line->used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line->text + line->used, left, format, args);
    va_end(args);
    line->used += n < 0 ? 0 : (size_t)n < left ? (size_t)n : left - 1;
}

const char *
words_clean(const char *text, char *to, size_t size)
{
    const unsigned char *c = (const unsigned char *)(text ? text : "-");
    size_t n = 0;

    for (; *c && n + 1 < size; c++) {
        const bool c1 =
            c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080 to U+009F */

        to[n++] = *c < ' ' || *c == 0x7f || c1 ? '?' : (char)*c;
        c += c1;
    }
    to[n] = '\0';
    return to;
}

const char *
words_span(double seconds, char text[WORDS_SPAN])
{
    return ode_duration_text(seconds, text);
}

bool
words_is_final(const char *state)
{
    return state
           && (strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0
               || strcmp(state, "cancelled") == 0);
}

/* --- members -------------------------------------------------------------------------
 */

static const char *
text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* NAN where it is null or not there. */
static double
number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double
metric_of(const json_t *object, const char *name)
{
    return number_of(json_object_get(object, "metrics"), name);
}

const char *
words_blocks(const json_t *blocks, char text[WORDS_BLOCKS])
{
    size_t used = 0, i;
    const json_t *n;

    strcpy(text, "-");
    json_array_foreach (blocks, i, n) {
        const int wrote = snprintf(text + used, WORDS_BLOCKS - used, "%s%lld",
                                   i ? "+" : "", (long long)json_integer_value(n));

        if (wrote < 0 || (size_t)wrote >= WORDS_BLOCKS - used)
            break;
        used += (size_t)wrote;
    }
    return text;
}

/* --- a run that trains ---------------------------------------------------------------
 */

double
words_fraction(const json_t *run, const json_t *level)
{
    const double epoch = number_of(run, "epoch"), epochs = number_of(level, "epochs");

    if (!(epochs > 0) || isnan(epoch))
        return -1;
    return epoch < epochs ? epoch / epochs : 1;
}

/* "level 2/3  32x32  blocks 2+2" */
static void
add_shape(struct line *line, double level, double levels, const json_t *of)
{
    const double resolution = number_of(of, "resolution");
    char blocks[WORDS_BLOCKS];

    line_add(line, "level %.0f", level + 1);
    if (levels > 0)
        line_add(line, "/%.0f", levels);
    if (resolution > 0)
        line_add(line, "  %.0fx%.0f  blocks %s", resolution, resolution,
                 words_blocks(json_object_get(of, "blocks"), blocks));
}

static void
add_metrics(struct line *line, const json_t *of)
{
    const double loss = metric_of(of, "train.loss");
    const double accuracy = metric_of(of, "test.accuracy");

    if (!isnan(loss))
        line_add(line, "  loss %.3f", loss);
    if (!isnan(accuracy))
        line_add(line, "  test %.1f%%", 100 * accuracy);
}

static double
seconds_to_go(const json_t *run)
{
    const json_t *forecast = json_object_get(run, "forecast");
    const double left = number_of(json_object_get(forecast, "remaining_s"), "expected");

    return isnan(left) ? number_of(run, "eta_s") : left;
}

static void
add_bar(struct line *line, double fraction, int width)
{
    const int full = (int)(fraction * width);

    line_add(line, "  ");
    for (int i = 0; i < width; i++)
        line_add(line, i < full ? "#" : ".");
}

/* What is said of a run that no worker trains. */
static void
add_waiting(struct line *line, const json_t *run, const char *state)
{
    const char *why = text_of(run, "waits");
    char clean[300];

    line_add(line, "%s", words_clean(state, clean, sizeof clean));
    if (!why)
        why = text_of(run, "reason");
    if (why)
        line_add(line, ": %s", words_clean(why, clean, sizeof clean));
}

const char *
words_progress(const json_t *run, const json_t *level, int columns, char text[WORDS_LINE])
{
    struct line line = { .text = text }, tail = { .text = (char[WORDS_LINE]){ 0 } };
    const char *state = text_of(run, "state");
    const double number = number_of(run, "level"), left = seconds_to_go(run);
    const double fraction = words_fraction(run, level);
    int width = BAR_PRESET;
    char span[WORDS_SPAN];

    text[0] = '\0';
    if (!state || strcmp(state, "running") != 0 || isnan(number)) {
        add_waiting(&line, run, state);
    } else {
        add_shape(&line, number, number_of(run, "levels"), run);
        if (fraction >= 0)
            line_add(&tail, "  %3.0f%%", floor(100 * fraction));
        add_metrics(&tail, run);
        if (!isnan(left))
            line_add(&tail, "  %s to go", words_span(left, span));
        if (columns > 0)
            width = columns - 3 - (int)(line.used + tail.used);
        if (columns > 0 && width >= BAR_LEAST && fraction >= 0)
            add_bar(&line, fraction, width < BAR_MOST ? width : BAR_MOST);
        line_add(&line, "%s", tail.text);
    }
    if (columns > 0 && line.used >= (size_t)columns)
        text[columns - 1] = '\0';
    return text;
}

/* --- what has ended ------------------------------------------------------------------
 */

const char *
words_level(const json_t *level, int levels, char text[WORDS_LINE])
{
    struct line line = { .text = text };
    const double seconds = number_of(level, "seconds");
    const bool cached = json_is_true(json_object_get(level, "cached"));
    char state[40], span[WORDS_SPAN];

    add_shape(&line, number_of(level, "level"), levels, level);
    line_add(&line, "  %s", words_clean(text_of(level, "state"), state, sizeof state));
    add_metrics(&line, level);
    if (cached)
        line_add(&line, "  trained by another run");
    else if (!isnan(seconds))
        line_add(&line, "  %s", words_span(seconds, span));
    return text;
}

const char *
words_end(const json_t *run, char text[WORDS_LINE])
{
    struct line line = { .text = text };
    const double accuracy = metric_of(run, "test.accuracy"),
                 time = number_of(run, "time");
    const char *why = text_of(json_object_get(run, "error"), "text");
    char clean[400], span[WORDS_SPAN];

    line_add(&line, "%s", words_clean(text_of(run, "state"), clean, sizeof clean));
    if (!why)
        why = text_of(run, "reason");
    if (why)
        line_add(&line, ": %s", words_clean(why, clean, sizeof clean));
    if (!isnan(accuracy))
        line_add(&line, "%s test accuracy %.2f%%", why ? ";" : ":", 100 * accuracy);
    if (time > 0)
        line_add(&line, ", %s of training", words_span(time, span));
    return text;
}

const char *
words_event(const json_t *event, bool with_run, char text[WORDS_LINE])
{
    struct line line = { .text = text };
    const char *from = text_of(event, "from"), *to = text_of(event, "to");
    const char *why = text_of(event, "text");
    char at[40], a[40], b[40], cause[300];

    line_add(&line, "%s", words_clean(text_of(event, "at"), at, sizeof at));
    if (with_run)
        line_add(&line, "  %s", words_clean(text_of(event, "run"), a, sizeof a));
    if (to)
        line_add(&line, "  %s%s%s", from ? words_clean(from, a, sizeof a) : "",
                 from ? " -> " : "", words_clean(to, b, sizeof b));
    else
        line_add(&line, "  %s", words_clean(text_of(event, "kind"), a, sizeof a));
    if (why && *why)
        line_add(&line, "  %s", words_clean(why, cause, sizeof cause));
    return text;
}

/* --- lists ---------------------------------------------------------------------------
 */

#define ROW "%-26s  %-9s  %-7s  %6s  %6s  %-20s  %s"

const char *
words_head(char text[WORDS_LINE])
{
    snprintf(text, WORDS_LINE, ROW, "RUN", "STATE", "LEVEL", "DONE", "TEST", "CREATED",
             "NAME");
    return text;
}

static const char *
percent(double part, char text[16])
{
    if (isnan(part))
        strcpy(text, "-");
    else
        snprintf(text, 16, "%.1f%%", 100 * part);
    return text;
}

const char *
words_row(const json_t *run, char text[WORDS_LINE])
{
    const double level = number_of(run, "level"), levels = number_of(run, "levels");
    char id[40], state[20], of[32] = "-", done[16], test[16], at[24], name[200];

    if (!isnan(level) && levels > 0)
        snprintf(of, sizeof of, "%.0f/%.0f", level + 1, levels);
    snprintf(at, sizeof at, "%.19sZ",
             words_clean(text_of(run, "created_at"), name, sizeof name));
    snprintf(text, WORDS_LINE, ROW, words_clean(text_of(run, "id"), id, sizeof id),
             words_clean(text_of(run, "state"), state, sizeof state), of,
             percent(number_of(run, "progress"), done),
             percent(metric_of(run, "test.accuracy"), test), at,
             words_clean(text_of(run, "name"), name, sizeof name));
    return text;
}
