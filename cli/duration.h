/* duration.h - a forecast in words. */
#ifndef ODE_CLI_DURATION_H
#define ODE_CLI_DURATION_H

#include "core/train/cost.h"

enum { DURATION_SPAN = 120 };

/* "about 8 min 20 s (7 min 50 s to 9 min 40 s)". Returns text. */
const char *duration_span(const struct ode_span *span, char text[DURATION_SPAN]);

#endif
