/* duration.c - seconds in words. */
#include "core/base/duration.h"

#include <math.h>
#include <stdio.h>

/* "8 min 20 s": n small units, `ratio` of which make a large one. */
static void
pair(long long n, int ratio, const char *large, const char *small, char *text)
{
    if (n % ratio)
        snprintf(text, ODE_DURATION_TEXT, "%lld %s %lld %s", n / ratio, large, n % ratio,
                 small);
    else
        snprintf(text, ODE_DURATION_TEXT, "%lld %s", n / ratio, large);
}

const char *
ode_duration_text(double s, char text[ODE_DURATION_TEXT])
{
    if (!isfinite(s) || s > 1e12)
        snprintf(text, ODE_DURATION_TEXT, "unknown");
    else if (s < 9.95)
        snprintf(text, ODE_DURATION_TEXT, "%.*f s", s < 0.995 ? 2 : 1, s);
    else if (s < 59.5)
        snprintf(text, ODE_DURATION_TEXT, "%.0f s", s);
    else if (s < 3599.5)
        pair(llround(s), 60, "min", "s", text);
    else if (s < 86370)
        pair(llround(s / 60), 60, "h", "min", text);
    else
        pair(llround(s / 3600), 24, "d", "h", text);
    return text;
}
