/*
 * stream.c - events as they happen: server-sent events, or a line of JSON each.
 *
 * A stream is an answer without an end: its reader is called for more bytes, takes the
 * next page of events from the backend, and, when there is none, suspends the connection
 * until server_events_changed() or the next heartbeat (wait.c). A client that comes back
 * says the last event that it has seen, and misses nothing.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

#define BATCH       64 /* events that a stream takes at once */
#define PAGE_PRESET 100
#define PAGE_MAX    500
#define BLOCK       16384
#define RETRY_MS    2000
#define PACE_MAX_S  60 /* between two tellings of a run's progress */

enum format { FORMAT_JSON, FORMAT_SSE, FORMAT_LINES };

struct stream {
    struct request *r;
    enum format format;
    bool all;             /* the events of all runs */
    bool ended;           /* the end was told */
    int after;            /* the last event that was taken */
    uint64_t beat_ms;     /* of the loop's clock: the next heartbeat is due */
    uint64_t pace_ms;     /* between two tellings of progress; 0: it is not told */
    uint64_t progress_ms; /* of the loop's clock: it is not told before */
    int64_t version;      /* of runs, that was told last */
    char *text;           /* owned: what is to be sent, */
    size_t n, used;       /* so much, of which so much was */
};

/* --- what is to be sent --------------------------------------------------------------
 */

/* Takes the text, of malloc(). */
static void
stream_take(struct stream *s, char *text, size_t n)
{
    free(s->text);
    s->text = text;
    s->n = n;
    s->used = 0;
}

static void
event_write(const struct stream *s, FILE *out, const json_t *event)
{
    char *json = json_dumps(event, JSON_COMPACT);

    if (s->format == FORMAT_SSE)
        fprintf(out, "id: %lld\nevent: %s\ndata: ",
                (long long)json_integer_value(json_object_get(event, "id")),
                json_string_value(json_object_get(event, "kind")));
    fprintf(out, "%s%s", json ? json : "null", s->format == FORMAT_SSE ? "\n\n" : "\n");
    free(json);
}

/* The next events as text; whether there were any. */
static bool
events_take(struct stream *s)
{
    const struct backend *b = s->r->server->backend;
    json_t *list = NULL, *events, *event;
    char *text = NULL;
    size_t i, n = 0;
    FILE *out;

    if (b->events(b->self, s->all ? NULL : s->r->match.id, s->after, BATCH, &list, NULL)
        != ODE_OK)
        return false;
    events = json_object_get(list, "events");
    out = json_array_size(events) > 0 ? open_memstream(&text, &n) : NULL;
    if (out) {
        json_array_foreach (events, i, event) {
            event_write(s, out, event);
            s->after = (int)json_integer_value(json_object_get(event, "id"));
        }
        if (fclose(out) == 0)
            stream_take(s, text, n);
        else
            free(text);
    }
    json_decref(list);
    return s->used < s->n;
}

/* That the run has ended, or is not there any more, and nothing will follow. */
static bool
end_take(struct stream *s)
{
    const struct backend *b = s->r->server->backend;
    const char *state = "deleted";
    enum ode_status status;
    json_t *run = NULL;
    char *text = NULL;
    int n;

    if (s->all)
        return false;
    status = b->run_get(b->self, s->r->match.id, &run, NULL);
    if (status == ODE_OK)
        state = json_string_value(json_object_get(run, "state"));
    if (status == ODE_OK ? !run_is_final(run) : status != ODE_ENOENT) {
        json_decref(run);
        return false;
    }
    n = s->format == FORMAT_SSE
            ? asprintf(&text, "event: end\ndata: {\"run\":\"%s\",\"state\":\"%s\"}\n\n",
                       s->r->match.id, state)
            : asprintf(&text, "{\"kind\":\"end\",\"run\":\"%s\",\"state\":\"%s\"}\n",
                       s->r->match.id, state);
    json_decref(run);
    if (n < 0)
        return false;
    stream_take(s, text, (size_t)n);
    s->ended = true;
    return true;
}

static bool
beat_take(struct stream *s)
{
    const struct server *server = s->r->server;
    char *text;

    if (uv_now(server->loop) < s->beat_ms)
        return false;
    text = strdup(s->format == FORMAT_SSE ? ":\n\n" : "\n");
    if (text)
        stream_take(s, text, strlen(text));
    s->beat_ms = uv_now(server->loop) + server->config.beat_ms;
    return text != NULL;
}

static void
progress_write(const struct stream *s, FILE *out, json_t *run)
{
    json_t *told = json_pack("{ss sO sO}", "kind", "progress", "run",
                             json_object_get(run, "id"), "document", run);
    char *json = json_dumps(told, JSON_COMPACT);

    fprintf(out, "%s%s%s", s->format == FORMAT_SSE ? "event: progress\ndata: " : "",
            json ? json : "null", s->format == FORMAT_SSE ? "\n\n" : "\n");
    free(json);
    json_decref(told);
}

/* How runs stand that have changed since they were told of; whether there were any. */
static bool
progress_take(struct stream *s)
{
    const struct backend *b = s->r->server->backend;
    const uint64_t now = uv_now(s->r->server->loop);
    json_t *list = NULL, *run;
    char *text = NULL;
    size_t i, n = 0;
    FILE *out;

    if (s->pace_ms == 0 || now < s->progress_ms
        || b->changes(b->self, s->all ? NULL : s->r->match.id, s->version, BATCH, &list,
                      NULL)
               != ODE_OK)
        return false;
    out = json_array_size(json_object_get(list, "runs")) > 0 ? open_memstream(&text, &n)
                                                             : NULL;
    if (out) {
        json_array_foreach (json_object_get(list, "runs"), i, run)
            progress_write(s, out, run);
        if (fclose(out) == 0)
            stream_take(s, text, n);
        else
            free(text);
        s->progress_ms = now + s->pace_ms;
    }
    s->version = json_integer_value(json_object_get(list, "version"));
    json_decref(list);
    return s->used < s->n;
}

/* Until something is due, or there is something new. */
static void
stream_wait(struct stream *s)
{
    const uint64_t now = uv_now(s->r->server->loop);

    s->r->wait_until_ms = s->beat_ms;
    s->r->progresses = s->pace_ms > 0 && now >= s->progress_ms;
    if (s->pace_ms > 0 && now < s->progress_ms && s->progress_ms < s->beat_ms)
        s->r->wait_until_ms = s->progress_ms;
    request_suspend(s->r);
}

/* --- the reader ----------------------------------------------------------------------
 */

static ssize_t
stream_read(void *context, uint64_t position, char *to, size_t most)
{
    struct stream *s = context;
    size_t n;

    (void)position;
    if (s->r->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (s->used == s->n && (s->ended || s->r->server->closing))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (s->used == s->n && !events_take(s) && !progress_take(s) && !end_take(s)
        && !beat_take(s)) {
        stream_wait(s);
        return 0;
    }
    n = s->n - s->used < most ? s->n - s->used : most;
    memcpy(to, s->text + s->used, n);
    s->used += n;
    return (ssize_t)n;
}

static void
stream_release(void *context)
{
    struct stream *s = context;

    free(s->text);
    free(s);
}

/* --- the request ---------------------------------------------------------------------
 */

static enum format
format_of(struct request *r)
{
    const char *accept = request_header(r, "Accept");

    if (accept && strstr(accept, "text/event-stream"))
        return FORMAT_SSE;
    return accept && strstr(accept, "application/x-ndjson") ? FORMAT_LINES : FORMAT_JSON;
}

/* Where it begins: behind what the client has seen; else a run's at its first event, that
 * of all with what happens from now on. */
static bool
begin_parse(struct request *r, bool all, int *after, struct problem *problem)
{
    const struct backend *b = r->server->backend;
    const char *seen = request_header(r, "Last-Event-ID");
    json_t *list = NULL;
    char *end;
    long id;

    if (!query_int(&r->query, "after", -1, 0, INT_MAX, after, problem))
        return false;
    if (seen && *after < 0) {
        id = strtol(seen, &end, 10);
        if (end == seen || *end || id < 0 || id > INT_MAX) {
            problem_set(problem, PROBLEM_BAD_REQUEST,
                        "the Last-Event-ID is none of this server's");
            return false;
        }
        *after = (int)id;
    }
    if (*after < 0 && all && b->events(b->self, NULL, INT_MAX, 1, &list, NULL) == ODE_OK)
        *after = (int)json_integer_value(json_object_get(list, "newest"));
    json_decref(list);
    *after = *after < 0 ? 0 : *after;
    return true;
}

/* How far runs have come; a stream of all tells what comes behind that. */
static int64_t
version_now(struct request *r)
{
    const struct backend *b = r->server->backend;
    json_t *list = NULL;
    int64_t version = -1;

    if (b->changes(b->self, NULL, -1, 1, &list, NULL) == ODE_OK)
        version = json_integer_value(json_object_get(list, "version"));
    json_decref(list);
    return version;
}

static enum MHD_Result
stream_open(struct request *r, bool all, enum format format)
{
    struct problem problem = { 0 };
    struct stream *s;
    int after, pace_s;

    if (!begin_parse(r, all, &after, &problem)
        || !query_int(&r->query, "progress", 0, 1, PACE_MAX_S, &pace_s, &problem))
        return reply_problem(r, &problem);
    if (wait_full(r, &problem))
        return reply_problem(r, &problem);
    s = calloc(1, sizeof *s);
    if (!s)
        return reply_failure(r, ODE_ENOMEM, NULL, NULL);
    *s = (struct stream){ .r = r,
                          .format = format,
                          .all = all,
                          .after = after,
                          .beat_ms = uv_now(r->server->loop) + r->server->config.beat_ms,
                          .pace_ms = (uint64_t)pace_s * 1000,
                          .version = all && pace_s ? version_now(r) : -1 };
    r->streams = true;
    if (format == FORMAT_SSE) {
        char *text = NULL;
        const int n = asprintf(&text, "retry: %d\n\n", RETRY_MS);

        if (n > 0)
            stream_take(s, text, (size_t)n);
    }
    return reply_stream(
        r, format == FORMAT_SSE ? "text/event-stream" : "application/x-ndjson", BLOCK,
        stream_read, s, stream_release);
}

static enum MHD_Result
page(struct request *r, bool all)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    enum ode_status status;
    json_t *list = NULL;
    int after, limit;

    if (query_get(&r->query, "progress")) {
        query_refuse(&problem, "progress",
                     "only streams have it: Accept text/event-stream or "
                     "application/x-ndjson");
        return reply_problem(r, &problem);
    }
    if (!query_int(&r->query, "after", 0, 0, INT_MAX, &after, &problem)
        || !query_int(&r->query, "limit", PAGE_PRESET, 1, PAGE_MAX, &limit, &problem))
        return reply_problem(r, &problem);
    status = b->events(b->self, all ? NULL : r->match.id, after, limit, &list, &err);
    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, list)
                            : reply_failure(r, status, &err, NULL);
}

static enum MHD_Result
events(struct request *r, bool all)
{
    const enum format format = format_of(r);
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *run = NULL;
    enum ode_status status;

    reply_header(r, "Vary", "Accept");
    if (format == FORMAT_JSON)
        return page(r, all);
    if (!all) {
        status = b->run_get(b->self, r->match.id, &run, &err);
        json_decref(run);
        if (status != ODE_OK)
            return reply_failure(r, status, &err, NULL);
    }
    return stream_open(r, all, format);
}

enum MHD_Result
run_events(struct request *r)
{
    return events(r, false);
}

enum MHD_Result
event_list(struct request *r)
{
    return events(r, true);
}
