/*
 * map.h - the operators of a network as maps from vectors to vectors, with the adjoint
 * that the engine has for each.
 */
#ifndef ODE_CORE_CHECK_MAP_H
#define ODE_CORE_CHECK_MAP_H

#include "core/check/rig.h"

/* One of them, at a place of the rig's network; its micro-batch has passed. */
struct ode_map {
    const struct ode_map_ops *ops;
    struct ode_rig *rig;
    int s;          /* segment; of a connector, the one before it */
    size_t in, out; /* reals */
    size_t first;   /* in theta, of maps of the weights */
};

struct ode_map_ops {
    const char *what;
    bool linear;    /* y = J x */
    bool increment; /* close to the identity: J - 1 is what is of interest */
    void (*size)(struct ode_map *m);
    void (*begin)(const struct ode_map *m, real *x); /* the x it is looked at */
    void (*apply)(const struct ode_map *m, const real *x, real *y);
    /* dx = J' dy, J at the x of the last apply() */
    void (*adjoint)(const struct ode_map *m, const real *dy, real *dx);
    void (*noise_in)(const struct ode_map *m, uint64_t seed, real *x);
    void (*noise_out)(const struct ode_map *m, uint64_t seed, real *y);
};

/* A state to the state after all blocks of a segment; a segment's weights to that. */
extern const struct ode_map_ops ode_map_blocks, ode_map_block_weights;

/* A state through a connector; how it halves the size; a state to logits; the opening's
 * weights to the first state. */
extern const struct ode_map_ops ode_map_link, ode_map_linear_link, ode_map_halving,
    ode_map_head, ode_map_opening_weights;

/* A convolution of a segment: an image to K x; a kernel to K x. */
extern const struct ode_map_ops ode_map_conv, ode_map_conv_weights;

/* in is 0 where the network has no such weights. */
struct ode_map ode_map_at(const struct ode_map_ops *ops, struct ode_rig *rig, int s);

#endif
