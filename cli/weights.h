/*
 * weights.h - a network's weights in a safetensors file: models and checkpoints.
 *
 * The file says itself what it is: __metadata__ holds "format" ("odenet 1"), "kind"
 * ("model" or "checkpoint"), "spec" (the resolved job spec), "level", "step" and "seed".
 * A model holds nothing of time, host or path: equal spec, seed and data give equal
 * bytes.
 */
#ifndef ODE_CLI_WEIGHTS_H
#define ODE_CLI_WEIGHTS_H

#include <jansson.h>
#include <stdint.h>

#include "core/net/net.h"
#include "core/recipe/recipe.h"
#include "schema/safetensors.h"

/* What is written, all of it borrowed. */
struct weights_source {
    const struct ode_recipe_spec *recipe;
    int level;
    int64_t step;
    const struct ode_net *net;
    const float *theta, *statistics;
    const float *momentum;         /* NULL: a model */
    const float *second, *average; /* of a checkpoint, NULL where the run has none */
};

/* Writes the file atomically. extra: further metadata, an object of strings, or NULL. */
enum ode_status weights_write(const char *path, const struct weights_source *source,
                              const json_t *extra, struct ode_err *err);

/* A file that was read, and the network that it belongs to. */
struct weights {
    struct safetensors file;
    struct ode_recipe_spec recipe;
    int level;
    struct ode_net net;
};

/* Reads and checks a file. ODE_EFORMAT names it and says what is wrong with it. */
enum ode_status weights_open(struct weights *weights, const char *path,
                             struct ode_err *err);
void weights_close(struct weights *weights); /* safe on zeros and twice */

/* Arrays of the net's sizes; the last three may be NULL. */
struct weights_room {
    float *theta, *statistics, *momentum, *second, *average;
};

/* Copies the tensors into the arrays. ODE_EFORMAT if one is missing or of another shape;
 * of a kernel of another size it says which there are. */
enum ode_status weights_get(const struct weights *weights,
                            const struct weights_room *room, struct ode_err *err);

/* Metadata as numbers; ODE_EFORMAT with file and key. */
enum ode_status weights_integer(const struct weights *weights, const char *key,
                                int64_t *value, struct ode_err *err);
enum ode_status weights_real(const struct weights *weights, const char *key,
                             double *value, struct ode_err *err);

#endif
