/* submit.c - writes a job down: its spec as a file, then its rows. */
#include "daemon/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "daemon/files.h"
#include "daemon/keys.h"

enum { PATH_BYTES = 4096 };

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

static enum ode_status
insert_run(struct store *store, const struct submission *submission, const char *job,
           const char *run, int64_t now, struct ode_err *err)
{
    const struct ode_recipe_spec *recipe = submission->recipe;
    int64_t number;

    ODE_TRY(store_exec(store, STORE_RUN_INSERT, err, store_text(run), store_text(job),
                       store_text(recipe->name), store_text(submission->dataset),
                       store_int((int64_t)recipe->levels_n), store_int(recipe->priority),
                       store_int(recipe->resources.max_retries),
                       store_int(recipe->resources.time_limit_s),
                       store_int(recipe->resources.threads),
                       store_int(submission->memory_bytes), store_int(now)));
    number = sqlite3_last_insert_rowid(store->db);
    for (size_t i = 0; i < recipe->levels_n; i++)
        ODE_TRY(insert_level(store, number, i, &recipe->levels[i], err));
    return store_exec(store, STORE_EVENT_INSERT, err, store_int(number), store_int(now),
                      store_text("state"), store_text(""), store_text("queued"),
                      store_text("submitted"), store_text(NULL));
}

static enum ode_status
insert_rows(struct store *store, const struct submission *submission, const char *text,
            const char *job, const char *run, const json_t *answer, int64_t now,
            struct ode_err *err)
{
    const struct ode_recipe_spec *recipe = submission->recipe;
    enum ode_status status;

    ODE_TRY(store_begin(store, err));
    status = store_exec(store, STORE_JOB_INSERT, err, store_text(job),
                        store_text(recipe->name), store_text(text),
                        store_int(recipe->priority), store_int(now));
    if (status == ODE_OK)
        status = insert_run(store, submission, job, run, now, err);
    if (status == ODE_OK && submission->key)
        status = keys_keep(store, submission->key, submission->asked, answer, err);
    return store_end(store, status, err);
}

static enum ode_status
write_spec(const char *dir, const char *text, struct ode_err *err)
{
    char path[PATH_BYTES];

    if (snprintf(path, sizeof path, "%s/spec.json", dir) >= PATH_BYTES)
        return ode_fail(err, ODE_EIO, dir, "the path is too long");
    ODE_TRY(files_make_dir(dir, err));
    return ode_file_write_atomic(
        path, &(struct iovec){ (char *)(uintptr_t)text, strlen(text) }, 1, err);
}

/* The spec's file and the rows, or nothing. */
static enum ode_status
write_down(struct submit *submit, const struct submission *submission, const char *job,
           const char *run, const json_t *answer, int64_t now, struct ode_err *err)
{
    char dir[PATH_BYTES - 32], *text = json_dumps(submission->spec, JSON_INDENT(2));
    enum ode_status status;

    if (!text || !answer) {
        free(text);
        return ode_fail(err, ODE_ENOMEM, "", "no memory to write the spec");
    }
    snprintf(dir, sizeof dir, "%s/runs/%s", submit->state_dir, run);
    status = write_spec(dir, text, err);
    if (status == ODE_OK)
        status = insert_rows(submit->store, submission, text, job, run, answer, now, err);
    free(text);
    if (status != ODE_OK)
        files_remove_tree(dir, NULL);
    return status;
}

enum ode_status
submit_job(struct submit *submit, const struct submission *submission,
           char job[ULID_LENGTH + 1], char run[ULID_LENGTH + 1], json_t **answer,
           struct ode_err *err)
{
    const int64_t now = store_now_ms();
    enum ode_status status;
    json_t *told;

    ulid_next(&submit->ids, now, job);
    ulid_next(&submit->ids, now, run);
    told = json_pack("{ss s[{ss ss}]}", "id", job, "runs", "id", run, "state", "queued");
    status = write_down(submit, submission, job, run, told, now, err);
    if (status == ODE_OK)
        *answer = told;
    else
        json_decref(told);
    return status;
}
