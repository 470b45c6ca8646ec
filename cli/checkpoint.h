/*
 * checkpoint.h - the checkpoints of a run folder.
 *
 * DIR/checkpoints/<level>-<step>.safetensors, numbers padded so that names sort by age.
 * The newest two within levels are kept, and each finished level's last one.
 */
#ifndef ODE_CLI_CHECKPOINT_H
#define ODE_CLI_CHECKPOINT_H

#include <stdbool.h>

#include "cli/weights.h"
#include "core/base/hash.h"
#include "core/train/train.h"

enum { CHECKPOINT_PATH = 600, CHECKPOINT_NAME = 64 };

/* What the values of a checkpoint follow from, beside its spec. */
struct checkpoint_origin {
    char engine[ODE_HASH_HEX]; /* numbers_engine(), or "mixed"             */
    int warm_level;            /* of the run that it began from; -1: none  */
    char warm[ODE_HASH_HEX];   /* SHA-256 of that run's checkpoint, or ""  */
};

/* Makes DIR/checkpoints. */
enum ode_status checkpoint_prepare(const char *dir, struct ode_err *err);

/* Writes the state and removes what is not kept. name receives the path relative to DIR,
 * *bytes the file's size. last: the state is its level's last. */
enum ode_status checkpoint_write(const char *dir, const struct ode_recipe_spec *recipe,
                                 const struct checkpoint_origin *origin,
                                 const struct ode_state *state, bool last,
                                 char name[CHECKPOINT_NAME], size_t *bytes,
                                 struct ode_err *err);

/* The path, relative to DIR, of a checkpoint; last: of its level's last. */
void checkpoint_name(int level, int64_t step, bool last, char name[CHECKPOINT_NAME]);

/* The path of DIR's last checkpoint of a finished level; level -1: of the newest of them.
 * ODE_ENOENT if there is none. */
enum ode_status checkpoint_last(const char *dir, int level, char path[CHECKPOINT_PATH],
                                struct ode_err *err);

/* Opens one checkpoint and checks all that a resume will need of it. The caller ends it
 * with weights_close(). */
enum ode_status checkpoint_open(const char *path, struct weights *weights,
                                struct ode_err *err);

/* Where its values come from. One that does not say has a "mixed" engine. */
enum ode_status checkpoint_origin(const struct weights *weights,
                                  struct checkpoint_origin *origin, struct ode_err *err);

/* Told of each checkpoint that is passed over because it can't be used. */
typedef void checkpoint_skip_fn(void *context, const struct ode_err *why);

/*
 * The newest good checkpoint of the run, which the caller ends with weights_close().
 * ODE_ENOENT if there is none. A checkpoint of another spec (data, model, training,
 * transfer, seed, finest resolution or levels up to its own differ) is ODE_ESPEC.
 */
enum ode_status checkpoint_find(const char *dir, const struct ode_recipe_spec *recipe,
                                checkpoint_skip_fn *skip, void *context,
                                struct weights *weights, struct ode_err *err);

/* Fills a state from a checkpoint of its level. */
enum ode_status checkpoint_restore(const struct weights *weights, struct ode_state *state,
                                   struct ode_err *err);

#endif
