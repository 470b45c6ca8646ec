/* vec.c - arrays of reals as vectors. */
#include "core/check/vec.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/kernels/kernels.h"

void
ode_vec_noise(uint64_t seed, size_t n, real *x)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 2, 0);

    for (size_t i = 0; i < n; i++)
        x[i] = (real)ode_rng_normal(&rng);
}

void
ode_vec_noise_image(uint64_t seed, int c, int h, int w, real *x)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 3, 0);

    memset(x, 0, ode_image(c, h, w) * sizeof *x);
    for (int k = 0; k < c; k++)
        for (int row = 1; row <= h; row++)
            for (int column = 1; column <= w; column++)
                x[(size_t)(k / ODE_VEC) * ode_plane(h, w)
                  + (size_t)(row * (w + 2) + column) * ODE_VEC + (size_t)(k % ODE_VEC)] =
                    (real)ode_rng_normal(&rng);
}

double
ode_vec_dot(size_t n, const real *x, const real *y)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

double
ode_vec_norm(size_t n, const real *x)
{
    return sqrt(ode_vec_dot(n, x, x));
}

void
ode_vec_add(size_t n, const real *x, double a, const real *y, real *z)
{
    for (size_t i = 0; i < n; i++)
        z[i] = (real)((double)x[i] + a * (double)y[i]);
}

size_t
ode_vec_differing(size_t n, const real *x, const real *y)
{
    size_t differ = 0;

    for (size_t i = 0; i < n; i++)
        differ += memcmp(&x[i], &y[i], sizeof *x) != 0;
    return differ;
}

double
ode_vec_distance(size_t n, const real *x, const real *y)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += pow((double)x[i] - (double)y[i], 2);
    return sqrt(sum) / ode_vec_norm(n, y);
}
