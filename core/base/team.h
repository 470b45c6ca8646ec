/*
 * team.h - a few threads that work through numbered tasks together.
 *
 * The only threads of core. Tasks are handed out one by one, so a thread whose core is
 * taken away for a while holds up its own task only.
 */
#ifndef ODE_CORE_BASE_TEAM_H
#define ODE_CORE_BASE_TEAM_H

#include "core/base/status.h"

struct ode_team;

/* One task; `thread` is 0..threads-1, to find the thread's own buffers. */
typedef void ode_task_fn(void *context, int thread, int task);

/* threads >= 1, the caller among them. Fails with ODE_ENOMEM or ODE_EINTERNAL. */
enum ode_status ode_team_new(struct ode_team **team, int threads, struct ode_err *err);
void ode_team_free(struct ode_team *team); /* NULL is fine */

int ode_team_threads(const struct ode_team *team);

/* Calls fn for tasks 0..n-1, each once, and returns when all are done. In tasks denormal
 * numbers count as 0, where the processor can do that. */
void ode_team_run(struct ode_team *team, ode_task_fn *fn, void *context, int n);

#endif
