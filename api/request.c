/* request.c - a request from its first line to its last byte. */
#include "api/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/guard.h"

/* A body that is refused is still read up to here, as a client that is busy sending may
 * never see an answer that comes before it is done. */
#define DRAIN_MAX_BYTES (64u << 20)

#define JSON_DEPTH_MAX 32

void *
request_open(void *server, const char *target, struct MHD_Connection *connection)
{
    struct server *s = server;
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->target = strdup(target);
    if (!r->target) {
        free(r);
        return NULL;
    }
    r->server = s;
    r->connection = connection;
    r->asset_fd = -1;
    r->began_ns = uv_hrtime();
    s->requests++;
    snprintf(r->id, sizeof r->id, "%08x-%06llx", s->boot,
             (unsigned long long)(++s->request_count & 0xffffffffff));
    return r;
}

const char *
request_header(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static void
refuse(struct request *r, enum problem_kind kind, const char *detail)
{
    problem_set(&r->refusal, kind, "%s", detail);
    r->refused = true;
}

/* Cuts the target into authority, path and query; false for something else. */
static bool
target_split(struct request *r, char **query)
{
    char *path = r->target;

    if (strncasecmp(path, "http://", 7) == 0) {
        size_t n = strcspn(path + 7, "/?");

        memmove(r->target, path + 7, n); /* makes room for its end */
        r->target[n] = '\0';
        r->authority = r->target;
        path += 7 + n;
    }
    *query = strchr(path, '?');
    if (*query)
        *(*query)++ = '\0';
    r->path = path;
    return query_decode(path, false, false)
           && (*path == '/' || (strcmp(r->method, "OPTIONS") == 0 && !strcmp(path, "*")));
}

static bool
is_unsafe(const struct request *r)
{
    return strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0
           && strcmp(r->method, "OPTIONS") != 0;
}

/* Who asks, and for which server? */
static void
client_check(struct request *r)
{
    const char *host = r->authority ? r->authority : request_header(r, "Host");

    if (!host || !*host)
        refuse(r, PROBLEM_BAD_REQUEST, "the request has no Host header");
    else if (!guard_host(host))
        refuse(r, PROBLEM_MISDIRECTED,
               "the Host must be localhost, 127.0.0.1 or [::1], with any port");
    else if (is_unsafe(r)
             && !guard_origin(host, request_header(r, "Origin"),
                              request_header(r, "Sec-Fetch-Site")))
        refuse(r, PROBLEM_CROSS_ORIGIN,
               "only this server's own page may change something from a browser");
}

static void
route_check(struct request *r)
{
    char allow[64];

    r->methods = router_find(r->method, r->path, &r->match);
    if (r->methods == 0 && asset_find(r))
        r->methods = ROUTE_GET;
    if (strcmp(r->method, "OPTIONS") == 0 && strcmp(r->path, "*") == 0)
        r->methods = ROUTE_GET | ROUTE_POST | ROUTE_DELETE;
    if (r->methods == 0) {
        refuse(r, PROBLEM_NOT_FOUND,
               "no resource has this path; an id is 26 lower-case characters");
    } else if (!r->match.route && strcmp(r->method, "OPTIONS") != 0) {
        router_allow(r->methods, allow, sizeof allow);
        reply_header(r, "Allow", "%s", allow);
        problem_set(&r->refusal, PROBLEM_METHOD, "%.20s is not possible; %s are",
                    r->method, allow);
        r->refused = true;
    }
}

static void
refuse_size(struct request *r)
{
    problem_set(&r->refusal, PROBLEM_TOO_LARGE, "a body may have at most %zu bytes",
                r->server->config.max_body_bytes);
    r->refused = true;
}

/* What the headers say of the body. */
static void
body_check(struct request *r)
{
    const char *type = request_header(r, "Content-Type");
    const char *length = request_header(r, "Content-Length");

    if (!is_unsafe(r))
        return;
    if (type ? !guard_json_type(type) : r->has_body)
        refuse(r, PROBLEM_MEDIA_TYPE, "the Content-Type must be application/json");
    else if (length && strtoull(length, NULL, 10) > r->server->config.max_body_bytes)
        refuse_size(r);
}

/* Whether the answer must come before the body. */
static bool
is_urgent(struct request *r)
{
    const char *length = request_header(r, "Content-Length");

    return r->has_body
           && (request_header(r, "Expect")
               || (length && strtoull(length, NULL, 10) > DRAIN_MAX_BYTES));
}

static enum MHD_Result
request_begin(struct request *r, const char *method)
{
    const char *length = request_header(r, "Content-Length");
    char *query = NULL;

    r->begun = true;
    r->method = method;
    r->has_body =
        (length && strcmp(length, "0") != 0) || request_header(r, "Transfer-Encoding");
    if (!target_split(r, &query))
        refuse(r, PROBLEM_BAD_REQUEST,
               "the path must begin with /, without control characters, encoded slashes "
               "and bad escapes");
    if (!r->refused)
        client_check(r);
    if (!r->refused)
        route_check(r);
    if (!r->refused)
        body_check(r);
    if (!r->refused && r->match.route && r->match.route->query)
        r->refused = !query_parse(&r->query, query, r->match.route->query, &r->refusal);
    if (r->refused && is_urgent(r))
        return reply_problem(r, &r->refusal);
    return MHD_YES;
}

static bool
body_grow(struct request *r, size_t n)
{
    size_t cap = r->body_cap ? r->body_cap : 4096;
    char *body;

    while (cap < r->body_n + n)
        cap *= 2;
    if (cap == r->body_cap)
        return true;
    body = realloc(r->body, cap);
    if (!body)
        return false;
    r->body = body;
    r->body_cap = cap;
    return true;
}

static void
body_drop(struct request *r)
{
    free(r->body);
    r->body = NULL;
    r->body_n = r->body_cap = 0;
}

static enum MHD_Result
body_take(struct request *r, const char *data, size_t *size)
{
    size_t n = *size;

    *size = 0;
    r->received += n;
    if (r->received > DRAIN_MAX_BYTES)
        return MHD_NO;
    if (!r->refused && r->received > r->server->config.max_body_bytes)
        refuse_size(r);
    if (r->refused || !is_unsafe(r)) {
        body_drop(r);
        return MHD_YES;
    }
    if (!body_grow(r, n))
        return MHD_NO;
    memcpy(r->body + r->body_n, data, n);
    r->body_n += n;
    return MHD_YES;
}

static enum MHD_Result
request_finish(struct request *r)
{
    char allow[64];

    if (r->refused)
        return reply_problem(r, &r->refusal);
    if (strcmp(r->method, "OPTIONS") == 0) {
        router_allow(r->methods, allow, sizeof allow);
        reply_header(r, "Allow", "%s", allow);
        return reply_empty(r, MHD_HTTP_NO_CONTENT);
    }
    return r->match.route->handler(r);
}

enum MHD_Result
request_serve(void *server, struct MHD_Connection *connection, const char *url,
              const char *method, const char *version, const char *data, size_t *size,
              void **request)
{
    struct request *r = *request;

    (void)server, (void)connection, (void)url, (void)version;
    if (!r)
        return MHD_NO; /* request_open() had no memory */
    if (!r->begun)
        return request_begin(r, method);
    return *size > 0 ? body_take(r, data, size) : request_finish(r);
}

void
request_close(void *server, struct MHD_Connection *connection, void **request,
              enum MHD_RequestTerminationCode how)
{
    struct server *s = server;
    struct request *r = *request;

    (void)connection, (void)how;
    *request = NULL;
    if (!r)
        return;
    meter_count(&s->meter, r->status, 1e-9 * (double)(uv_hrtime() - r->began_ns),
                r->waited);
    wait_forget(r);
    if (r->ticket)
        s->backend->ticket_drop(s->backend->self, r->ticket);
    body_drop(r);
    problem_release(&r->refusal);
    if (r->asset_fd >= 0)
        close(r->asset_fd);
    free(r->target);
    free(r);
    s->requests--;
}

/* How deep the text nests, were it JSON. */
static size_t
json_depth(const char *text, size_t n)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else
                quoted = text[i] != '"';
        } else if (text[i] == '"')
            quoted = true;
        else if (text[i] == '{' || text[i] == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if ((text[i] == '}' || text[i] == ']') && depth > 0)
            depth--;
    }
    return deepest;
}

json_t *
request_json(struct request *r, struct problem *problem)
{
    json_error_t error;
    json_t *doc;

    if (json_depth(r->body, r->body_n) > JSON_DEPTH_MAX) {
        problem_set(problem, PROBLEM_BAD_JSON, "the body nests deeper than %d levels",
                    JSON_DEPTH_MAX);
        return NULL;
    }
    doc = json_loadb(r->body ? r->body : "", r->body_n, JSON_REJECT_DUPLICATES, &error);
    if (!doc) {
        problem_set(problem, PROBLEM_BAD_JSON, "line %d, column %d: %s", error.line,
                    error.column, error.text);
        problem->line = error.line;
        problem->column = error.column;
    }
    return doc;
}
