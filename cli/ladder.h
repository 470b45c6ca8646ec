/*
 * ladder.h - levels that the spec leaves to the program: made, kept and found again.
 *
 * A worker makes the ladder once and goes on with the same one, whatever is measured
 * later: it is in RUN_DIR/ladder.json from its start, and each checkpoint has it in its
 * spec, and beside it the budget that was asked for.
 */
#ifndef ODE_CLI_LADDER_H
#define ODE_CLI_LADDER_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/weights.h"
#include "core/kernels/kernels.h"
#include "core/recipe/recipe.h"

struct ladder_config {
    const struct ode_kernels *kernels;
    int threads;
    bool no_measure;      /* a deadline is refused then    */
    bool (*stop)(void *); /* while it measures; may be NULL */
};

/* Makes the levels of a settled recipe that are auto; others stay as they are. *reasons:
 * NULL, or a new array of sentences. */
enum ode_status ladder_resolve(struct ode_recipe_spec *recipe,
                               const struct ladder_config *config, json_t **reasons,
                               struct ode_err *err);

/* The same for a worker. checkpoint: what it resumes from, or NULL. */
enum ode_status ladder_settle(struct ode_recipe_spec *recipe, const char *run_dir,
                              bool resume, const struct weights *checkpoint,
                              const struct ladder_config *config, json_t **reasons,
                              struct ode_err *err);

/* Adds to a checkpoint's metadata what its ladder was made from, if it was. */
void ladder_mark(json_t *metadata, const struct ode_recipe_spec *recipe);

/* The recipe of a checkpoint as it was asked for: with levels auto and their budget, if
 * they were. */
struct ode_recipe_spec ladder_asked(const struct weights *checkpoint);

#endif
