/* duration.h - seconds in words. */
#ifndef ODE_CLI_DURATION_H
#define ODE_CLI_DURATION_H

#include "core/train/cost.h"

enum { DURATION_TEXT = 32, DURATION_SPAN = 120 };

/* "0.42 s", "7.1 s", "48 s", "8 min 20 s", "2 h 5 min", "3 d 4 h". Returns text. */
const char *duration_text(double seconds, char text[DURATION_TEXT]);

/* "about 8 min 20 s (7 min 50 s to 9 min 40 s)". Returns text. */
const char *duration_span(const struct ode_span *span, char text[DURATION_SPAN]);

#endif
