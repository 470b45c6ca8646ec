/* cna.c - convolution, normalisation, activation of n images. */
#include "core/layers/cna.h"

static struct ode_finish
sum_in(real *y)
{
    return (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = y };
}

static struct ode_after
after(const struct ode_cna *c)
{
    return (struct ode_after){ .active = c->active, .act = c->act, .scale = 1 };
}

void
ode_cna_forward(const struct ode_cna *c, enum ode_mode mode, const real *x, real *u,
                real *y)
{
    const struct ode_after act = after(c);
    struct ode_finish sum = sum_in(u);

    if (c->k)
        c->kernels->conv(&c->conv, c->shape.n, x, c->k, &sum);
    ode_norm_act_forward(&c->norm, &c->shape, mode, &act, c->k ? u : x, y);
}

void
ode_cna_adjoint(const struct ode_cna *c, const real *x, const real *u, real *d)
{
    const struct ode_after act = after(c);
    const real *const cotangent = d;

    ode_norm_act_adjoint(&c->norm, &c->shape, &act, u, d, d);
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
