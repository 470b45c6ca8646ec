/* cna.c - convolution, normalisation, activation of n images. */
#include "core/layers/cna.h"

static struct ode_finish
sum_in(real *y)
{
    return (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = y };
}

void
ode_cna_forward(const struct ode_cna *c, enum ode_mode mode, const real *x, real *u,
                real *y)
{
    struct ode_finish sum = sum_in(u);

    if (c->k)
        c->kernels->conv(&c->conv, c->shape.n, x, c->k, &sum);
    ode_norm_forward(&c->norm, &c->shape, mode, c->k ? u : x, y);
    if (c->active)
        c->kernels->act(c->act, 1, c->shape.n * c->shape.blocks, c->shape.h, c->shape.w,
                        y, y);
}

void
ode_cna_adjoint(const struct ode_cna *c, const real *x, const real *u, real *spare,
                real *d)
{
    const real *const cotangent = d;

    if (c->active) {
        ode_norm_forward(&c->norm, &c->shape, ODE_REPLAY, u, spare);
        c->kernels->act_adjoint(c->act, 1, c->shape.n * c->shape.blocks, c->shape.h,
                                c->shape.w, spare, d, d, NULL);
    }
    ode_norm_adjoint(&c->norm, &c->shape, u, d, d);
    if (c->k)
        c->kernels->conv_weights(&c->conv, c->shape.n, 1, &cotangent, &x, c->dk);
}

void
ode_cna_back(const struct ode_cna *c, const real *d, real *dx)
{
    const struct ode_conv back = ode_conv_back(&c->conv);
    struct ode_finish sum = sum_in(dx);

    c->kernels->conv(&back, c->shape.n, d, c->kt, &sum);
}
