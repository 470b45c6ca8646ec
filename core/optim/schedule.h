/* schedule.h - the learning rate over a level. */
#ifndef ODE_CORE_OPTIM_SCHEDULE_H
#define ODE_CORE_OPTIM_SCHEDULE_H

#include "core/recipe/recipe.h"

/*
 * The rate of step `step` (from 0) of a level of `steps` steps, `epoch_steps` an epoch.
 *
 *   constant    peak
 *   step        peak factor^k, k listed epochs having passed
 *   cosine      floor + (peak - floor) (1 + cos(pi t)) / 2, t = step / steps
 *   triangular  up to peak at t = warmup, down to 0 at t = 1, t = (step + 1/2) / steps,
 *               so that no step is wasted on a rate of 0
 */
double ode_schedule_rate(const struct ode_lr_spec *lr, int64_t step, int64_t steps,
                         int64_t epoch_steps);

#endif
