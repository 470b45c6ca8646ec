/* sweeps.c - who is promoted. */
#include "daemon/sweeps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/sweep.h"

/* One that waits at the gate of its sweep. */
struct candidate {
    int64_t number, place;
    double value; /* of the metric at the gate; NaN: it has none */
};

/* A job's runs at one moment. */
struct field {
    int64_t best;
    char metric[32];
    struct candidate waiting[SWEEP_RUNS_MAX];
    size_t n;
    int64_t promoted; /* were let through already */
    bool open;        /* one of them is still on its way to the gate */
};

bool
sweeps_came_to_gate(const struct run *run)
{
    return run->sweep_gate && strcmp(run->final_state, "held") == 0
           && run->level + 1 >= run->sweep_gate;
}

static bool
waits_at_gate(const struct run *run)
{
    return run_state_of(run) == RUN_PAUSED && sweeps_came_to_gate(run);
}

/* --- what there is --------------------------------------------------------------------
 */

static enum ode_status
job_load(struct store *store, const char *job, struct field *field, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_PROMOTE, store_text(job));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    if (row) {
        field->best = sqlite3_column_int64(query, 0);
        run_text(field->metric, sizeof field->metric, store_column_text(query, 1));
    }
    store_done(query);
    return status;
}

/* Where the run stands; those at the gate become candidates. */
static void
take_note(struct field *field, const struct run *run)
{
    if (!run->sweep_gate)
        field->promoted++;
    else if (!waits_at_gate(run))
        field->open = field->open || !run_state_final(run_state_of(run));
    else if (field->n < SWEEP_RUNS_MAX)
        field->waiting[field->n++] =
            (struct candidate){ run->number, run->sweep_place, NAN };
}

static enum ode_status
runs_load(struct store *store, const char *job, struct field *field, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_RUN_OF_JOB, store_text(job));
    enum ode_status status;
    struct run run;
    bool found;

    while ((status = run_step(query, &run, &found, err)) == ODE_OK && found)
        take_note(field, &run);
    store_done(query);
    return status;
}

/* The newest value of the metric at the gate or before it. */
static enum ode_status
values_load(struct store *store, struct field *field, struct ode_err *err)
{
    for (size_t i = 0; i < field->n; i++) {
        sqlite3_stmt *query =
            store_query(store, STORE_METRIC_LAST, store_int(field->waiting[i].number),
                        store_text(field->metric));
        enum ode_status status;
        bool row;

        status = store_step(query, &row, err);
        if (status == ODE_OK && row)
            field->waiting[i].value = sqlite3_column_double(query, 0);
        store_done(query);
        if (status != ODE_OK)
            return status;
    }
    return ODE_OK;
}

/* --- ranks ----------------------------------------------------------------------------
 */

/* The best first; who has no value last; of equals who comes first in the sweep. */
static int
compare(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (isnan(a->value) != isnan(b->value))
        return isnan(a->value) ? 1 : -1;
    if (a->value != b->value && !isnan(a->value))
        return a->value > b->value ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static void
rank(struct field *field)
{
    const bool falls = strcmp(field->metric, sweep_metric_name(SWEEP_LOSS)) == 0;

    for (size_t i = 0; falls && i < field->n; i++)
        field->waiting[i].value = -field->waiting[i].value;
    qsort(field->waiting, field->n, sizeof *field->waiting, compare);
    for (size_t i = 0; falls && i < field->n; i++)
        field->waiting[i].value = -field->waiting[i].value;
}

/* --- the decision ---------------------------------------------------------------------
 */

static enum ode_status
let_through(struct queue *queue, const struct field *field, size_t place, bool promoted,
            struct ode_err *err)
{
    const struct candidate *candidate = &field->waiting[place];
    struct run run = { .number = candidate->number };
    char cause[200], value[48] = "nothing measured";

    ODE_TRY(run_reload(queue->store, &run, err));
    if (!isnan(candidate->value))
        snprintf(value, sizeof value, "%.6g", candidate->value);
    snprintf(cause, sizeof cause,
             promoted ? "promoted: place %zu of %zu in its sweep by %s, %s"
                      : "not promoted: place %zu of %zu in its sweep by %s, %s; a retry "
                        "lets it go on",
             place + 1, field->n, field->metric, value);
    if (promoted)
        run.sweep_gate = 0;
    return queue_move(queue, &run, promoted ? RUN_QUEUED : RUN_CANCELLED, cause, err);
}

static enum ode_status
decide(struct queue *queue, const struct log *log, const char *job, struct ode_err *err)
{
    struct field field = { .n = 0 };
    int64_t places;

    ODE_TRY(job_load(queue->store, job, &field, err));
    ODE_TRY(runs_load(queue->store, job, &field, err));
    if (field.open || field.n == 0)
        return ODE_OK;
    ODE_TRY(values_load(queue->store, &field, err));
    rank(&field);
    places = field.best - field.promoted;
    for (size_t i = 0; i < field.n; i++)
        ODE_TRY(let_through(queue, &field, i, (int64_t)i < places, err));
    log_event(log, LOG_INFO, "sweeps", "promoted", log_text("job", job),
              log_int("runs", (int64_t)field.n < places ? (int64_t)field.n : places));
    return ODE_OK;
}

/* The first job behind this one with a run at its gate; "": there is none. */
static enum ode_status
next_job(struct store *store, char job[32], struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_AT_GATE, store_text(job));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    run_text(job, 32, row ? store_column_text(query, 0) : "");
    store_done(query);
    return status;
}

enum ode_status
sweeps_settle(struct queue *queue, const struct log *log, struct ode_err *err)
{
    char job[32] = "";

    for (;;) {
        ODE_TRY(next_job(queue->store, job, err));
        if (!job[0])
            return ODE_OK;
        ODE_TRY(store_begin(queue->store, err));
        ODE_TRY(store_end(queue->store, decide(queue, log, job, err), err));
    }
}
