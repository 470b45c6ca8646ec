/*
 * leapfrog.c - the second-order network (Chang et al., AAAI 2018):
 *
 *     Y_{j+1} = 2 Y_j - Y_{j-1} - h^2 f(Y_j)      f = K^T s(K x + b)
 *
 * The first step is Y_1 = Y_0 - h^2/2 f(Y_0), second order (taylor); Y_0 - h^2 f(Y_0), as
 * if Y_{-1} were Y_0 (neumann); or 2 Y_0 - h^2 f(Y_0), as if it were 0 (zero): a velocity
 * of Y_0 / h, which has no limit when h goes to 0.
 */
#include <math.h>

#include "core/blocks/block.h"

static real
scale_of(const struct ode_step *s)
{
    const real square = s->dt * s->dt;

    return s->first && s->start == ODE_START_TAYLOR ? square / 2 : square;
}

/* How often the newest state, and the one before it, are in the next. */
static void
weights(const struct ode_step *s, real *newest, real *before)
{
    *newest = s->first && s->start != ODE_START_ZERO ? 1 : 2;
    *before = s->first ? 0 : -1;
}

static real
leapfrog_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                 real *const *keep)
{
    real newest, before;

    weights(s, &newest, &before);
    s->shape.kernels->combine(ode_layer_reals(&s->shape), newest, from.y, before,
                              s->first ? from.y : from.z, to.y);
    return ode_layer_step(&s->shape, &s->f[0][0], from.y, scale_of(s), -1, to.y, to.y,
                          keep ? keep[0] : NULL);
}

/* Y_{j-1} = 2 Y_j - Y_{j+1} - h^2 f(Y_j). */
static void
undo(const struct ode_step *s, struct ode_pair from, struct ode_pair to, real *keep)
{
    s->shape.kernels->combine(ode_layer_reals(&s->shape), 2, to.z, -1, to.y, from.z);
    ode_layer_step(&s->shape, &s->f[0][0], to.z, scale_of(s), -1, from.z, from.z, keep);
}

/* Before the first step there is nothing. */
static void
leapfrog_inverse(const struct ode_step *s, struct ode_pair from, struct ode_pair to)
{
    if (!s->first)
        undo(s, from, to, NULL);
}

static void
leapfrog_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                 real *const *keep, struct ode_pair d)
{
    real *kept = keep ? keep[0] : NULL;
    real newest, before;

    if (s->reverse && !s->first) {
        kept = ode_layer_room(&s->shape);
        undo(s, from, to, kept);
    }
    weights(s, &newest, &before);
    ode_layer_adjoint(&s->shape, &s->f[0][0], to.z, kept, -scale_of(s), d.y, d.z);
    s->shape.kernels->combine(ode_layer_reals(&s->shape), newest, d.y, 1, d.z, d.z);
    s->shape.kernels->combine(ode_layer_reals(&s->shape), before, d.y, 0, d.y, d.y);
}

/* h^2 L < 4. */
static double
leapfrog_stability(double dt, const double *lipschitz)
{
    return dt * sqrt(lipschitz[0]) / 2;
}

const struct ode_block_ops ode_leapfrog_ops = {
    .name = "leapfrog",
    .layout = ODE_TWO_STEP,
    .form = ODE_FORM_SYMMETRIC,
    .forms = 1 << ODE_FORM_SYMMETRIC,
    .start = ODE_START_TAYLOR,
    .starts = 1 << ODE_START_TAYLOR | 1 << ODE_START_NEUMANN | 1 << ODE_START_ZERO,
    .time = ODE_TIME_NODAL,
    .layers = 1,
    .points = 1,
    .stride = 1,
    .keeps = 1,
    .reach = 3,
    .forward = leapfrog_forward,
    .inverse = leapfrog_inverse,
    .adjoint = leapfrog_adjoint,
    .stability = leapfrog_stability,
};
