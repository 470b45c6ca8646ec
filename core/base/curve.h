/*
 * curve.h - how well a run does, over the time and the work that it took.
 *
 * A curve is the evaluations of a run in their order: after every epoch, so accuracy is
 * known at these points alone, and what is reached was reached since the point before.
 */
#ifndef ODE_CORE_BASE_CURVE_H
#define ODE_CORE_BASE_CURVE_H

#include <stddef.h>
#include <stdint.h>

struct ode_curve_point {
    int64_t level, step;
    double time; /* seconds */
    double work; /* units */
    double accuracy;
};

struct ode_curve {
    const struct ode_curve_point *point; /* borrowed; accuracies are finite */
    size_t n;
};

/* The index of the first point whose accuracy is at least so much; n where none is. */
size_t ode_curve_reach(const struct ode_curve *curve, double accuracy);

/* The index of the first point of the highest accuracy; n (0) for an empty curve. */
size_t ode_curve_best(const struct ode_curve *curve);

/* control / run: how many times less a run took than the control. NaN unless both are
 * finite and above 0. */
double ode_curve_speedup(double control, double run);

#endif
