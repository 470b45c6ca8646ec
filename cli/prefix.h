/*
 * prefix.h - the last checkpoints of levels, for runs that begin alike.
 *
 * DIR/<key>.safetensors, where the key is a hash of all that the bits of the checkpoint
 * follow from (ARCHITECTURE.md 2.7). Any number of workers share a folder: an entry comes
 * whole or not at all, as a hard link or a renamed copy, and is never changed. What was
 * used longest ago goes first.
 */
#ifndef ODE_CLI_PREFIX_H
#define ODE_CLI_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/checkpoint.h"
#include "core/base/hash.h"
#include "core/recipe/recipe.h"
#include "core/train/train.h"

enum { PREFIX_LEVELS = 32 };

/* Told of what went wrong with the cache; the run goes on without it. */
typedef void prefix_warn_fn(void *context, const char *text);

/* A cache as one run sees it; all borrowed. */
struct prefix {
    const char *dir;    /* NULL: there is none */
    int64_t most_bytes; /* 0: no limit */
    const struct ode_recipe_spec *recipe;
    const struct ode_plan *plan;
    const struct checkpoint_origin *origin;
    char engine[ODE_HASH_HEX]; /* numbers_engine() */
    prefix_warn_fn *warn;
    void *context;
};

/* What the cache knows of a level that need not be trained. */
struct prefix_level {
    bool known;
    int64_t step;
    double time;
    struct ode_score test;
    char path[CHECKPOINT_PATH];
};

struct prefix_hit {
    int level; /* the last one that need not be trained; -1: none */
    char key[ODE_HASH_HEX];
    struct prefix_level levels[PREFIX_LEVELS]; /* up to and with it */
};

/* The key of the run's first levels, up to and with this one. */
enum ode_status prefix_key(const struct prefix *prefix, int level, char key[ODE_HASH_HEX],
                           struct ode_err *err);

/* Looks for the longest beginning of the run that is there. Where there is one, *weights
 * is its checkpoint, opened and checked, which the caller ends with weights_close().
 * Entries that are no good are removed. */
void prefix_find(const struct prefix *prefix, struct prefix_hit *hit,
                 struct weights *weights);

/* Makes a found level's checkpoint one of DIR's own; name becomes its path relative to
 * DIR, *bytes its size. */
enum ode_status prefix_take(const struct prefix_hit *hit, int level, const char *dir,
                            char name[CHECKPOINT_NAME], size_t *bytes,
                            struct ode_err *err);

/* Puts the last checkpoint of a level, DIR/name, where others find it. */
void prefix_put(const struct prefix *prefix, const struct ode_state *state,
                const char *dir, const char *name);

#endif
