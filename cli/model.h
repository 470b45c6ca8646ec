/*
 * model.h - a model at a resolution and depth of its own: what eval and transfer share.
 */
#ifndef ODE_CLI_MODEL_H
#define ODE_CLI_MODEL_H

#include "cli/weights.h"
#include "core/recipe/recipe.h"

struct model {
    struct ode_recipe_spec recipe; /* with one level: what the model is now */
    struct ode_net net;
    float *theta, *statistics;
    int64_t step; /* at which its training ended */
};

/* Loads the model or checkpoint. The caller ends it with model_release(). */
enum ode_status model_load(struct model *model, const char *path, struct ode_err *err);
void model_release(struct model *model); /* safe on zeros and twice */

/* Kernels will go between resolutions by this operator; damping, which is part of another
 * one, goes with it. */
void model_set_space(struct model *model, enum ode_space space);

/* *to = the model at this resolution and with these blocks in each unit, by the recipe's
 * transfer operators. Statistics are carried over, not estimated again. */
enum ode_status model_transfer(const struct model *from, int64_t resolution,
                               const int64_t *blocks, struct model *to,
                               struct ode_err *err);

#endif
