/*
 * lint.h - whether a text is OpenMetrics 1.0, as far as odenet writes it: families of
 * gauges, counters, histograms and infos, without exemplars and time stamps.
 */
#ifndef ODE_TESTS_API_LINT_H
#define ODE_TESTS_API_LINT_H

/* NULL, or what is wrong with it, with the line; static. */
const char *lint_openmetrics(const char *text);

/* The value of a sample, named as it stands there ("odenet_runs{state=\"queued\"}");
 * fails the test where there is none. */
double lint_value(const char *text, const char *sample);

#endif
