/*
 * plot.h - accuracy over work or time as a picture.
 *
 * One SVG file of its own, without script, fonts or outside references, for light and
 * dark pages. Runs whose names differ only by "-s" and a number at their end, as those of
 * several seeds, share a colour and a line of the legend. The last evaluation of each
 * level is a dot, so the steps of a ladder can be seen.
 */
#ifndef ODE_CLI_PLOT_H
#define ODE_CLI_PLOT_H

#include "schema/compare.h"

enum plot_axis { PLOT_WORK, PLOT_TIME };

/* Work is in the units of the first run, as in schema_compare(). At most COMPARE_RUNS
 * runs, each with a point. ODE_EIO, err->at the path. */
enum ode_status plot_write(const char *path, const struct compare_run *runs, size_t n,
                           enum plot_axis axis, struct ode_err *err);

#endif
