/*
 * norm.h - ghost batch normalisation: y = scale (x - mean) / sqrt(variance + eps) + shift
 * per channel, with the moments of one micro-batch in training and running ones in
 * evaluation. Sums are in double and in a fixed order.
 *
 * x, y, dx, dy: n images of `blocks` channel blocks, h x w, one after the other.
 * Per-channel vectors have blocks * 16 entries. Padded channels carry scale 0.
 */
#ifndef ODE_CORE_LAYERS_NORM_H
#define ODE_CORE_LAYERS_NORM_H

#include "core/kernels/kernels.h"

/* Added to variances: as in the code of Chang et al. */
#define ODE_NORM_EPSILON 1e-3

struct ode_norm_shape {
    int n, blocks, h, w;
};

/* Mean and (biased) variance of each channel over images and pixels. */
void ode_norm_moments(const struct ode_norm_shape *s, const real *x, real *mean,
                      real *variance);

/* a[c], b[c] with y = a x + b. */
void ode_norm_affine(int channels, const real *mean, const real *variance,
                     const real *scale, const real *shift, real *a, real *b);

/* y = a x + b, inside the halo. y may be x. */
void ode_norm_apply(const struct ode_norm_shape *s, const real *a, const real *b,
                    const real *x, real *y);

/* dx = J' dy where the moments are x's own; dscale and dshift are added to. dx may be dy.
 * With Xh = (x - mean) / deviation and N values a channel:
 * dx = scale / deviation (dy - (sum dy + Xh sum dy Xh) / N). */
void ode_norm_adjoint(const struct ode_norm_shape *s, const real *mean,
                      const real *variance, const real *scale, const real *x,
                      const real *dy, real *dx, real *dscale, real *dshift);

#endif
