/*
 * stage.h - all that one level of a run works with.
 *
 * Its network, the engine with weights and all memory, where its images come from. It
 * lives from the transfer to the level to the end of the next one's.
 */
#ifndef ODE_CORE_TRAIN_STAGE_H
#define ODE_CORE_TRAIN_STAGE_H

#include "core/data/loader.h"
#include "core/train/classifier.h"
#include "core/train/engine.h"
#include "core/train/gauge.h"

struct ode_stage {
    struct ode_net net;
    struct ode_engine engine;
    struct ode_loader loader;
    int halvings; /* of the finest resolution */
    struct ode_metric own;
    const struct ode_metric *metric; /* own, or NULL where there is none */
    struct ode_arena arena;          /* of what is not the engine's */
    struct ode_classifier classifier;
    struct ode_gauge_room gauge;
};

/* The engine that a recipe's level has, for a network of that level: also of one that is
 * only planned, without a team, a metric and a loader. */
struct ode_engine_config ode_stage_config(const struct ode_recipe_spec *recipe,
                                          const struct ode_net *net,
                                          const struct ode_kernels *kernels, int threads);

/* Bytes that a level takes beside an engine of this configuration, with n training
 * examples. */
size_t ode_stage_extra(const struct ode_recipe_spec *recipe,
                       const struct ode_engine_config *config, size_t n);

/* A level of a settled recipe on this set, all weights 0. Ended by ode_stage_free(). */
enum ode_status ode_stage_new(struct ode_stage **stage,
                              const struct ode_recipe_spec *recipe, int level,
                              const struct ode_dataset *set,
                              const struct ode_kernels *kernels, struct ode_team *team,
                              struct ode_err *err);
void ode_stage_free(struct ode_stage *stage); /* NULL is fine */

/* Initial weights: drawn as at the finest resolution and restricted to the stage's; a
 * whitening opening is made from training images at the stage's own. */
enum ode_status ode_stage_initialise(struct ode_stage *stage,
                                     const struct ode_recipe_spec *recipe,
                                     struct ode_err *err);

/* Running moments forget with this factor a step. */
#define ODE_MOMENTS_KEEP 0.9

/* What the weights cost beside the loss, for the gradient: a decay that is decoupled from
 * it is the update's affair. */
struct ode_penalty ode_stage_penalty(const struct ode_recipe_spec *recipe);

/* The recipe's step t at this rate, along a gradient of this norm. The penalty of a
 * decoupled decay goes into *decay, which the update borrows. */
struct ode_update ode_stage_update(const struct ode_recipe_spec *recipe, double rate,
                                   int64_t t, double norm, struct ode_penalty *decay);

/* Where an image comes from: an ode_fetch_fn and its context. */
struct ode_source {
    const struct ode_loader *loader;
    const struct ode_examples *examples;
    const uint32_t *order; /* NULL: as they stand                          */
    size_t first, wrap;    /* image i is order[(first + i) % wrap]; wrap 0: i */
    int epoch;             /* -1: no augmentation                          */
};
int ode_source_fetch(void *source, size_t i, float *scratch, float *pixels);

#endif
