/* supervise.c - whose turn it is, and the life of the supervisor. */
#include "daemon/supervise.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "daemon/attempt.h"
#include "daemon/files.h"
#include "daemon/sched.h"
#include "daemon/sweeps.h"
#include "daemon/ulid.h"

enum {
    PATH_BYTES = ATTEMPT_PATH_BYTES,
    SOON_MS = 20,
    TIDY_MS = 60000,
    DISPATCH_MOST = 64
};

bool
supervise_path(const struct supervise *sup, const char *run, const char *name, char *path,
               size_t size)
{
    int n = snprintf(path, size, "%s/runs/%s%s%s", sup->rules.state_dir, run,
                     *name ? "/" : "", name);

    return n > 0 && (size_t)n < size;
}

/* --- looking --------------------------------------------------------------------------
 */

static void
look_at_all(struct supervise *sup, bool dirty_only)
{
    struct attempt *next;

    for (struct attempt *attempt = sup->attempts; attempt; attempt = next) {
        next = attempt->next;
        if (dirty_only && !attempt->dirty)
            continue;
        attempt->dirty = false;
        attempt_look(attempt);
    }
}

static void
on_soon(uv_timer_t *timer)
{
    look_at_all(timer->data, true);
}

void
supervise_look_soon(struct supervise *sup)
{
    if (!uv_is_active((uv_handle_t *)&sup->soon))
        uv_timer_start(&sup->soon, on_soon, SOON_MS, 0);
}

static void
look_at_disk(struct supervise *sup)
{
    const bool was = sup->full;

    sup->free_bytes = storage_free(sup->rules.state_dir);
    sup->full = storage_full(sup->free_bytes, sup->rules.disk_floor_bytes, was);
    if (sup->full != was)
        log_event(sup->log, sup->full ? LOG_WARN : LOG_INFO, "storage",
                  sup->full ? "short" : "enough", log_int("free_bytes", sup->free_bytes),
                  log_int("floor_bytes", sup->rules.disk_floor_bytes));
}

static void
tidy(struct supervise *sup)
{
    struct ode_err err;

    if (uv_now(sup->loop) < sup->tidied_ms + TIDY_MS)
        return;
    sup->tidied_ms = uv_now(sup->loop);
    if (storage_tidy(sup->store, sup->rules.state_dir, &sup->rules.keep, store_now_ms(),
                     &err)
        != ODE_OK)
        log_failure(sup->log, LOG_WARN, "storage", "delete old checkpoints", &err);
}

static void
on_poll(uv_timer_t *timer)
{
    struct supervise *sup = timer->data;

    look_at_disk(sup);
    look_at_all(sup, false);
    tidy(sup);
    supervise_dispatch(sup);
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
        attempt_complain(attempt, "have it make room", &err);
        return;
    }
    attempt_note(attempt, &run);
    sup->counts.preemptions += to != NULL;
    log_event(sup->log, LOG_INFO, "supervise", to ? "preempted" : "spared",
              log_text("run", run.id), log_text("for", to ? to->id : ""));
    attempt_heed(attempt, &run);
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

/* Whether as many runs of its sweep train as may. */
static bool
sweep_is_full(struct supervise *sup, const struct run *run)
{
    sqlite3_stmt *query;
    bool row = false, full;

    if (run->max_parallel == 0)
        return false;
    query = store_query(sup->store, STORE_RUN_SIBLINGS, store_text(run->job));
    full = store_step(query, &row, NULL) == ODE_OK && row
           && sqlite3_column_int64(query, 0) >= run->max_parallel;
    store_done(query);
    return full;
}

void
supervise_explain_disk(const struct supervise *sup, char *text, size_t size)
{
    snprintf(text, size,
             "waits for storage: %lld MiB of the disk are free, and %lld are to stay so "
             "(odenetd --disk-floor-mib)",
             (long long)(sup->free_bytes >> 20),
             (long long)(sup->rules.disk_floor_bytes >> 20));
}

void
supervise_explain(struct supervise *sup, const struct run *run, char *text, size_t size)
{
    const struct sched_share share = supervise_share(sup, run);
    struct sched_seat seats[SUPERVISE_SLOTS];
    const size_t n = seats_take(sup, seats);
    struct run next;

    text[0] = '\0';
    if (run_state_of(run) != RUN_QUEUED)
        return;
    if (sup->full)
        supervise_explain_disk(sup, text, size);
    else if (sweep_is_full(sup, run))
        snprintf(text, size, "waits for its sweep, of which %lld may train at once",
                 (long long)run->max_parallel);
    else
        sched_explain(&sup->rules.room, seats, n, run, &share,
                      next_run(sup, &next) && next.number == run->number, store_now_ms(),
                      text, size);
}

void
supervise_dispatch(struct supervise *sup)
{
    struct sched_seat seats[SUPERVISE_SLOTS];
    struct sched_share share;
    struct ode_err err;
    struct run run;

    if (sup->stopping || sup->full)
        return;
    yields_review(sup);
    if (sweeps_settle(sup->queue, sup->log, &err) != ODE_OK)
        log_failure(sup->log, LOG_ERROR, "supervise", "settle a sweep", &err);
    for (int i = 0; i < DISPATCH_MOST && next_run(sup, &run); i++) {
        share = supervise_share(sup, &run);
        if (!sched_fits(&sup->rules.room, seats, seats_take(sup, seats), &share)) {
            make_room(sup, &run);
            return;
        }
        if (!attempt_start(sup, &run))
            return;
    }
}

/* --- life of the supervisor -----------------------------------------------------------
 */

static void
on_timer_closed(uv_handle_t *handle)
{
    struct supervise *sup = handle->data;

    if (--sup->timers == 0)
        sup->stopped(sup->stopped_context);
}

/* When the last worker is gone and all that held it is closed, the timers go. */
void
supervise_finish(struct supervise *sup)
{
    if (!sup->stopping || sup->attempts || sup->closing
        || uv_is_closing((uv_handle_t *)&sup->poll))
        return;
    uv_close((uv_handle_t *)&sup->poll, on_timer_closed);
    uv_close((uv_handle_t *)&sup->soon, on_timer_closed);
}

enum ode_status
supervise_init(struct supervise *sup, struct ode_err *err)
{
    sup->ingest =
        (struct ingest){ .store = sup->store, .queue = sup->queue, .log = sup->log };
    sup->poll.data = sup->soon.data = sup;
    uv_timer_init(sup->loop, &sup->poll);
    uv_timer_init(sup->loop, &sup->soon);
    sup->timers = 2;
    look_at_disk(sup);
    if (uv_timer_start(&sup->poll, on_poll, (uint64_t)sup->rules.poll_ms,
                       (uint64_t)sup->rules.poll_ms)
        != 0)
        return ode_fail(err, ODE_EINTERNAL, "", "cannot start the poll timer");
    return ODE_OK;
}

void
supervise_change(struct supervise *sup, const struct supervise_rules *rules)
{
    sup->rules = *rules;
    look_at_disk(sup);
    uv_timer_start(&sup->poll, on_poll, (uint64_t)rules->poll_ms,
                   (uint64_t)rules->poll_ms);
    supervise_dispatch(sup);
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
            ODE_TRY(attempt_adopt(sup, &run, err));
    }
    collect_all(sup);
    return ODE_OK;
}

void
supervise_heed(struct supervise *sup, const struct run *run)
{
    for (struct attempt *attempt = sup->attempts; attempt; attempt = attempt->next)
        if (attempt->number == run->number && !attempt->gone) {
            attempt_note(attempt, run);
            attempt_heed(attempt, run);
            break;
        }
    supervise_dispatch(sup);
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
    supervise_heed(sup, run);
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
    supervise_finish(sup);
}
