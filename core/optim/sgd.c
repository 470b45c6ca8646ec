/* sgd.c - stochastic gradient descent with momentum. */
#include "core/optim/sgd.h"

void
ode_sgd_update(const struct ode_sgd *s, size_t n, const real *g, real *v, real *x)
{
    const real rate = (real)s->rate, mu = (real)s->momentum;
    const real keep = (real)(1 - s->rate * s->decay); /* 1 changes no bit of x */

    for (size_t i = 0; i < n; i++) {
        v[i] = mu * v[i] + g[i];
        x[i] = keep * x[i] - rate * (s->nesterov ? g[i] + mu * v[i] : v[i]);
    }
}
