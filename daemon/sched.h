/*
 * sched.h - what runs next: the queued run of the highest priority, and of those the one
 * that was submitted first. A run that waits for a retry is passed over until its time.
 */
#ifndef ODE_DAEMON_SCHED_H
#define ODE_DAEMON_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/run.h"

/* *found: whether a run is due at now_ms, and then it is in *run. */
enum ode_status sched_next(struct store *store, int64_t now_ms, struct run *run,
                           bool *found, struct ode_err *err);

/* The threads that a run's worker gets: as its spec says, else as the settings say, else
 * 0, which is all cores. */
int sched_threads(const struct run *run, int64_t settings_threads);

#endif
