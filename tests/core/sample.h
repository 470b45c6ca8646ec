/*
 * sample.h - a network as its table of tensors, with weights made up: what a recipe's
 * network must have, written down without the engine.
 */
#ifndef ODE_TESTS_CORE_SAMPLE_H
#define ODE_TESTS_CORE_SAMPLE_H

#include "core/files/netgraph.h"

struct sample {
    struct ode_recipe_spec
        recipe; /* one level of two units of 3 blocks, strokes, 16x16 */
    struct ode_params params;
    float *theta, *statistics;
};

/* The recipe, to be changed before the tensors are made. Channels and classes are those
 * of its data set. */
void sample_recipe(struct ode_recipe_spec *recipe);

/* Makes tensors and weights for the recipe in it. */
void sample_make(struct sample *sample);
void sample_release(struct sample *sample);

/* The integrators' names, layers and forms as the papers have them. */
struct sample_scheme {
    const char *name;
    bool paired;
    enum ode_form form; /* that "auto" is */
};
const struct sample_scheme *sample_scheme(enum ode_block block);

/* The network as a graph. */
struct ode_netgraph sample_net(const struct sample *sample);

#endif
