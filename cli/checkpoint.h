/*
 * checkpoint.h - the checkpoints of a run folder.
 *
 * DIR/checkpoints/<level>-<step>.safetensors, numbers padded so that names sort by age.
 * The newest two within levels are kept, and each finished level's last one.
 */
#ifndef ODE_CLI_CHECKPOINT_H
#define ODE_CLI_CHECKPOINT_H

#include "cli/weights.h"
#include "core/train/train.h"

enum { CHECKPOINT_PATH = 600 };

/* Makes DIR/checkpoints. */
enum ode_status checkpoint_prepare(const char *dir, struct ode_err *err);

/* Writes the state and removes what is not kept. name receives the path relative to DIR,
 * *bytes the file's size. last: the state is its level's last. */
enum ode_status checkpoint_write(const char *dir, const struct ode_recipe_spec *recipe,
                                 const struct ode_state *state, bool last,
                                 char name[CHECKPOINT_PATH], size_t *bytes,
                                 struct ode_err *err);

/* Told of each checkpoint that is passed over because it can't be used. */
typedef void checkpoint_skip_fn(void *context, const struct ode_err *why);

/*
 * The newest good checkpoint of the run, which the caller ends with weights_close().
 * ODE_ENOENT if there is none. A checkpoint of another spec (data, model, training,
 * levels, transfer or seed differ) is ODE_ESPEC.
 */
enum ode_status checkpoint_find(const char *dir, const struct ode_recipe_spec *recipe,
                                checkpoint_skip_fn *skip, void *context,
                                struct weights *weights, struct ode_err *err);

/* Fills a state from a checkpoint of its level. */
enum ode_status checkpoint_restore(const struct weights *weights, struct ode_state *state,
                                   struct ode_err *err);

#endif
