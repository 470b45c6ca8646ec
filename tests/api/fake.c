/* fake.c - a backend with one job and one run. */
#include "tests/api/fake.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/openmetrics.h"
#include "tests/test.h"

static enum ode_status
nothing(struct ode_err *err, const char *id)
{
    return ode_fail(err, ODE_ENOENT, NULL, "there is no %s", id);
}

static enum ode_status
submit(void *self, const json_t *spec, const char *key, json_t **answer,
       json_t **complaints, struct ode_err *err)
{
    const char *name = json_string_value(json_object_get(spec, "name"));

    (void)self;
    if (key && strcmp(key, "used") == 0)
        return ode_fail(err, ODE_EEXIST, "", "this key was used before");
    if (!name || strcmp(name, "bad") == 0) {
        *complaints = json_pack("[{s:s, s:s}]", "pointer", "/levels/1/epochs", "detail",
                                "-3 is below 0");
        return ode_fail(err, ODE_ESPEC, "/levels/1/epochs", "-3 is below 0");
    }
    if (strcmp(name, "nodata") == 0)
        return ode_fail(err, ODE_EDATA, "/dataset", "cifar10 is not here");
    if (strcmp(name, "broken") == 0)
        return ode_fail(err, ODE_EIO, NULL, "the disk is full, or caf\xc3");
    *answer = json_pack("{s:s, s:[{s:s, s:s}]}", "id", FAKE_JOB, "runs", "id", FAKE_RUN,
                        "state", "queued");
    return ODE_OK;
}

static enum ode_status
plan_begin(void *self, const json_t *spec, bool measure, uint64_t *ticket,
           json_t **complaints, struct ode_err *err)
{
    const char *name = json_string_value(json_object_get(spec, "name"));
    struct fake *fake = self;
    json_t *answer = NULL;

    if (name && strcmp(name, "busy") == 0)
        return ode_fail(err, ODE_EIO, "", "2 plans are being made already");
    ODE_TRY(submit(self, spec, NULL, &answer, complaints, err));
    json_decref(answer);
    pthread_mutex_lock(&fake->lock);
    fake->measured = measure;
    fake->slow = strcmp(name, "slow") == 0;
    fake->wrong = strcmp(name, "wrong") == 0;
    *ticket = ++fake->ticket;
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
plan_take(void *self, uint64_t ticket, json_t **answer, json_t **complaints,
          struct ode_err *err)
{
    struct fake *fake = self;
    bool there;

    ck_assert_uint_eq(ticket, fake->ticket);
    pthread_mutex_lock(&fake->lock);
    fake->takes++;
    there = !fake->slow || fake->plan_finished;
    pthread_mutex_unlock(&fake->lock);
    if (there && fake->wrong) {
        *complaints =
            json_pack("[{s:s, s:s}]", "pointer", "/levels/1", "detail", "does not fit");
        return ode_fail(err, ODE_ESPEC, "/levels/1", "does not fit");
    }
    if (there)
        *answer =
            json_pack("{s:{s:b}, s:{}}", "plan", "measured", fake->measured, "spec");
    return ODE_OK;
}

static void
ticket_drop(void *self, uint64_t ticket)
{
    struct fake *fake = self;

    (void)ticket;
    pthread_mutex_lock(&fake->lock);
    fake->drops++;
    pthread_mutex_unlock(&fake->lock);
}

static enum ode_status
job_of(void *self, const char *id, json_t **job, struct ode_err *err)
{
    (void)self;
    if (strcmp(id, FAKE_JOB) != 0)
        return nothing(err, id);
    *job = json_pack("{s:s, s:{}}", "id", FAKE_JOB, "spec");
    return ODE_OK;
}

static enum ode_status
delete_job(void *self, const char *id, struct ode_err *err)
{
    struct fake *fake = self;
    bool final;

    if (strcmp(id, FAKE_JOB) != 0)
        return nothing(err, id);
    pthread_mutex_lock(&fake->lock);
    final = strcmp(fake->state, "succeeded") == 0;
    pthread_mutex_unlock(&fake->lock);
    return final ? ODE_OK : ode_fail(err, ODE_ESTATE, NULL, "a run has not ended");
}

static enum ode_status
list_of(void *self, const struct backend_page *page, json_t **list, struct ode_err *err)
{
    struct fake *fake = self;

    (void)err;
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->asked, sizeof fake->asked, "state=%s cursor=%s limit=%d",
             page->states ? page->states : "-", page->cursor ? page->cursor : "-",
             page->limit);
    if (page->job || page->name || page->dataset)
        snprintf(fake->asked + strlen(fake->asked),
                 sizeof fake->asked - strlen(fake->asked), " job=%s name=%s dataset=%s",
                 page->job ? page->job : "-", page->name ? page->name : "-",
                 page->dataset ? page->dataset : "-");
    pthread_mutex_unlock(&fake->lock);
    *list = json_pack("{s:[], s:s?}", "runs", "next",
                      page->limit == FAKE_MORE ? FAKE_RUN : NULL);
    return ODE_OK;
}

static json_t *
run_now(struct fake *fake)
{
    return json_pack("{s:s, s:s}", "id", FAKE_RUN, "state", fake->state);
}

static enum ode_status
run_of(void *self, const char *id, json_t **run, struct ode_err *err)
{
    struct fake *fake = self;

    if (strcmp(id, FAKE_RUN) != 0)
        return nothing(err, id);
    pthread_mutex_lock(&fake->lock);
    *run = run_now(fake);
    fake->gets++;
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
events_of(void *self, const char *id, int after, int limit, json_t **list,
          struct ode_err *err)
{
    struct fake *fake = self;

    if (id && strcmp(id, FAKE_RUN) != 0)
        return nothing(err, id);
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->asked, sizeof fake->asked, "events=%s after=%d limit=%d",
             id ? "run" : "all", after, limit);
    *list = json_pack("{s:[], s:n, s:i}", "events", "next", "newest", fake->events);
    for (int64_t i = (int64_t)after + 1; i <= fake->events && i <= (int64_t)after + limit;
         i++)
        json_array_append_new(
            json_object_get(*list, "events"),
            json_pack("{s:I, s:s}", "id", (json_int_t)i, "kind", "state"));
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
levels_of(void *self, const char *id, json_t **levels, struct ode_err *err)
{
    (void)self;
    if (strcmp(id, FAKE_RUN) != 0)
        return nothing(err, id);
    *levels = json_pack("{s:[{s:i}]}", "levels", "level", 0);
    return ODE_OK;
}

static enum ode_status
metrics_of(void *self, const char *id, const struct backend_series *asked,
           json_t **series, struct ode_err *err)
{
    struct fake *fake = self;
    size_t used;

    if (strcmp(id, FAKE_RUN) != 0)
        return nothing(err, id);
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->asked, sizeof fake->asked, "points=%d", asked->points);
    for (size_t i = 0; i < asked->n; i++) {
        used = strlen(fake->asked);
        snprintf(fake->asked + used, sizeof fake->asked - used, " %s", asked->names[i]);
    }
    used = strlen(fake->asked);
    if (asked->after_level >= 0)
        snprintf(fake->asked + used, sizeof fake->asked - used, " after %d:%d",
                 (int)asked->after_level, (int)asked->after_step);
    pthread_mutex_unlock(&fake->lock);
    *series = json_pack("{s:[{s:s, s:[{s:i, s:i, s:f, s:f, s:f}, {s:i, s:i, s:f, s:f, "
                        "s:n}]}]}",
                        "series", "name", "train.loss", "points", "level", 0, "step", 10,
                        "work", 2.5, "time", 0.5, "value", 2.25, "level", 1, "step", 20,
                        "work", 7.5, "time", 1.0, "value");
    return ODE_OK;
}

static enum ode_status
compare_of(void *self, const char *const *ids, size_t n, const double *accuracy,
           size_t targets, json_t **answer, struct ode_err *err)
{
    struct fake *fake = self;
    size_t used;

    for (size_t i = 0; i < n; i++)
        if (strcmp(ids[i], FAKE_RUN) != 0)
            return nothing(err, ids[i]);
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->asked, sizeof fake->asked, "runs=%zu", n);
    for (size_t i = 0; i < targets; i++) {
        used = strlen(fake->asked);
        snprintf(fake->asked + used, sizeof fake->asked - used, " %g", accuracy[i]);
    }
    pthread_mutex_unlock(&fake->lock);
    if (!fake->ready)
        return ode_fail(err, ODE_ESTATE, NULL, "no test accuracy yet");
    *answer = json_pack("{s:s, s:[], s:[], s:[]}", "control", ids[0], "runs", "targets",
                        "warnings");
    return ODE_OK;
}

static enum ode_status
file_of(const char *path, int *fd, size_t *bytes, struct ode_err *err)
{
    struct stat st;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || fstat(file, &st) != 0)
        return ode_fail_errno(err, ODE_ENOENT, NULL, "%s", path);
    *fd = file;
    *bytes = (size_t)st.st_size;
    return ODE_OK;
}

static enum ode_status
log_of(void *self, const char *id, int *fd, size_t *bytes, struct ode_err *err)
{
    struct fake *fake = self;

    return strcmp(id, FAKE_RUN) == 0 ? file_of(fake->log_path, fd, bytes, err)
                                     : nothing(err, id);
}

static enum ode_status
artifact_of(void *self, const char *id, const char *name, int *fd, size_t *bytes,
            struct ode_err *err)
{
    struct fake *fake = self;

    if (strcmp(id, FAKE_RUN) != 0 || strcmp(name, "model.safetensors") != 0)
        return nothing(err, name);
    return file_of(fake->model_path, fd, bytes, err);
}

/* Each action takes the run at once to where it leads. */
static enum ode_status
act(void *self, const char *id, enum backend_action action, json_t **run, bool *done,
    struct ode_err *err)
{
    static const char *const leads_to[] = {
        [BACKEND_CANCEL] = "cancelled", [BACKEND_PAUSE] = "paused",
        [BACKEND_RESUME] = "queued",    [BACKEND_RETRY] = "queued",
        [BACKEND_HOLD] = "paused",      [BACKEND_ADVANCE] = "queued"
    };
    struct fake *fake = self;
    bool final;

    if (strcmp(id, FAKE_RUN) != 0)
        return nothing(err, id);
    pthread_mutex_lock(&fake->lock);
    final = strcmp(fake->state, "succeeded") == 0;
    *done = strcmp(fake->state, leads_to[action]) == 0;
    if (!final) {
        strcpy(fake->state, leads_to[action]);
        *run = run_now(fake);
    }
    pthread_mutex_unlock(&fake->lock);
    if (final)
        return ode_fail(err, ODE_ESTATE, NULL, "the run has succeeded already");
    server_run_changed(&fake->server, id); /* as the daemon does: from within the call */
    return ODE_OK;
}

static enum ode_status
changes(void *self, const char *id, int64_t after, int limit, json_t **list,
        struct ode_err *err)
{
    struct fake *fake = self;
    const bool first = !id && after < 0; /* of all from now on */

    (void)limit, (void)err;
    pthread_mutex_lock(&fake->lock);
    *list = json_pack("{s:[], s:i}", "runs", "version", fake->version);
    if (!first && fake->version > after)
        json_array_append_new(json_object_get(*list, "runs"), run_now(fake));
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
change(void *self, const char *id, const json_t *changes, json_t **run,
       struct ode_err *err)
{
    const json_t *priority = json_object_get(changes, "priority");
    struct fake *fake = self;

    if (!json_is_integer(priority))
        return ode_fail(err, ODE_ESPEC, "/priority", "no whole number");
    ODE_TRY(run_of(self, id, run, err));
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->asked, sizeof fake->asked, "priority=%d",
             (int)json_integer_value(priority));
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
sets(void *self, json_t **list, struct ode_err *err)
{
    (void)self, (void)err;
    *list = json_pack("{s:[{s:s}]}", "datasets", "name", "strokes");
    return ODE_OK;
}

static enum ode_status
facts(void *self, json_t **doc, struct ode_err *err)
{
    struct fake *fake = self;
    bool yes;

    pthread_mutex_lock(&fake->lock);
    yes = fake->ready;
    pthread_mutex_unlock(&fake->lock);
    if (!yes)
        return ode_fail(err, ODE_EIO, NULL, "nobody knows");
    *doc = json_pack("{s:s, s:i, s:n}", "version", "9.9", "cores", 2, "blas");
    return ODE_OK;
}

static enum ode_status
ready(void *self, struct ode_err *err)
{
    struct fake *fake = self;
    bool yes;

    pthread_mutex_lock(&fake->lock);
    yes = fake->ready;
    pthread_mutex_unlock(&fake->lock);
    return yes ? ODE_OK : ode_fail(err, ODE_EIO, NULL, "the database is read-only");
}

/* Made when the plan would be: takes are counted as a plan's. */
static enum ode_status
backup_begin(void *self, uint64_t *ticket, struct ode_err *err)
{
    struct fake *fake = self;

    ODE_TRY(ready(self, err));
    pthread_mutex_lock(&fake->lock);
    *ticket = ++fake->ticket;
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
backup_take(void *self, uint64_t ticket, json_t **answer, struct ode_err *err)
{
    struct fake *fake = self;

    (void)err;
    ck_assert_uint_eq(ticket, fake->ticket);
    pthread_mutex_lock(&fake->lock);
    fake->takes++;
    if (fake->plan_finished)
        *answer = json_pack("{s:s, s:i}", "name", "odenet.db", "bytes", 4096);
    pthread_mutex_unlock(&fake->lock);
    return ODE_OK;
}

static enum ode_status
measure(void *self, FILE *out, struct ode_err *err)
{
    ODE_TRY(ready(self, err));
    openmetrics_gauge(out, "fake", "", 7, "No daemon.");
    return ODE_OK;
}

static const struct backend fake_backend = {
    .job_submit = submit,
    .job_delete = delete_job,
    .plan_begin = plan_begin,
    .plan_take = plan_take,
    .ticket_drop = ticket_drop,
    .job_get = job_of,
    .job_list = list_of,
    .run_get = run_of,
    .run_list = list_of,
    .events = events_of,
    .changes = changes,
    .run_levels = levels_of,
    .run_metrics = metrics_of,
    .compare = compare_of,
    .run_log = log_of,
    .run_artifact = artifact_of,
    .run_act = act,
    .run_change = change,
    .datasets = sets,
    .system = facts,
    .ready = ready,
    .measure = measure,
    .backup_begin = backup_begin,
    .backup_take = backup_take,
};

/* --- the server's thread ----------------------------------------------------------- */

static void
on_closed(void *arg)
{
    struct fake *fake = arg;

    uv_close((uv_handle_t *)&fake->async, NULL);
}

static void
on_async(uv_async_t *async)
{
    struct fake *fake = async->data;
    bool changed, stop, planned, happened;

    pthread_mutex_lock(&fake->lock);
    planned = fake->plan_finished;
    changed = fake->changed;
    stop = fake->stop;
    happened = fake->happened;
    fake->changed = fake->stop = fake->happened = false;
    pthread_mutex_unlock(&fake->lock);
    if (changed) {
        server_run_changed(&fake->server, FAKE_RUN);
        server_progress_changed(&fake->server);
    }
    if (happened)
        server_events_changed(&fake->server);
    if (planned)
        server_ticket_done(&fake->server, fake->ticket);
    if (stop)
        server_close(&fake->server, on_closed, fake);
}

static void *
serve(void *arg)
{
    struct fake *fake = arg;

    uv_run(&fake->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void
on_log(void *arg, const char *text)
{
    struct fake *fake = arg;

    snprintf(fake->logged, sizeof fake->logged, "%s", text);
}

void
fake_open_here(struct fake *fake, const struct server_config *config)
{
    struct server_config mine = config ? *config : (struct server_config){ 0 };
    struct ode_err err = { 0 };

    memset(fake, 0, sizeof *fake);
    fake->backend = fake_backend;
    fake->backend.self = fake;
    fake->ready = true;
    strcpy(fake->state, "running");
    snprintf(fake->log_path, sizeof fake->log_path, "%s/worker.log", test_dir());
    snprintf(fake->model_path, sizeof fake->model_path, "%s/model", test_dir());
    pthread_mutex_init(&fake->lock, NULL);
    uv_loop_init(&fake->loop);
    uv_async_init(&fake->loop, &fake->async, on_async);
    fake->async.data = fake;
    mine.log = on_log;
    mine.log_arg = fake;
    test_ok(server_open(&fake->server, &fake->loop, &mine, &fake->backend, &err), &err);
}

void
fake_open(struct fake *fake, const struct server_config *config)
{
    fake_open_here(fake, config);
    ck_assert_int_eq(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

void
fake_path(const struct route *route, char *path, size_t size)
{
    bool job = strncmp(route->pattern, "/v1/jobs", 8) == 0;
    bool problem = strncmp(route->pattern, "/problems", 9) == 0;
    size_t n = 0;

    for (const char *c = route->pattern; *c; c++) {
        if (*c == '{') {
            n += (size_t)snprintf(path + n, size - n, "%s",
                                  c[1] == 'i' ? job ? FAKE_JOB : FAKE_RUN
                                  : problem   ? "bad-json"
                                              : "metrics.csv");
            c = strchr(c, '}');
        } else
            n += (size_t)snprintf(path + n, size - n, "%c", *c);
    }
}

int
fake_port(const struct fake *fake)
{
    return server_port(&fake->server);
}

void
fake_change(struct fake *fake, const char *state)
{
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->state, sizeof fake->state, "%s", state);
    fake->version++;
    fake->changed = true;
    pthread_mutex_unlock(&fake->lock);
    uv_async_send(&fake->async);
}

void
fake_happen(struct fake *fake, int n)
{
    pthread_mutex_lock(&fake->lock);
    fake->events += n;
    fake->happened = true;
    pthread_mutex_unlock(&fake->lock);
    uv_async_send(&fake->async);
}

void
fake_await_gets(struct fake *fake, int gets)
{
    struct timespec pause = { .tv_nsec = 2000000 };
    int seen = 0;

    for (int i = 0; i < 5000 && seen < gets; i++) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&fake->lock);
        seen = fake->gets;
        pthread_mutex_unlock(&fake->lock);
    }
    ck_assert_int_ge(seen, gets);
}

void
fake_finish_plan(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->plan_finished = true;
    pthread_mutex_unlock(&fake->lock);
    uv_async_send(&fake->async);
}

void
fake_await_plans(struct fake *fake, int takes, int drops)
{
    struct timespec pause = { .tv_nsec = 2000000 };
    bool enough = false;

    for (int i = 0; i < 5000 && !enough; i++) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&fake->lock);
        enough = fake->takes >= takes && fake->drops >= drops;
        pthread_mutex_unlock(&fake->lock);
    }
    ck_assert(enough);
}

void
fake_asked(struct fake *fake, char asked[static 256])
{
    pthread_mutex_lock(&fake->lock);
    strcpy(asked, fake->asked);
    pthread_mutex_unlock(&fake->lock);
}

void
fake_set_ready(struct fake *fake, bool yes)
{
    pthread_mutex_lock(&fake->lock);
    fake->ready = yes;
    pthread_mutex_unlock(&fake->lock);
}

void
fake_stop(struct fake *fake)
{
    if (fake->stopped)
        return;
    fake->stopped = true;
    pthread_mutex_lock(&fake->lock);
    fake->stop = true;
    pthread_mutex_unlock(&fake->lock);
    uv_async_send(&fake->async);
}

static void
fake_release(struct fake *fake)
{
    ck_assert_int_eq(uv_loop_close(&fake->loop), 0);
    pthread_mutex_destroy(&fake->lock);
}

void
fake_close_here(struct fake *fake)
{
    fake_stop(fake);
    uv_run(&fake->loop, UV_RUN_DEFAULT);
    fake_release(fake);
}

void
fake_close(struct fake *fake)
{
    fake_stop(fake);
    ck_assert_int_eq(pthread_join(fake->thread, NULL), 0);
    fake_release(fake);
}
