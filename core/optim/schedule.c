/* schedule.c - the learning rate over a level. */
#include "core/optim/schedule.h"

#include <math.h>

static double
step_rate(const struct ode_lr_spec *lr, int64_t epoch)
{
    double rate = lr->peak;

    for (size_t i = 0; i < lr->at_n; i++)
        if (epoch >= lr->at[i])
            rate *= lr->factor;
    return rate;
}

static double
triangular_rate(const struct ode_lr_spec *lr, double t)
{
    return t < lr->warmup ? lr->peak * t / lr->warmup
                          : lr->peak * (1 - t) / (1 - lr->warmup);
}

double
ode_schedule_rate(const struct ode_lr_spec *lr, int64_t step, int64_t steps,
                  int64_t epoch_steps)
{
    const double t = (double)step / (double)steps;

    switch (lr->schedule) {
    case ODE_SCHEDULE_STEP:
        return step_rate(lr, step / epoch_steps);
    case ODE_SCHEDULE_COSINE:
        return lr->floor
               + (lr->peak - lr->floor) * (1 + cos(3.14159265358979324 * t)) / 2;
    case ODE_SCHEDULE_TRIANGULAR:
        return triangular_rate(lr, ((double)step + 0.5) / (double)steps);
    case ODE_SCHEDULE_CONSTANT:
        break;
    }
    return lr->peak;
}
