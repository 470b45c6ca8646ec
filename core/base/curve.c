/* curve.c - how well a run does, over the time and the work that it took. */
#include "core/base/curve.h"

#include <math.h>

size_t
ode_curve_reach(const struct ode_curve *curve, double accuracy)
{
    size_t i = 0;

    while (i < curve->n && !(curve->point[i].accuracy >= accuracy))
        i++;
    return i;
}

size_t
ode_curve_best(const struct ode_curve *curve)
{
    size_t best = 0;

    for (size_t i = 1; i < curve->n; i++)
        if (curve->point[i].accuracy > curve->point[best].accuracy)
            best = i;
    return best;
}

double
ode_curve_speedup(double control, double run)
{
    return isfinite(control) && isfinite(run) && control > 0 && run > 0 ? control / run
                                                                        : NAN;
}
