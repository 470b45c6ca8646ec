/* penalty.c - weight decay, and smoothness of weights in time. */
#include "core/optim/penalty.h"

#include <stddef.h>

double
ode_penalty_decay(const struct ode_penalty *p, const struct ode_params *params,
                  const struct ode_tensor *t)
{
    if (t->kind != ODE_TENSOR_CONV && t->kind != ODE_TENSOR_DENSE)
        return 0;
    return t->segment < 0 ? p->decay
                          : p->decay * params->segment[t->segment].dt / p->step;
}

/* The same parameter `by` blocks later; NULL past the ends of the segment, and where that
 * block lacks it. All blocks of a segment have the same tensors in the same order, but
 * that the very first may lack some. */
static const struct ode_tensor *
in_time(const struct ode_params *params, int i, int by)
{
    const struct ode_tensor *t = &params->tensor[i];
    const int block = t->block + by, step = by > 0 ? 1 : -1;

    if (t->segment < 0 || block < 0 || block >= params->segment[t->segment].blocks)
        return NULL;
    for (int j = i + step; j >= 0 && j < params->tensor_n; j += step) {
        const struct ode_tensor *other = &params->tensor[j];

        if (other->segment != t->segment)
            return NULL;
        if (other->block == block && other->role == t->role)
            return other;
    }
    return NULL;
}

double
ode_penalty_value(const struct ode_penalty *p, const struct ode_params *params,
                  const real *theta)
{
    double sum = 0;

    for (int i = 0; i < params->trained_n; i++) {
        const struct ode_tensor *t = &params->tensor[i];
        const struct ode_tensor *next = in_time(params, i, 1);
        const double decay = ode_penalty_decay(p, params, t);
        const double rough = next ? p->smoothness / params->segment[t->segment].dt : 0;

        for (size_t j = 0; j < t->n; j++) {
            const double x = (double)theta[t->offset + j];
            const double dx = next ? (double)theta[next->offset + j] - x : 0;

            sum += decay * x * x / 2 + rough * dx * dx / 2;
        }
    }
    return sum;
}

void
ode_penalty_gradient(const struct ode_penalty *p, const struct ode_params *params, int i,
                     const real *theta, real *gradient)
{
    const struct ode_tensor *t = &params->tensor[i];
    const struct ode_tensor *near[] = { in_time(params, i, -1), in_time(params, i, 1) };
    const real *x = theta + t->offset;
    real *g = gradient + t->offset;
    const real decay = (real)ode_penalty_decay(p, params, t);

    if (decay > 0)
        for (size_t j = 0; j < t->n; j++)
            g[j] += decay * x[j];
    for (int k = 0; k < 2; k++)
        if (near[k] && p->smoothness > 0) {
            const real rough = (real)(p->smoothness / params->segment[t->segment].dt);
            const real *y = theta + near[k]->offset;

            for (size_t j = 0; j < t->n; j++)
                g[j] += rough * (x[j] - y[j]);
        }
}
