/* sgd.c - stochastic gradient descent with momentum. */
#include "core/optim/sgd.h"

enum { BLOCK = 16 }; /* weights: loops of fixed length become vector instructions */

struct coefficients {
    real rate, mu, keep;
    bool nesterov;
};

static inline void
update(const struct coefficients *c, size_t n, const real *restrict g, real *restrict v,
       real *restrict x)
{
    const real rate = c->rate, mu = c->mu, keep = c->keep;

    for (size_t i = 0; i < n; i++)
        v[i] = mu * v[i] + g[i];
    if (c->nesterov)
        for (size_t i = 0; i < n; i++)
            x[i] = keep * x[i] - rate * (g[i] + mu * v[i]);
    else
        for (size_t i = 0; i < n; i++)
            x[i] = keep * x[i] - rate * v[i];
}

void
ode_sgd_update(const struct ode_sgd *s, size_t n, const real *g, real *v, real *x)
{
    const struct coefficients c = {
        .rate = (real)s->rate,
        .mu = (real)s->momentum,
        .keep = (real)(1 - s->rate * s->decay), /* 1 changes no bit of x */
        .nesterov = s->nesterov,
    };
    size_t i = 0;

    for (; i + BLOCK <= n; i += BLOCK)
        update(&c, BLOCK, g + i, v + i, x + i);
    update(&c, n - i, g + i, v + i, x + i);
}
