/*
 * block.h - one time step of the ODE, on one image or on all of a micro-batch.
 *
 * A network's right-hand side f is a layer (layer.h); an integrator says how the next
 * state follows from layers. It is one file with one table, ode_<name>_ops, and a line in
 * blocks.def. It maps a state to the next, back where it is reversible, and propagates
 * cotangents. Increments are rounded to multiples of the state's grid before they are
 * added, so as long as no state reaches grid * 2^24 / reach the inverse gives back the
 * same bits, and reversed gradients equal stored ones bit for bit.
 *
 * A state has one or two parts of n images each:
 *
 *   ODE_ONE       y: all channels. The next state may overwrite this one.
 *   ODE_HALVES    y, z: the first and the second half of the channels. Likewise.
 *   ODE_TWO_STEP  y = Y_j, z = Y_{j-1}: all channels each. The next state's z is this
 *                 one's y, by address; its y may be this one's z. Before the first step z
 *                 holds nothing.
 */
#ifndef ODE_CORE_BLOCKS_BLOCK_H
#define ODE_CORE_BLOCKS_BLOCK_H

#include "core/blocks/layer.h"

enum ode_layout { ODE_ONE, ODE_HALVES, ODE_TWO_STEP };

enum { ODE_POINTS_MAX = 3, ODE_BLOCK_SCRATCH_MAX = 5 };

/* What a step works with. The layers of points in time are f[point][layer]. */
struct ode_step {
    struct ode_layer_shape shape;
    enum ode_start start; /* two-step schemes; resolved */
    real dt;
    bool first;   /* the segment's first step */
    bool reverse; /* adjoint() finds `to` only, and takes it back to `from` */
    struct ode_layer f[ODE_POINTS_MAX][2];
    real *spare[ODE_BLOCK_SCRATCH_MAX]; /* n images each, as many as ops->spare */
};

struct ode_pair {
    real *y, *z;
};

struct ode_block_ops {
    const char *name; /* as in JSON */
    enum ode_layout layout;
    enum ode_form form;   /* the layer that it is made for */
    unsigned forms;       /* 1 << those that it can do with */
    enum ode_start start; /* what auto means; ODE_START_AUTO: it has no start */
    unsigned starts;      /* 1 << those that it knows */
    enum ode_time time; /* where linear interpolation of weights is right: nodal, cell */
    int layers;         /* at a point in time */
    int points, stride; /* points that a step uses, and by how many the next one moves */
    bool repeats;       /* it evaluates the layers of a point more than once */
    int keeps;          /* inputs of activations that forward() can keep */
    int spare;          /* images of scratch, beside the layer's */
    int reach; /* 0: it can't be reversed; else how far sums within a step go beyond
                  states */

    /* to = step(from). keep: if not NULL, n images for each of `keeps`, for adjoint().
     * Returns the largest |state| written. */
    real (*forward)(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const *keep);

    /* from = step^-1(to), in the memory of `to` as the layout says. NULL if reach is 0.
     */
    void (*inverse)(const struct ode_step *s, struct ode_pair from, struct ode_pair to);

    /*
     * d = J' d, and gradients added to the layers'. `from` and `to` are the states that
     * forward() saw and wrote; keep what it kept, NULL if nothing. If reversing, from is
     * made from `to`, as by inverse(). d has the layout of `to` before and of `from`
     * after: in a two-step scheme dz becomes the cotangent of Y_j, dy that of Y_{j-1}.
     */
    void (*adjoint)(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const *keep, struct ode_pair d);

    /* The step against the largest stable one, linearised, where the layers' Jacobians
     * have norms up to lipschitz[layer]: below 1 is stable (Chang et al.; frozen
     * weights, 0 <= s' <= 1). */
    double (*stability)(double dt, const double *lipschitz);
};

/* By enum ode_block. */
extern const struct ode_block_ops *const ode_block_table[];

#define BLOCK(NAME, name, doc) extern const struct ode_block_ops ode_##name##_ops;
#include "core/blocks/blocks.def"
#undef BLOCK

#endif
