/*
 * euler.c - forward Euler, the residual network: Y' = Y + h f(Y). With the residual layer
 * and h = 1 it is the pre-activation ResNet of He et al. (2016).
 */
#include "core/blocks/block.h"

static real
euler_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
              real *const *keep)
{
    return ode_layer_step(&s->shape, &s->f[0][0], from.y, s->dt, 1, from.y, to.y,
                          keep ? keep[0] : NULL);
}

static void
euler_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
              real *const *keep, struct ode_pair d)
{
    (void)to;
    ode_layer_adjoint(&s->shape, &s->f[0][0], from.y, keep ? keep[0] : NULL, s->dt, d.y,
                      d.y);
}

/* |1 + h lambda| <= 1 at best for h L < 2, where the spectrum is on the negative axis. */
static double
euler_stability(double dt, const double *lipschitz)
{
    return dt * lipschitz[0] / 2;
}

const struct ode_block_ops ode_euler_ops = {
    .name = "euler",
    .layout = ODE_ONE,
    .form = ODE_FORM_RESIDUAL,
    .forms = 1 << ODE_FORM_RESIDUAL | 1 << ODE_FORM_SINGLE | 1 << ODE_FORM_SYMMETRIC
             | 1 << ODE_FORM_ANTISYMMETRIC,
    .time = ODE_TIME_CELL,
    .layers = 1,
    .points = 1,
    .stride = 1,
    .keeps = 1,
    .forward = euler_forward,
    .adjoint = euler_adjoint,
    .stability = euler_stability,
};
