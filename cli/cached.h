/*
 * cached.h - what a run says of levels that another one has trained, and takes from it.
 */
#ifndef ODE_CLI_CACHED_H
#define ODE_CLI_CACHED_H

#include <jansson.h>

#include "cli/journal.h"
#include "cli/prefix.h"
#include "core/train/train.h"

/* "cached" of the hello record: {"level", "key"}, or null. */
json_t *cached_json(const struct prefix_hit *hit);

/*
 * Writes the records of all levels up to hit->level, and their lines for people, then
 * makes their checkpoints run_dir's own: a worker that is killed in between says it
 * again. Nothing where there was no hit.
 */
enum ode_status cached_take(const struct prefix_hit *hit, struct journal *journal,
                            const struct ode_plan *plan, const char *run_dir,
                            struct ode_err *err);

#endif
