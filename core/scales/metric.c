/* metric.c - training on coarse images what is meant for fine ones. */
#include "core/scales/metric.h"

#include <math.h>
#include <string.h>

#include "core/scales/stencil.h"

static void
multiply(double (*a)[3], double (*b)[3], double (*c)[3])
{
    double sum[3][3];

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            sum[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
    memcpy(c, sum, sizeof sum);
}

struct ode_metric
ode_metric_make(enum ode_space space, int halvings)
{
    const struct ode_stencil_axis *m = ode_stencil_axis(space);
    double q[3][3] = {
        {1,  0, 0},
        { 0, 1, 0},
        { 0, 0, 1}
    };
    double coarsen[3][3], turned[3][3], trace = 0;
    struct ode_metric metric = { .map = (real)ldexp(1, 2 * halvings) };

    memcpy(coarsen, m->coarsen, sizeof coarsen);
    for (int l = 0; l < halvings; l++)
        multiply(coarsen, q, q);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            turned[i][j] = q[j][i];
    multiply(q, turned, q);
    for (int i = 0; i < 3; i++)
        trace += q[i][i];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            metric.axis[i][j] = (real)(q[i][j] * sqrt(3 / trace));
    return metric;
}

void
ode_metric_apply(const struct ode_metric *metric, size_t n, real *stencils)
{
    const real(*q)[3] = metric->axis;

    for (real *s = stencils; s < stencils + 9 * n; s += 9) {
        real half[9];

        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                half[3 * i + j] =
                    q[i][0] * s[j] + q[i][1] * s[3 + j] + q[i][2] * s[6 + j];
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                s[3 * i + j] = half[3 * i] * q[j][0] + half[3 * i + 1] * q[j][1]
                               + half[3 * i + 2] * q[j][2];
    }
}
