/* documents.c - rows of the database as JSON documents. */
#include "daemon/documents.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/queue.h"
#include "daemon/series.h"
#include "daemon/stamp.h"

/* Sorts after every id. */
#define LAST_ID "~"

static enum ode_status
no_memory(struct ode_err *err)
{
    return ode_fail(err, ODE_ENOMEM, "", "no memory for the answer");
}

/* --- values ------------------------------------------------------------------------- */

/* Text that a cut message or a file name has made invalid is shown as far as it is ASCII.
 */
static json_t *
text_json(const char *text)
{
    json_t *json = json_string(text);
    char ascii[512];
    size_t n = 0;

    if (json)
        return json;
    for (; text[n] && n < sizeof ascii - 1; n++)
        ascii[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
    ascii[n] = '\0';
    return json_string(ascii);
}

static json_t *
text_or_null(const char *text)
{
    return *text ? text_json(text) : json_null();
}

static json_t *
stamp_or_null(int64_t ms)
{
    char text[STAMP_BYTES];

    if (ms <= 0)
        return json_null();
    stamp_format(ms, text);
    return json_string(text);
}

static json_t *
real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
column_count(sqlite3_stmt *query, int column)
{
    return sqlite3_column_type(query, column) == SQLITE_NULL
               ? json_null()
               : json_integer(sqlite3_column_int64(query, column));
}

static json_t *
column_real(sqlite3_stmt *query, int column)
{
    return sqlite3_column_type(query, column) == SQLITE_NULL
               ? json_null()
               : json_real(sqlite3_column_double(query, column));
}

static json_t *
column_stamp(sqlite3_stmt *query, int column)
{
    return stamp_or_null(sqlite3_column_int64(query, column));
}

/* JSON that was stored as text; null where there is none. */
static json_t *
column_json(sqlite3_stmt *query, int column)
{
    json_t *json = json_loads(store_column_text(query, column), JSON_DECODE_ANY, NULL);

    return json ? json : json_null();
}

/* --- runs ----------------------------------------------------------------------------
 */

static json_t *
error_json(const struct run *run)
{
    if (run_state_of(run) != RUN_FAILED)
        return json_null();
    return json_pack("{so so so}", "code", text_json(run->error_code), "at",
                     text_json(run->error_at), "text", text_json(run->error_text));
}

static double
progress(const struct run *run)
{
    if (run_state_of(run) == RUN_SUCCEEDED)
        return 1;
    return run->total_work > 0 ? fmin(run->work / run->total_work, 1) : 0;
}

/* What is left of the work, at the speed of what is done. */
static double
eta_s(const struct run *run)
{
    if (run_state_of(run) != RUN_RUNNING || run->work <= 0 || run->total_work <= 0)
        return NAN;
    return fmax(run->total_work - run->work, 0) * run->time / run->work;
}

/* One of the seconds that were left when the forecast was made, less what was trained
 * since. */
static json_t *
left_json(const struct run *run, const json_t *forecast, const char *which)
{
    const double left = json_number_value(json_object_get(forecast, which));

    return json_real(fmax(left - (run->time - run->forecast_time), 0));
}

static json_t *
forecast_json(const struct run *run)
{
    json_t *forecast, *json;
    double left;

    if (run_state_of(run) != RUN_RUNNING || !run->forecast[0])
        return json_null();
    forecast = json_loads(run->forecast, 0, NULL);
    left = json_number_value(json_object_get(forecast, "expected"));
    json = json_pack("{s{so so so} so}", "remaining_s", "expected",
                     left_json(run, forecast, "expected"), "low",
                     left_json(run, forecast, "low"), "high",
                     left_json(run, forecast, "high"), "ends_at",
                     stamp_or_null(run->forecast_ms + (int64_t)(1000 * left)));
    json_decref(forecast);
    return json;
}

static enum ode_status
add_newest(struct store *store, const struct run *run, json_t *document,
           struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_NEWEST_LIST, store_int(run->number));
    json_t *metrics = json_object();
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row)
        json_object_set_new(metrics, store_column_text(query, 0), column_real(query, 1));
    store_done(query);
    if (json_object_set_new(document, "metrics", metrics) != 0 && status == ODE_OK)
        status = no_memory(err);
    return status;
}

static enum ode_status
add_shape(struct store *store, const struct run *run, json_t *document,
          struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_LEVEL_SHAPE, store_int(run->number),
                                      store_int(run->level));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    json_object_set_new(document, "level",
                        run->level >= 0 ? json_integer(run->level) : json_null());
    json_object_set_new(document, "resolution",
                        row ? column_count(query, 0) : json_null());
    json_object_set_new(document, "blocks", row ? column_json(query, 1) : json_null());
    store_done(query);
    return status;
}

/* Its place in the sweep of its job. */
static enum ode_status
add_sweep(struct store *store, const struct run *run, json_t *document,
          struct ode_err *err)
{
    json_t *sweep = json_null();
    enum ode_status status = ODE_OK;
    sqlite3_stmt *query;
    bool row = false;

    if (run->sweep_place) {
        query = store_query(store, STORE_RUN_VALUES, store_int(run->number));
        status = store_step(query, &row, err);
        sweep =
            json_pack("{sI so so}", "index", (json_int_t)run->sweep_place - 1, "values",
                      row ? column_json(query, 0) : json_null(), "gate",
                      run->sweep_gate ? json_integer(run->sweep_gate - 1) : json_null());
        store_done(query);
    }
    if (json_object_set_new(document, "sweep", sweep) != 0 && status == ODE_OK)
        status = no_memory(err);
    return status;
}

static json_t *
run_json(const struct run *run)
{
    return json_pack(
        "{ss ss so ss so sI sb sb so sI sI so so so so so sI sI sf sf sf sf sf so so so "
        "so}",
        "id", run->id, "job", run->job, "name", text_json(run->name), "state", run->state,
        "reason", text_or_null(run->reason), "priority", (json_int_t)run->priority,
        "hold", run->hold != 0, "pause", run->pause != 0, "yields_to",
        text_or_null(run->yields_to), "attempt", (json_int_t)run->attempt, "max_retries",
        (json_int_t)run->max_retries, "created_at", stamp_or_null(run->created_ms),
        "started_at", stamp_or_null(run->started_ms), "finished_at",
        stamp_or_null(run->finished_ms), "dataset", text_json(run->dataset), "levels",
        run->levels > 0 ? json_integer(run->levels) : json_null(), "step",
        (json_int_t)run->step, "steps", (json_int_t)run->steps, "epoch", run->epoch,
        "work", run->work, "total_work", run->total_work, "progress", progress(run),
        "time", run->time, "eta_s", real_or_null(eta_s(run)), "forecast",
        forecast_json(run), "error", error_json(run), "model_sha256",
        text_or_null(run->model_sha256));
}

/* Takes *document over: hands it on in *out, or drops it. */
static enum ode_status
hand_over(enum ode_status status, json_t *document, json_t **out)
{
    if (status == ODE_OK)
        *out = document;
    else
        json_decref(document);
    return status;
}

static void
add_turn(const struct document_turns *turns, const struct run *run, json_t *document)
{
    char text[160] = "";
    int threads = (int)run->threads;

    if (turns)
        turns->tell(turns->context, run, &threads, text, sizeof text);
    json_object_set_new(document, "threads", json_integer(threads));
    json_object_set_new(document, "memory_bytes",
                        run->memory_bytes ? json_integer(run->memory_bytes)
                                          : json_null());
    json_object_set_new(document, "waits", text_or_null(text));
    json_object_set_new(document, "bytes",
                        run->bytes ? json_integer(run->bytes) : json_null());
}

enum ode_status
document_run(struct store *store, const struct document_turns *turns,
             const struct run *run, json_t **out, struct ode_err *err)
{
    json_t *document = run_json(run);
    enum ode_status status;

    if (!document)
        return no_memory(err);
    add_turn(turns, run, document);
    status = add_sweep(store, run, document, err);
    if (status == ODE_OK)
        status = add_shape(store, run, document, err);
    if (status == ODE_OK)
        status = add_newest(store, run, document, err);
    return hand_over(status, document, out);
}

static json_t *
artifacts_json(const char *run_dir)
{
    static const char *const names[] = { "spec.json", "model.safetensors" };
    json_t *list = json_array();
    char path[4200];
    struct stat st;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", run_dir, names[i]);
        if (stat(path, &st) == 0)
            json_array_append_new(list, json_pack("{ss sI}", "name", names[i], "bytes",
                                                  (json_int_t)st.st_size));
    }
    return list;
}

/* The job's row is the query's current one. */
static json_t *
job_json(sqlite3_stmt *query, bool with_spec)
{
    json_t *job = json_pack("{ss so so so}", "id", store_column_text(query, 0), "name",
                            text_json(store_column_text(query, 1)), "created_at",
                            column_stamp(query, 4), "priority", column_count(query, 3));

    if (job && with_spec)
        json_object_set_new(job, "spec", column_json(query, 2));
    return job;
}

static enum ode_status
load_spec(struct store *store, const struct run *run, json_t **spec, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_RUN_SPEC, store_int(run->number));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    if (status == ODE_OK)
        *spec = row ? column_json(query, 0) : json_null();
    store_done(query);
    return status;
}

enum ode_status
document_run_whole(struct store *store, const struct document_turns *turns,
                   const struct run *run, const char *run_dir, json_t **out,
                   struct ode_err *err)
{
    json_t *document, *spec;
    enum ode_status status;

    ODE_TRY(load_spec(store, run, &spec, err));
    status = document_run(store, turns, run, &document, err);
    if (status != ODE_OK) {
        json_decref(spec);
        return status;
    }
    json_object_set_new(document, "spec", spec);
    json_object_set_new(document, "artifacts", artifacts_json(run_dir));
    *out = document;
    return ODE_OK;
}

/* --- lists ---------------------------------------------------------------------------
 */

/* {name: list, "next": the last one's id where there are more}. Takes list over. */
static enum ode_status
page_json(const char *name, json_t *list, int limit, json_t **out, struct ode_err *err)
{
    size_t n = json_array_size(list);
    bool more = n > (size_t)limit;
    json_t *next, *page;

    if (more)
        json_array_remove(list, n - 1);
    next = more ? json_incref(json_object_get(json_array_get(list, n - 2), "id"))
                : json_null();
    page = json_pack("{so so}", name, list, "next", next);
    if (!page)
        return no_memory(err);
    *out = page;
    return ODE_OK;
}

/* The rows of the query as documents; *version becomes the last one's, where it is asked
 * for. */
static enum ode_status
list_runs(struct store *store, const struct document_turns *turns, sqlite3_stmt *query,
          json_t *list, int64_t *version, struct ode_err *err)
{
    enum ode_status status;
    struct run run;
    json_t *document;
    bool found;

    while ((status = run_step(query, &run, &found, err)) == ODE_OK && found) {
        status = document_run(store, turns, &run, &document, err);
        if (status != ODE_OK)
            break;
        json_array_append_new(list, document);
        if (version)
            *version = run.version;
    }
    store_done(query);
    return status;
}

/* The query that is the quickest for what the page asks for. */
static sqlite3_stmt *
page_query(struct store *store, const struct backend_page *page, const char *states)
{
    const enum store_statement statement = page->job      ? STORE_RUN_PAGE_OF_JOB
                                           : page->states ? STORE_RUN_PAGE_OF_STATES
                                                          : STORE_RUN_PAGE;

    return store_query(
        store, statement, store_text(page->cursor ? page->cursor : LAST_ID),
        store_int(page->limit + 1), store_text(page->states ? states : NULL),
        store_text(page->job), store_text(page->name), store_text(page->dataset));
}

enum ode_status
document_runs(struct store *store, const struct document_turns *turns,
              const struct backend_page *page, json_t **out, struct ode_err *err)
{
    json_t *list = json_array();
    enum ode_status status;
    char states[160];

    snprintf(states, sizeof states, ",%s,", page->states ? page->states : "");
    status = list_runs(store, turns, page_query(store, page, states), list, NULL, err);
    if (status != ODE_OK) {
        json_decref(list);
        return status;
    }
    return page_json("runs", list, page->limit, out, err);
}

static enum ode_status
newest_version(struct store *store, int64_t *version, struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(store, STORE_RUN_VERSION, NULL, 0);
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    if (row)
        *version = sqlite3_column_int64(query, 0);
    store_done(query);
    return status;
}

enum ode_status
document_changes(struct store *store, const struct document_turns *turns,
                 const struct run *run, int64_t after, int limit, json_t **out,
                 struct ode_err *err)
{
    const struct store_value from = store_int(after), most = store_int(limit);
    json_t *list = json_array(), *document;
    enum ode_status status = ODE_OK;
    int64_t version = after;

    if (run)
        status = list_runs(
            store, turns,
            store_query(store, STORE_RUN_CHANGED_ONE, from, most, store_int(run->number)),
            list, &version, err);
    else if (after < 0)
        status = newest_version(store, &version, err);
    else
        status =
            list_runs(store, turns, store_query(store, STORE_RUN_CHANGED, from, most),
                      list, &version, err);
    document = json_pack("{so sI}", "runs", list, "version", (json_int_t)version);
    if (status == ODE_OK && !document)
        return no_memory(err);
    return hand_over(status, document, out);
}

/* The id of the newest of all events. */
static enum ode_status
add_newest_event(struct store *store, json_t *page, struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(store, STORE_EVENT_NEWEST, NULL, 0);
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    json_object_set_new(page, "newest", row ? column_count(query, 0) : json_integer(0));
    store_done(query);
    return status;
}

static json_t *
event_json(sqlite3_stmt *query)
{
    return json_pack("{so ss so ss so so so}", "id", column_count(query, 0), "run",
                     store_column_text(query, 1), "at", column_stamp(query, 2), "kind",
                     store_column_text(query, 3), "from",
                     text_or_null(store_column_text(query, 4)), "to",
                     text_or_null(store_column_text(query, 5)), "text",
                     text_json(store_column_text(query, 6)));
}

enum ode_status
document_events(struct store *store, const struct run *run, int64_t after, int limit,
                json_t **out, struct ode_err *err)
{
    const struct store_value from = store_int(after), most = store_int(limit + 1);
    sqlite3_stmt *query = run ? store_query(store, STORE_EVENT_PAGE_OF_RUN, from, most,
                                            store_int(run->number))
                              : store_query(store, STORE_EVENT_PAGE, from, most);
    json_t *list = json_array();
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row)
        json_array_append_new(list, event_json(query));
    store_done(query);
    if (status != ODE_OK) {
        json_decref(list);
        return status;
    }
    status = page_json("events", list, limit, out, err);
    return status == ODE_OK ? add_newest_event(store, *out, err) : status;
}

static enum ode_status
add_runs_of_job(struct store *store, json_t *job, struct ode_err *err)
{
    const char *id = json_string_value(json_object_get(job, "id"));
    sqlite3_stmt *query = store_query(store, STORE_RUN_OF_JOB, store_text(id));
    json_t *list = json_array();
    enum ode_status status;
    struct run run;
    bool found;

    while ((status = run_step(query, &run, &found, err)) == ODE_OK && found)
        json_array_append_new(list,
                              json_pack("{ss ss}", "id", run.id, "state", run.state));
    store_done(query);
    if (json_object_set_new(job, "runs", list) != 0 && status == ODE_OK)
        status = no_memory(err);
    return status;
}

enum ode_status
document_job(struct store *store, const char *id, json_t **out, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_GET, store_text(id));
    enum ode_status status;
    json_t *job = NULL;
    bool row = false;

    status = store_step(query, &row, err);
    if (status == ODE_OK && row)
        job = job_json(query, true);
    store_done(query);
    if (status == ODE_OK && !row)
        return ode_fail(err, ODE_ENOENT, "", "there is no job %.40s", id);
    if (status == ODE_OK)
        status = job ? add_runs_of_job(store, job, err) : no_memory(err);
    return hand_over(status, job, out);
}

enum ode_status
document_jobs(struct store *store, const struct backend_page *page, json_t **out,
              struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_PAGE,
                                      store_text(page->cursor ? page->cursor : LAST_ID),
                                      store_int(page->limit + 1), store_text(page->name));
    json_t *list = json_array(), *job;
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row) {
        job = job_json(query, false);
        status = job ? add_runs_of_job(store, job, err) : no_memory(err);
        json_array_append_new(list, job);
        if (status != ODE_OK)
            break;
    }
    store_done(query);
    if (status != ODE_OK) {
        json_decref(list);
        return status;
    }
    return page_json("jobs", list, page->limit, out, err);
}

/* --- levels and metrics ---------------------------------------------------------------
 */

static json_t *
level_json(sqlite3_stmt *query)
{
    json_t *metrics = column_json(query, 13);

    if (json_is_null(metrics))
        metrics = json_object();
    return json_pack(
        "{so ss so so so so so so so so so so so so so so so sb}", "level",
        column_count(query, 0), "state", store_column_text(query, 1), "resolution",
        column_count(query, 2), "blocks", column_json(query, 3), "epochs",
        column_count(query, 4), "steps", column_count(query, 5), "parameters",
        column_count(query, 6), "flops_per_image", column_real(query, 7), "memory_bytes",
        column_count(query, 8), "work", column_real(query, 9), "started_at",
        column_stamp(query, 10), "finished_at", column_stamp(query, 11), "seconds",
        column_real(query, 12), "metrics", metrics, "ended",
        text_or_null(store_column_text(query, 16)), "transfer", column_json(query, 14),
        "forecast_s", column_json(query, 15), "cached", sqlite3_column_int(query, 17));
}

enum ode_status
document_levels(struct store *store, const struct run *run, json_t **out,
                struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_LEVEL_LIST, store_int(run->number));
    json_t *list = json_array();
    json_t *document = json_pack("{so}", "levels", list);
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row)
        json_array_append_new(list, level_json(query));
    store_done(query);
    if (status == ODE_OK && !document)
        return no_memory(err);
    return hand_over(status, document, out);
}

struct series {
    struct series_point *points; /* owned */
    size_t n, room;
};

static enum ode_status
series_add(struct series *series, const struct series_point *point, struct ode_err *err)
{
    size_t room = series->room ? 2 * series->room : 1024;
    struct series_point *more;

    if (series->n == series->room) {
        more = realloc(series->points, room * sizeof *more);
        if (!more)
            return no_memory(err);
        series->points = more;
        series->room = room;
    }
    series->points[series->n++] = *point;
    return ODE_OK;
}

static enum ode_status
series_read(struct store *store, int64_t run, int64_t name,
            const struct backend_series *asked, struct series *series,
            struct ode_err *err)
{
    sqlite3_stmt *query =
        store_query(store, STORE_METRIC_LIST, store_int(run), store_int(name),
                    store_int(asked->after_level), store_int(asked->after_step));
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row) {
        struct series_point point = { .level = sqlite3_column_int64(query, 0),
                                      .step = sqlite3_column_int64(query, 1),
                                      .work = sqlite3_column_double(query, 2),
                                      .time = sqlite3_column_double(query, 3),
                                      .value =
                                          sqlite3_column_type(query, 4) == SQLITE_NULL
                                              ? NAN
                                              : sqlite3_column_double(query, 4) };

        status = series_add(series, &point, err);
        if (status != ODE_OK)
            break;
    }
    store_done(query);
    return status;
}

static json_t *
series_json(const char *name, const struct series *series)
{
    json_t *list = json_array();

    for (size_t i = 0; i < series->n; i++) {
        const struct series_point *p = &series->points[i];

        json_array_append_new(
            list, json_pack("{sI sI sf sf so}", "level", (json_int_t)p->level, "step",
                            (json_int_t)p->step, "work", p->work, "time", p->time,
                            "value", real_or_null(p->value)));
    }
    return json_pack("{ss so}", "name", name, "points", list);
}

static enum ode_status
find_name(struct store *store, const char *name, int64_t *id, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_NAME_GET, store_text(name));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    *id = status == ODE_OK && row ? sqlite3_column_int64(query, 0) : -1;
    store_done(query);
    return status;
}

static enum ode_status
add_series(struct store *store, const struct run *run, const char *name,
           const struct backend_series *asked, json_t *list, struct ode_err *err)
{
    struct series series = { .n = 0 };
    enum ode_status status;
    json_t *json;
    int64_t id;

    ODE_TRY(find_name(store, name, &id, err));
    status = series_read(store, run->number, id, asked, &series, err);
    if (status == ODE_OK) {
        if (series.n > 0)
            series.n = series_reduce(series.points, series.n, (size_t)asked->points);
        json = series_json(name, &series);
        if (!json || json_array_append_new(list, json) != 0)
            status = no_memory(err);
    }
    free(series.points);
    return status;
}

/* The names of all metrics of the run, as the members of an object. */
static enum ode_status
all_names(struct store *store, const struct run *run, json_t *names, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_NEWEST_LIST, store_int(run->number));
    enum ode_status status;
    bool row;

    while ((status = store_step(query, &row, err)) == ODE_OK && row)
        json_object_set_new(names, store_column_text(query, 0), json_null());
    store_done(query);
    return status;
}

static enum ode_status
add_all_series(struct store *store, const struct run *run,
               const struct backend_series *asked, json_t *list, struct ode_err *err)
{
    json_t *names = json_object();
    enum ode_status status = all_names(store, run, names, err);

    for (void *i = json_object_iter(names); i && status == ODE_OK;
         i = json_object_iter_next(names, i))
        status = add_series(store, run, json_object_iter_key(i), asked, list, err);
    json_decref(names);
    return status;
}

enum ode_status
document_metrics(struct store *store, const struct run *run,
                 const struct backend_series *asked, json_t **out, struct ode_err *err)
{
    json_t *list = json_array();
    json_t *document = json_pack("{so}", "series", list);
    enum ode_status status = document ? ODE_OK : no_memory(err);

    if (status == ODE_OK && asked->n == 0)
        status = add_all_series(store, run, asked, list, err);
    for (size_t i = 0; i < asked->n && status == ODE_OK; i++)
        status = add_series(store, run, asked->names[i], asked, list, err);
    return hand_over(status, document, out);
}
