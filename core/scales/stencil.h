/*
 * stencil.h - 3x3 kernels between image resolutions.
 *
 * A kernel is a discretised operator K. What it is on images of half the width and height
 * is the same linear map whatever the image and the pair of channels, and a product of
 * one map M per axis:
 *
 *   coarse = M S M'        fine = M^-1 S M^-T        S [3][3]
 *
 * `bilinear` and `constant` take the Galerkin product R K P, with R the 2x2 mean and P an
 * interpolation, which has a 3x3 stencil again:
 *
 *   bilinear (P cell-centred bilinear)         constant (P piecewise constant)
 *       | 1/2 1/8  0  |         | 5/2 -1/2  1/2 |      | 1/2 0  0  |        |  2 0  0 |
 *   M = | 1/2 3/4 1/2 |  M^-1 = | -2    2   -2  |  M = | 1/2 1 1/2 | M^-1 = | -1 1 -1 |
 *       |  0  1/8 1/2 |         | 1/2 -1/2  5/2 |      |  0  0 1/2 |        |  0 0  2 |
 *
 * `rediscretise` reads the stencil as a differential operator. On pixels of width h the
 * discretised derivatives of order 0, 1, 2 along an axis are [1 2 1] / 4, [-1 0 1] / 2h
 * and [1 -2 1] / h^2, any three taps are a sum of them, and its coefficients are kept:
 *
 *            | 9  3 1 |                | 9 -3  1 |
 *   M = 1/16 | 6 10 6 |     M^-1 = 1/4 |-6 10 -6 |
 *            | 1  3 9 |                | 1 -3  9 |
 *
 * With K^(xi) = sum k_d exp(i d xi), this is the fine symbol at another frequency,
 *   coarse^(xi) = (5 + 3 cos xi) / 8 fine^(2 atan(tan(xi / 2) / 2)),
 * so that definite and skew kernels stay so; it is no Galerkin product.
 *
 * What holds for all:
 *   - The sum of the taps is kept: what a kernel does to a constant image.
 *   - It commutes with the transpose of a convolution (swap channels, turn by 180
 *     degrees) bit for bit: tied kernels stay tied, antisymmetric ones antisymmetric.
 *   - Going coarser never increases the norm of a convolution, max |K^(xi)|. Going finer
 *     does, on average over random taps 10 times (bilinear), 9 times (rediscretise, never
 *     more than 16) or 4 times (constant); smooth kernels much less. So check stability
 *     after a step to finer images.
 * And for Galerkin products R K P = the mapped kernel exactly: at every pixel for
 * `constant` and zero padding, for `bilinear` with replicated edges; with zero padding
 * all but the outermost ring.
 * Every derivative gets its scale, 1, 1/2, 1/4 per axis, by `bilinear`, for [1 4 1],
 * [-1 0 1] and [1 -2 1], and by `rediscretise`, for [1 2 1] and the same two. `constant`
 * makes second derivatives 1/2.
 *
 * Sources: Haber, Ruthotto, Holtham, Jun, "Learning across scales", AAAI 2018, arXiv
 * 1703.02009, whose worked example agrees with `bilinear`; for `rediscretise` the basis
 * of Ruthotto, Haber, "Deep neural networks motivated by partial differential equations",
 * arXiv 1804.04272.
 */
#ifndef ODE_CORE_SCALES_STENCIL_H
#define ODE_CORE_SCALES_STENCIL_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"

/* The maps along one axis; dyadic, so exact in double. */
struct ode_stencil_axis {
    double coarsen[3][3]; /* M    */
    double refine[3][3];  /* M^-1 */
};

/* Those of an operator; the identity for ODE_SPACE_NONE. Never NULL. */
const struct ode_stencil_axis *ode_stencil_axis(enum ode_space space);

/*
 * How often to halve the resolution to get from one to the other: positive to coarser,
 * negative to finer images, 0 for none. Fails with ODE_ESHAPE if the larger is not a
 * power of two times the smaller, or one is not positive.
 */
enum ode_status ode_stencil_halvings(int64_t from, int64_t to, int *halvings,
                                     struct ode_err *err);

/* Maps one stencil in place, level by level. */
void ode_stencil_map(enum ode_space space, int halvings, double stencil[3][3]);

/*
 * Maps the variances of one stencil's taps in place, as those of uncorrelated random
 * taps: by the squares of the entries of the 9x9 map, which is that of all halvings
 * together. They are the square of M^k per axis, k halvings, since the entries of a
 * tensor product are products. Non-negative variances stay so.
 */
void ode_stencil_map_squares(enum ode_space space, int halvings, double squares[3][3]);

/*
 * Refines one stencil with damping, in place: `bilinear` to finer images, but at each
 * doubling the term of orders p and q, the product of two of [1 4 1], [-1 0 1] and
 * [1 -2 1], is multiplied by 2^(p + q) only up to `cap`, 1 to 16. So noise is amplified
 * less, and the way back is no longer exact. It keeps the sum of the taps and commutes
 * with the transpose bit for bit. Terms below the cap become what they are without one:
 * with a cap of 4 all up to second order, with 16 any stencil, bit for bit.
 *
 *   cap                                       1     2     4     8    16
 *   growth of white noise, rms of the taps    1   2.0   3.7   5.9   8.5
 *   lost of it on the way there and back    .78   .63   .47   .25     0
 */
void ode_stencil_refine(double cap, int doublings, double stencil[3][3]);

/* What the highest term is multiplied by in so many doublings: no cap above it damps. */
double ode_stencil_undamped(int doublings);

/*
 * Makes of a stencil that was refined by so many doublings, 1 or more, with all factors
 * together held below `was`, what a lower cap leaves, in place: from undamped to 1 it is
 * the stencil as it was before. Below 1 the cap is a factor of all terms. It is linear,
 * and a sensible way to smooth any stencil, wherever it comes from.
 */
void ode_stencil_damp(int doublings, double was, double cap, double stencil[3][3]);

/* ode_stencil_map_squares() for it: through the squared entries of all doublings. */
void ode_stencil_refine_squares(double cap, int doublings, double squares[3][3]);

/*
 * Maps n stencils: a tensor [out][in][3][3] has n = out * in.
 *
 *   from  [n][3][3]  read
 *   to    [n][3][3]  written; may be `from`, must not overlap it otherwise
 *
 * In double within, rounded once. 54 multiplications a stencil and level.
 */
void ode_stencil_apply(enum ode_space space, int halvings, size_t n, const float *from,
                       float *to);

/* The spectral norm of the 9x9 map of a stencil: the most that it can amplify taps. */
double ode_stencil_gain(enum ode_space space, int halvings);

/* Its condition number: how much of the taps' relative accuracy a way there and back can
 * cost. 27, 531, 9027 for 1, 2, 3 levels of `bilinear`, 10, 75, 413 of `constant`,
 * 18.5, 316, 5149 of `rediscretise`. */
double ode_stencil_condition(enum ode_space space, int halvings);

#endif
