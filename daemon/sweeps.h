/*
 * sweeps.h - runs of a sweep that wait for each other, and which of them go on.
 *
 * With `promote` in its sweep (schema/sweep.h) each run of a job has a gate: it is held
 * at the end of that level, paused, until all others have come so far or have ended.
 * Then the best go on and the rest are cancelled; all of that is one transaction. Who is
 * let through on request (advance, resume, retry) counts as one of the best.
 */
#ifndef ODE_DAEMON_SWEEPS_H
#define ODE_DAEMON_SWEEPS_H

#include <stdbool.h>

#include "core/base/status.h"
#include "daemon/log.h"
#include "daemon/queue.h"
#include "daemon/run.h"

/* Whether the run was held at its gate, whatever its state is now. */
bool sweeps_came_to_gate(const struct run *run);

/* Decides for every job whose runs have all come to their gate. Cheap where there is
 * nothing to decide. */
enum ode_status sweeps_settle(struct queue *queue, const struct log *log,
                              struct ode_err *err);

#endif
