/*
 * requests.h - what people ask of a run: its end, a hold, an advance.
 *
 * A request is a change of the run's row and an event, within the caller's transaction.
 * What is asked of a living worker reaches it by its control file (cli/control.h), which
 * is written anew from the row until it says the same, whoever had crashed in between.
 */
#ifndef ODE_DAEMON_REQUESTS_H
#define ODE_DAEMON_REQUESTS_H

#include "core/base/status.h"
#include "daemon/queue.h"
#include "daemon/run.h"

enum request_kind {
    REQUEST_CANCEL, /* the run ends */
    REQUEST_HOLD,   /* it pauses at the end of the level it is in */

    /* It goes on with the next level: at once where it trains, and where it is paused,
     * or would be. */
    REQUEST_ADVANCE
};

/* A repeated request is fine. ODE_ESTATE for a run whose state forbids it. */
enum ode_status requests_take(struct queue *queue, struct run *run,
                              enum request_kind kind, struct ode_err *err);

/* Makes the control file at the path say what the run's row says. */
enum ode_status requests_write(const struct run *run, const char *path,
                               struct ode_err *err);

#endif
