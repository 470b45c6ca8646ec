/* lint.c - a reader of OpenMetrics that takes nothing amiss silently. */
#include "tests/api/lint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

enum { LINE = 512, SEEN = 512 };

struct lint {
    char family[LINE], type[16], help[LINE], unit[LINE];
    bool sampled;
    char seen[SEEN][160]; /* families, and samples with their labels */
    size_t seen_n;
    double le, below, count; /* of the histogram's last bucket */
    const char *wrong;
};

static bool
name_char(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (!first && c >= '0' && c <= '9');
}

/* How many characters of the text are a name. */
static size_t
name_of(const char *text)
{
    size_t n = 0;

    while (name_char(text[n], n == 0))
        n++;
    return n;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n > m && strcmp(text + n - m, end) == 0;
}

/* False, with a word, if this was there before. */
static bool
is_new(struct lint *lint, const char *kind, const char *what)
{
    char key[160];

    snprintf(key, sizeof key, "%s %.140s", kind, what);
    for (size_t i = 0; i < lint->seen_n; i++)
        if (strcmp(lint->seen[i], key) == 0)
            return false;
    ck_assert_uint_lt(lint->seen_n, SEEN);
    strcpy(lint->seen[lint->seen_n++], key);
    return true;
}

/* --- heads ---------------------------------------------------------------------------
 */

static const char *
family_end(const struct lint *lint)
{
    if (!*lint->family)
        return NULL;
    if (!*lint->help)
        return "the family before has no help";
    if (!lint->sampled)
        return "the family before has no sample";
    if (strcmp(lint->type, "histogram") == 0
        && (lint->le < INFINITY || lint->count != lint->below))
        return "the histogram before has no +Inf, or another count";
    return NULL;
}

static const char *
take_type(struct lint *lint, const char *name, const char *type)
{
    static const char *const types[] = { "gauge", "counter", "histogram", "info" };
    const char *wrong = family_end(lint);
    bool known = false;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        known |= strcmp(type, types[i]) == 0;
    if (wrong)
        return wrong;
    if (!known)
        return "no such type";
    if (!is_new(lint, "family", name))
        return "the family was there before";
    if (ends_with(name, "_total") || ends_with(name, "_info"))
        return "a family's name has no suffix of its samples";
    snprintf(lint->family, sizeof lint->family, "%s", name);
    snprintf(lint->type, sizeof lint->type, "%.15s", type);
    lint->help[0] = lint->unit[0] = '\0';
    lint->sampled = false;
    lint->le = -INFINITY;
    lint->below = 0;
    lint->count = -1;
    return NULL;
}

static const char *
take_head(struct lint *lint, const char *line)
{
    char word[8], name[LINE], rest[LINE];

    if (sscanf(line, "# %7s %511s %511[^\n]", word, name, rest) != 3)
        return "a comment is a head, or the end";
    if (name_of(name) != strlen(name))
        return "this is no name";
    if (strcmp(word, "TYPE") == 0)
        return take_type(lint, name, rest);
    if (strcmp(name, lint->family) != 0 || lint->sampled)
        return "a head belongs before the samples of its family";
    if (strcmp(word, "HELP") == 0 && !*lint->help)
        return snprintf(lint->help, sizeof lint->help, "%s", rest), NULL;
    if (strcmp(word, "UNIT") == 0 && !*lint->unit) {
        snprintf(lint->unit, sizeof lint->unit, "%s", rest);
        snprintf(name, sizeof name, "_%.100s", rest);
        return ends_with(lint->family, name) ? NULL : "the name does not end in its unit";
    }
    return "no such head, or twice";
}

/* --- samples -------------------------------------------------------------------------
 */

/* Behind the labels; NULL if they are none. The value of le goes to *le. */
static const char *
labels_end(const char *at, char le[LINE])
{
    le[0] = '\0';
    if (*at != '{')
        return at;
    do {
        const char *name = ++at, *value;
        size_t n = name_of(name);

        if (n == 0 || name[n] != '=' || name[n + 1] != '"')
            return NULL;
        for (at = value = name + n + 2; *at != '"'; at++)
            if (*at == '\0' || (*at == '\\' && !strchr("\\\"n", *++at)))
                return NULL;
        if (n == 2 && strncmp(name, "le", 2) == 0)
            snprintf(le, LINE, "%.*s", (int)(at - value), value);
        at++;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

static const char *
take_bucket(struct lint *lint, const char *le, double value)
{
    const double most = strtod(le, NULL);

    if (!*le || (strcmp(le, "+Inf") != 0 && !strchr(le, '.')))
        return "a bucket has le, a number with a point or +Inf";
    if (most <= lint->le || value < lint->below)
        return "buckets ascend, and so do their counts";
    lint->le = most;
    lint->below = value;
    return NULL;
}

static const char *
take_value(struct lint *lint, const char *suffix, const char *le, double value)
{
    const bool histogram = strcmp(lint->type, "histogram") == 0;

    if (strcmp(lint->type, "gauge") == 0)
        return *suffix ? "a gauge has no suffix" : NULL;
    if (strcmp(lint->type, "info") == 0)
        return strcmp(suffix, "_info") || value != 1 ? "an info is _info, and 1" : NULL;
    if (!(value >= 0))
        return "a count is not negative";
    if (strcmp(lint->type, "counter") == 0)
        return strcmp(suffix, "_total") ? "a counter's sample is _total" : NULL;
    if (histogram && strcmp(suffix, "_bucket") == 0)
        return take_bucket(lint, le, value);
    if (histogram && strcmp(suffix, "_count") == 0)
        return lint->count = value, NULL;
    return histogram && strcmp(suffix, "_sum") == 0 ? NULL : "no such suffix";
}

static const char *
take_sample(struct lint *lint, const char *line)
{
    const size_t n = name_of(line), m = strlen(lint->family);
    char le[LINE], name[LINE], suffix[LINE], *end;
    const char *at = n ? labels_end(line + n, le) : NULL;
    double value;

    if (!at || *at != ' ')
        return "a sample is a name, labels, a space and a value";
    snprintf(name, sizeof name, "%.*s", (int)(at - line), line);
    if (m == 0 || n < m || strncmp(name, lint->family, m) != 0)
        return "the sample is not of the family";
    if (!is_new(lint, "sample", name))
        return "the sample was there before";
    value = strtod(at + 1, &end);
    if (end == at + 1 || *end)
        return "the value is no number, or something follows it";
    snprintf(suffix, sizeof suffix, "%.*s", (int)(n - m), line + m);
    lint->sampled = true;
    return take_value(lint, suffix, le, value);
}

const char *
lint_openmetrics(const char *text)
{
    static char said[2 * LINE];
    static struct lint lint;
    char line[LINE];

    memset(&lint, 0, sizeof lint);
    while (*text) {
        const size_t n = strcspn(text, "\n");
        const char *wrong = NULL;

        snprintf(line, sizeof line, "%.*s", (int)n, text);
        if (strcmp(line, "# EOF") == 0)
            return strcmp(text, "# EOF\n") ? "something follows the end"
                                           : family_end(&lint);
        if (n >= LINE || text[n] == '\0')
            wrong = "the line is too long, or has no end";
        else
            wrong = *line == '#' ? take_head(&lint, line) : take_sample(&lint, line);
        if (wrong)
            return snprintf(said, sizeof said, "%s: %.500s", wrong, line), said;
        text += n + 1;
    }
    return "it does not end with # EOF";
}

double
lint_value(const char *text, const char *sample)
{
    const size_t n = strlen(sample);

    for (; *text; text += strcspn(text, "\n") + 1)
        if (strncmp(text, sample, n) == 0 && text[n] == ' ')
            return strtod(text + n + 1, NULL);
    ck_abort_msg("there is no %s", sample);
}
