/* submit.c - writes a job down: the specs of its runs as files, then its rows. */
#include "daemon/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "daemon/files.h"
#include "daemon/keys.h"

enum { PATH_BYTES = 4096 };

/* A job on its way: the answer has its ids. */
struct entry {
    struct submit *submit;
    const struct order *order;
    const char *key;
    json_t *answer;
    int64_t now;
};

static const char *
job_id(const struct entry *entry)
{
    return json_string_value(json_object_get(entry->answer, "id"));
}

static const char *
run_id(const struct entry *entry, size_t i)
{
    const json_t *runs = json_object_get(entry->answer, "runs");

    return json_string_value(json_object_get(json_array_get(runs, i), "id"));
}

/* --- rows -----------------------------------------------------------------------------
 */

static enum ode_status
insert_level(struct store *store, int64_t run, size_t i,
             const struct ode_level_spec *level, struct ode_err *err)
{
    char blocks[256] = "[";
    size_t used = 1;

    for (size_t b = 0; b < level->blocks_n; b++)
        used += (size_t)snprintf(blocks + used, sizeof blocks - used, "%s%lld",
                                 b ? "," : "", (long long)level->blocks[b]);
    snprintf(blocks + used, sizeof blocks - used, "]");
    return store_exec(store, STORE_LEVEL_INSERT, err, store_int(run),
                      store_int((int64_t)i), store_int(level->resolution),
                      store_text(blocks), store_int(level->epochs));
}

/* What a run of a sweep has beside its job; the texts are NULL for one without. */
static enum ode_status
insert_place(const struct entry *entry, size_t i, int64_t number, const char *spec,
             const char *values, struct ode_err *err)
{
    const struct sweep_rules *rules = &entry->order->sweep.rules;
    const int64_t gate = rules->promote.best > 0 ? rules->promote.after + 1 : 0;

    if (!spec || !values)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to write the spec");
    return store_exec(entry->submit->store, STORE_RUN_PLACE, err, store_int(number),
                      store_int((int64_t)i + 1), store_int(rules->max_parallel),
                      store_int(gate), store_text(values), store_text(spec));
}

static enum ode_status
insert_sweep(const struct entry *entry, size_t i, int64_t number, struct ode_err *err)
{
    const struct order_run *run = &entry->order->runs[i];
    char *spec = json_dumps(run->spec, JSON_INDENT(2));
    char *values = json_dumps(run->values, JSON_COMPACT | JSON_ENCODE_ANY);
    enum ode_status status = insert_place(entry, i, number, spec, values, err);

    free(spec);
    free(values);
    return status;
}

static enum ode_status
insert_run(const struct entry *entry, size_t i, struct ode_err *err)
{
    const struct order_run *run = &entry->order->runs[i];
    const struct ode_recipe_spec *recipe = &run->recipe;
    struct store *store = entry->submit->store;
    int64_t number;

    ODE_TRY(store_exec(
        store, STORE_RUN_INSERT, err, store_text(run_id(entry, i)),
        store_text(job_id(entry)), store_text(recipe->name), store_text(run->dataset),
        store_int((int64_t)recipe->levels_n), store_int(recipe->priority),
        store_int(recipe->resources.max_retries),
        store_int(recipe->resources.time_limit_s), store_int(recipe->resources.threads),
        store_int(run->memory_bytes), store_int(entry->now)));
    number = sqlite3_last_insert_rowid(store->db);
    if (entry->order->sweep.grid)
        ODE_TRY(insert_sweep(entry, i, number, err));
    for (size_t k = 0; k < recipe->levels_n; k++)
        ODE_TRY(insert_level(store, number, k, &recipe->levels[k], err));
    return store_exec(store, STORE_EVENT_INSERT, err, store_int(number),
                      store_int(entry->now), store_text("state"), store_text(""),
                      store_text("queued"), store_text("submitted"), store_text(NULL));
}

static enum ode_status
insert_job(const struct entry *entry, const char *spec, struct ode_err *err)
{
    const struct ode_recipe_spec *recipe = &entry->order->runs[0].recipe;
    const struct sweep_promote *promote = &entry->order->sweep.rules.promote;

    ODE_TRY(store_exec(entry->submit->store, STORE_JOB_INSERT, err,
                       store_text(job_id(entry)), store_text(recipe->name),
                       store_text(spec), store_int(recipe->priority),
                       store_int(entry->now), store_int(promote->best),
                       store_text(sweep_metric_name(promote->metric))));
    for (size_t i = 0; i < entry->order->sweep.runs; i++)
        ODE_TRY(insert_run(entry, i, err));
    if (!entry->key)
        return ODE_OK;
    return keys_keep(entry->submit->store, entry->key, entry->order->asked, entry->answer,
                     err);
}

static enum ode_status
insert_rows(const struct entry *entry, struct ode_err *err)
{
    char *spec = json_dumps(entry->order->spec, JSON_INDENT(2));
    enum ode_status status;

    if (!spec)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to write the spec");
    status = store_begin(entry->submit->store, err);
    if (status == ODE_OK)
        status = store_end(entry->submit->store, insert_job(entry, spec, err), err);
    free(spec);
    return status;
}

/* --- files ----------------------------------------------------------------------------
 */

static enum ode_status
run_dir(const struct entry *entry, size_t i, char dir[PATH_BYTES - 32],
        struct ode_err *err)
{
    if (snprintf(dir, PATH_BYTES - 32, "%s/runs/%s", entry->submit->state_dir,
                 run_id(entry, i))
        >= PATH_BYTES - 32)
        return ode_fail(err, ODE_EIO, entry->submit->state_dir, "the path is too long");
    return ODE_OK;
}

static enum ode_status
write_spec(const struct entry *entry, size_t i, struct ode_err *err)
{
    char dir[PATH_BYTES - 32], path[PATH_BYTES];
    enum ode_status status;
    char *text;

    ODE_TRY(run_dir(entry, i, dir, err));
    ODE_TRY(files_make_dir(dir, err));
    text = json_dumps(entry->order->runs[i].spec, JSON_INDENT(2));
    if (!text)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to write the spec");
    snprintf(path, sizeof path, "%s/spec.json", dir);
    status = ode_file_write_atomic(path, &(struct iovec){ text, strlen(text) }, 1, err);
    free(text);
    return status;
}

static void
remove_dirs(const struct entry *entry)
{
    char dir[PATH_BYTES - 32];

    for (size_t i = 0; i < entry->order->sweep.runs; i++)
        if (run_dir(entry, i, dir, NULL) == ODE_OK)
            files_remove_tree(dir, NULL);
}

/* The specs' files and the rows, or nothing. */
static enum ode_status
write_down(const struct entry *entry, struct ode_err *err)
{
    enum ode_status status = ODE_OK;

    for (size_t i = 0; status == ODE_OK && i < entry->order->sweep.runs; i++)
        status = write_spec(entry, i, err);
    if (status == ODE_OK)
        status = insert_rows(entry, err);
    if (status != ODE_OK)
        remove_dirs(entry);
    return status;
}

/* --- a job ----------------------------------------------------------------------------
 */

/* {"id", "runs"} with fresh ids; NULL: no memory. */
static json_t *
name_all(struct submit *submit, size_t runs, int64_t now)
{
    json_t *list = json_array();
    char id[ULID_LENGTH + 1], job[ULID_LENGTH + 1];

    ulid_next(&submit->ids, now, job);
    for (size_t i = 0; i < runs; i++) {
        ulid_next(&submit->ids, now, id);
        if (json_array_append_new(list, json_pack("{ss ss}", "id", id, "state", "queued"))
            != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{ss so}", "id", job, "runs", list);
}

enum ode_status
submit_job(struct submit *submit, const struct order *order, const char *key,
           json_t **answer, struct ode_err *err)
{
    struct entry entry = {
        .submit = submit, .order = order, .key = key, .now = store_now_ms()
    };
    enum ode_status status;

    entry.answer = name_all(submit, order->sweep.runs, entry.now);
    if (!entry.answer)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the job");
    status = write_down(&entry, err);
    if (status == ODE_OK)
        *answer = entry.answer;
    else
        json_decref(entry.answer);
    return status;
}
