/*
 * sgd.h - stochastic gradient descent with momentum.
 *
 *     v = mu v + g
 *     x = (1 - rate decay) x - rate (g + mu v)   Nesterov
 *     x = (1 - rate decay) x - rate v            otherwise
 *
 * decay is decoupled: it shrinks the weights themselves and leaves no trace in v. Decay
 * that goes by way of the momentum is part of g (penalty.h). Source: Loshchilov and
 * Hutter, "Decoupled weight decay regularization", arXiv 1711.05101, algorithm 1.
 */
#ifndef ODE_CORE_OPTIM_SGD_H
#define ODE_CORE_OPTIM_SGD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/real.h"

struct ode_sgd {
    double rate, momentum;
    double decay; /* decoupled; 0: none */
    bool nesterov;
};

/* One step of n weights x with gradient g [n] and momentum v [n]. */
void ode_sgd_update(const struct ode_sgd *s, size_t n, const real *g, real *v, real *x);

#endif
