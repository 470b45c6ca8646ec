/* norm.c - normalisations over a micro-batch, an image, a pixel. */
#include "core/layers/norm.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { CHANNELS_MAX = 4096 + 2 * ODE_VEC }; /* of an image, padded */

/* The planes of a channel block in all images: those of block 0 begin at x. */
static struct ode_planes
planes_of(const struct ode_norm_shape *s)
{
    return (struct ode_planes){ .n = s->n,
                                .h = s->h,
                                .w = s->w,
                                .apart = (size_t)s->blocks * ode_plane(s->h, s->w) };
}

static size_t
reals_of(const struct ode_norm_shape *s)
{
    return (size_t)(s->n * s->blocks) * ode_plane(s->h, s->w);
}

/* --- one channel block ------------------------------------------------------------- */

static void
block_moments(const struct ode_kernels *k, const struct ode_planes *s, const real *x,
              real *mean, real *variance)
{
    const double n = (double)s->n * s->h * s->w;
    double middle[ODE_VEC], squares[ODE_VEC];

    k->moments(s, x, middle, squares);
    for (int c = 0; c < ODE_VEC; c++) {
        mean[c] = (real)middle[c];
        variance[c] = (real)(squares[c] / n);
    }
}

/* 1 / deviation. */
static double
inverse_of(real variance)
{
    return 1 / sqrt((double)variance + ODE_NORM_EPSILON);
}

/* N on block b, with moments of that block. */
static struct ode_norm_map
block_map(const struct ode_normaliser *m, int b, const real *mean, const real *variance,
          const struct ode_after *after)
{
    struct ode_norm_map map = { .after = *after };

    for (int c = 0; c < ODE_VEC; c++) {
        const int k = b * ODE_VEC + c;
        const double gain = (double)m->scale[k] * inverse_of(variance[c]);

        map.slope[c] = (real)gain;
        map.level[c] = (real)((double)m->shift[k] - gain * (double)mean[c]);
    }
    return map;
}

static void
block_forward(const struct ode_normaliser *m, const struct ode_planes *s, int b,
              const real *mean, const real *variance, const struct ode_after *after,
              const real *x, real *y)
{
    const struct ode_norm_map map = block_map(m, b, mean, variance, after);

    m->kernels->norm_act(s, &map, x, y);
}

static void
block_adjoint(const struct ode_normaliser *m, const struct ode_planes *s, int b,
              const real *mean, const real *variance, const struct ode_after *after,
              const real *x, const real *dy, real *dx)
{
    const struct ode_norm_map map = block_map(m, b, mean, variance, after);
    const double n = (double)s->n * s->h * s->w;
    struct ode_norm_pull pull;
    double sum[ODE_VEC], product[ODE_VEC];

    memcpy(pull.mean, mean, sizeof pull.mean);
    m->kernels->norm_act_sums(s, &map, pull.mean, x, dy, dx, sum, product);
    for (int c = 0; c < ODE_VEC; c++) {
        const int k = b * ODE_VEC + c;
        const double inverse = inverse_of(variance[c]);
        const double gain = (double)m->scale[k] * inverse;

        product[c] *= inverse;
        pull.slope[c] = (real)gain;
        pull.tilt[c] = (real)(-gain * product[c] * inverse / n);
        pull.level[c] = (real)(-gain * sum[c] / n);
        m->dscale[k] += (real)product[c];
        m->dshift[k] += (real)sum[c];
    }
    m->kernels->norm_pull(s, &pull, x, after->active ? dx : dy, dx);
}

/* --- all images together ----------------------------------------------------------- */

void
ode_norm_moments(const struct ode_kernels *k, const struct ode_norm_shape *s,
                 const real *x, real *mean, real *variance)
{
    const struct ode_planes planes = planes_of(s);

    for (int b = 0; b < s->blocks; b++)
        block_moments(k, &planes, x + (size_t)b * ode_plane(s->h, s->w),
                      mean + b * ODE_VEC, variance + b * ODE_VEC);
}

static void
batch_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
              enum ode_mode mode, const struct ode_after *after, const real *x, real *y)
{
    const struct ode_planes planes = planes_of(s);
    const bool running = mode == ODE_EVALUATE;

    for (int b = 0; b < s->blocks; b++) {
        const size_t at = (size_t)b * ode_plane(s->h, s->w);
        const int c = b * ODE_VEC;

        if (mode == ODE_TRAIN)
            block_moments(m->kernels, &planes, x + at, m->seen_mean + c,
                          m->seen_variance + c);
        block_forward(m, &planes, b, (running ? m->mean : m->seen_mean) + c,
                      (running ? m->variance : m->seen_variance) + c, after, x + at,
                      y + at);
    }
}

static void
batch_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
              const struct ode_after *after, const real *x, const real *dy, real *dx)
{
    const struct ode_planes planes = planes_of(s);

    for (int b = 0; b < s->blocks; b++) {
        const size_t at = (size_t)b * ode_plane(s->h, s->w);

        block_adjoint(m, &planes, b, m->seen_mean + b * ODE_VEC,
                      m->seen_variance + b * ODE_VEC, after, x + at, dy + at, dx + at);
    }
}

/* --- one image alone --------------------------------------------------------------- */

/* Every block of every image by itself: forward if dy is NULL. */
static void
instance(const struct ode_normaliser *m, const struct ode_norm_shape *s,
         const struct ode_after *after, const real *x, const real *dy, real *y)
{
    const struct ode_planes one = { .n = 1, .h = s->h, .w = s->w };
    real mean[ODE_VEC], variance[ODE_VEC];

    for (int i = 0; i < s->n; i++)
        for (int b = 0; b < s->blocks; b++) {
            const size_t at = (size_t)(i * s->blocks + b) * ode_plane(s->h, s->w);

            block_moments(m->kernels, &one, x + at, mean, variance);
            if (dy)
                block_adjoint(m, &one, b, mean, variance, after, x + at, dy + at, y + at);
            else
                block_forward(m, &one, b, mean, variance, after, x + at, y + at);
        }
}

/* --- one pixel alone --------------------------------------------------------------- */

static struct ode_pixel_norm
pixel_norm(const struct ode_normaliser *m, const struct ode_norm_shape *s,
           const struct ode_after *after)
{
    return (struct ode_pixel_norm){ .blocks = s->blocks,
                                    .h = s->h,
                                    .w = s->w,
                                    .gain = m->scale,
                                    .shift = m->shift,
                                    .epsilon = (real)ODE_NORM_EPSILON,
                                    .after = *after };
}

static void
pixels_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
               const struct ode_after *after, const real *x, real *y)
{
    const struct ode_pixel_norm norm = pixel_norm(m, s, after);
    const size_t image = (size_t)s->blocks * ode_plane(s->h, s->w);

    for (size_t i = 0; i < (size_t)s->n; i++)
        m->kernels->pixel_norm(&norm, x + i * image, y + i * image);
}

static void
pixels_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
               const struct ode_after *after, const real *x, const real *dy, real *dx)
{
    const struct ode_pixel_norm norm = pixel_norm(m, s, after);
    const size_t image = (size_t)s->blocks * ode_plane(s->h, s->w);
    const int channels = s->blocks * ODE_VEC;
    double scale[CHANNELS_MAX], shift[CHANNELS_MAX];

    assert(channels <= CHANNELS_MAX);
    memset(scale, 0, (size_t)channels * sizeof *scale);
    memset(shift, 0, (size_t)channels * sizeof *shift);
    for (size_t i = 0; i < (size_t)s->n; i++)
        m->kernels->pixel_norm_adjoint(&norm, x + i * image, dy + i * image,
                                       dx + i * image, scale, shift);
    for (int k = 0; k < channels; k++) {
        m->dscale[k] += (real)scale[k];
        m->dshift[k] += (real)shift[k];
    }
}

/* --- all kinds --------------------------------------------------------------------- */

void
ode_norm_act_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
                     enum ode_mode mode, const struct ode_after *after, const real *x,
                     real *y)
{
    switch (m->kind) {
    case ODE_NORM_BATCH:
        batch_forward(m, s, mode, after, x, y);
        break;
    case ODE_NORM_INSTANCE:
        instance(m, s, after, x, NULL, y);
        break;
    case ODE_NORM_TV:
        pixels_forward(m, s, after, x, y);
        break;
    case ODE_NORM_NONE:
        if (after->active)
            m->kernels->act(after->act, after->scale, s->n * s->blocks, s->h, s->w, x, y);
        else if (x != y)
            memcpy(y, x, reals_of(s) * sizeof *y);
        break;
    }
}

void
ode_norm_act_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
                     const struct ode_after *after, const real *x, const real *dy,
                     real *dx)
{
    switch (m->kind) {
    case ODE_NORM_BATCH:
        batch_adjoint(m, s, after, x, dy, dx);
        break;
    case ODE_NORM_INSTANCE:
        instance(m, s, after, x, dy, dx);
        break;
    case ODE_NORM_TV:
        pixels_adjoint(m, s, after, x, dy, dx);
        break;
    case ODE_NORM_NONE:
        if (after->active)
            m->kernels->act_adjoint(after->act, after->scale, s->n * s->blocks, s->h,
                                    s->w, x, dy, dx, NULL);
        else if (dx != dy)
            memcpy(dx, dy, reals_of(s) * sizeof *dx);
        break;
    }
}
