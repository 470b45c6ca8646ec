/*
 * penalty.h - what the weights cost beside the loss.
 *
 *   decay       wd/2 |theta|^2 over kernels and classifier; of blocks, times h /
 * h_finest, so that it is an integral over time and means the same at every depth
 *   smoothness  alpha/2 sum_j h |(theta_{j+1} - theta_j) / h|^2 over the parameters of
 *               blocks of one segment, biases included [Chang et al. 2018]
 */
#ifndef ODE_CORE_OPTIM_PENALTY_H
#define ODE_CORE_OPTIM_PENALTY_H

#include "core/base/real.h"
#include "core/net/params.h"

struct ode_penalty {
    double decay, smoothness;
    double step; /* h at the finest depth */
};

/* The factor wd of tensor t, 0 where it does not decay: for decay that is decoupled from
 * the gradient, too. */
double ode_penalty_decay(const struct ode_penalty *p, const struct ode_params *params,
                         const struct ode_tensor *t);

/* The penalty of all of theta. */
double ode_penalty_value(const struct ode_penalty *p, const struct ode_params *params,
                         const real *theta);

/* Adds the gradient with respect to tensor i to its place in `gradient`. Reads the
 * neighbours in time of tensor i. */
void ode_penalty_gradient(const struct ode_penalty *p, const struct ode_params *params,
                          int i, const real *theta, real *gradient);

#endif
