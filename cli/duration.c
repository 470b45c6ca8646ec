/* duration.c - a forecast in words. */
#include "cli/duration.h"

#include <stdio.h>

#include "core/base/duration.h"

const char *
duration_span(const struct ode_span *span, char text[DURATION_SPAN])
{
    char expected[ODE_DURATION_TEXT], low[ODE_DURATION_TEXT], high[ODE_DURATION_TEXT];

    snprintf(text, DURATION_SPAN, "about %s (%s to %s)",
             ode_duration_text(span->expected, expected),
             ode_duration_text(span->low, low), ode_duration_text(span->high, high));
    return text;
}
