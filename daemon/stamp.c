/* stamp.c - RFC 3339 times in UTC. */
#include "daemon/stamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void
stamp_format(int64_t ms, char text[STAMP_BYTES])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char whole[24];

    gmtime_r(&seconds, &utc);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, STAMP_BYTES, "%s.%03dZ", whole, (int)(ms % 1000));
}

void
stamp_now(char text[STAMP_BYTES])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    stamp_format((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, text);
}

/* The fraction after the seconds, to milliseconds; NULL if it is malformed. */
static const char *
parse_fraction(const char *text, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (*text != '.')
        return text;
    if (*++text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++, scale /= 10)
        *ms += (*text - '0') * scale;
    return text;
}

bool
stamp_parse(const char *text, int64_t *ms)
{
    struct tm utc = { .tm_isdst = 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    int fraction;

    if (rest)
        rest = parse_fraction(rest, &fraction);
    if (!rest || strcmp(rest, "Z") != 0)
        return false;
    *ms = (int64_t)timegm(&utc) * 1000 + fraction;
    return true;
}
