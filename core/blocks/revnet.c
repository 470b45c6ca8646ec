/*
 * revnet.c - the reversible residual network, additive coupling (Gomez et al., NeurIPS
 * 2017): Y' = Y + h f1(Z), Z' = Z + h f2(Y').
 */
#include <math.h>

#include "core/blocks/coupling.h"

static real
revnet_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
               real *const *keep)
{
    return ode_coupling_forward(s, 1, from, to, keep);
}

static void
revnet_inverse(const struct ode_step *s, struct ode_pair from, struct ode_pair to)
{
    ode_coupling_inverse(s, 1, from, to);
}

static void
revnet_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
               real *const *keep, struct ode_pair d)
{
    ode_coupling_adjoint(s, 1, from, to, keep, d);
}

/* Whatever the signs of the layers' Jacobians: h^2 L1 L2 < 4. */
static double
revnet_stability(double dt, const double *lipschitz)
{
    return dt * sqrt(lipschitz[0] * lipschitz[1]) / 2;
}

const struct ode_block_ops ode_revnet_ops = {
    .name = "revnet",
    .layout = ODE_HALVES,
    .form = ODE_FORM_RESIDUAL,
    .forms = 1 << ODE_FORM_RESIDUAL | 1 << ODE_FORM_SYMMETRIC | 1 << ODE_FORM_SINGLE
             | 1 << ODE_FORM_ANTISYMMETRIC,
    .time = ODE_TIME_CELL,
    .layers = 2,
    .points = 1,
    .stride = 1,
    .keeps = 2,
    .reach = 1,
    .forward = revnet_forward,
    .inverse = revnet_inverse,
    .adjoint = revnet_adjoint,
    .stability = revnet_stability,
};
