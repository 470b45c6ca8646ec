/*
 * rig.h - a private network with an engine of its own, and vectors to try it with.
 *
 * A state of n images as a vector: all n images of its first part, then those of the
 * second where it has two, in the layout of the kernels with zero halos.
 */
#ifndef ODE_CORE_CHECK_RIG_H
#define ODE_CORE_CHECK_RIG_H

#include "core/check/check.h"
#include "core/check/vec.h"
#include "core/train/engine.h"

/* How it differs from the network of the recipe. */
struct ode_rig_wish {
    enum ode_memory memory; /* ODE_MEMORY_AUTO: as the recipe has it       */
    bool off_grid;          /* states are not rounded                      */
    bool smooth;            /* GELU for an activation with a kink  */
    int threads;
};

/* Must not move: the engine points to the net. */
struct ode_rig {
    const struct ode_check *check;
    struct ode_net net;
    struct ode_team *team;
    struct ode_engine engine; /* its weights are drawn and packed       */
    bool smoothed;            /* the activation is not the recipe's */
    int n;                    /* images in a micro-batch: check's, or as many as fit */
};

enum ode_status ode_rig_init(struct ode_rig *rig, const struct ode_check *check,
                             struct ode_rig_wish wish, struct ode_err *err);
void ode_rig_release(struct ode_rig *rig); /* safe on zeros and twice */

/* The first micro-batch forward, in training: states, moments and logits are there. */
void ode_rig_pass(struct ode_rig *rig);

/* The gradient of all of the check's examples, in the engine; returns their loss with its
 * penalties, as in training. */
double ode_rig_gradient(struct ode_rig *rig);

/* Whether the activation or its derivative has a kink. */
bool ode_rig_kinked(const struct ode_rig *rig);

/* Notes in the row where the activation is not that of the recipe. */
void ode_rig_note(const struct ode_rig *rig, struct ode_check_row *row);

/* --- vectors ----------------------------------------------------------------------- */

/* Reals in a state of the rig's n images. */
size_t ode_rig_state_n(const struct ode_rig *rig, int s);

/* The vector as a pair of parts; copies from one to the other. */
struct ode_pair ode_rig_pair(const struct ode_rig *rig, int s, real *x);
void ode_rig_put(const struct ode_rig *rig, int s, const real *x, struct ode_pair to);
void ode_rig_get(const struct ode_rig *rig, int s, struct ode_pair from, real *x);

/* Normal numbers in a state, inside the halos of its channels. */
void ode_rig_noise(const struct ode_rig *rig, int s, uint64_t seed, real *x);

#endif
