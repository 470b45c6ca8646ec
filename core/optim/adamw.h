/*
 * adamw.h - Adam with decoupled weight decay.
 *
 *     m = beta1 m + (1 - beta1) g
 *     v = beta2 v + (1 - beta2) g^2
 *     x = (1 - rate decay) x - rate m^ / (sqrt(v^) + epsilon)
 *
 * with m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t): both begin at 0, and the division
 * undoes that bias. So the first step moves each weight by the rate, whatever the length
 * of its gradient, as long as that is far above epsilon.
 *
 * Source: Kingma and Ba, "Adam", arXiv 1412.6980, algorithm 1; Loshchilov and Hutter,
 * "Decoupled weight decay regularization", arXiv 1711.05101, algorithm 2, whose schedule
 * multiplier is part of the rate here, so that decay follows the schedule.
 */
#ifndef ODE_CORE_OPTIM_ADAMW_H
#define ODE_CORE_OPTIM_ADAMW_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/real.h"

struct ode_adamw {
    double rate, beta1, beta2, epsilon;
    double decay; /* decoupled; 0: none                            */
    int64_t t;    /* the number of this step since m and v were 0, from 1 */
};

/* One step of n weights x with gradient g, m and v, [n] each. v stays non-negative. */
void ode_adamw_update(const struct ode_adamw *a, size_t n, const real *g, real *m,
                      real *v, real *x);

#endif
