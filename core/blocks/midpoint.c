/*
 * midpoint.c - the midpoint network (Chang et al., AAAI 2018):
 *
 *     Y_{j+1} = Y_{j-1} + 2h f(Y_j)      f = s((K - K^T) x + b), one convolution
 *
 * The first step is Y_1 = Y_0 + h f(Y_0), second order (euler), or Y_1 = 2h f(Y_0), as if
 * Y_{-1} were 0 (zero).
 */
#include <string.h>

#include "core/blocks/block.h"

static bool
is_euler(const struct ode_step *s)
{
    return s->first && s->start == ODE_START_EULER;
}

static real
scale_of(const struct ode_step *s)
{
    return is_euler(s) ? s->dt : 2 * s->dt;
}

static real
midpoint_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                 real *const *keep)
{
    const real *base = is_euler(s) ? from.y : from.z;

    if (s->first && !is_euler(s)) {
        memset(to.y, 0, ode_layer_reals(&s->shape) * sizeof *to.y);
        base = to.y;
    }
    return ode_layer_step(&s->shape, &s->f[0][0], from.y, scale_of(s), 1, base, to.y,
                          keep ? keep[0] : NULL);
}

/* Y_{j-1} = Y_{j+1} - 2h f(Y_j). */
static void
undo(const struct ode_step *s, struct ode_pair from, struct ode_pair to, real *keep)
{
    ode_layer_step(&s->shape, &s->f[0][0], to.z, scale_of(s), -1, to.y, from.z, keep);
}

/* Before the first step there is nothing. */
static void
midpoint_inverse(const struct ode_step *s, struct ode_pair from, struct ode_pair to)
{
    if (!s->first)
        undo(s, from, to, NULL);
}

static void
midpoint_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                 real *const *keep, struct ode_pair d)
{
    real *kept = keep ? keep[0] : NULL;

    if (s->reverse && !s->first) {
        kept = ode_layer_room(&s->shape);
        undo(s, from, to, kept);
    }
    ode_layer_adjoint(&s->shape, &s->f[0][0], to.z, kept, scale_of(s), d.y, d.z);
    if (is_euler(s))
        s->shape.kernels->combine(ode_layer_reals(&s->shape), 1, d.y, 1, d.z, d.z);
}

/* h L < 1. */
static double
midpoint_stability(double dt, const double *lipschitz)
{
    return dt * lipschitz[0];
}

const struct ode_block_ops ode_midpoint_ops = {
    .name = "midpoint",
    .layout = ODE_TWO_STEP,
    .form = ODE_FORM_ANTISYMMETRIC,
    .forms = 1 << ODE_FORM_ANTISYMMETRIC | 1 << ODE_FORM_SINGLE | 1 << ODE_FORM_SYMMETRIC,
    .start = ODE_START_EULER,
    .starts = 1 << ODE_START_EULER | 1 << ODE_START_ZERO,
    .time = ODE_TIME_NODAL,
    .layers = 1,
    .points = 1,
    .stride = 1,
    .keeps = 1,
    .reach = 1,
    .forward = midpoint_forward,
    .inverse = midpoint_inverse,
    .adjoint = midpoint_adjoint,
    .stability = midpoint_stability,
};
