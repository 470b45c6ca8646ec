/* requests.c - what people ask of a run. */
#include "daemon/requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "daemon/sweeps.h"

static enum ode_status
refuse(const struct run *run, const char *what, struct ode_err *err)
{
    return ode_fail(err, ODE_ESTATE, "", "run %s is %s and %s", run->id, run->state,
                    what);
}

/* Saves the row and tells of the request. */
static enum ode_status
note(struct queue *queue, struct run *run, const char *kind, const char *text,
     struct ode_err *err)
{
    ODE_TRY(run_save(queue->store, run, err));
    return run_event(queue->store, run->number, store_now_ms(), kind, text, NULL, err);
}

/* Who has come to the gate of his sweep and is let go, goes on as one of the best. */
static void
leave_gate(struct run *run)
{
    if (sweeps_came_to_gate(run))
        run->sweep_gate = 0;
}

static enum ode_status
cancel(struct queue *queue, struct run *run, struct ode_err *err)
{
    switch (run_state_of(run)) {
    case RUN_QUEUED:
    case RUN_PAUSED:
        return queue_move(queue, run, RUN_CANCELLED, "cancelled on request", err);
    case RUN_CANCELLED:
        return ODE_OK;
    case RUN_STARTING:
    case RUN_RUNNING:
        if (run->cancel_requested)
            return ODE_OK;
        run->cancel_requested = 1;
        return note(queue, run, "cancel", "its end was asked for", err);
    default:
        return refuse(run, "cannot be cancelled any more", err);
    }
}

static enum ode_status
pause_run(struct queue *queue, struct run *run, struct ode_err *err)
{
    switch (run_state_of(run)) {
    case RUN_QUEUED:
        return queue_move(queue, run, RUN_PAUSED, "paused on request", err);
    case RUN_PAUSED:
        return ODE_OK;
    case RUN_STARTING:
    case RUN_RUNNING:
        if (run->pause)
            return ODE_OK;
        run->pause = 1;
        return note(queue, run, "pause", "to pause at a checkpoint", err);
    default:
        return refuse(run, "cannot be paused any more", err);
    }
}

/* A worker that was told to stop already stops, and its run is queued again then. */
static enum ode_status
resume(struct queue *queue, struct run *run, struct ode_err *err)
{
    const enum run_state state = run_state_of(run);

    if (run_state_final(state))
        return refuse(run,
                      state == RUN_SUCCEEDED ? "has nothing left to do"
                                             : "goes on by a retry only",
                      err);
    if (state != RUN_PAUSED && !run->pause && !run->hold)
        return ODE_OK;
    run->pause = run->hold = 0;
    leave_gate(run);
    ODE_TRY(note(queue, run, "resume", "no longer to pause", err));
    return state == RUN_PAUSED
               ? queue_move(queue, run, RUN_QUEUED, "resumed on request", err)
               : ODE_OK;
}

/* With its retries and its time limit anew; where it stands is in its checkpoint. */
static enum ode_status
retry(struct queue *queue, struct run *run, struct ode_err *err)
{
    switch (run_state_of(run)) {
    case RUN_QUEUED:
    case RUN_STARTING:
    case RUN_RUNNING:
        return ODE_OK;
    case RUN_FAILED:
    case RUN_CANCELLED:
        break;
    case RUN_PAUSED:
        return refuse(run, "goes on when it is resumed", err);
    default:
        return refuse(run, "has nothing to be tried again", err);
    }
    run->cancel_requested = run->hold = run->pause = run->advance = 0;
    run->retries = run->barren = run->not_before_ms = run->spent_ms = 0;
    leave_gate(run);
    run->final_state[0] = '\0';
    run->error_code[0] = run->error_at[0] = run->error_text[0] = '\0';
    ODE_TRY(note(queue, run, "retry", "to be tried again", err));
    return queue_move(queue, run, RUN_QUEUED, "retried on request", err);
}

static enum ode_status
hold(struct queue *queue, struct run *run, struct ode_err *err)
{
    if (run_state_final(run_state_of(run)))
        return refuse(run, "has no level to be held at", err);
    if (run->hold)
        return ODE_OK;
    run->hold = 1;
    return note(queue, run, "hold", "to be held at the end of its level", err);
}

/* Of a level that has begun; before that there is nothing to end. */
static enum ode_status
advance_running(struct queue *queue, struct run *run, struct ode_err *err)
{
    if (run->level < 0)
        return refuse(run, "has not begun a level yet", err);
    if (!run->hold && run->advance == run->level + 1)
        return ODE_OK;
    run->hold = 0;
    run->advance = run->level + 1;
    return note(queue, run, "advance", "its level is to end", err);
}

static enum ode_status
advance(struct queue *queue, struct run *run, struct ode_err *err)
{
    switch (run_state_of(run)) {
    case RUN_PAUSED:
        run->hold = 0;
        leave_gate(run);
        ODE_TRY(note(queue, run, "advance", "let go", err));
        return queue_move(queue, run, RUN_QUEUED, "let go; on to the next level", err);
    case RUN_STARTING:
    case RUN_RUNNING:
        return advance_running(queue, run, err);
    case RUN_QUEUED:
        if (!run->hold)
            return refuse(run, "trains no level that could end", err);
        run->hold = 0;
        return note(queue, run, "advance", "no longer to be held", err);
    default:
        return refuse(run, "has no level to go on with", err);
    }
}

enum ode_status
requests_take(struct queue *queue, struct run *run, enum request_kind kind,
              struct ode_err *err)
{
    switch (kind) {
    case REQUEST_CANCEL:
        return cancel(queue, run, err);
    case REQUEST_PAUSE:
        return pause_run(queue, run, err);
    case REQUEST_RESUME:
        return resume(queue, run, err);
    case REQUEST_RETRY:
        return retry(queue, run, err);
    case REQUEST_HOLD:
        return hold(queue, run, err);
    default:
        return advance(queue, run, err);
    }
}

enum ode_status
requests_write(const struct control *control, const char *path, struct ode_err *err)
{
    char level[24] = "null", gate[24] = "null", text[120];
    struct iovec piece = { .iov_base = text };

    if (!control->hold && !control->advance && !control->hold_at) {
        if (unlink(path) != 0 && errno != ENOENT)
            return ode_fail_errno(err, ODE_EIO, path, "cannot be removed");
        return ODE_OK;
    }
    if (control->advance)
        snprintf(level, sizeof level, "%lld", (long long)control->advance - 1);
    if (control->hold_at)
        snprintf(gate, sizeof gate, "%lld", (long long)control->hold_at - 1);
    piece.iov_len = (size_t)snprintf(text, sizeof text,
                                     "{\"hold\": %s, \"advance\": %s, \"hold_at\": %s}\n",
                                     control->hold ? "true" : "false", level, gate);
    return ode_file_write_atomic(path, &piece, 1, err);
}
