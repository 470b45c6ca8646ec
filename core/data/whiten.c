/* whiten.c - a first convolution that decorrelates patches of images. */
#include "core/data/whiten.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/kernels/gemm.h"

enum { CHUNK = 64 }; /* patches at a time: well within a cache */

/* The patch whose first pixel is given, in the order of a kernel's taps [in][3][3]. */
static void
patch_take(int in, int h, int w, const float *pixels, double *patch)
{
    for (int c = 0; c < in; c++, pixels += (size_t)h * (size_t)w)
        for (int k = 0; k < 9; k++)
            *patch++ = (double)pixels[k / 3 * w + k % 3];
}

static void
patches_add(struct ode_whiten *s, int n, const double *patch)
{
    const int size = 9 * s->in;

    for (int i = 0; i < n; i++)
        for (int k = 0; k < size; k++)
            s->sum[k] += patch[i * size + k];
    ode_dgemm(true, false, size, size, n, patch, patch, 1, s->products);
    s->patches += (size_t)n;
}

void
ode_whiten_add(struct ode_whiten *s, int h, int w, const float *pixels)
{
    double patch[CHUNK * ODE_WHITEN_MAX];
    int n = 0;

    assert(0 < s->in && s->in <= ODE_DATA_CHANNELS_MAX);
    for (int i = 0; i + 2 < h; i++)
        for (int j = 0; j + 2 < w; j++) {
            patch_take(s->in, h, w, pixels + i * w + j, patch + n * 9 * s->in);
            if (++n == CHUNK) {
                patches_add(s, n, patch);
                n = 0;
            }
        }
    if (n > 0)
        patches_add(s, n, patch);
}

/* E p p' - E p E p' */
static void
covariance(const struct ode_whiten *s, double *c)
{
    const int size = 9 * s->in;
    const double n = (double)s->patches;

    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
            c[i * size + j] =
                s->products[i * size + j] / n - s->sum[i] / n * (s->sum[j] / n);
}

/* The entry largest in magnitude. */
static double
largest(const double *v, int n)
{
    double most = v[0];

    for (int i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(most))
            most = v[i];
    return most;
}

/* One kernel and its negative. Rounding can leave an eigenvalue of 0 below it. */
static void
pair_write(const double *v, double lambda, double epsilon, int size, real *plus,
           real *minus)
{
    const double deviation = sqrt(fmax(lambda, 0) + epsilon);
    const double scale = (largest(v, size) < 0 ? -1 : 1) / deviation;

    for (int k = 0; k < size; k++) {
        plus[k] = (real)(scale * v[k]);
        minus[k] = -plus[k];
    }
}

enum ode_status
ode_whiten_kernels(const struct ode_whiten *s, double epsilon, int c, real *weight,
                   struct ode_err *err)
{
    const int size = 9 * s->in, half = c / 2, pairs = size < half ? size : half;
    double axis[ODE_WHITEN_MAX * ODE_WHITEN_MAX], lambda[ODE_WHITEN_MAX];

    assert(c % 2 == 0 && epsilon > 0);
    if (s->patches == 0)
        return ode_fail(err, ODE_EDATA, "opening",
                        "whitening needs images of at least 3x3 pixels, and saw none");
    covariance(s, axis);
    for (int i = 0; i < size * size; i++)
        if (!isfinite(axis[i]))
            return ode_fail(err, ODE_EDATA, "opening",
                            "whitening saw pixels that are not finite among %zu patches",
                            s->patches);
    if (!ode_eigen(size, axis, lambda))
        return ode_fail(err, ODE_EINTERNAL, "opening",
                        "no principal axes of %zu patches were found", s->patches);
    memset(weight, 0, (size_t)(c * size) * sizeof *weight);
    for (int i = 0; i < pairs; i++)
        pair_write(axis + (size - 1 - i) * size, lambda[size - 1 - i], epsilon, size,
                   weight + i * size, weight + (half + i) * size);
    return ODE_OK;
}
