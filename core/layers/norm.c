/* norm.c - normalisations over a micro-batch, an image, a pixel. */
#include "core/layers/norm.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { CHANNELS_MAX = 4096 + 2 * ODE_VEC }; /* of an image, padded */

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

/* y = slope x + level for the 16 channels of block b. */
static void
block_apply(const struct ode_norm_shape *s, int b, const real *mean, const real *variance,
            const struct ode_normaliser *m, const real *x, real *y)
{
    real slope[ODE_VEC], level[ODE_VEC];

    for (int c = 0; c < ODE_VEC; c++) {
        const int k = b * ODE_VEC + c;
        const double gain =
            (double)m->scale[k] / sqrt((double)variance[k] + ODE_NORM_EPSILON);

        slope[c] = (real)gain;
        level[c] = (real)((double)m->shift[k] - gain * (double)mean[k]);
    }
    for (int i = 0; i < s->n; i++)
        for (int r = 0; r < s->h; r++) {
            const ptrdiff_t at = row_at(s, i, b, r);

            for (int p = 0; p < s->w; p++)
                for (int c = 0; c < ODE_VEC; c++)
                    y[at + p * ODE_VEC + c] =
                        slope[c] * x[at + p * ODE_VEC + c] + level[c];
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

/* dx = slope dy + tilt (x - mean) + level for the 16 channels of block b. */
static void
adjoint_rows(const struct ode_norm_shape *s, int b, const real *mean, const real *slope,
             const real *tilt, const real *level, const real *x, const real *dy, real *dx)
{
    for (int i = 0; i < s->n; i++)
        for (int y = 0; y < s->h; y++) {
            const ptrdiff_t at = row_at(s, i, b, y);

            for (int p = 0; p < s->w; p++)
                for (int c = 0; c < ODE_VEC; c++) {
                    const ptrdiff_t j = at + p * ODE_VEC + c;

                    dx[j] = slope[c] * dy[j] + tilt[c] * (x[j] - mean[c]) + level[c];
                }
        }
}

static void
block_adjoint(const struct ode_norm_shape *s, int b, const real *mean,
              const real *variance, const struct ode_normaliser *m, const real *x,
              const real *dy, real *dx)
{
    const double n = (double)s->n * s->h * s->w;
    const int first = b * ODE_VEC;
    double sum[ODE_VEC] = { 0 }, product[ODE_VEC] = { 0 }, inverse[ODE_VEC];
    real slope[ODE_VEC], tilt[ODE_VEC], level[ODE_VEC];

    for (int c = 0; c < ODE_VEC; c++)
        inverse[c] = 1 / sqrt((double)variance[first + c] + ODE_NORM_EPSILON);
    adjoint_sums(s, b, mean + first, inverse, x, dy, sum, product);
    for (int c = 0; c < ODE_VEC; c++) {
        const double gain = (double)m->scale[first + c] * inverse[c];

        slope[c] = (real)gain;
        tilt[c] = (real)(-gain * product[c] * inverse[c] / n);
        level[c] = (real)(-gain * sum[c] / n);
        m->dscale[first + c] += (real)product[c];
        m->dshift[first + c] += (real)sum[c];
    }
    adjoint_rows(s, b, mean + first, slope, tilt, level, x, dy, dx);
}

/* --- one image alone -------------------------------------------------------------- */

/* The vectors of a normaliser from channel block b on. */
static struct ode_normaliser
normaliser_from(const struct ode_normaliser *m, int b)
{
    struct ode_normaliser part = *m;

    part.scale += b * ODE_VEC;
    part.shift += b * ODE_VEC;
    if (m->dscale) {
        part.dscale += b * ODE_VEC;
        part.dshift += b * ODE_VEC;
    }
    return part;
}

/* Every block of every image is a shape of its own: forward if dy is NULL. */
static void
instance(const struct ode_normaliser *m, const struct ode_norm_shape *s, const real *x,
         const real *dy, real *y)
{
    const struct ode_norm_shape one = { .n = 1, .blocks = 1, .h = s->h, .w = s->w };
    const size_t plane = ode_plane(s->h, s->w);
    real mean[ODE_VEC], variance[ODE_VEC];

    for (int i = 0; i < s->n; i++)
        for (int b = 0; b < s->blocks; b++) {
            const size_t at = (size_t)(i * s->blocks + b) * plane;
            const struct ode_normaliser part = normaliser_from(m, b);

            ode_norm_moments(&one, x + at, mean, variance);
            if (dy)
                block_adjoint(&one, 0, mean, variance, &part, x + at, dy + at, y + at);
            else
                block_apply(&one, 0, mean, variance, &part, x + at, y + at);
        }
}

/* --- one pixel alone -------------------------------------------------------------- */

/* 1 / sqrt(sum of squares + eps) of a pixel, whose blocks are `plane` apart; in
 * *product, if not NULL, the sum of scale x dy. */
static double
pixel_root(const struct ode_norm_shape *s, const real *x, const real *dy,
           const real *scale, double *product)
{
    const size_t plane = ode_plane(s->h, s->w);
    double square = 0, sum = 0;

    for (int b = 0; b < s->blocks; b++)
        for (int c = 0; c < ODE_VEC; c++) {
            const double v = (double)x[(size_t)b * plane + (size_t)c];

            square += v * v;
            if (dy)
                sum += (double)scale[b * ODE_VEC + c] * v
                       * (double)dy[(size_t)b * plane + (size_t)c];
        }
    if (product)
        *product = sum;
    return 1 / sqrt(square + ODE_NORM_EPSILON);
}

static void
pixel_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
              const real *x, real *y)
{
    const size_t plane = ode_plane(s->h, s->w);
    const real root = (real)pixel_root(s, x, NULL, NULL, NULL);

    for (int b = 0; b < s->blocks; b++)
        for (int c = 0; c < ODE_VEC; c++) {
            const size_t at = (size_t)b * plane + (size_t)c;
            const int k = b * ODE_VEC + c;

            y[at] = m->scale[k] * (x[at] * root) + m->shift[k];
        }
}

/* Sums of gradients over an image, of scales and of shifts. */
struct pixel_sums {
    double scale[CHANNELS_MAX], shift[CHANNELS_MAX];
};

static void
pixel_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
              const real *x, const real *dy, real *dx, struct pixel_sums *sums)
{
    const size_t plane = ode_plane(s->h, s->w);
    double product;
    const double root = pixel_root(s, x, dy, m->scale, &product);
    const real r = (real)root, tilt = (real)(root * root * root * product);

    for (int b = 0; b < s->blocks; b++)
        for (int c = 0; c < ODE_VEC; c++) {
            const size_t at = (size_t)b * plane + (size_t)c;
            const int k = b * ODE_VEC + c;
            const real d = dy[at];

            sums->scale[k] += (double)(x[at] * r * d);
            sums->shift[k] += (double)d;
            dx[at] = m->scale[k] * r * d - x[at] * tilt;
        }
}

static size_t
pixel_at(const struct ode_norm_shape *s, int i, int r, int p)
{
    return (size_t)i * (size_t)s->blocks * ode_plane(s->h, s->w)
           + ((size_t)(r + 1) * (size_t)(s->w + 2) + (size_t)(p + 1)) * ODE_VEC;
}

static void
pixels_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
               const real *x, real *y)
{
    for (int i = 0; i < s->n; i++)
        for (int r = 0; r < s->h; r++)
            for (int p = 0; p < s->w; p++) {
                const size_t at = pixel_at(s, i, r, p);

                pixel_forward(m, s, x + at, y + at);
            }
}

static void
pixels_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
               const real *x, const real *dy, real *dx)
{
    const int channels = s->blocks * ODE_VEC;
    struct pixel_sums sums;

    assert(channels <= CHANNELS_MAX);
    memset(sums.scale, 0, (size_t)channels * sizeof *sums.scale);
    memset(sums.shift, 0, (size_t)channels * sizeof *sums.shift);
    for (int i = 0; i < s->n; i++)
        for (int r = 0; r < s->h; r++)
            for (int p = 0; p < s->w; p++) {
                const size_t at = pixel_at(s, i, r, p);

                pixel_adjoint(m, s, x + at, dy + at, dx + at, &sums);
            }
    for (int k = 0; k < channels; k++) {
        m->dscale[k] += (real)sums.scale[k];
        m->dshift[k] += (real)sums.shift[k];
    }
}

/* --- all kinds -------------------------------------------------------------------- */

void
ode_norm_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
                 enum ode_mode mode, const real *x, real *y)
{
    const bool running = mode == ODE_EVALUATE;

    switch (m->kind) {
    case ODE_NORM_BATCH:
        if (mode == ODE_TRAIN)
            ode_norm_moments(s, x, m->seen_mean, m->seen_variance);
        for (int b = 0; b < s->blocks; b++)
            block_apply(s, b, running ? m->mean : m->seen_mean,
                        running ? m->variance : m->seen_variance, m, x, y);
        break;
    case ODE_NORM_INSTANCE:
        instance(m, s, x, NULL, y);
        break;
    case ODE_NORM_TV:
        pixels_forward(m, s, x, y);
        break;
    case ODE_NORM_NONE:
        if (x != y)
            memcpy(y, x, (size_t)(s->n * s->blocks) * ode_plane(s->h, s->w) * sizeof *y);
        break;
    }
}

void
ode_norm_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
                 const real *x, const real *dy, real *dx)
{
    switch (m->kind) {
    case ODE_NORM_BATCH:
        for (int b = 0; b < s->blocks; b++)
            block_adjoint(s, b, m->seen_mean, m->seen_variance, m, x, dy, dx);
        break;
    case ODE_NORM_INSTANCE:
        instance(m, s, x, dy, dx);
        break;
    case ODE_NORM_TV:
        pixels_adjoint(m, s, x, dy, dx);
        break;
    case ODE_NORM_NONE:
        if (dx != dy)
            memcpy(dx, dy,
                   (size_t)(s->n * s->blocks) * ode_plane(s->h, s->w) * sizeof *dx);
        break;
    }
}
