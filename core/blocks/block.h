/*
 * block.h - one time step of the ODE on one image.
 *
 * A block maps a state to the next. It can do so forward, backwards (the exact inverse),
 * and propagate cotangents. Increments are rounded to multiples of the state's grid
 * before they are added, so as long as no state reaches grid * 2^24 the inverse gives
 * back the same bits, and reversed gradients equal stored ones bit for bit.
 */
#ifndef ODE_CORE_BLOCKS_BLOCK_H
#define ODE_CORE_BLOCKS_BLOCK_H

#include "core/kernels/kernels.h"

/* A half-step's layer K^T s(K x + b): packed weights, and its gradient in a lane. */
struct ode_layer {
    const real *k, *kt, *b;
    real *dk, *db; /* only read by the adjoint */
};

struct ode_step {
    const struct ode_kernels *kernels; /* borrowed */
    struct ode_conv conv;
    enum ode_act act;
    real dt, grid;
    struct ode_layer layer[2];
    real *u, *a; /* scratch: images of half the channels with a zero halo */
};

/* A state in two halves. */
struct ode_pair {
    real *y, *z;
};

struct ode_block_ops {
    const char *name; /* as in JSON */

    /* to = step(from); to may be from. keep: if not NULL, receives the two layers' inputs
     * to their activations, for adjoint(). Returns the largest |state| written. */
    real (*forward)(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const keep[2]);

    /* state = step^-1(state). */
    void (*inverse)(const struct ode_step *s, struct ode_pair state);

    /*
     * d = J' d, and gradients added to the layers'. With keep: `from` and `to` are the
     * states that forward() saw and wrote. With keep NULL: `to` holds the state after the
     * step, is taken back to the state before it, and `from` is not used.
     */
    void (*adjoint)(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const keep[2], struct ode_pair d);
};

extern const struct ode_block_ops ode_hamiltonian_ops;

#endif
