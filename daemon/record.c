/* record.c - the records of a journal, a function each, and the table that finds them. */
#include "daemon/record.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/stamp.h"

enum { NAME_BYTES = 64, LEVELS_MOST = 1024 };

/* A worker that is out of its mind must not make sums overflow, nor times that no
 * calendar has: the daemon would fail at the same line for ever. */
static const int64_t count_most = 1000000000000000;
static const double number_most = 1e30, seconds_most = 1e10;

struct record {
    struct queue *queue;
    struct run *run;
    const json_t *json;
    const char *type;
    int64_t at_ms;
    char source[64]; /* what tells this record from all others of the run */
};

/* --- reading members ---------------------------------------------------------------- */

static enum ode_status
malformed(const struct record *record, const char *member, const char *wanted,
          struct ode_err *err)
{
    return ode_fail(err, ODE_EFORMAT, "", "the %s record's %s is not %s", record->type,
                    member, wanted);
}

static enum ode_status
get_count(const struct record *record, const json_t *object, const char *member,
          int64_t *value, struct ode_err *err)
{
    const json_t *found = json_object_get(object, member);

    if (!json_is_integer(found) || json_integer_value(found) < 0
        || json_integer_value(found) > count_most)
        return malformed(record, member, "a count", err);
    *value = json_integer_value(found);
    return ODE_OK;
}

/* A member that may be missing or null, which leaves *value. */
static enum ode_status
get_number(const struct record *record, const json_t *object, const char *member,
           double *value, struct ode_err *err)
{
    const json_t *found = json_object_get(object, member);

    if (!found || json_is_null(found))
        return ODE_OK;
    if (!json_is_number(found) || fabs(json_number_value(found)) > number_most)
        return malformed(record, member, "a number that could be one of a run", err);
    *value = json_number_value(found);
    return ODE_OK;
}

static enum ode_status
get_text(const struct record *record, const json_t *object, const char *member,
         const char **value, struct ode_err *err)
{
    const json_t *found = json_object_get(object, member);

    if (!json_is_string(found))
        return malformed(record, member, "a text", err);
    *value = json_string_value(found);
    return ODE_OK;
}

static enum ode_status
get_level(const struct record *record, const json_t *object, int64_t *level,
          struct ode_err *err)
{
    ODE_TRY(get_count(record, object, "level", level, err));
    if (*level >= LEVELS_MOST)
        return malformed(record, "level", "below 1024", err);
    return ODE_OK;
}

/* An object of numbers and nulls, as in "values" and "metrics". */
static enum ode_status
check_values(const struct record *record, const char *member, const json_t **values,
             struct ode_err *err)
{
    json_t *found = json_object_get(record->json, member);
    const char *name;
    json_t *value;

    if (!json_is_object(found))
        return malformed(record, member, "an object", err);
    json_object_foreach (found, name, value)
        if (!*name || strlen(name) > NAME_BYTES
            || (!json_is_number(value) && !json_is_null(value)))
            return malformed(record, member, "an object of numbers", err);
    *values = found;
    return ODE_OK;
}

/* --- progress ----------------------------------------------------------------------- */

struct place {
    int64_t level, step;
    double epoch, work, time;
};

static enum ode_status
get_place(const struct record *record, struct place *place, struct ode_err *err)
{
    *place = (struct place){ .level = record->run->level };
    if (json_object_get(record->json, "level"))
        ODE_TRY(get_level(record, record->json, &place->level, err));
    ODE_TRY(get_count(record, record->json, "step", &place->step, err));
    ODE_TRY(get_number(record, record->json, "epoch", &place->epoch, err));
    ODE_TRY(get_number(record, record->json, "work", &place->work, err));
    return get_number(record, record->json, "time", &place->time, err);
}

/* A resumed worker comes by places that the run has been at: they change nothing. */
static void
advance(struct run *run, const struct place *place)
{
    if (place->level > run->level) {
        run->level = place->level;
        run->epoch = place->epoch;
    } else if (place->level == run->level && place->epoch > run->epoch) {
        run->epoch = place->epoch;
    }
    if (place->step > run->step)
        run->step = place->step;
    run->work = fmax(run->work, place->work);
    run->time = fmax(run->time, place->time);
}

/* --- the records -------------------------------------------------------------------- */

static enum ode_status
store_hello(struct record *record, struct ode_err *err)
{
    struct run *run = record->run;
    int64_t pid;

    ODE_TRY(get_count(record, record->json, "pid", &pid, err));
    if (pid < 2 || pid > INT32_MAX)
        return malformed(record, "pid", "a process", err);
    run->pid = pid;
    run->final_state[0] = '\0';
    run->error_code[0] = run->error_at[0] = run->error_text[0] = '\0';
    run->forecast[0] = '\0';
    if (run_state_of(run) == RUN_STARTING)
        return queue_move(record->queue, run, RUN_RUNNING, "", err);
    return ODE_OK;
}

struct rung {
    int64_t level, resolution, epochs, steps, parameters, memory_bytes;
    double flops_per_image, work;
    char *blocks; /* owned */
};

static enum ode_status
get_blocks(const struct record *record, const json_t *object, struct rung *rung,
           struct ode_err *err)
{
    const json_t *blocks = json_object_get(object, "blocks");
    const json_t *item;
    size_t i;

    if (!json_is_array(blocks))
        return malformed(record, "blocks", "a list", err);
    json_array_foreach (blocks, i, item)
        if (!json_is_integer(item))
            return malformed(record, "blocks", "a list of counts", err);
    rung->blocks = json_dumps(blocks, JSON_COMPACT);
    return rung->blocks ? ODE_OK : ode_fail(err, ODE_ENOMEM, "", "no memory for a plan");
}

static enum ode_status
get_rung(const struct record *record, const json_t *object, struct rung *rung,
         struct ode_err *err)
{
    *rung = (struct rung){ .blocks = NULL };
    ODE_TRY(get_level(record, object, &rung->level, err));
    ODE_TRY(get_count(record, object, "resolution", &rung->resolution, err));
    ODE_TRY(get_count(record, object, "epochs", &rung->epochs, err));
    ODE_TRY(get_count(record, object, "steps", &rung->steps, err));
    ODE_TRY(get_count(record, object, "parameters", &rung->parameters, err));
    ODE_TRY(get_count(record, object, "memory_bytes", &rung->memory_bytes, err));
    ODE_TRY(get_number(record, object, "flops_per_image", &rung->flops_per_image, err));
    ODE_TRY(get_number(record, object, "work", &rung->work, err));
    return get_blocks(record, object, rung, err);
}

static enum ode_status
save_rung(struct record *record, const struct rung *rung, struct ode_err *err)
{
    return store_exec(record->queue->store, STORE_LEVEL_PLAN, err,
                      store_int(record->run->number), store_int(rung->level),
                      store_int(rung->resolution), store_text(rung->blocks),
                      store_int(rung->epochs), store_int(rung->steps),
                      store_int(rung->parameters), store_real(rung->flops_per_image),
                      store_int(rung->memory_bytes), store_real(rung->work));
}

static enum ode_status
save_rungs(struct record *record, const struct rung *rungs, size_t n, struct ode_err *err)
{
    ODE_TRY(store_exec(record->queue->store, STORE_LEVEL_TRIM, err,
                       store_int(record->run->number), store_int((int64_t)n)));
    record->run->levels = (int64_t)n;
    record->run->steps = 0;
    record->run->total_work = 0;
    for (size_t i = 0; i < n; i++) {
        ODE_TRY(save_rung(record, &rungs[i], err));
        record->run->steps += rungs[i].steps;
        record->run->total_work += rungs[i].work;
    }
    return ODE_OK;
}

static enum ode_status
store_plan(struct record *record, struct ode_err *err)
{
    const json_t *levels = json_object_get(record->json, "levels");
    size_t n = json_array_size(levels), read = 0;
    enum ode_status status = ODE_OK;
    struct rung *rungs;

    if (n == 0 || n > LEVELS_MOST)
        return malformed(record, "levels", "a list of levels", err);
    rungs = calloc(n, sizeof *rungs);
    if (!rungs)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a plan");
    for (; status == ODE_OK && read < n; read++)
        status = get_rung(record, json_array_get(levels, read), &rungs[read], err);
    if (status == ODE_OK)
        status = save_rungs(record, rungs, n, err);
    for (size_t i = 0; i < read; i++)
        free(rungs[i].blocks);
    free(rungs);
    return status;
}

static enum ode_status
end_level(struct record *record, const struct place *place, struct ode_err *err)
{
    const json_t *values;
    enum ode_status status;
    char *metrics;

    ODE_TRY(check_values(record, "metrics", &values, err));
    metrics = json_dumps(values, JSON_COMPACT);
    if (!metrics)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a level's metrics");
    status =
        store_exec(record->queue->store, STORE_LEVEL_END, err,
                   store_int(record->run->number), store_int(place->level),
                   store_int(record->at_ms), store_real(place->time), store_text(metrics),
                   store_text(json_string_value(json_object_get(record->json, "ended"))),
                   store_int(json_is_true(json_object_get(record->json, "cached"))));
    free(metrics);
    return status;
}

static enum ode_status
store_level(struct record *record, struct ode_err *err)
{
    struct place place;
    const char *state;
    int64_t level;

    ODE_TRY(get_level(record, record->json, &level, err));
    ODE_TRY(get_place(record, &place, err));
    ODE_TRY(get_text(record, record->json, "state", &state, err));
    if (strcmp(state, "done") == 0)
        ODE_TRY(end_level(record, &place, err));
    else if (strcmp(state, "running") == 0)
        ODE_TRY(store_exec(record->queue->store, STORE_LEVEL_BEGIN, err,
                           store_int(record->run->number), store_int(level),
                           store_int(record->at_ms), store_real(place.time)));
    else if (strcmp(state, "skipped") == 0)
        return store_exec(record->queue->store, STORE_LEVEL_SKIP, err,
                          store_int(record->run->number), store_int(level),
                          store_int(record->at_ms));
    else
        return malformed(record, "state", "\"running\", \"done\" or \"skipped\"", err);
    advance(record->run, &place);
    return ODE_OK;
}

static enum ode_status
find_name(struct store *store, const char *name, int64_t *id, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_NAME_GET, store_text(name));
    enum ode_status status;
    bool found = false;

    status = store_step(query, &found, err);
    if (status == ODE_OK && found)
        *id = sqlite3_column_int64(query, 0);
    store_done(query);
    if (status != ODE_OK || found)
        return status;
    ODE_TRY(store_exec(store, STORE_NAME_INSERT, err, store_text(name)));
    *id = sqlite3_last_insert_rowid(store->db);
    return ODE_OK;
}

static enum ode_status
save_metric(struct record *record, const struct place *place, const char *name,
            const json_t *json, struct ode_err *err)
{
    struct store *store = record->queue->store;
    struct store_value value =
        store_real(json_is_number(json) ? json_number_value(json) : NAN);
    int64_t run = record->run->number, id = 0;

    ODE_TRY(find_name(store, name, &id, err));
    ODE_TRY(store_exec(store, STORE_METRIC_INSERT, err, store_int(run), store_int(id),
                       store_int(place->level), store_int(place->step), value,
                       store_real(place->epoch), store_real(place->work),
                       store_real(place->time)));
    if (store_changes(store) == 0)
        return ODE_OK; /* repeated: the first one stays */
    return store_exec(store, STORE_NEWEST_SAVE, err, store_int(run), store_int(id),
                      store_int(place->level), store_int(place->step), value);
}

static enum ode_status
store_metric(struct record *record, struct ode_err *err)
{
    const json_t *values;
    struct place place;
    const char *name;
    json_t *value;

    ODE_TRY(get_level(record, record->json, &place.level, err));
    ODE_TRY(get_place(record, &place, err));
    ODE_TRY(check_values(record, "values", &values, err));
    for (void *i = json_object_iter(json_object_get(record->json, "values")); i;
         i = json_object_iter_next(json_object_get(record->json, "values"), i)) {
        name = json_object_iter_key(i);
        value = json_object_iter_value(i);
        ODE_TRY(save_metric(record, &place, name, value, err));
    }
    advance(record->run, &place);
    return ODE_OK;
}

static enum ode_status
store_transfer(struct record *record, struct ode_err *err)
{
    enum ode_status status;
    struct place place;
    int64_t level;
    json_t *copy;
    char *text;

    ODE_TRY(get_level(record, record->json, &level, err));
    ODE_TRY(get_place(record, &place, err));
    copy = json_copy((json_t *)(uintptr_t)record->json);
    json_object_del(copy, "type");
    json_object_del(copy, "seq");
    text = json_dumps(copy, JSON_COMPACT);
    json_decref(copy);
    if (!text)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a transfer");
    status =
        store_exec(record->queue->store, STORE_LEVEL_TRANSFER, err,
                   store_int(record->run->number), store_int(level), store_text(text));
    free(text);
    advance(record->run, &place);
    return status;
}

static enum ode_status
store_checkpoint(struct record *record, struct ode_err *err)
{
    const char *file;

    ODE_TRY(get_text(record, record->json, "file", &file, err));
    return run_event(record->queue->store, record->run->number, record->at_ms,
                     "checkpoint", file, record->source, err);
}

static enum ode_status
store_warning(struct record *record, struct ode_err *err)
{
    const char *text;

    ODE_TRY(get_text(record, record->json, "text", &text, err));
    return run_event(record->queue->store, record->run->number, record->at_ms, "warning",
                     text, record->source, err);
}

/* {"expected", "low", "high"} as text that fits a column. */
static enum ode_status
get_span(const struct record *record, const json_t *object, const char *member,
         char text[256], struct ode_err *err)
{
    static const char *const names[] = { "expected", "low", "high" };
    const json_t *span = json_object_get(object, member);
    double seconds[3];

    for (int i = 0; i < 3; i++) {
        const json_t *value = json_object_get(span, names[i]);

        if (!json_is_number(value) || json_number_value(value) < 0
            || json_number_value(value) > seconds_most)
            return malformed(record, member, "an interval of seconds", err);
        seconds[i] = json_number_value(value);
    }
    snprintf(text, 256, "{\"expected\":%.6g,\"low\":%.6g,\"high\":%.6g}", seconds[0],
             seconds[1], seconds[2]);
    return ODE_OK;
}

static enum ode_status
store_level_forecast(struct record *record, const json_t *object, struct ode_err *err)
{
    char text[256];
    int64_t level;

    ODE_TRY(get_level(record, object, &level, err));
    ODE_TRY(get_span(record, object, "seconds", text, err));
    return store_exec(record->queue->store, STORE_LEVEL_FORECAST, err,
                      store_int(record->run->number), store_int(level), store_text(text));
}

/* The newest one counts. A level that is done keeps the last that was said of it. */
static enum ode_status
store_forecast(struct record *record, struct ode_err *err)
{
    const json_t *levels = json_object_get(record->json, "levels");
    struct run *run = record->run;
    double time = run->time;
    char text[256];

    ODE_TRY(get_number(record, record->json, "time", &time, err));
    ODE_TRY(get_span(record, record->json, "remaining", text, err));
    if (!json_is_array(levels) || json_array_size(levels) > LEVELS_MOST)
        return malformed(record, "levels", "a list of levels", err);
    for (size_t i = 0; i < json_array_size(levels); i++)
        ODE_TRY(store_level_forecast(record, json_array_get(levels, i), err));
    run_text(run->forecast, sizeof run->forecast, text);
    run->forecast_ms = record->at_ms;
    run->forecast_time = time;
    return ODE_OK;
}

static void
copy_text(char *to, size_t size, const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    run_text(to, size, text ? text : "");
}

static enum ode_status
store_final(struct record *record, struct ode_err *err)
{
    const json_t *error = json_object_get(record->json, "error");
    struct run *run = record->run;
    struct place place;
    const char *state;

    ODE_TRY(get_text(record, record->json, "state", &state, err));
    if (strcmp(state, "succeeded") != 0 && strcmp(state, "failed") != 0
        && strcmp(state, "stopped") != 0)
        return malformed(record, "state", "\"succeeded\", \"failed\" or \"stopped\"",
                         err);
    /* A run can fail before it has a place. */
    if (json_object_get(record->json, "step")) {
        ODE_TRY(get_place(record, &place, err));
        advance(run, &place);
    }
    if (strcmp(state, "stopped") == 0
        && json_is_true(json_object_get(record->json, "held")))
        state = "held";
    run_text(run->final_state, sizeof run->final_state, state);
    copy_text(run->error_code, sizeof run->error_code, error, "code");
    copy_text(run->error_at, sizeof run->error_at, error, "at");
    copy_text(run->error_text, sizeof run->error_text, error, "text");
    if (strcmp(state, "failed") == 0 && !run->error_text[0])
        run_text(run->error_text, sizeof run->error_text, "the worker gave no reason");
    copy_text(run->model_sha256, sizeof run->model_sha256, record->json, "model_sha256");
    return ODE_OK;
}

static const struct {
    const char *type;
    enum ode_status (*store)(struct record *record, struct ode_err *err);
} records[] = {
    {"hello",       store_hello     },
    { "plan",       store_plan      },
    { "forecast",   store_forecast  },
    { "level",      store_level     },
    { "metric",     store_metric    },
    { "transfer",   store_transfer  },
    { "checkpoint", store_checkpoint},
    { "warning",    store_warning   },
    { "final",      store_final     },
};

/* --- a line ------------------------------------------------------------------------- */

static enum ode_status
dispatch(struct record *record, struct ode_err *err)
{
    const char *at = json_string_value(json_object_get(record->json, "at"));
    json_int_t seq = json_integer_value(json_object_get(record->json, "seq"));

    record->type = json_string_value(json_object_get(record->json, "type"));
    if (!record->type)
        return ode_fail(err, ODE_EFORMAT, "", "the line is no object with a type");
    record->at_ms = store_now_ms();
    if (at && stamp_parse(at, &record->at_ms) && record->at_ms > record->run->record_ms)
        record->run->record_ms = record->at_ms;
    snprintf(record->source, sizeof record->source, "%lld %.40s", (long long)seq,
             at ? at : "");
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        if (strcmp(record->type, records[i].type) == 0)
            return records[i].store(record, err);
    return ODE_OK;
}

enum ode_status
record_store(struct queue *queue, struct run *run, const char *line, size_t n,
             struct ode_err *err)
{
    struct record record = { .queue = queue, .run = run };
    enum ode_status status;
    json_error_t why;
    json_t *json = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);

    if (!json)
        return ode_fail(err, ODE_EFORMAT, "", "the line is no JSON: %s", why.text);
    record.json = json;
    status = dispatch(&record, err);
    json_decref(json);
    return status;
}
