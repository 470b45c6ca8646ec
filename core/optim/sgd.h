/*
 * sgd.h - stochastic gradient descent with momentum.
 *
 *     v = mu v + g
 *     x = x - rate (g + mu v)   Nesterov,   x = x - rate v   otherwise
 */
#ifndef ODE_CORE_OPTIM_SGD_H
#define ODE_CORE_OPTIM_SGD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/real.h"

struct ode_sgd {
    double rate, momentum;
    bool nesterov;
};

void ode_sgd_update(const struct ode_sgd *s, size_t n, const real *g, real *v, real *x);

#endif
