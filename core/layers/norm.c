/* norm.c - ghost batch normalisation over a micro-batch. */
#include "core/layers/norm.h"

#include <math.h>

/* First value of row y of channel block b of image i. */
static ptrdiff_t
row_at(const struct ode_norm_shape *s, int i, int b, int y)
{
    return (ptrdiff_t)(i * s->blocks + b) * (ptrdiff_t)ode_plane(s->h, s->w)
           + (ptrdiff_t)(y + 1) * (s->w + 2) * ODE_VEC + ODE_VEC;
}

void
ode_norm_moments(const struct ode_norm_shape *s, const real *x, real *mean,
                 real *variance)
{
    const double n = (double)s->n * s->h * s->w;

    for (int b = 0; b < s->blocks; b++) {
        double sum[ODE_VEC] = { 0 }, square[ODE_VEC] = { 0 };

        for (int i = 0; i < s->n; i++)
            for (int y = 0; y < s->h; y++) {
                const real *row = x + row_at(s, i, b, y);

                for (int p = 0; p < s->w; p++)
                    for (int c = 0; c < ODE_VEC; c++) {
                        const double v = (double)row[p * ODE_VEC + c];

                        sum[c] += v;
                        square[c] += v * v;
                    }
            }
        for (int c = 0; c < ODE_VEC; c++) {
            const double m = sum[c] / n;

            mean[b * ODE_VEC + c] = (real)m;
            variance[b * ODE_VEC + c] = (real)fmax(square[c] / n - m * m, 0);
        }
    }
}

void
ode_norm_affine(int channels, const real *mean, const real *variance, const real *scale,
                const real *shift, real *a, real *b)
{
    for (int c = 0; c < channels; c++) {
        const double slope =
            (double)scale[c] / sqrt((double)variance[c] + ODE_NORM_EPSILON);

        a[c] = (real)slope;
        b[c] = (real)((double)shift[c] - slope * (double)mean[c]);
    }
}

void
ode_norm_apply(const struct ode_norm_shape *s, const real *a, const real *b,
               const real *x, real *y)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->blocks; k++)
            for (int r = 0; r < s->h; r++) {
                const ptrdiff_t at = row_at(s, i, k, r);

                for (int p = 0; p < s->w * ODE_VEC; p++)
                    y[at + p] = a[k * ODE_VEC + p % ODE_VEC] * x[at + p]
                                + b[k * ODE_VEC + p % ODE_VEC];
            }
}

/* sum dy and sum dy * Xh of the 16 channels of block b. */
static void
adjoint_sums(const struct ode_norm_shape *s, int b, const real *mean,
             const double *inverse, const real *x, const real *dy, double *sum,
             double *product)
{
    for (int i = 0; i < s->n; i++)
        for (int y = 0; y < s->h; y++) {
            const ptrdiff_t at = row_at(s, i, b, y);

            for (int p = 0; p < s->w; p++)
                for (int c = 0; c < ODE_VEC; c++) {
                    const ptrdiff_t j = at + p * ODE_VEC + c;
                    const double d = (double)dy[j];

                    sum[c] += d;
                    product[c] += d * ((double)x[j] - (double)mean[c]) * inverse[c];
                }
        }
}

void
ode_norm_adjoint(const struct ode_norm_shape *s, const real *mean, const real *variance,
                 const real *scale, const real *x, const real *dy, real *dx, real *dscale,
                 real *dshift)
{
    const double n = (double)s->n * s->h * s->w;

    for (int b = 0; b < s->blocks; b++) {
        const int first = b * ODE_VEC;
        double sum[ODE_VEC] = { 0 }, product[ODE_VEC] = { 0 }, inverse[ODE_VEC];
        real slope[ODE_VEC], tilt[ODE_VEC], level[ODE_VEC];

        for (int c = 0; c < ODE_VEC; c++)
            inverse[c] = 1 / sqrt((double)variance[first + c] + ODE_NORM_EPSILON);
        adjoint_sums(s, b, mean + first, inverse, x, dy, sum, product);
        for (int c = 0; c < ODE_VEC; c++) {
            const double gain = (double)scale[first + c] * inverse[c];

            /* dx = slope dy + tilt (x - mean) + level */
            slope[c] = (real)gain;
            tilt[c] = (real)(-gain * product[c] * inverse[c] / n);
            level[c] = (real)(-gain * sum[c] / n);
            dscale[first + c] += (real)product[c];
            dshift[first + c] += (real)sum[c];
        }
        for (int i = 0; i < s->n; i++)
            for (int y = 0; y < s->h; y++) {
                const ptrdiff_t at = row_at(s, i, b, y);

                for (int p = 0; p < s->w; p++)
                    for (int c = 0; c < ODE_VEC; c++) {
                        const ptrdiff_t j = at + p * ODE_VEC + c;

                        dx[j] = slope[c] * dy[j] + tilt[c] * (x[j] - mean[first + c])
                                + level[c];
                    }
            }
    }
}
