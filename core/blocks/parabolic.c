/*
 * parabolic.c - the parabolic network: Y' = Y - h K^T s(N(K Y + b)), forward Euler steps
 * of a heat equation (Ruthotto and Haber, JMIV 2020).
 */
#include "core/blocks/block.h"

static real
parabolic_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                  real *const *keep)
{
    return ode_layer_step(&s->shape, &s->f[0][0], from.y, s->dt, -1, from.y, to.y,
                          keep ? keep[0] : NULL);
}

static void
parabolic_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                  real *const *keep, struct ode_pair d)
{
    (void)to;
    ode_layer_adjoint(&s->shape, &s->f[0][0], from.y, keep ? keep[0] : NULL, -s->dt, d.y,
                      d.y);
}

/* h L < 2. */
static double
parabolic_stability(double dt, const double *lipschitz)
{
    return dt * lipschitz[0] / 2;
}

const struct ode_block_ops ode_parabolic_ops = {
    .name = "parabolic",
    .layout = ODE_ONE,
    .form = ODE_FORM_SYMMETRIC,
    .forms = 1 << ODE_FORM_SYMMETRIC,
    .time = ODE_TIME_CELL,
    .layers = 1,
    .points = 1,
    .stride = 1,
    .keeps = 1,
    .forward = parabolic_forward,
    .adjoint = parabolic_adjoint,
    .stability = parabolic_stability,
};
