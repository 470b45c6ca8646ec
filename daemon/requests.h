/*
 * requests.h - what people ask of a run: its end, a pause, a hold, an advance, a retry.
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
    REQUEST_PAUSE,  /* it pauses now, at a checkpoint */
    REQUEST_RESUME, /* it goes on from there: pauses and holds are taken back */
    REQUEST_RETRY, /* one that failed or was cancelled goes on from its last checkpoint */
    REQUEST_HOLD,  /* it pauses at the end of the level it is in */

    /* It goes on with the next level: at once where it trains, and where it is paused,
     * or would be. */
    REQUEST_ADVANCE
};

/* A repeated request is fine. ODE_ESTATE for a run whose state forbids it. */
enum ode_status requests_take(struct queue *queue, struct run *run,
                              enum request_kind kind, struct ode_err *err);

/* What the control file says. */
struct control {
    bool hold;
    int64_t advance; /* 1 + the level that is to end; 0: none */
    int64_t hold_at; /* 1 + the level at whose end it is to be held; 0: none */
};

/* Makes the control file at the path say so; there is none where nothing is asked. */
enum ode_status requests_write(const struct control *control, const char *path,
                               struct ode_err *err);

#endif
