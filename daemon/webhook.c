/* webhook.c - tells a receiver how runs ended. */
#include "daemon/webhook.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "daemon/documents.h"
#include "daemon/run.h"
#include "daemon/stamp.h"

#define SECRET_MAX   4096
#define LONG_WAIT_MS 60000 /* clocks are set meanwhile: looks again at least so often */
#define TROUBLE_MS   10000 /* until the database is asked again after a failure */

void
webhook_preset(struct webhook *webhook)
{
    static const int64_t pauses[WEBHOOK_RETRIES] = { 1000, 10000, 60000, 600000,
                                                     3600000 };

    webhook->limit_ms = WEBHOOK_LIMIT_MS;
    memcpy(webhook->pause_ms, pauses, sizeof pauses);
}

enum ode_status
webhook_read_secret(const char *path, char **secret, size_t *n, struct ode_err *err)
{
    void *data;
    char *text;
    size_t size;

    ODE_TRY(ode_file_read(path, SECRET_MAX, &data, &size, err));
    text = data;
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        text[--size] = '\0';
    if (size < WEBHOOK_SECRET_LEAST || memchr(text, '\n', size)) {
        free(data);
        return ode_fail(err, ODE_EARG, path,
                        "a secret is one line of at least %d bytes; openssl rand -hex 32 "
                        "makes one",
                        WEBHOOK_SECRET_LEAST);
    }
    *secret = text;
    *n = size;
    return ODE_OK;
}

/* --- writing down ---------------------------------------------------------------------
 */

/* {"event", "at"} and the run's members that tell how it ended. NULL: no memory. */
static char *
body_make(const struct run *run, int64_t at_ms, const json_t *document)
{
    static const char *const members[] = { "job",     "name",       "state",
                                           "reason",  "error",      "metrics",
                                           "attempt", "time",       "created_at",
                                           "dataset", "started_at", "model_sha256" };
    char event[40], at[STAMP_BYTES], *text;
    json_t *body;

    snprintf(event, sizeof event, "run.%s", run->state);
    stamp_format(at_ms, at);
    body = json_pack("{ss ss ss}", "event", event, "at", at, "run", run->id);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set(body, members[i], json_object_get(document, members[i]));
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

enum ode_status
webhook_note(void *context, const struct run *run, int64_t at_ms, struct ode_err *err)
{
    struct webhook *w = context;
    char id[ULID_LENGTH + 1], *body;
    json_t *document;
    enum ode_status status;

    if (!*w->url)
        return ODE_OK;
    ODE_TRY(document_run(w->store, NULL, run, &document, err));
    body = body_make(run, at_ms, document);
    json_decref(document);
    if (!body)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a message");
    ulid_next(&w->ids, at_ms, id);
    status = store_exec(w->store, STORE_DELIVERY_INSERT, err, store_text(id),
                        store_text(run->id), store_text(body), store_int(at_ms));
    free(body);
    w->stirred = true;
    return status;
}

/* --- what came of a message -----------------------------------------------------------
 */

/* The run may be gone by now: then nobody is left to tell. */
static enum ode_status
give_up_event(struct webhook *w, struct ode_err *err)
{
    char text[POST_TEXT + 100];
    enum ode_status status;
    struct run run;

    status = run_load(w->store, w->run, &run, err);
    if (status != ODE_OK)
        return status == ODE_ENOENT ? ODE_OK : status;
    snprintf(text, sizeof text,
             "the receiver was not told of the end, after %lld attempts: %s",
             (long long)w->attempts + 1, w->text);
    return run_event(w->store, run.number, store_now_ms(), "webhook", text, NULL, err);
}

static enum ode_status
give_up(struct webhook *w, struct ode_err *err)
{
    enum ode_status status;

    log_event(w->log, LOG_WARN, "webhook", "given-up", log_text("run", w->run),
              log_text("text", w->text));
    ODE_TRY(store_begin(w->store, err));
    status = give_up_event(w, err);
    if (status == ODE_OK)
        status = store_exec(w->store, STORE_DELIVERY_DELETE, err, store_text(w->id));
    return store_end(w->store, status, err);
}

static enum ode_status
conclude(struct webhook *w, struct ode_err *err)
{
    if (w->taken) {
        log_event(w->log, LOG_INFO, "webhook", "told", log_text("run", w->run),
                  log_int("attempts", w->attempts + 1));
        return store_exec(w->store, STORE_DELIVERY_DELETE, err, store_text(w->id));
    }
    if (w->attempts >= WEBHOOK_RETRIES)
        return give_up(w, err);
    log_event(w->log, LOG_INFO, "webhook", "failed", log_text("run", w->run),
              log_int("attempts", w->attempts + 1), log_text("text", w->text));
    return store_exec(w->store, STORE_DELIVERY_RETRY, err, store_text(w->id),
                      store_int(store_now_ms() + w->pause_ms[w->attempts]));
}

/* --- sending ---------------------------------------------------------------------------
 */

/* On a thread of the pool. */
static void
on_work(uv_work_t *work)
{
    struct webhook *w = work->data;
    const struct post message = { .url = w->url,
                                  .id = w->id,
                                  .body = w->body,
                                  .secret = w->secret,
                                  .secret_n = w->secret_n,
                                  .at_s = store_now_ms() / 1000,
                                  .limit_ms = w->limit_ms,
                                  .private = w->private,
                                  .leave = &w->leave };

    w->taken = post_send(&message, w->text);
}

static void
on_closed(uv_handle_t *handle)
{
    struct webhook *w = handle->data;

    free(w->secret);
    w->secret = NULL;
    curl_global_cleanup();
    w->closed(w->closed_context);
}

static void
on_timer(uv_timer_t *timer)
{
    webhook_kick(timer->data);
}

static void
wait_ms(struct webhook *w, int64_t ms)
{
    uv_timer_start(&w->timer, on_timer, (uint64_t)(ms < LONG_WAIT_MS ? ms : LONG_WAIT_MS),
                   0);
}

static void
trouble(struct webhook *w, const struct ode_err *err)
{
    log_failure(w->log, LOG_ERROR, "webhook", "keep account of a message", err);
    wait_ms(w, TROUBLE_MS);
}

/* Back on the loop's thread. What was given up for a stop was no attempt. */
static void
on_worked(uv_work_t *work, int status)
{
    struct webhook *w = work->data;
    struct ode_err err = { 0 };
    enum ode_status kept = ODE_OK;

    (void)status;
    w->busy = false;
    if (w->taken || !atomic_load(&w->leave))
        kept = conclude(w, &err);
    free(w->body);
    w->body = NULL;
    if (w->stopping)
        uv_close((uv_handle_t *)&w->timer, on_closed);
    else if (kept != ODE_OK)
        trouble(w, &err);
    else
        webhook_kick(w);
}

/* The message that is due first; *found: whether there is any. */
static enum ode_status
next(struct webhook *w, int64_t *due_ms, bool *found, struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(w->store, STORE_DELIVERY_NEXT, NULL, 0);
    enum ode_status status = store_step(query, found, err);

    if (status == ODE_OK && *found) {
        run_text(w->id, sizeof w->id, store_column_text(query, 0));
        run_text(w->run, sizeof w->run, store_column_text(query, 1));
        free(w->body);
        w->body = strdup(store_column_text(query, 2));
        w->attempts = sqlite3_column_int64(query, 3);
        *due_ms = sqlite3_column_int64(query, 4);
        if (!w->body)
            status = ode_fail(err, ODE_ENOMEM, "", "no memory for a message");
    }
    store_done(query);
    return status;
}

void
webhook_kick(struct webhook *w)
{
    struct ode_err err = { 0 };
    int64_t due_ms = 0;
    bool found = false;
    enum ode_status status;

    w->stirred = false;
    if (!w->open || w->busy || w->stopping)
        return;
    status = next(w, &due_ms, &found, &err);
    if (status != ODE_OK) {
        trouble(w, &err);
    } else if (found && due_ms > store_now_ms()) {
        wait_ms(w, due_ms - store_now_ms());
    } else if (found) {
        uv_timer_stop(&w->timer);
        w->busy = uv_queue_work(w->loop, &w->work, on_work, on_worked) == 0;
    }
}

/* --- a life ----------------------------------------------------------------------------
 */

void
webhook_open(struct webhook *w, char *secret, size_t n)
{
    w->secret = secret;
    w->secret_n = n;
    w->timer.data = w->work.data = w;
    atomic_init(&w->leave, false);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    uv_timer_init(w->loop, &w->timer);
    w->open = true;
    webhook_kick(w);
}

void
webhook_stop(struct webhook *w, webhook_closed_fn *closed, void *context)
{
    w->closed = closed;
    w->closed_context = context;
    w->stopping = true;
    if (!w->open) {
        closed(context);
        return;
    }
    atomic_store(&w->leave, true);
    if (w->busy)
        return; /* on_worked() goes on */
    free(w->body);
    w->body = NULL;
    uv_close((uv_handle_t *)&w->timer, on_closed);
}
