/*
 * trial.h - a level of a run on random images, to see how long it takes.
 *
 * The stage is the level's own: network, engine, loader with its augmentation, the same
 * threads. Only what is in the images is not. What is trained here is thrown away.
 */
#ifndef ODE_CORE_TRAIN_TRIAL_H
#define ODE_CORE_TRAIN_TRIAL_H

#include "core/train/stage.h"

struct ode_trial {
    const struct ode_recipe_spec *recipe; /* borrowed */
    struct ode_dataset set;
    uint8_t *bytes; /* pixels, then labels */
    uint32_t *order;
    struct ode_stage *stage;
    int steps; /* made so far */
};

/*
 * A level of a settled recipe on `n` random images, which are shown round and round; with
 * initial weights, packed. The struct must stay where it is until ode_trial_release().
 */
enum ode_status ode_trial_init(struct ode_trial *trial,
                               const struct ode_recipe_spec *recipe, int level, size_t n,
                               const struct ode_kernels *kernels, struct ode_team *team,
                               struct ode_err *err);
void ode_trial_release(struct ode_trial *trial); /* safe on zeros and twice */

/* The gradient of the next `n` images, at most a batch; and the update that follows it,
 * with the running moments: together a training step. */
void ode_trial_gradient(struct ode_trial *trial, int n, struct ode_batch_report *report);
void ode_trial_update(struct ode_trial *trial, double rate);

/* Images as a test sees them. */
struct ode_source ode_trial_source(struct ode_trial *trial);

#endif
