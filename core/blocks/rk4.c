/*
 * rk4.c - the classical Runge-Kutta method, for Y' = f(theta(t), Y):
 *
 *     S1 = Y + h/2 f(t, Y)             S2 = Y + h/2 f(t + h/2, S1)
 *     S3 = Y + h f(t + h/2, S2)        Y' = (-Y + S1 + 2 S2 + S3) / 3 + h/6 f(t + h, S3)
 *
 * which is Y + h/6 (k1 + 2 k2 + 2 k3 + k4), the stages' slopes read off the stages. The
 * weights are needed at half-steps, too: they have a grid of their own.
 */
#include "core/blocks/block.h"

enum { S1, S2, S3, D1, D2 };

static real
largest(real a, real b)
{
    return a > b ? a : b;
}

/* The stages from Y on; returns the largest value in them. */
static real
stages(const struct ode_step *s, const real *y)
{
    real *const *x = s->spare;
    real top = ode_layer_step(&s->shape, &s->f[0][0], y, s->dt / 2, 1, y, x[S1], NULL);

    top = largest(
        top, ode_layer_step(&s->shape, &s->f[1][0], x[S1], s->dt / 2, 1, y, x[S2], NULL));
    return largest(
        top, ode_layer_step(&s->shape, &s->f[1][0], x[S2], s->dt, 1, y, x[S3], NULL));
}

static real
rk4_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
            real *const *keep)
{
    const struct ode_kernels *k = s->shape.kernels;
    const size_t n = ode_layer_reals(&s->shape);
    const real third = (real)1 / 3, top = stages(s, from.y);
    real *const *x = s->spare;

    (void)keep;
    k->combine(n, third, x[S1], -third, from.y, x[S1]);
    k->combine(n, 2 * third, x[S2], 1, x[S1], x[S1]);
    k->combine(n, third, x[S3], 1, x[S1], x[S1]);
    return largest(top, ode_layer_step(&s->shape, &s->f[2][0], x[S3], s->dt / 6, 1, x[S1],
                                       to.y, NULL));
}

static void
rk4_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
            real *const *keep, struct ode_pair d)
{
    const struct ode_kernels *k = s->shape.kernels;
    const size_t n = ode_layer_reals(&s->shape);
    const real third = (real)1 / 3;
    real *const *x = s->spare;

    (void)to, (void)keep;
    stages(s, from.y);
    /* d of S3, then of S2 beside it; what they owe Y gathers in d.y */
    k->combine(n, third, d.y, 0, d.y, x[D1]);
    ode_layer_adjoint(&s->shape, &s->f[2][0], x[S3], NULL, s->dt / 6, d.y, x[D1]);
    k->combine(n, 2 * third, d.y, 0, d.y, x[D2]);
    ode_layer_adjoint(&s->shape, &s->f[1][0], x[S2], NULL, s->dt, x[D1], x[D2]);
    k->combine(n, third, d.y, 0, d.y, x[S3]); /* of S1: S3 is done with */
    k->combine(n, -third, d.y, 1, x[D1], d.y);
    k->combine(n, 1, x[D2], 1, d.y, d.y);
    ode_layer_adjoint(&s->shape, &s->f[1][0], x[S1], NULL, s->dt / 2, x[D2], x[S3]);
    k->combine(n, 1, x[S3], 1, d.y, d.y);
    ode_layer_adjoint(&s->shape, &s->f[0][0], from.y, NULL, s->dt / 2, x[S3], d.y);
}

/* The stable interval on the negative axis ends at 2.785, on the imaginary at 2.828. */
static double
rk4_stability(double dt, const double *lipschitz)
{
    return dt * lipschitz[0] / 2.785;
}

const struct ode_block_ops ode_rk4_ops = {
    .name = "rk4",
    .layout = ODE_ONE,
    .form = ODE_FORM_ANTISYMMETRIC,
    .forms = 1 << ODE_FORM_ANTISYMMETRIC | 1 << ODE_FORM_SINGLE | 1 << ODE_FORM_SYMMETRIC
             | 1 << ODE_FORM_RESIDUAL,
    .time = ODE_TIME_NODAL,
    .layers = 1,
    .points = 3,
    .stride = 2,
    .repeats = true,
    .spare = 5,
    .forward = rk4_forward,
    .adjoint = rk4_adjoint,
    .stability = rk4_stability,
};
