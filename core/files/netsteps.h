/*
 * netsteps.h - the time steps of a network's segments as parts of a graph.
 *
 * For netgraph.c: what is said of draft.h holds here, too.
 */
#ifndef ODE_CORE_FILES_NETSTEPS_H
#define ODE_CORE_FILES_NETSTEPS_H

#include "core/files/draft.h"

/* A state: one value, or two halves Y and Z of the channels. */
struct ode_drawn {
    int y, z; /* z = 0: one value */
};

/* Whether this model's states are pairs. ODE_ESPEC if its integrator cannot be drawn. */
enum ode_status ode_netsteps_paired(const struct ode_model_spec *model, bool *paired,
                                    struct ode_err *err);

/* Steps of the segment s at a level. */
int ode_netsteps_count(const struct ode_recipe_spec *recipe, size_t level, int segment);

/* The state after all steps of the segment. */
struct ode_drawn ode_netsteps_draw(struct ode_draft *draft, int segment,
                                   struct ode_drawn state);

#endif
