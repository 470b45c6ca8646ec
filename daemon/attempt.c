/* attempt.c - a run and its worker: started, followed, stopped, judged. */
#include "daemon/attempt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sched.h"

enum { ABANDON_MS = 5000, WEIGH_MS = 30000 };

void
attempt_complain(struct attempt *attempt, const char *attempted,
                 const struct ode_err *err)
{
    if (!attempt->complained)
        log_event(attempt->sup->log, LOG_ERROR, "supervise", "failed",
                  log_text("run", attempt->id), log_text("to", attempted),
                  log_text("at", err->at), log_text("error", err->text));
    attempt->complained = true;
}

/* --- the life of an attempt -----------------------------------------------------------
 */

static void
attempt_part_closed(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;

    if (--attempt->handles > 0)
        return;
    free(attempt);
    sup->closing--;
    supervise_finish(sup);
}

static void
on_worker_closed(void *context)
{
    attempt_part_closed(context);
}

static void
on_watch_closed(uv_handle_t *handle)
{
    attempt_part_closed(handle->data);
}

/* Out of the list; the memory goes when its handles are closed. */
static void
attempt_end(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;
    struct attempt **link = &sup->attempts;

    while (*link != attempt)
        link = &(*link)->next;
    *link = attempt->next;
    sup->attempts_n--;
    sup->closing++;
    attempt->handles = 1 + attempt->watching;
    if (attempt->watching)
        uv_close((uv_handle_t *)&attempt->watch, on_watch_closed);
    attempt->worker.ops->close(&attempt->worker);
}

static void
look_soon(struct attempt *attempt)
{
    attempt->dirty = true;
    supervise_look_soon(attempt->sup);
}

static void
mark_gone(struct attempt *attempt)
{
    attempt->gone = true;
    attempt->ended_ms = store_now_ms();
    look_soon(attempt);
}

static void
on_worker_ended(void *context, int code, int signal)
{
    struct attempt *attempt = context;

    if (code == 73 && !signal) { /* another worker has the run: follow that one */
        log_event(attempt->sup->log, LOG_WARN, "supervise", "run-was-locked",
                  log_text("run", attempt->id));
        attempt->worker.pid = 0;
        look_soon(attempt);
        return;
    }
    attempt->end.observed = true;
    attempt->end.code = code;
    attempt->end.signal = signal;
    mark_gone(attempt);
}

static void
on_watch(uv_fs_event_t *watch, const char *name, int events, int status)
{
    (void)name, (void)events, (void)status;
    look_soon(watch->data);
}

/* Where events cannot be had the poll timer alone must do. */
static void
attempt_watch(struct attempt *attempt)
{
    attempt->watch.data = attempt;
    if (uv_fs_event_init(attempt->sup->loop, &attempt->watch) != 0)
        return;
    attempt->watching = true;
    uv_fs_event_start(&attempt->watch, on_watch, attempt->dir, 0);
}

void
attempt_note(struct attempt *attempt, const struct run *run)
{
    attempt->priority = run->priority;
    run_text(attempt->yields_to, sizeof attempt->yields_to, run->yields_to);
}

static struct attempt *
attempt_new(struct supervise *sup, const struct run *run)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);

    if (!attempt || !supervise_path(sup, run->id, "", attempt->dir, sizeof attempt->dir)
        || !supervise_path(sup, run->id, "journal.ndjson", attempt->journal,
                           sizeof attempt->journal)) {
        free(attempt);
        return NULL;
    }
    attempt->sup = sup;
    attempt->number = run->number;
    snprintf(attempt->id, sizeof attempt->id, "%s", run->id);
    attempt->worker = (struct worker){ .ops = sup->launcher,
                                       .ended = on_worker_ended,
                                       .closed = on_worker_closed,
                                       .context = attempt };
    attempt->share = supervise_share(sup, run);
    attempt_note(attempt, run);
    attempt->next = sup->attempts;
    sup->attempts = attempt;
    sup->attempts_n++;
    attempt_watch(attempt);
    return attempt;
}

/* --- the verdict ----------------------------------------------------------------------
 */

static int64_t
ended_at(const struct attempt *attempt, const struct run *run)
{
    if (attempt->unseen) /* the newest record is the last sign of life */
        return run->record_ms > run->attempt_ms ? run->record_ms : run->attempt_ms;
    return attempt->ended_ms > run->attempt_ms ? attempt->ended_ms : run->attempt_ms;
}

static enum ode_status
settle(struct attempt *attempt, struct run *run, struct verdict *verdict,
       struct ode_err *err)
{
    ODE_TRY(run_reload(attempt->sup->store, run, err));
    attempt->end.stopping = attempt->sup->stopping;
    attempt->end.storage = attempt->sup->full;
    run->bytes = storage_weigh(attempt->dir);
    run->spent_ms += ended_at(attempt, run) - run->attempt_ms;
    queue_judge(run, &attempt->end, verdict);
    /* Only a worker that was running can have succeeded; one whose hello was lost too. */
    if (verdict->state == RUN_SUCCEEDED && run_state_of(run) == RUN_STARTING)
        ODE_TRY(queue_move(attempt->sup->queue, run, RUN_RUNNING, "", err));
    return queue_settle(attempt->sup->queue, run, verdict, err);
}

/* All of the journal is stored. On failure it is tried again at the next poll. */
static void
judge(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;
    struct run run = { .number = attempt->number };
    struct verdict verdict;
    struct ode_err err;
    enum ode_status status = store_begin(sup->store, &err);

    if (status == ODE_OK)
        status = store_end(sup->store, settle(attempt, &run, &verdict, &err), &err);
    if (status != ODE_OK) {
        attempt_complain(attempt, "store what became of the run", &err);
        return;
    }
    sup->counts.retries += verdict.retry;
    log_event(sup->log, verdict.state == RUN_FAILED ? LOG_WARN : LOG_INFO, "supervise",
              "ended", log_text("run", run.id), log_text("state", run.state),
              log_int("attempt", run.attempt), log_text("cause", verdict.cause));
    attempt_end(attempt);
    supervise_dispatch(sup);
}

/* --- stopping workers -----------------------------------------------------------------
 */

static bool
over_time(const struct run *run)
{
    return run->time_limit_s
           && run->spent_ms + store_now_ms() - run->attempt_ms
                  >= run->time_limit_s * 1000;
}

static void
send_to_worker(struct attempt *attempt, const struct run *run, int signal)
{
    struct supervise *sup = attempt->sup;

    if (!attempt->worker.ops->signal(&attempt->worker, attempt->dir, (pid_t)run->pid,
                                     signal))
        return;
    if (signal == SIGTERM)
        attempt->asked_ms = uv_now(sup->loop) + 1;
    else
        attempt->killed = true;
    log_event(sup->log, LOG_INFO, "supervise", "signalled", log_text("run", attempt->id),
              log_text("signal", signal == SIGTERM ? "TERM" : "KILL"));
}

/* A worker that cannot be stopped (nobody finds it, or the kernel holds it) is left to
 * the next daemon, so that this one ends. */
static bool
abandon(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;
    int64_t patience = (sup->hurry ? 0 : sup->rules.grace_ms) + ABANDON_MS;

    if (!sup->stopping || uv_now(sup->loop) < sup->stopping_ms + (uint64_t)patience)
        return false;
    log_event(sup->log, LOG_WARN, "supervise", "abandoned", log_text("run", attempt->id));
    attempt_end(attempt);
    return true;
}

static bool
must_yield_now(const struct supervise *sup, const struct run *run)
{
    return run->yields_to[0] && sup->rules.preempt == PREEMPT_CHECKPOINT;
}

/* false: the attempt is over. */
static bool
enforce(struct attempt *attempt, const struct run *run)
{
    struct supervise *sup = attempt->sup;
    uint64_t now = uv_now(sup->loop);

    if (!run->cancel_requested && !run->pause && !must_yield_now(sup, run)
        && !sup->stopping && !sup->full && !over_time(run))
        return true;
    if (!attempt->asked_ms)
        send_to_worker(attempt, run, SIGTERM);
    else if (!attempt->killed
             && (sup->hurry || now >= attempt->asked_ms + (uint64_t)sup->rules.grace_ms))
        send_to_worker(attempt, run, SIGKILL);
    return !abandon(attempt);
}

/* Has the control file say what the row says; on failure again at the next poll. Who
 * makes room at the end of his level is held there. */
static void
control_keep(struct attempt *attempt, const struct run *run)
{
    const struct control control = { .hold = run->hold || run->yields_to[0],
                                     .advance = run->advance,
                                     .hold_at = run->sweep_gate };
    char path[ATTEMPT_PATH_BYTES];
    struct ode_err err;

    if (attempt->controlled && attempt->control.hold == control.hold
        && attempt->control.advance == control.advance
        && attempt->control.hold_at == control.hold_at)
        return;
    snprintf(path, sizeof path, "%s/control.json", attempt->dir);
    attempt->controlled = requests_write(&control, path, &err) == ODE_OK;
    attempt->control = control;
    if (!attempt->controlled)
        attempt_complain(attempt, "tell the worker what is asked of it", &err);
}

void
attempt_heed(struct attempt *attempt, const struct run *run)
{
    if (enforce(attempt, run))
        control_keep(attempt, run);
}

/* Now and then: what the run takes of the disk. */
static void
weigh(struct attempt *attempt, struct run *run)
{
    const uint64_t now = uv_now(attempt->sup->loop);
    struct ode_err err;

    if (attempt->weighed_ms && now < attempt->weighed_ms + WEIGH_MS)
        return;
    attempt->weighed_ms = now;
    run->bytes = storage_weigh(attempt->dir);
    if (run_save(attempt->sup->store, run, &err) != ODE_OK)
        attempt_complain(attempt, "store what the run takes of the disk", &err);
}

/* --- looking --------------------------------------------------------------------------
 */

/* An adopted worker's end is seen by its lock, before the journal is read to its end. */
static void
look_for_life(struct attempt *attempt)
{
    struct ode_err err;
    bool alive = true;

    if (attempt->gone || attempt->worker.pid)
        return;
    if (attempt->worker.ops->alive(attempt->dir, &alive, &err) != ODE_OK) {
        snprintf(attempt->end.trouble, sizeof attempt->end.trouble, "%.150s", err.text);
        alive = false;
    }
    if (!alive)
        mark_gone(attempt);
}

void
attempt_look(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;
    struct run run = { .number = attempt->number };
    struct ode_err err;
    bool more;

    look_for_life(attempt);
    if (ingest_batch(&sup->ingest, attempt->number, attempt->journal, &more, &err)
            != ODE_OK
        || run_reload(sup->store, &run, &err) != ODE_OK) {
        attempt_complain(attempt, "take in the journal", &err);
        abandon(attempt);
        return;
    }
    attempt->complained = false;
    attempt_note(attempt, &run);
    if (more)
        look_soon(attempt);
    else if (attempt->gone) {
        judge(attempt);
        return;
    }
    if (attempt->gone)
        return;
    weigh(attempt, &run);
    attempt_heed(attempt, &run);
}

/* --- starting -------------------------------------------------------------------------
 */

static void
launch(struct attempt *attempt, struct run *run)
{
    struct supervise *sup = attempt->sup;
    const int64_t mib = sup->rules.cache_mib;
    char cache[ATTEMPT_PATH_BYTES] = "";
    struct launch_plan plan = { .program = sup->rules.worker,
                                .run_dir = attempt->dir,
                                .data_dir = sup->rules.data_dir,
                                .cache = cache,
                                .cache_mib = mib,
                                .threads = attempt->share.threads };
    struct ode_err err;
    enum ode_status status;

    if (mib >= 0
        && snprintf(cache, sizeof cache, "%s/cache", sup->rules.state_dir)
               >= ATTEMPT_PATH_BYTES)
        cache[0] = '\0';
    control_keep(attempt, run);
    status = attempt->worker.ops->start(&attempt->worker, sup->loop, &plan, &err);
    if (status == ODE_OK) {
        run->pid = attempt->worker.pid;
        sup->counts.starts++;
        log_event(sup->log, LOG_INFO, "supervise", "started", log_text("run", run->id),
                  log_int("attempt", run->attempt), log_int("pid", run->pid));
        if (run_save(sup->store, run, &err) != ODE_OK)
            attempt_complain(attempt, "store the worker's pid", &err);
    } else if (status == ODE_EBUSY) {
        log_event(sup->log, LOG_WARN, "supervise", "adopted", log_text("run", run->id),
                  log_text("because", err.text));
    } else {
        snprintf(attempt->end.trouble, sizeof attempt->end.trouble, "%.150s", err.text);
        mark_gone(attempt);
    }
}

bool
attempt_start(struct supervise *sup, struct run *run)
{
    struct attempt *attempt = attempt_new(sup, run);
    struct ode_err err;

    if (!attempt)
        return false;
    if (queue_move(sup->queue, run, RUN_STARTING, "", &err) != ODE_OK) {
        attempt_complain(attempt, "start the run", &err);
        attempt_end(attempt);
        return false;
    }
    launch(attempt, run);
    return true;
}

enum ode_status
attempt_adopt(struct supervise *sup, const struct run *run, struct ode_err *err)
{
    struct attempt *attempt = attempt_new(sup, run);

    if (!attempt)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to follow run %s", run->id);
    look_for_life(attempt);
    attempt->unseen = attempt->gone;
    look_soon(attempt);
    log_event(sup->log, LOG_INFO, "supervise", attempt->gone ? "found-ended" : "adopted",
              log_text("run", run->id), log_int("pid", run->pid));
    return ODE_OK;
}
