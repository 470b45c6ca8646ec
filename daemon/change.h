/*
 * change.h - what of a run may be changed after its submission: its priority.
 */
#ifndef ODE_DAEMON_CHANGE_H
#define ODE_DAEMON_CHANGE_H

#include <jansson.h>

#include "core/base/status.h"
#include "daemon/run.h"
#include "daemon/supervise.h"

/*
 * Makes the changes, {"priority": number}, of a run that has not ended, with an event,
 * and looks whose turn it is then. *run is the run after it. ODE_EARG, ODE_ESPEC with a
 * pointer, ODE_ENOENT, ODE_ESTATE.
 */
enum ode_status change_run(struct supervise *sup, const char *id, const json_t *changes,
                           struct run *run, struct ode_err *err);

#endif
