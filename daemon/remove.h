/*
 * remove.h - the end of a job that nobody wants to keep.
 */
#ifndef ODE_DAEMON_REMOVE_H
#define ODE_DAEMON_REMOVE_H

#include "core/base/status.h"
#include "daemon/supervise.h"

/* Removes the job, its runs and all that is stored of them, then their directories: one
 * that is left by a crash is collected at the next start. What other runs have from them
 * stays: cached checkpoints are links of their own. ODE_ENOENT; ODE_ESTATE names a run
 * that has not ended. */
enum ode_status remove_job(struct supervise *sup, const char *id, struct ode_err *err);

#endif
