/* supervise.c - runs that have a worker: start, follow, stop, judge. */
#include "daemon/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/files.h"
#include "daemon/sched.h"
#include "daemon/ulid.h"

enum { PATH_BYTES = 4096, SOON_MS = 20, DISPATCH_MOST = 64, ABANDON_MS = 5000 };

struct attempt {
    struct supervise *sup;
    struct attempt *next;
    int64_t number;
    char id[ULID_LENGTH + 1];
    char dir[PATH_BYTES - 64], journal[PATH_BYTES];
    struct worker worker;
    uv_fs_event_t watch;
    bool watching, dirty;
    bool gone, unseen; /* unseen: it ended while no daemon was there */
    bool complained;   /* a failure was logged; not again */
    int64_t ended_ms;
    struct worker_end end;
    uint64_t asked_ms; /* the loop's time when SIGTERM was sent; 0: not yet */
    bool killed;
    bool controlled; /* the control file says this: */
    struct control control;
    struct sched_share share;
    int64_t priority;
    char yields_to[ULID_LENGTH + 1]; /* it is to make room for this run; "": for none */
    int handles;                     /* to be closed before the memory goes */
};

bool
supervise_path(const struct supervise *sup, const char *run, const char *name, char *path,
               size_t size)
{
    int n = snprintf(path, size, "%s/runs/%s%s%s", sup->rules.state_dir, run,
                     *name ? "/" : "", name);

    return n > 0 && (size_t)n < size;
}

/* A failure that may well come again at each poll is told once until things go well. */
static void
complain(struct attempt *attempt, const char *attempted, const struct ode_err *err)
{
    if (!attempt->complained)
        log_event(attempt->sup->log, LOG_ERROR, "supervise", "failed",
                  log_text("run", attempt->id), log_text("to", attempted),
                  log_text("at", err->at), log_text("error", err->text));
    attempt->complained = true;
}

/* --- the life of an attempt -----------------------------------------------------------
 */

static void on_soon(uv_timer_t *timer);

static void
on_timer_closed(uv_handle_t *handle)
{
    struct supervise *sup = handle->data;

    if (--sup->timers == 0)
        sup->stopped(sup->stopped_context);
}

/* When the last worker is gone and all that held it is closed, the timers go. */
static void
finish_stop(struct supervise *sup)
{
    if (!sup->stopping || sup->attempts || sup->closing
        || uv_is_closing((uv_handle_t *)&sup->poll))
        return;
    uv_close((uv_handle_t *)&sup->poll, on_timer_closed);
    uv_close((uv_handle_t *)&sup->soon, on_timer_closed);
}

static void
attempt_part_closed(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;

    if (--attempt->handles > 0)
        return;
    free(attempt);
    sup->closing--;
    finish_stop(sup);
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
    struct supervise *sup = attempt->sup;

    attempt->dirty = true;
    if (!uv_is_active((uv_handle_t *)&sup->soon))
        uv_timer_start(&sup->soon, on_soon, SOON_MS, 0);
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

/* What whose turn it is depends on. */
static void
attempt_note(struct attempt *attempt, const struct run *run)
{
    attempt->share = supervise_share(attempt->sup, run);
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
        complain(attempt, "store what became of the run", &err);
        return;
    }
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
        && !sup->stopping && !over_time(run))
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
                                     .advance = run->advance };
    char path[PATH_BYTES];
    struct ode_err err;

    if (attempt->controlled && attempt->control.hold == control.hold
        && attempt->control.advance == control.advance)
        return;
    snprintf(path, sizeof path, "%s/control.json", attempt->dir);
    attempt->controlled = requests_write(&control, path, &err) == ODE_OK;
    attempt->control = control;
    if (!attempt->controlled)
        complain(attempt, "tell the worker what is asked of it", &err);
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

/* The attempt may be over, and its memory gone, when this returns. */
static void
look(struct attempt *attempt)
{
    struct supervise *sup = attempt->sup;
    struct run run = { .number = attempt->number };
    struct ode_err err;
    bool more;

    look_for_life(attempt);
    if (ingest_batch(&sup->ingest, attempt->number, attempt->journal, &more, &err)
            != ODE_OK
        || run_reload(sup->store, &run, &err) != ODE_OK) {
        complain(attempt, "take in the journal", &err);
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
    if (!attempt->gone && enforce(attempt, &run))
        control_keep(attempt, &run);
}

static void
look_at_all(struct supervise *sup, bool dirty_only)
{
    struct attempt *next;

    for (struct attempt *attempt = sup->attempts; attempt; attempt = next) {
        next = attempt->next;
        if (dirty_only && !attempt->dirty)
            continue;
        attempt->dirty = false;
        look(attempt);
    }
}

static void
on_soon(uv_timer_t *timer)
{
    look_at_all(timer->data, true);
}

static void
on_poll(uv_timer_t *timer)
{
    look_at_all(timer->data, false);
    supervise_dispatch(timer->data);
}

/* --- starting -------------------------------------------------------------------------
 */

static void
launch(struct attempt *attempt, struct run *run)
{
    struct supervise *sup = attempt->sup;
    const int64_t mib = sup->rules.cache_mib;
    char cache[PATH_BYTES] = "";
    struct launch_plan plan = { .program = sup->rules.worker,
                                .run_dir = attempt->dir,
                                .data_dir = sup->rules.data_dir,
                                .cache = cache,
                                .cache_mib = mib,
                                .threads = attempt->share.threads };
    struct ode_err err;
    enum ode_status status;

    if (mib >= 0
        && snprintf(cache, sizeof cache, "%s/cache", sup->rules.state_dir) >= PATH_BYTES)
        cache[0] = '\0';
    control_keep(attempt, run);
    status = attempt->worker.ops->start(&attempt->worker, sup->loop, &plan, &err);
    if (status == ODE_OK) {
        run->pid = attempt->worker.pid;
        log_event(sup->log, LOG_INFO, "supervise", "started", log_text("run", run->id),
                  log_int("attempt", run->attempt), log_int("pid", run->pid));
        if (run_save(sup->store, run, &err) != ODE_OK)
            complain(attempt, "store the worker's pid", &err);
    } else if (status == ODE_EBUSY) {
        log_event(sup->log, LOG_WARN, "supervise", "adopted", log_text("run", run->id),
                  log_text("because", err.text));
    } else {
        snprintf(attempt->end.trouble, sizeof attempt->end.trouble, "%.150s", err.text);
        mark_gone(attempt);
    }
}

/* false: not now. */
static bool
start(struct supervise *sup, struct run *run)
{
    struct attempt *attempt = attempt_new(sup, run);
    struct ode_err err;

    if (!attempt)
        return false;
    if (queue_move(sup->queue, run, RUN_STARTING, "", &err) != ODE_OK) {
        complain(attempt, "start the run", &err);
        attempt_end(attempt);
        return false;
    }
    launch(attempt, run);
    return true;
}

/* --- whose turn it is -----------------------------------------------------------------
 */

struct sched_share
supervise_share(const struct supervise *sup, const struct run *run)
{
    return sched_share_of(run, sup->rules.threads);
}

/* Who has a worker; an adopted one may be beyond what there are slots for. */
static size_t
seats_take(const struct supervise *sup, struct sched_seat seats[SUPERVISE_SLOTS])
{
    size_t n = 0;

    for (const struct attempt *a = sup->attempts; a && n < SUPERVISE_SLOTS; a = a->next)
        seats[n++] =
            (struct sched_seat){ .share = a->share,
                                 .number = a->number,
                                 .priority = a->priority,
                                 .leaving = a->asked_ms || a->yields_to[0] || a->gone };
    return n;
}

/* Has an attempt make room for the run, or, if it is NULL, takes that back. */
static enum ode_status
yield_store(struct attempt *attempt, const struct run *to, struct run *run,
            struct ode_err *err)
{
    char text[128];

    ODE_TRY(run_reload(attempt->sup->store, run, err));
    run_text(run->yields_to, sizeof run->yields_to, to ? to->id : "");
    ODE_TRY(run_save(attempt->sup->store, run, err));
    if (to)
        snprintf(text, sizeof text, "is to make room for run %s, of priority %lld",
                 to->id, (long long)to->priority);
    else
        snprintf(text, sizeof text, "need not make room any more");
    return run_event(attempt->sup->store, run->number, store_now_ms(), "preempt", text,
                     NULL, err);
}

static void
yield(struct attempt *attempt, const struct run *to)
{
    struct supervise *sup = attempt->sup;
    struct run run = { .number = attempt->number };
    struct ode_err err;
    enum ode_status status = store_begin(sup->store, &err);

    if (status == ODE_OK)
        status = store_end(sup->store, yield_store(attempt, to, &run, &err), &err);
    if (status != ODE_OK) {
        complain(attempt, "have it make room", &err);
        return;
    }
    attempt_note(attempt, &run);
    log_event(sup->log, LOG_INFO, "supervise", to ? "preempted" : "spared",
              log_text("run", run.id), log_text("for", to ? to->id : ""));
    if (enforce(attempt, &run))
        control_keep(attempt, &run);
}

/* Who would make room at the end of his level for a run that is not there any more. */
static void
yields_review(struct supervise *sup)
{
    struct attempt *next;

    for (struct attempt *attempt = sup->attempts; attempt; attempt = next) {
        struct ode_err err;
        struct run run;

        next = attempt->next;
        if (!attempt->yields_to[0] || attempt->asked_ms || attempt->gone)
            continue;
        if (run_load(sup->store, attempt->yields_to, &run, &err) == ODE_ENOENT
            || run_state_of(&run) != RUN_QUEUED)
            yield(attempt, NULL);
    }
}

static void
make_room(struct supervise *sup, const struct run *run)
{
    struct sched_share share = supervise_share(sup, run);
    struct sched_seat seats[SUPERVISE_SLOTS];
    size_t n = seats_take(sup, seats);
    struct attempt *attempt = sup->attempts, *next;

    if (sup->rules.preempt == PREEMPT_NEVER
        || !sched_choose(&sup->rules.room, seats, n, &share, run->priority))
        return;
    for (size_t i = 0; i < n; i++, attempt = next) {
        next = attempt->next;
        if (seats[i].chosen)
            yield(attempt, run);
    }
}

/* The run whose turn it is; false: there is none, or it cannot be known. */
static bool
next_run(struct supervise *sup, struct run *run)
{
    struct ode_err err;
    bool found = false;

    if (sched_next(sup->store, &sup->rules.room, store_now_ms(), run, &found, &err)
        != ODE_OK)
        log_failure(sup->log, LOG_ERROR, "supervise", "look for a run to start", &err);
    return found;
}

void
supervise_explain(struct supervise *sup, const struct run *run, char *text, size_t size)
{
    const struct sched_share share = supervise_share(sup, run);
    struct sched_seat seats[SUPERVISE_SLOTS];
    const size_t n = seats_take(sup, seats);
    struct run next;

    text[0] = '\0';
    if (run_state_of(run) == RUN_QUEUED)
        sched_explain(&sup->rules.room, seats, n, run, &share,
                      next_run(sup, &next) && next.number == run->number, store_now_ms(),
                      text, size);
}

void
supervise_dispatch(struct supervise *sup)
{
    struct sched_seat seats[SUPERVISE_SLOTS];
    struct sched_share share;
    struct run run;

    if (sup->stopping)
        return;
    yields_review(sup);
    for (int i = 0; i < DISPATCH_MOST && next_run(sup, &run); i++) {
        share = supervise_share(sup, &run);
        if (!sched_fits(&sup->rules.room, seats, seats_take(sup, seats), &share)) {
            make_room(sup, &run);
            return;
        }
        if (!start(sup, &run))
            return;
    }
}

/* --- life of the supervisor -----------------------------------------------------------
 */

enum ode_status
supervise_init(struct supervise *sup, struct ode_err *err)
{
    sup->ingest = (struct ingest){ sup->store, sup->queue, sup->log };
    sup->poll.data = sup->soon.data = sup;
    uv_timer_init(sup->loop, &sup->poll);
    uv_timer_init(sup->loop, &sup->soon);
    sup->timers = 2;
    if (uv_timer_start(&sup->poll, on_poll, (uint64_t)sup->rules.poll_ms,
                       (uint64_t)sup->rules.poll_ms)
        != 0)
        return ode_fail(err, ODE_EINTERNAL, "", "cannot start the poll timer");
    return ODE_OK;
}

static enum ode_status
recover_run(struct supervise *sup, const struct run *run, struct ode_err *err)
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

/* A directory whose row was never committed: a submission that was cut short. */
static void
collect(struct supervise *sup, const char *id)
{
    char path[PATH_BYTES];
    struct ode_err err;
    bool found = true, alive = true;
    sqlite3_stmt *query = store_query(sup->store, STORE_RUN_EXISTS, store_text(id));
    enum ode_status status = store_step(query, &found, &err);

    store_done(query);
    if (status != ODE_OK || found || !supervise_path(sup, id, "", path, sizeof path)
        || sup->launcher->alive(path, &alive, &err) != ODE_OK || alive)
        return;
    log_event(sup->log, LOG_INFO, "supervise", "collected", log_text("directory", path));
    if (files_remove_tree(path, &err) != ODE_OK)
        log_failure(sup->log, LOG_WARN, "supervise", "remove a directory", &err);
}

static void
collect_all(struct supervise *sup)
{
    char path[PATH_BYTES];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof path, "%s/runs", sup->rules.state_dir);
    dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        if (ulid_valid(entry->d_name))
            collect(sup, entry->d_name);
    if (dir)
        closedir(dir);
}

enum ode_status
supervise_recover(struct supervise *sup, struct ode_err *err)
{
    struct run run = { .number = 0 };
    bool found = true;

    while (found) {
        ODE_TRY(run_first(store_query(sup->store, STORE_RUN_ALIVE, store_int(run.number)),
                          &run, &found, err));
        if (found)
            ODE_TRY(recover_run(sup, &run, err));
    }
    collect_all(sup);
    return ODE_OK;
}

enum ode_status
supervise_request(struct supervise *sup, const char *id, enum request_kind kind,
                  struct run *run, struct ode_err *err)
{
    enum ode_status status;

    ODE_TRY(store_begin(sup->store, err));
    status = run_load(sup->store, id, run, err);
    if (status == ODE_OK)
        status = requests_take(sup->queue, run, kind, err);
    ODE_TRY(store_end(sup->store, status, err));
    for (struct attempt *attempt = sup->attempts; attempt; attempt = attempt->next)
        if (attempt->number == run->number && !attempt->gone) {
            if (enforce(attempt, run))
                control_keep(attempt, run);
            return ODE_OK;
        }
    supervise_dispatch(sup);
    return ODE_OK;
}

void
supervise_stop(struct supervise *sup, supervise_stopped_fn *stopped, void *context)
{
    sup->hurry = sup->stopping;
    if (!sup->stopping) {
        sup->stopping = true;
        sup->stopping_ms = uv_now(sup->loop);
        sup->stopped = stopped;
        sup->stopped_context = context;
    }
    look_at_all(sup, false);
    finish_stop(sup);
}
