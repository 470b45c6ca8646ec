/*
 * norm.h - normalisations N(x) with a trained scale and shift per channel.
 *
 *   batch     g (x - mean) / sqrt(variance + eps) + b, moments of a channel over the
 *             micro-batch in training (ghost batch normalisation), running ones later
 *   instance  the same with the moments of the channel in the one image, always
 *   tv        g x / sqrt(sum of the squares of the pixel's channels + eps) + b
 *             [Ruthotto and Haber, JMIV 2020]
 *   none      x itself; scale and shift are not read
 *
 * What follows a normalisation (struct ode_after of kernels.h), y = scale s(N(x)), can be
 * done along with it.
 *
 * Batch moments are taken in a true forward pass in training only and written down. When
 * the pass is repeated, to go backwards or between checkpoints, they are read again.
 * Sums over rows are in double and in a fixed order (kernels.h says more).
 *
 * x, y, dx, dy: n images of `blocks` channel blocks, h x w, one after the other.
 * Per-channel vectors have blocks * 16 entries. Padded channels carry scale 0.
 */
#ifndef ODE_CORE_LAYERS_NORM_H
#define ODE_CORE_LAYERS_NORM_H

#include "core/kernels/kernels.h"
#include "core/recipe/recipe.h"

/* Added to variances: as in the code of Chang et al. */
#define ODE_NORM_EPSILON 1e-3

enum ode_mode {
    ODE_EVALUATE, /* by running moments                                  */
    ODE_TRAIN,    /* by the micro-batch's own, which are written down    */
    ODE_REPLAY    /* by those that were written down in training         */
};

struct ode_norm_shape {
    int n, blocks, h, w;
};

/* One normalisation: what it is and where its vectors are, all borrowed. */
struct ode_normaliser {
    const struct ode_kernels *kernels;
    enum ode_norm kind;
    const real *scale, *shift;
    const real *mean, *variance;     /* running; batch only            */
    real *seen_mean, *seen_variance; /* of this micro-batch; batch only */
    real *dscale, *dshift;           /* for the adjoint                */
};

/* Mean and (biased) variance of each channel over images and pixels. */
void ode_norm_moments(const struct ode_kernels *k, const struct ode_norm_shape *s,
                      const real *x, real *mean, real *variance);

/* y = after(N(x)) inside the halo, in one pass over the images, so that the activation
 * costs none of its own; without one (not active) y = N(x). y may be x. */
void ode_norm_act_forward(const struct ode_normaliser *m, const struct ode_norm_shape *s,
                          enum ode_mode mode, const struct ode_after *after,
                          const real *x, real *y);

/*
 * dx = J' dy, J that of after(N(x)): dy is the cotangent of the activation's output, x
 * the input of N; what lay between is computed again, not read. Two passes. dscale and
 * dshift are added to. dx may be dy. Batch: the moments are those written down in
 * training. With q the cotangent of N's output, Xh = (x - mean) / deviation and N values
 * a channel:
 *
 *     dx = scale / deviation (q - (sum q + Xh sum q Xh) / N)
 *
 * tv, with r = 1 / root: dx_c = scale_c r q_c - x_c r^3 sum_d scale_d x_d q_d.
 */
void ode_norm_act_adjoint(const struct ode_normaliser *m, const struct ode_norm_shape *s,
                          const struct ode_after *after, const real *x, const real *dy,
                          real *dx);

#endif
