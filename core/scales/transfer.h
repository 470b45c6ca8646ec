/*
 * transfer.h - all parameters of a network to another resolution, another depth, or both.
 *
 * The two tables say what there is. A convolution of 3x3 goes through the stencil
 * operator (stencil.h), to finer images the damped one if asked for. A tensor of a block,
 * whatever its kind, is a function of time together with its namesakes in the other
 * blocks of its segment, and goes through the depth operator (depth.h) of that segment.
 * All else, and 1x1 convolutions, is copied. Space and time act on different indices, so
 * their order does not matter; here both happen in double and the result is rounded once.
 * The operators are linear: momentum goes the same way as theta.
 *
 * Kernels of other sizes stay as they are or are refused. The Galerkin product of a 5x5
 * kernel is 3x3 by `constant`, without a way back, and 5x5 by `bilinear`, whose way back
 * multiplies noise by up to 64.
 *
 * A classifier that sees a number a channel is copied, whatever the resolution. One that
 * sees pixels, a flat head, has weights w = h^2 W: the inner product of a function W with
 * the feature map, pixels being h wide. Keeping W, a coarse weight is the sum of its four
 * children a halving, and a child has a quarter of its parent. Constant maps keep their
 * logits, and to finer images and back is exact. This does not depend on `space`, for
 * `none`, too: the number of weights changes.
 *
 * No allocation; work proportional to the larger of the two networks.
 */
#ifndef ODE_CORE_SCALES_TRANSFER_H
#define ODE_CORE_SCALES_TRANSFER_H

#include "core/base/status.h"
#include "core/net/params.h"
#include "core/recipe/recipe.h"

struct ode_transfer_op {
    enum ode_space space;
    enum ode_time time; /* resolved by ode_depth_resolve() */
    int halvings;       /* of the resolution: > 0 to coarser, < 0 to finer images */
    double damping;     /* 0: none; else the cap of ode_stencil_refine(), bilinear only */
};

/*
 * Fails with ODE_ESHAPE, err->at naming the tensor or segment, if the networks are not
 * the same but for the number of blocks and the size of a flat head's map: other
 * segments, widths or parameters; a segment of blocks that has none in the source; a
 * kernel that is neither 3x3 nor 1x1 to another resolution; maps that are not `halvings`
 * apart. The three functions below call it first.
 */
enum ode_status ode_transfer_check(const struct ode_params *from,
                                   const struct ode_params *to,
                                   const struct ode_transfer_op *op, struct ode_err *err);

/*
 * Trained parameters, or their momentum.
 *
 *   theta_from  [from->theta_n]  read
 *   theta_to    [to->theta_n]    written, all of each tensor; must not overlap
 */
enum ode_status ode_transfer_params(const struct ode_params *from,
                                    const float *theta_from, const struct ode_params *to,
                                    float *theta_to, const struct ode_transfer_op *op,
                                    struct ode_err *err);

/*
 * Second moments of the gradient, one for each trained parameter, as Adam keeps them
 * (adamw.h). As those of uncorrelated random numbers they go through the squares of the
 * entries of the space operator (ode_stencil_map_squares(),
 * ode_stencil_refine_squares()). In time they are blended with the depth operator's own
 * weights, a convex mean: they are samples of a function of time, too, and squared
 * weights, which sum to less than 1, would make the steps after a transfer too long.
 * Arguments as above; what is nowhere negative stays so.
 */
enum ode_status ode_transfer_second(const struct ode_params *from,
                                    const float *second_from, const struct ode_params *to,
                                    float *second_to, const struct ode_transfer_op *op,
                                    struct ode_err *err);

/* ode_transfer_params() for running statistics, [from->statistic_n] to [to->statistic_n].
 * Outside blocks they are copied; estimate them anew at the new resolution before
 * evaluating. */
enum ode_status ode_transfer_statistics(const struct ode_params *from,
                                        const float *statistics_from,
                                        const struct ode_params *to, float *statistics_to,
                                        const struct ode_transfer_op *op,
                                        struct ode_err *err);

/* Trained 3x3 kernels that were drawn as at a resolution `halvings` times finer become
 * those of their own, in place. */
void ode_transfer_restrict(const struct ode_params *params, enum ode_space space,
                           int halvings, float *theta);

/* The 3x3 kernels in the blocks of a segment (-1: outside of all), or their momentum,
 * through ode_stencil_damp(), in place. */
void ode_transfer_damp(const struct ode_params *params, int segment, int doublings,
                       double was, double cap, float *theta);

/* The Frobenius norm of all convolution kernels together. It is not weighted with the
 * step size: doubling the blocks by `constant` multiplies that of the blocks by sqrt(2).
 */
double ode_transfer_norm(const struct ode_params *params, const float *theta);

#endif
