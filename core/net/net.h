/*
 * net.h - a network of one level: shapes, parameters, and where the kernels find them.
 *
 *   opening    3x3 convolution, normalisation, activation          in -> c_0
 *   segments   blocks of one width and resolution, each one time step of the ODE
 *   connectors between segments: 2x2 mean, then zero channels on both sides of each half
 *   head       normalisation, activation, mean over pixels, linear classifier, softmax
 *
 * As in the code of Chang et al. (AAAI 2018), the connector of unit u >= 1 stands after
 * the unit's first block: units of n blocks give segments of n + 1, n, ..., n - 1 blocks.
 * The state is a pair (Y, Z) of c/2 channels each, stored as two images one after the
 * other.
 *
 * A net is a description: it owns its tables, holds no weights, and does not change.
 */
#ifndef ODE_CORE_NET_NET_H
#define ODE_CORE_NET_NET_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/kernels/kernels.h"
#include "core/net/params.h"
#include "core/recipe/recipe.h"

enum { ODE_SEGMENTS_MAX = 8 };

/* Where a tensor lies for the kernels; offsets in reals. */
struct ode_place {
    size_t packed;  /* in the packed weights                                    */
    size_t flipped; /* K^T in the packed weights; only for kernels of blocks    */
    size_t lane;    /* its gradient in a lane                                   */
    size_t n;       /* reals there, padding included                            */
    int parts;      /* its channels are stored as so many padded runs           */
};

/* What one segment means to the kernels. */
struct ode_stretch {
    struct ode_conv conv; /* of a half-step: half -> half                      */
    int half;             /* channels of Y and of Z                            */
    size_t image;         /* reals in an image of half the channels            */
    int blocks;
    real dt;
    int tensor; /* index of the first block's k1; a block has four: k1 b1 k2 b2 */
};

struct ode_net {
    int in, classes, resolution; /* channels and size of the input images */
    enum ode_act act;
    real grid; /* states are multiples of it: 0 in tests only */
    struct ode_params params;
    struct ode_place *place; /* one per tensor */
    size_t packed_n, lane_n;
    struct ode_conv opening; /* in -> both halves, padded */
    int segment_n;
    struct ode_stretch segment[ODE_SEGMENTS_MAX];
    struct { /* indices into params.tensor */
        int weight, scale, shift, head_scale, head_shift, head_weight, head_bias;
        int mean, variance, head_mean, head_variance;
    } at;
    double flops; /* of a forward pass on one image, multiply-adds counted as two */
};

/*
 * The network that `recipe` has at its level `level`, for images of `in` channels and
 * `classes` classes. The recipe has been settled. Fails with ODE_ENOMEM, or ODE_ESPEC
 * where a size does not fit. On success the caller ends it with ode_net_release().
 */
enum ode_status ode_net_init(struct ode_net *net, const struct ode_recipe_spec *recipe,
                             size_t level, int in, int classes, struct ode_err *err);
void ode_net_release(struct ode_net *net); /* safe on zeros and twice */

/* Initial values: kernels truncated normal with variance 2 / (9 out), classifier
 * uniform with variance 1 / channels, scales and variances 1, all else 0. */
void ode_net_initialise(const struct ode_net *net, uint64_t seed, real *theta,
                        real *statistics);

/* Tensor i of theta (or of the statistics) to where the kernels read it. */
void ode_net_pack(const struct ode_net *net, int i, const real *theta,
                  const real *statistics, real *packed);

/* gradient[tensor i] = sum over `lanes` lanes of its gradient, in a fixed tree. */
void ode_net_reduce(const struct ode_net *net, int i, real *const *lane, int lanes,
                    real *gradient);

/* Reals of the state of one image at the end of segment s. */
static inline size_t
ode_net_state(const struct ode_net *net, int s)
{
    return 2 * net->segment[s].image;
}

#endif
