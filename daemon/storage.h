/*
 * storage.h - the disk: how much of it is free, what runs take, and what may go.
 */
#ifndef ODE_DAEMON_STORAGE_H
#define ODE_DAEMON_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "daemon/store.h"

/* Bytes that are free on the file system of this directory; INT64_MAX if it cannot be
 * known. */
int64_t storage_free(const char *dir);

/* Whether the disk counts as full: when less than the floor is free, and from then on
 * until a quarter more is, so that runs do not stop and start in turns. floor 0: never.
 */
bool storage_full(int64_t free, int64_t floor, bool was_full);

/* Bytes of the files in a run's directory and its checkpoints; 0 if there is none. */
int64_t storage_weigh(const char *run_dir);

/* Deletes the run's checkpoints but for the last one of each level, so that its levels
 * can still be begun from and its model is untouched. How many went. */
int storage_trim(const char *run_dir);

/* What of runs that have ended is kept. */
struct storage_keep {
    int64_t days; /* checkpoints are trimmed when it ended so long ago; 0: never */
    int64_t
        bytes; /* and while all runs together take more, the first first; 0: no limit */
};

/* Trims a few of the runs that are due, each with an event of its own. More are left, if
 * any, for the next call. */
enum ode_status storage_tidy(struct store *store, const char *state_dir,
                             const struct storage_keep *keep, int64_t now_ms,
                             struct ode_err *err);

#endif
