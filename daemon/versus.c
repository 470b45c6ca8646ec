/* versus.c - runs beside a control, from the database. */
#include "daemon/versus.h"

#include <stdlib.h>
#include <string.h>

#include "core/data/dataset.h"
#include "daemon/queue.h"
#include "daemon/run.h"
#include "schema/compare.h"
#include "schema/recipe.h"

/* One run, and the curve that its compare_run points at. */
struct entry {
    struct run row;
    struct ode_curve_point *point; /* owned */
    size_t n, room;
};

static enum ode_status
point_add(struct entry *e, const struct ode_curve_point *p, struct ode_err *err)
{
    const size_t room = e->room ? 2 * e->room : 64;
    struct ode_curve_point *more;

    if (e->n == e->room) {
        more = realloc(e->point, room * sizeof *more);
        if (!more)
            return ode_fail(err, ODE_ENOMEM, "", "no memory for a curve");
        e->point = more;
        e->room = room;
    }
    e->point[e->n++] = *p;
    return ODE_OK;
}

static enum ode_status
curve_read(struct store *store, struct entry *e, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_METRIC_CURVE, store_int(e->row.number),
                                      store_text("test.accuracy"));
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row) {
        const struct ode_curve_point p = { .level = sqlite3_column_int64(query, 0),
                                           .step = sqlite3_column_int64(query, 1),
                                           .work = sqlite3_column_double(query, 2),
                                           .time = sqlite3_column_double(query, 3),
                                           .accuracy = sqlite3_column_double(query, 4) };

        status = point_add(e, &p, err);
        if (status != ODE_OK)
            break;
    }
    store_done(query);
    if (status == ODE_OK && e->n == 0)
        return ode_fail(err, ODE_ESTATE, "",
                        "run %s, which is %s, has no test accuracy yet", e->row.id,
                        e->row.state);
    return status;
}

/* The most FLOPs of any level; 0 before the worker's plan is known. */
static enum ode_status
flops_read(struct store *store, int64_t run, double *flops, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_LEVEL_FLOPS, store_int(run));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    if (status == ODE_OK)
        *flops = row ? sqlite3_column_double(query, 0) : 0;
    store_done(query);
    return status;
}

/* 0 where the spec does not tell. */
static int64_t
tests_of(const char *text)
{
    json_t *spec = json_loads(text, 0, NULL), *complaints = NULL;
    struct ode_recipe_spec recipe;
    size_t train, test = 0;

    if (spec && schema_recipe_read(spec, &recipe, &complaints, NULL) == ODE_OK
        && ode_dataset_sizes(&recipe.data, &train, &test, NULL) != ODE_OK)
        test = 0;
    json_decref(complaints);
    json_decref(spec);
    return (int64_t)test;
}

static enum ode_status
tests_read(struct store *store, const char *job, int64_t *tests, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_GET, store_text(job));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    if (status == ODE_OK)
        *tests = row ? tests_of(store_column_text(query, 2)) : 0;
    store_done(query);
    return status;
}

static enum ode_status
entry_read(struct store *store, const char *id, struct entry *e, struct compare_run *run,
           struct ode_err *err)
{
    ODE_TRY(run_load(store, id, &e->row, err));
    ODE_TRY(curve_read(store, e, err));
    *run = (struct compare_run){
        .name = e->row.id,
        .set = e->row.dataset,
        .finished = run_state_final(run_state_of(&e->row)),
        .time = e->row.time,
        .work = e->row.work,
        .curve = {e->point, e->n}
    };
    ODE_TRY(flops_read(store, e->row.number, &run->flops, err));
    return tests_read(store, e->row.job, &run->test_n, err);
}

enum ode_status
versus_make(struct store *store, const char *const *ids, size_t n, const double *accuracy,
            size_t accuracy_n, json_t **out, struct ode_err *err)
{
    struct entry *entry = calloc(n, sizeof *entry);
    struct compare_run run[COMPARE_RUNS];
    enum ode_status status = ODE_OK;

    if (!entry)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the comparison");
    for (size_t i = 0; i < n && status == ODE_OK; i++)
        status = entry_read(store, ids[i], &entry[i], &run[i], err);
    if (status == ODE_OK)
        status = schema_compare(run, n, accuracy, accuracy_n, out, err);
    for (size_t i = 0; i < n; i++)
        free(entry[i].point);
    free(entry);
    return status;
}
