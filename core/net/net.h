/*
 * net.h - a network of one level: shapes, parameters, and where the kernels find them.
 *
 *   opening    3x3 convolution, normalisation, activation          in -> c_0
 *   segments   blocks of one width and resolution, each one time step of the ODE
 *   connectors between segments: half the resolution, more channels
 *   closing    1x1 convolution, normalisation, activation; may be absent
 *   head       normalisation, activation, mean over pixels or all of them, linear
 *              classifier, softmax
 *
 * As in the code of Chang et al. (AAAI 2018), the connector of unit u >= 1 stands after
 * the unit's first block (placement `code`): units of n blocks give segments of n + 1, n,
 * ..., n, n - 1 blocks. With `between` they give n each; a connector that is a residual
 * block itself takes the place of the first: n, n - 1, ...
 *
 * A parameter of a block is a function of time, sampled at nodes: a tensor each, which is
 * what is trained and stored. Kernels want it at points in time: a slot each. Mostly the
 * two are one; a slot between two nodes is interpolated (rk4, unit.weights).
 *
 * A net is a description: it owns its tables, holds no weights, and does not change.
 */
#ifndef ODE_CORE_NET_NET_H
#define ODE_CORE_NET_NET_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/blocks/block.h"
#include "core/kernels/kernels.h"
#include "core/net/params.h"
#include "core/recipe/recipe.h"

enum { ODE_SEGMENTS_MAX = 8, ODE_ROLES_MAX = 22 };

/* A weight as the kernels see it; offsets in reals. */
struct ode_slot {
    int tensor, next;     /* the node before it and the one after; -1: none     */
    real weight;          /* of the one after                                   */
    struct ode_conv conv; /* of a 3x3 or 1x1 kernel; else in is 0               */
    size_t packed;        /* in the packed weights; a kernel's are prepared     */
    size_t flipped;       /* K^T in the packed weights, where there is one      */
    size_t lane;          /* its gradient's place among all slots', see lane.h; of a
                           * moment, in a result's                              */
    size_t n;             /* reals there, padding included                      */
    int parts;            /* its channels are stored as so many padded runs     */
    int in_parts;         /* a kernel's input channels, likewise                */
    bool flip, antisymmetric;
    bool local; /* prepared for the step that needs it; offsets are a point's own */
};

/* The slots that are made from tensor i: first, first + stride, ... */
struct ode_uses {
    int first, count, stride;
};

/* The trained slots of a stage of the network, see lane.h: first..end - 1. */
struct ode_slots {
    int first, end;
};

/* A normalisation's slots; -1 where it has none. */
struct ode_norm_site {
    enum ode_norm kind;
    int scale, shift, mean, variance;
};

/* Convolution (or none), normalisation, activation on images of all channels. */
struct ode_cna_site {
    struct ode_conv conv;
    int weight; /* slot; -1: no convolution */
    bool flip;  /* it has K^T               */
    bool act;
    int channels, parts; /* of its output, before padding */
    struct ode_norm_site norm;
};

/* A connector: to half the resolution of segment `s`, and the width of the next. */
struct ode_link_site {
    enum ode_link kind;
    struct ode_cna_site main;  /* pointwise: all of it; residual: P, activation, K1 */
    struct ode_cna_site inner; /* residual: N, activation, K2                       */
    struct ode_cna_site side;  /* residual: the 1x1 convolution beside, and its norm */
};

/* What a parameter is to a layer of a block. */
enum ode_part {
    ODE_PART_PRE_SCALE,
    ODE_PART_PRE_SHIFT,
    ODE_PART_KERNEL,
    ODE_PART_BIAS,
    ODE_PART_SCALE,
    ODE_PART_SHIFT,
    ODE_PART_OUTER,
    ODE_PART_PRE_MEAN,
    ODE_PART_PRE_VARIANCE,
    ODE_PART_MEAN,
    ODE_PART_VARIANCE,
    ODE_PARTS
};

/* What one segment means to the kernels. */
struct ode_stretch {
    struct ode_conv conv;   /* of a layer: width -> width                 */
    int width;              /* channels of an image of the state          */
    size_t image;           /* reals in it                                */
    int blocks;             /* steps                                      */
    int nodes, points;      /* that weights are stored at, and needed at  */
    int slot;               /* the first point among all of the network   */
    int first_slot;         /* trained, of the first point                */
    int point_slots;        /* trained, of a point                        */
    size_t point_local;     /* reals in local slots of a point            */
    real dt, grid;          /* grid: states are multiples of it; 0: any   */
    enum ode_memory memory; /* store, checkpoint or reverse             */
    int every;              /* checkpoint: steps between two            */
};

struct ode_net {
    int in, classes, resolution; /* channels and size of the input images */
    const struct ode_block_ops *block;
    enum ode_act act;
    enum ode_form form;
    enum ode_start start;
    enum ode_init init;
    enum ode_norm norm; /* in blocks */
    bool before;        /* and before their layers */
    bool bare;          /* but not before the very first */
    int parts;          /* images of a state that hold its channels: 1 or 2 */
    bool whitening;     /* opening.weight is fixed */
    bool direct;        /* no convolution goes the Winograd way */
    bool flat;          /* the classifier sees pixels, not their means */
    int finer;          /* halvings from the resolution that a flat head is drawn at */
    struct ode_params params;
    struct ode_slot *slot;
    int slot_n, trained_slots; /* trained first, then statistics */
    int *point;                /* slots of blocks: [point][role], -1: none */
    struct ode_uses *uses;     /* one per tensor */
    size_t packed_n, moment_n;
    size_t lane_n;  /* reals in all slots that are trained */
    size_t share_n; /* in those of the largest stage */
    size_t room_n;  /* that ode_net_prepare() needs */
    size_t local_n; /* in local slots of the largest step */
    bool streams;   /* kernels of blocks are prepared when they are needed: local */
    struct ode_slots opening_slots, end_slots, link_slots[ODE_SEGMENTS_MAX];
    int role[2][ODE_PARTS]; /* of a layer's part; -1: it has none */
    int role_n;
    int segment_n;
    struct ode_stretch segment[ODE_SEGMENTS_MAX];
    struct ode_cna_site opening, closing, head;
    struct ode_link_site link[ODE_SEGMENTS_MAX];
    int head_weight, head_bias; /* slots */
    int features;               /* of an image, that the classifier sees */
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

/* Blocks of segment s when unit u has blocks[u]. */
int ode_net_segment_blocks(const struct ode_model_spec *model, const int64_t *blocks,
                           int s);

/* Initial values: kernels truncated normal with variance 2 / (9 out), 1x1 ones 2 / out,
 * classifier uniform with variance 1 / features, scales and variances 1, all else 0. A
 * flat head is drawn at the finest resolution where the recipe wants that (net->finer)
 * and its weights summed up, see transfer.h. The kernel of a whitening opening is left 0.
 */
void ode_net_initialise(const struct ode_net *net, uint64_t seed, real *theta,
                        real *statistics);

/* The value of slot i from theta (or the statistics), as its gradient is laid out: k,
 * slot.n reals. kt: K^T, where the slot has one. Padding becomes zero in kernels and is
 * not written in vectors. */
void ode_net_pack(const struct ode_net *net, int i, const real *theta,
                  const real *statistics, real *k, real *kt);

/* The same to where and how the kernels of a table read it. room: room_n reals. */
void ode_net_prepare(const struct ode_net *net, const struct ode_kernels *kernels, int i,
                     const real *theta, const real *statistics, real *room, real *packed);

/* gradient += what is due to theta of the gradient of slot i, laid out as
 * ode_net_pack() lays out the slot. */
void ode_net_add(const struct ode_net *net, int i, const real *share, real *gradient);

/* The stage of step b of segment s. */
struct ode_slots ode_net_step_slots(const struct ode_net *net, int s, int b);

/* Channel c of a vector stored in `parts` padded runs: its place among the padded ones.
 */
static inline int
ode_position(int c, int channels, int parts)
{
    const int run = channels / parts;

    return c / run * ode_blocks(run) * ODE_VEC + c % run;
}

/* Extents of the padded runs that hold `channels` channels. */
static inline int
ode_padded(int channels, int parts)
{
    return parts * ode_blocks(channels / parts) * ODE_VEC;
}

/* Reals in all parts of the state of one image in segment s that hold channels. */
static inline size_t
ode_net_state(const struct ode_net *net, int s)
{
    return (size_t)net->parts * net->segment[s].image;
}

#endif
