/*
 * params.h - theta and its names.
 *
 * All parameters of a network lie in one array of floats, tensor after tensor, each in
 * the standard order whatever the layout of the kernels: convolutions [out][in][3][3].
 * The table says what each tensor is, so that checkpoints name it, transfers know how it
 * scales, and penalties know whether it counts.
 */
#ifndef ODE_CORE_NET_PARAMS_H
#define ODE_CORE_NET_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

enum ode_tensor_kind {
    ODE_TENSOR_CONV,  /* [out][in][3][3]: goes through stencil transfers, decays       */
    ODE_TENSOR_BIAS,  /* [channels]: per-channel constants                             */
    ODE_TENSOR_SCALE, /* [channels]: normalisation scale                               */
    ODE_TENSOR_SHIFT, /* [channels]: normalisation shift                               */
    ODE_TENSOR_DENSE, /* [classes][channels], of a flat head [classes][channels][h][w]:
                       * classifier, decays                                            */
    ODE_TENSOR_MEAN,  /* [channels]: running mean; a statistic, not trained            */
    ODE_TENSOR_VARIANCE /* [channels]: running variance; a statistic, not trained       */
};

/* A tensor's place in the network and in time. Tensors with equal (segment, role) and
 * different `block` form one function of time: depth transfers and smoothness act on
 * them. */
struct ode_tensor {
    char name[48]; /* "unit.0.block.2.k1", as in checkpoints            */
    enum ode_tensor_kind kind;
    int dims, dim[4];
    size_t offset, n; /* place in theta (or in the statistics), floats     */
    int segment;      /* run of blocks of equal shape; -1: not in a block  */
    int block;        /* index within the segment, 0-based                 */
    int role;         /* which parameter of the block: 0 k1, 1 b1, ...     */
};

/* A run of blocks with the same width and resolution: the grid of one function of time.
 */
struct ode_segment {
    int unit;     /* that its resolution belongs to                             */
    int first;    /* index of its first block in its unit's naming, see net.h   */
    int blocks;   /* time steps                                                 */
    int channels; /* of the state                                               */
    double dt;    /* step size: end time / blocks                               */
};

/* Whether a tensor is a flat head's: a function on the last feature map. */
static inline bool
ode_tensor_is_map(const struct ode_tensor *t)
{
    return t->kind == ODE_TENSOR_DENSE && t->dims == 4;
}

struct ode_params {
    size_t theta_n;     /* trained floats                 */
    size_t statistic_n; /* floats of running statistics   */
    int tensor_n;       /* trained first, then statistics */
    int trained_n; /* tensors [0, trained_n) lie in theta, the others in statistics */
    struct ode_tensor *tensor;
    int segment_n;
    struct ode_segment *segment;
};

#endif
