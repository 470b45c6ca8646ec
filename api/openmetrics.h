/*
 * openmetrics.h - the text that monitoring reads: OpenMetrics 1.0.
 *
 * A family is its head, then its samples, all of them before the next family:
 *
 *     openmetrics_head(out, "odenet_runs", "gauge", "", "Runs, by their state.");
 *     openmetrics_int(out, "odenet_runs", "state", "queued", 3);
 *
 * The unit, where there is one, is also the end of the name. A counter's samples have
 * _total behind the name, an info's _info. openmetrics_end() comes last.
 */
#ifndef ODE_API_OPENMETRICS_H
#define ODE_API_OPENMETRICS_H

#include <stdint.h>
#include <stdio.h>

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* type: gauge, counter, histogram or info; unit "" for none. */
void openmetrics_head(FILE *out, const char *name, const char *type, const char *unit,
                      const char *help);

/* label NULL: none. A value that is not finite is written as NaN, +Inf or -Inf. */
void openmetrics_int(FILE *out, const char *name, const char *label, const char *of,
                     int64_t value);
void openmetrics_real(FILE *out, const char *name, const char *label, const char *of,
                      double value);

/* A family of one sample without labels. */
void openmetrics_gauge(FILE *out, const char *name, const char *unit, double value,
                       const char *help);
void openmetrics_counter(FILE *out, const char *name, const char *unit, double value,
                         const char *help);

void openmetrics_end(FILE *out);

#endif
