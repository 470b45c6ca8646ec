/* head.c - mean over pixels, or all of them; linear classifier, softmax cross-entropy. */
#include "core/layers/head.h"

#include <math.h>
#include <string.h>

#include "core/kernels/gemm.h"
#include "core/layers/halo.h"

/* The channels of the j-th block of an image: the first, and how many. */
static int
block_channels(const struct ode_head *s, int j, int *lanes)
{
    const int run = s->channels / s->parts, b = j % ode_blocks(run);

    *lanes = ode_lanes(run, b);
    return j / ode_blocks(run) * run + b * ODE_VEC;
}

/* sum[c] = sum over a plane's pixels, one after the other. */
static void
plane_sum(int h, int w, const real *restrict x, double *restrict sum)
{
    for (int c = 0; c < ODE_VEC; c++)
        sum[c] = 0;
    for (int r = 0; r < h; r++)
        for (int p = 0; p < w; p++)
            for (int c = 0; c < ODE_VEC; c++)
                sum[c] += (double)x[ode_pixel_at(r, p, w) + (size_t)c];
}

/* mean[lanes] of a plane's pixels. */
static void
plane_mean(const struct ode_head *s, int lanes, const real *x, real *mean)
{
    double sum[ODE_VEC];

    plane_sum(s->h, s->w, x, sum);
    for (int c = 0; c < lanes; c++)
        mean[c] = (real)(sum[c] / (s->h * s->w));
}

static void
plane_mean_adjoint(const struct ode_head *s, int lanes, const real *dmean, real *dx)
{
    real share[ODE_VEC] = { 0 };

    for (int c = 0; c < lanes; c++)
        share[c] = dmean[c] / (real)(s->h * s->w);
    for (int r = 0; r < s->h; r++)
        for (int p = 0; p < s->w; p++)
            memcpy(dx + ode_pixel_at(r, p, s->w), share, sizeof share);
}

/* pixel[lanes][h][w] of a plane. */
static void
plane_unfold(const struct ode_head *s, int lanes, const real *x, real *pixel)
{
    const size_t map = (size_t)(s->h * s->w);

    for (int r = 0; r < s->h; r++)
        for (int p = 0; p < s->w; p++, pixel++)
            for (int c = 0; c < lanes; c++)
                pixel[(size_t)c * map] = x[ode_pixel_at(r, p, s->w) + (size_t)c];
}

static void
plane_unfold_adjoint(const struct ode_head *s, int lanes, const real *dpixel, real *dx)
{
    const size_t map = (size_t)(s->h * s->w);

    for (int r = 0; r < s->h; r++)
        for (int p = 0; p < s->w; p++, dpixel++) {
            real all[ODE_VEC] = { 0 };

            for (int c = 0; c < lanes; c++)
                all[c] = dpixel[(size_t)c * map];
            memcpy(dx + ode_pixel_at(r, p, s->w), all, sizeof all);
        }
}

void
ode_head_features(const struct ode_head *s, const real *x, real *features)
{
    const size_t size = (size_t)ode_head_size(s), one = size / (size_t)s->channels;

    for (int i = 0; i < s->n; i++, features += size)
        for (int j = 0; j < s->blocks; j++, x += ode_plane(s->h, s->w)) {
            int lanes;
            const size_t first = (size_t)block_channels(s, j, &lanes);

            (s->flat ? plane_unfold : plane_mean)(s, lanes, x, features + first * one);
        }
}

void
ode_head_features_adjoint(const struct ode_head *s, const real *dfeatures, real *dx)
{
    const size_t size = (size_t)ode_head_size(s), one = size / (size_t)s->channels;

    ode_halo_clear(s->n * s->blocks, s->h, s->w, dx);
    for (int i = 0; i < s->n; i++, dfeatures += size)
        for (int j = 0; j < s->blocks; j++, dx += ode_plane(s->h, s->w)) {
            int lanes;
            const size_t first = (size_t)block_channels(s, j, &lanes);

            (s->flat ? plane_unfold_adjoint
                     : plane_mean_adjoint)(s, lanes, dfeatures + first * one, dx);
        }
}

void
ode_head_logits(const struct ode_head *s, const real *features, const real *weight,
                const real *bias, real *logits)
{
    for (int i = 0; i < s->n; i++)
        memcpy(logits + i * s->classes, bias, (size_t)s->classes * sizeof *bias);
    ode_gemm(false, true, s->n, s->classes, ode_head_size(s), features, weight, 1,
             logits);
}

void
ode_head_logits_adjoint(const struct ode_head *s, const real *features,
                        const real *weight, const real *dlogits, real *dfeatures,
                        real *dweight, real *dbias)
{
    const int size = ode_head_size(s);

    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->classes; k++)
            dbias[k] += dlogits[i * s->classes + k];
    ode_gemm(true, false, s->classes, size, s->n, dlogits, features, 1, dweight);
    ode_gemm(false, false, s->n, size, s->classes, dlogits, weight, 0, dfeatures);
}

double
ode_head_loss(int classes, int label, double smoothing, const real *logits, real *dlogits,
              int *hit)
{
    const double even = smoothing / classes;
    int best = 0;
    double top, sum = 0, wanted = 0;

    for (int k = 1; k < classes; k++)
        if (logits[k] > logits[best])
            best = k;
    top = (double)logits[best];
    for (int k = 0; k < classes; k++) {
        const double q = even + (k == label ? 1 - smoothing : 0);

        sum += exp((double)logits[k] - top);
        wanted += q * ((double)logits[k] - top);
    }
    for (int k = 0; k < classes; k++) {
        const double q = even + (k == label ? 1 - smoothing : 0);

        dlogits[k] = (real)(exp((double)logits[k] - top) / sum - q);
    }
    *hit = best == label;
    return log(sum) - wanted;
}
