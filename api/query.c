/* query.c - query strings, strictly. */
#include "api/query.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at *text, which moves past it; -1 for a bad escape. */
static int
byte_take(const char **text, bool plus)
{
    const char *c = *text;
    int high, low;

    *text += 1;
    if (*c == '+' && plus)
        return ' ';
    if (*c != '%')
        return (unsigned char)*c;
    high = hex_digit(c[1]);
    low = high < 0 ? -1 : hex_digit(c[2]);
    if (low < 0)
        return -1;
    *text += 2;
    return high * 16 + low;
}

bool
query_decode(char *text, bool plus, bool slash)
{
    const char *from = text;
    char *to = text;

    while (*from) {
        bool escaped = *from == '%';
        int byte = byte_take(&from, plus);

        if (byte < 0x20 || byte == 0x7f || (byte == '/' && escaped && !slash))
            return false;
        *to++ = (char)byte;
    }
    *to = '\0';
    return true;
}

bool
query_listed(const char *list, const char *item)
{
    size_t n = strlen(item);

    for (const char *c = list; *c; c += *c == ',') {
        size_t len = strcspn(c, ",");

        if (n > 0 && len == n && memcmp(c, item, n) == 0)
            return true;
        c += len;
    }
    return false;
}

void
query_refuse(struct problem *problem, const char *key, const char *format, ...)
{
    char detail[256];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problem_set(problem, PROBLEM_BAD_QUERY, "query parameter %.40s: %s", key, detail);
    problem_add(problem, "parameter", key, "%s", detail);
}

static bool
pair_add(struct query *query, char *pair, const char *known, struct problem *problem)
{
    char *value = strchr(pair, '=');

    if (value)
        *value++ = '\0';
    if (!query_decode(pair, true, true) || (value && !query_decode(value, true, true))) {
        problem_set(problem, PROBLEM_BAD_QUERY,
                    "the query has a bad escape or a control character; write %%XX with "
                    "two hexadecimal digits");
        return false;
    }
    if (!query_listed(known, pair))
        query_refuse(problem, pair, "unknown here; %s%s",
                     *known ? "known are " : "there are none", known);
    else if (query_get(query, pair))
        query_refuse(problem, pair, "given more than once");
    else if (query->n == QUERY_MAX)
        query_refuse(problem, pair, "more than %d parameters", QUERY_MAX);
    else {
        query->pair[query->n].key = pair;
        query->pair[query->n++].value = value ? value : "";
        return true;
    }
    return false;
}

bool
query_parse(struct query *query, char *text, const char *known, struct problem *problem)
{
    char *pair;

    query->n = 0;
    while ((pair = strsep(&text, "&")))
        if (*pair && !pair_add(query, pair, known, problem))
            return false;
    return true;
}

const char *
query_get(const struct query *query, const char *key)
{
    for (size_t i = 0; i < query->n; i++)
        if (strcmp(query->pair[i].key, key) == 0)
            return query->pair[i].value;
    return NULL;
}

bool
query_int(const struct query *query, const char *key, int preset, int min, int max,
          int *value, struct problem *problem)
{
    const char *text = query_get(query, key);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    long number = preset;

    if (text) {
        number = strtol(text, NULL, 10); /* of at most nine digits: cannot overflow */
        if (digits == 0 || digits > 9 || text[digits] || number < min || number > max) {
            query_refuse(problem, key, "\"%.32s\" is no whole number from %d to %d", text,
                         min, max);
            return false;
        }
    }
    *value = (int)number;
    return true;
}

bool
query_choice(const struct query *query, const char *key, const char *choices,
             const char **value, struct problem *problem)
{
    const char *text = query_get(query, key);

    if (text && !query_listed(choices, text)) {
        query_refuse(problem, key, "\"%.32s\" is none of %s", text, choices);
        return false;
    }
    *value = text;
    return true;
}
