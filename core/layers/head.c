/* head.c - mean over pixels, linear classifier, softmax cross-entropy. */
#include "core/layers/head.h"

#include <math.h>
#include <string.h>

#include "core/kernels/gemm.h"

/* First pixel's value of channel c of image i, and of its row r. */
static size_t
row_at(const struct ode_head *s, int i, int c, int r)
{
    const int run = s->channels / s->parts;
    const int at = c / run * ode_blocks(run) * ODE_VEC + c % run;

    return (size_t)(i * s->blocks + at / ODE_VEC) * ode_plane(s->h, s->w)
           + ((size_t)(r + 1) * (size_t)(s->w + 2) + 1) * ODE_VEC
           + (size_t)(at % ODE_VEC);
}

void
ode_head_features(const struct ode_head *s, const real *x, real *features)
{
    for (int i = 0; i < s->n; i++)
        for (int c = 0; c < s->channels; c++) {
            double sum = 0;

            for (int r = 0; r < s->h; r++) {
                const real *row = x + row_at(s, i, c, r);

                for (int p = 0; p < s->w; p++)
                    sum += (double)row[p * ODE_VEC];
            }
            features[i * s->channels + c] = (real)(sum / (s->h * s->w));
        }
}

void
ode_head_features_adjoint(const struct ode_head *s, const real *dfeatures, real *dx)
{
    const size_t all = (size_t)(s->n * s->blocks) * ode_plane(s->h, s->w);

    memset(dx, 0, all * sizeof *dx);
    for (int i = 0; i < s->n; i++)
        for (int c = 0; c < s->channels; c++) {
            const real share = dfeatures[i * s->channels + c] / (real)(s->h * s->w);

            for (int r = 0; r < s->h; r++) {
                real *row = dx + row_at(s, i, c, r);

                for (int p = 0; p < s->w; p++)
                    row[p * ODE_VEC] = share;
            }
        }
}

void
ode_head_logits(const struct ode_head *s, const real *features, const real *weight,
                const real *bias, real *logits)
{
    for (int i = 0; i < s->n; i++)
        memcpy(logits + i * s->classes, bias, (size_t)s->classes * sizeof *bias);
    ode_gemm(false, true, s->n, s->classes, s->channels, features, weight, 1, logits);
}

void
ode_head_logits_adjoint(const struct ode_head *s, const real *features,
                        const real *weight, const real *dlogits, real *dfeatures,
                        real *dweight, real *dbias)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->classes; k++)
            dbias[k] += dlogits[i * s->classes + k];
    ode_gemm(true, false, s->classes, s->channels, s->n, dlogits, features, 1, dweight);
    ode_gemm(false, false, s->n, s->channels, s->classes, dlogits, weight, 0, dfeatures);
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
