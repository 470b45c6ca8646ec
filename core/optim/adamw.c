/* adamw.c - Adam with decoupled weight decay. */
#include "core/optim/adamw.h"

#include <math.h>

void
ode_adamw_update(const struct ode_adamw *a, size_t n, const real *g, real *m, real *v,
                 real *x)
{
    const double mean = 1 - pow(a->beta1, (double)a->t);
    const double square = 1 - pow(a->beta2, (double)a->t);
    const real b1 = (real)a->beta1, c1 = (real)(1 - a->beta1);
    const real b2 = (real)a->beta2, c2 = (real)(1 - a->beta2);
    const real rate = (real)(a->rate / mean), root = (real)(1 / sqrt(square));
    const real keep = (real)(1 - a->rate * a->decay), epsilon = (real)a->epsilon;

    for (size_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + c1 * g[i];
        v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
        x[i] = keep * x[i] - rate * m[i] / (root * (real)sqrt((double)v[i]) + epsilon);
    }
}
