/* backend.c - answers what the API asks, from the daemon's parts. */
#include "daemon/backend.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/beneath.h"
#include "daemon/change.h"
#include "daemon/documents.h"
#include "daemon/files.h"
#include "daemon/gauges.h"
#include "daemon/keys.h"
#include "daemon/remove.h"
#include "daemon/versus.h"
#include "schema/sets.h"

enum { PATH_BYTES = 4096 };

/* --- submission -----------------------------------------------------------------------
 */

static struct order_rules
order_rules_of(const struct backend_parts *parts)
{
    return (struct order_rules){ .store = parts->store,
                                 .data_dir = parts->sup->rules.data_dir,
                                 .room = &parts->sup->rules.room,
                                 .threads = parts->sup->rules.threads };
}

static enum ode_status
job_write(struct backend_parts *parts, const struct order *order, const char *key,
          json_t **answer, struct ode_err *err)
{
    ODE_TRY(submit_job(parts->submit, order, key, answer, err));
    log_event(parts->sup->log, LOG_INFO, "api", "submitted",
              log_text("job", json_string_value(json_object_get(*answer, "id"))),
              log_int("runs", (int64_t)order->sweep.runs),
              log_text("name", order->runs[0].recipe.name));
    return ODE_OK;
}

static enum ode_status
job_submit(void *self, const json_t *spec, const char *key, json_t **answer,
           json_t **complaints, struct ode_err *err)
{
    struct backend_parts *parts = self;
    const struct order_rules rules = order_rules_of(parts);
    enum ode_status status;
    struct order order;

    if (key)
        ODE_TRY(keys_find(parts->store, key, spec, answer, err));
    if (*answer)
        return ODE_OK;
    ODE_TRY(order_read(&rules, spec, &order, complaints, err));
    status = job_write(parts, &order, key, answer, err);
    order_release(&order);
    if (status == ODE_OK)
        supervise_dispatch(parts->sup);
    return status;
}

/* --- plans ----------------------------------------------------------------------------
 */

/* Of a sweep its first run is planned; the others differ by some values. */
static enum ode_status
plan_begin(void *self, const json_t *spec, bool measure, uint64_t *ticket,
           json_t **complaints, struct ode_err *err)
{
    struct backend_parts *parts = self;
    const struct order_rules rules = order_rules_of(parts);
    struct planner_order plan = { .measure = measure };
    enum ode_status status;
    struct order order;
    int64_t threads;

    ODE_TRY(order_read(&rules, spec, &order, complaints, err));
    threads = order.runs[0].recipe.resources.threads;
    plan.spec = order.runs[0].spec;
    plan.runs = order.sweep.runs;
    plan.threads = threads > 0 ? (int)threads : rules.threads;
    status = planner_begin(parts->planner, &plan, ticket, err);
    order_release(&order);
    return status;
}

static enum ode_status
plan_take(void *self, uint64_t ticket, json_t **answer, json_t **complaints,
          struct ode_err *err)
{
    struct backend_parts *parts = self;

    return planner_take(parts->planner, ticket, answer, complaints, err);
}

static void
ticket_drop(void *self, uint64_t ticket)
{
    struct backend_parts *parts = self;

    planner_drop(parts->planner, ticket);
    backups_drop(parts->backups, ticket);
}

static enum ode_status
backup_begin(void *self, uint64_t *ticket, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return backups_begin(parts->backups, ticket, err);
}

static enum ode_status
backup_take(void *self, uint64_t ticket, json_t **answer, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return backups_take(parts->backups, ticket, answer, err);
}

/* --- reading --------------------------------------------------------------------------
 */

static enum ode_status
job_get(void *self, const char *id, json_t **job, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return document_job(parts->store, id, job, err);
}

static enum ode_status
job_delete(void *self, const char *id, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return remove_job(parts->sup, id, err);
}

static enum ode_status
job_list(void *self, const struct backend_page *page, json_t **list, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return document_jobs(parts->store, page, list, err);
}

static void
tell_turn(void *context, const struct run *run, int *threads, char *text, size_t size)
{
    *threads = supervise_share(context, run).threads;
    supervise_explain(context, run, text, size);
}

static enum ode_status
whole_run(struct backend_parts *parts, const struct run *run, json_t **out,
          struct ode_err *err)
{
    const struct document_turns turns = { tell_turn, parts->sup };
    char dir[PATH_BYTES];

    if (!supervise_path(parts->sup, run->id, "", dir, sizeof dir))
        return ode_fail(err, ODE_EIO, "", "the run's path is too long");
    return document_run_whole(parts->store, &turns, run, dir, out, err);
}

static enum ode_status
run_get(void *self, const char *id, json_t **out, struct ode_err *err)
{
    struct backend_parts *parts = self;
    struct run run;

    ODE_TRY(run_load(parts->store, id, &run, err));
    return whole_run(parts, &run, out, err);
}

static enum ode_status
run_list(void *self, const struct backend_page *page, json_t **list, struct ode_err *err)
{
    struct backend_parts *parts = self;

    const struct document_turns turns = { tell_turn, parts->sup };

    return document_runs(parts->store, &turns, page, list, err);
}

static enum ode_status
events(void *self, const char *id, int after, int limit, json_t **list,
       struct ode_err *err)
{
    struct backend_parts *parts = self;
    struct run run;

    if (id)
        ODE_TRY(run_load(parts->store, id, &run, err));
    return document_events(parts->store, id ? &run : NULL, after, limit, list, err);
}

static enum ode_status
run_levels(void *self, const char *id, json_t **levels, struct ode_err *err)
{
    struct backend_parts *parts = self;
    struct run run;

    ODE_TRY(run_load(parts->store, id, &run, err));
    return document_levels(parts->store, &run, levels, err);
}

static enum ode_status
run_metrics(void *self, const char *id, const struct backend_series *series,
            json_t **answer, struct ode_err *err)
{
    struct backend_parts *parts = self;
    struct run run;

    ODE_TRY(run_load(parts->store, id, &run, err));
    return document_metrics(parts->store, &run, series, answer, err);
}

static enum ode_status
changes(void *self, const char *id, int64_t after, int limit, json_t **list,
        struct ode_err *err)
{
    struct backend_parts *parts = self;
    const struct document_turns turns = { tell_turn, parts->sup };
    struct run run;

    if (id)
        ODE_TRY(run_load(parts->store, id, &run, err));
    return document_changes(parts->store, &turns, id ? &run : NULL, after, limit, list,
                            err);
}

/* --- files ----------------------------------------------------------------------------
 */

/* Of a run's folder, where its worker writes what it likes. */
static enum ode_status
open_file(struct backend_parts *parts, const char *id, const char *name, int *fd,
          size_t *bytes, struct ode_err *err)
{
    struct ode_err why;
    struct run run;
    char runs[PATH_BYTES], path[sizeof run.id + NAME_MAX + 2];
    enum ode_status status;

    ODE_TRY(run_load(parts->store, id, &run, err));
    if (!supervise_path(parts->sup, "", "", runs, sizeof runs))
        return ode_fail(err, ODE_EIO, "", "the path of the runs is too long");
    snprintf(path, sizeof path, "%s/%s", run.id, name);
    status = ode_beneath_open(runs, path, fd, bytes, &why);
    if (status == ODE_ENOENT)
        return ode_fail(err, ODE_ENOENT, "", "run %s, which is %s, has no %s", run.id,
                        run.state, name);
    if (status != ODE_OK && err)
        *err = why;
    return status;
}

static enum ode_status
run_log(void *self, const char *id, int *fd, size_t *bytes, struct ode_err *err)
{
    return open_file(self, id, "worker.log", fd, bytes, err);
}

static enum ode_status
run_artifact(void *self, const char *id, const char *name, int *fd, size_t *bytes,
             struct ode_err *err)
{
    if (strcmp(name, "spec.json") != 0 && strcmp(name, "model.safetensors") != 0)
        return ode_fail(err, ODE_ENOENT, "", "there is no artifact of that name");
    return open_file(self, id, name, fd, bytes, err);
}

/* --- the rest -------------------------------------------------------------------------
 */

/* An action, and whether nothing remains to be done for it. */
static enum ode_status
run_act(void *self, const char *id, enum backend_action action, json_t **out, bool *done,
        struct ode_err *err)
{
    enum { QUEUED = 1 << RUN_QUEUED, ALIVE = 1 << RUN_STARTING | 1 << RUN_RUNNING };
    static const struct {
        enum request_kind kind;
        unsigned done; /* in these states */
    } requests[BACKEND_ACTIONS] = {
        [BACKEND_CANCEL] = {REQUEST_CANCEL,   1 << RUN_CANCELLED},
        [BACKEND_PAUSE] = { REQUEST_PAUSE,   1 << RUN_PAUSED   },
        [BACKEND_RESUME] = { REQUEST_RESUME,  QUEUED | ALIVE    },
        [BACKEND_RETRY] = { REQUEST_RETRY,   QUEUED | ALIVE    },
        [BACKEND_HOLD] = { REQUEST_HOLD,    1 << RUN_PAUSED   },
        [BACKEND_ADVANCE] = { REQUEST_ADVANCE, 0                 },
    };
    struct backend_parts *parts = self;
    struct run run;

    ODE_TRY(supervise_request(parts->sup, id, requests[action].kind, &run, err));
    *done = (requests[action].done >> run_state_of(&run) & 1) != 0;
    return whole_run(parts, &run, out, err);
}

static enum ode_status
run_change(void *self, const char *id, const json_t *changes, json_t **out,
           struct ode_err *err)
{
    struct backend_parts *parts = self;
    struct run run;

    ODE_TRY(change_run(parts->sup, id, changes, &run, err));
    return whole_run(parts, &run, out, err);
}

static enum ode_status
datasets(void *self, json_t **sets, struct ode_err *err)
{
    struct backend_parts *parts = self;
    json_t *list = sets_json(parts->sup->rules.data_dir);

    if (!list)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the answer");
    *sets = list;
    return ODE_OK;
}

static enum ode_status
compare(void *self, const char *const *ids, size_t n, const double *accuracy,
        size_t targets, json_t **answer, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return versus_make(parts->store, ids, n, accuracy, targets, answer, err);
}

/* Its version is the daemon's, all else is what the worker program says of itself. */
static enum ode_status
system_facts(void *self, json_t **out, struct ode_err *err)
{
    struct backend_parts *parts = self;
    json_t *facts = json_pack("{sn sn sn sn sn}", "version", "cores", "memory_bytes",
                              "kernels", "blas");

    if (facts && parts->probe->facts)
        json_object_update_existing(facts, parts->probe->facts);
    if (!facts
        || json_object_set_new(facts, "version", json_string(PACKAGE_VERSION)) != 0) {
        json_decref(facts);
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the answer");
    }
    *out = facts;
    return ODE_OK;
}

/* Ready is who can take a job: write to the database, and run workers. */
static enum ode_status
ready(void *self, struct ode_err *err)
{
    struct backend_parts *parts = self;

    if (parts->sup->stopping)
        return ode_fail(err, ODE_EIO, "", "the daemon is stopping");
    if (parts->sup->full) {
        char text[160];

        supervise_explain_disk(parts->sup, text, sizeof text);
        return ode_fail(err, ODE_EIO, "", "no run is started; each %s", text);
    }
    return store_probe(parts->store, err);
}

static enum ode_status
measure(void *self, FILE *out, struct ode_err *err)
{
    struct backend_parts *parts = self;

    return gauges_write(parts->sup, out, err);
}

void
backend_fill(struct backend *backend, struct backend_parts *parts)
{
    *backend = (struct backend){
        .self = parts,
        .job_submit = job_submit,
        .plan_begin = plan_begin,
        .plan_take = plan_take,
        .ticket_drop = ticket_drop,
        .backup_begin = backup_begin,
        .backup_take = backup_take,
        .job_get = job_get,
        .job_delete = job_delete,
        .job_list = job_list,
        .run_get = run_get,
        .run_list = run_list,
        .events = events,
        .changes = changes,
        .run_levels = run_levels,
        .run_metrics = run_metrics,
        .compare = compare,
        .run_log = run_log,
        .run_artifact = run_artifact,
        .run_act = run_act,
        .run_change = run_change,
        .datasets = datasets,
        .system = system_facts,
        .ready = ready,
        .measure = measure,
    };
}
