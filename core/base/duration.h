/* duration.h - seconds in words. */
#ifndef ODE_CORE_BASE_DURATION_H
#define ODE_CORE_BASE_DURATION_H

enum { ODE_DURATION_TEXT = 32 };

/* "0.42 s", "7.1 s", "48 s", "8 min 20 s", "2 h 5 min", "3 d 4 h". Returns text. */
const char *ode_duration_text(double seconds, char text[ODE_DURATION_TEXT]);

#endif
