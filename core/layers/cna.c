/* cna.c - convolution, normalisation, activation of n images. */
#include "core/layers/cna.h"

void
ode_cna_forward(const struct ode_cna *c, enum ode_mode mode, const real *x, real *u,
                real *y)
{
    const size_t in = ode_image(c->conv.in, c->conv.h, c->conv.w);
    const size_t out = ode_image(c->conv.out, c->conv.h, c->conv.w);

    for (size_t i = 0; c->k && i < (size_t)c->shape.n; i++)
        c->kernels->conv(&c->conv, x + i * in, c->k, NULL, u + i * out);
    ode_norm_forward(&c->norm, &c->shape, mode, c->k ? u : x, y);
    if (c->active)
        c->kernels->act(c->act, 1, c->shape.n * c->shape.blocks, c->shape.h, c->shape.w,
                        y, y);
}

void
ode_cna_adjoint(const struct ode_cna *c, const real *x, const real *u, real *spare,
                real *d)
{
    const size_t in = ode_image(c->conv.in, c->conv.h, c->conv.w);
    const size_t out = ode_image(c->conv.out, c->conv.h, c->conv.w);

    if (c->active) {
        ode_norm_forward(&c->norm, &c->shape, ODE_REPLAY, u, spare);
        c->kernels->act_adjoint(c->act, 1, c->shape.n * c->shape.blocks, c->shape.h,
                                c->shape.w, spare, d, d, NULL);
    }
    ode_norm_adjoint(&c->norm, &c->shape, u, d, d);
    for (size_t i = 0; c->k && i < (size_t)c->shape.n; i++)
        c->kernels->conv_weights(&c->conv, d + i * out, x + i * in, c->dk);
}

void
ode_cna_back(const struct ode_cna *c, const real *d, real *dx)
{
    const struct ode_conv back = { .in = c->conv.out,
                                   .out = c->conv.in,
                                   .h = c->conv.h,
                                   .w = c->conv.w,
                                   .point = c->conv.point };
    const size_t in = ode_image(c->conv.in, c->conv.h, c->conv.w);
    const size_t out = ode_image(c->conv.out, c->conv.h, c->conv.w);

    for (size_t i = 0; i < (size_t)c->shape.n; i++)
        c->kernels->conv(&back, d + i * out, c->kt, NULL, dx + i * in);
}
