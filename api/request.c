/* request.c - a request from its first line to its last byte. */
#include "api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/guard.h"
#include "api/peer.h"

/* A body that is refused is still read up to here, as a client that is busy sending may
 * never see an answer that comes before it is done. */
#define DRAIN_MAX_BYTES (64u << 20)

#define TARGET_MAX_BYTES (8u << 10)
#define HEADER_MAX_BYTES (16u << 10)
#define JSON_DEPTH_MAX   32
#define JSON_PARTS_MAX   10000 /* members and elements */

void *
request_open(void *listener, const char *target, struct MHD_Connection *connection)
{
    struct server *s = ((struct listener *)listener)->server;
    struct peer *peer = peer_of(connection);
    struct request *r = peer ? calloc(1, sizeof *r) : NULL;

    if (!r)
        return NULL;
    r->target = strdup(target);
    if (!r->target) {
        free(r);
        return NULL;
    }
    r->server = s;
    r->listener = listener;
    r->connection = connection;
    r->peer = peer;
    r->asset_fd = -1;
    r->began_ns = uv_hrtime();
    s->requests++;
    peer_asks(peer);
    snprintf(r->id, sizeof r->id, "%08x-%06llx", s->boot,
             (unsigned long long)(++s->request_count & 0xffffffffff));
    return r;
}

const char *
request_header(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

void
request_refuse(struct request *r, enum problem_kind kind, const char *format, ...)
{
    char detail[sizeof r->refusal.detail];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problem_set(&r->refusal, kind, "%s", detail);
    r->refused = true;
}

/* Cuts the target into authority, path and query; false for something else. */
static bool
target_split(struct request *r, char **query)
{
    char *path = r->target;

    const size_t scheme = strncasecmp(path, "http://", 7) == 0    ? 7
                          : strncasecmp(path, "https://", 8) == 0 ? 8
                                                                  : 0;

    if (scheme) {
        size_t n = strcspn(path + scheme, "/?");

        memmove(r->target, path + scheme, n); /* makes room for its end */
        r->target[n] = '\0';
        r->authority = r->target;
        path += scheme + n;
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

/* For which server, and from whose page? A Unix socket is out of reach of pages. */
static void
client_check(struct request *r)
{
    const struct socket_place *place = &r->listener->place;
    const char *host = r->authority ? r->authority : request_header(r, "Host");

    if (!host || !*host)
        request_refuse(r, PROBLEM_BAD_REQUEST, "the request has no Host header");
    else if (!place->local
             && !guard_host(host, r->server->config.hosts, !place->loopback))
        request_refuse(
            r, PROBLEM_MISDIRECTED,
            "the Host must be localhost, 127.0.0.1 or [::1], with any port, or "
            "a name that the setting host lists");
    else if (is_unsafe(r)
             && !guard_origin(host, request_header(r, "Origin"),
                              request_header(r, "Sec-Fetch-Site"), r->server->secure))
        request_refuse(r, PROBLEM_CROSS_ORIGIN,
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
        r->methods = ROUTE_GET | ROUTE_POST | ROUTE_PATCH | ROUTE_DELETE;
    if (r->methods == 0) {
        request_refuse(r, PROBLEM_NOT_FOUND,
                       "no resource has this path; an id is 26 lower-case characters");
    } else if (!r->match.route && strcmp(r->method, "OPTIONS") != 0) {
        router_allow(r->methods, allow, sizeof allow);
        reply_header(r, "Allow", "%s", allow);
        request_refuse(r, PROBLEM_METHOD, "%.20s is not possible; %s are", r->method,
                       allow);
    }
}

static void
refuse_size(struct request *r)
{
    request_refuse(r, PROBLEM_TOO_LARGE, "a body may have at most %zu bytes",
                   r->server->config.max_body_bytes);
}

/* What the headers say of the body. */
static void
body_check(struct request *r)
{
    const char *type = request_header(r, "Content-Type");
    const char *length = request_header(r, "Content-Length");

    if (!is_unsafe(r))
        return;
    if (type ? !guard_json_type(type, strcmp(r->method, "PATCH") == 0) : r->has_body)
        request_refuse(r, PROBLEM_MEDIA_TYPE,
                       "the Content-Type must be application/json");
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

/* Well below what the library can hold, which answers by itself, and in HTML. */
static void
length_check(struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    if (strlen(r->target) > TARGET_MAX_BYTES)
        request_refuse(r, PROBLEM_LONG_TARGET, "an address may have at most %u bytes",
                       TARGET_MAX_BYTES);
    else if (info && info->header_size > HEADER_MAX_BYTES)
        request_refuse(r, PROBLEM_LONG_HEADER,
                       "all headers together may have at most %u bytes",
                       HEADER_MAX_BYTES);
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
    length_check(r);
    if (!r->refused && !target_split(r, &query))
        request_refuse(
            r, PROBLEM_BAD_REQUEST,
            "the path must begin with /, without control characters, encoded slashes "
            "and bad escapes");
    if (!r->refused)
        client_check(r);
    if (!r->refused)
        route_check(r);
    if (!r->refused)
        access_check(r);
    if (!r->refused)
        body_check(r);
    if (!r->refused && r->match.route && r->match.route->query)
        r->refused = !query_parse(&r->query, query, r->match.route->query, &r->refusal);
    if (r->refused && is_urgent(r))
        return reply_problem(r, &r->refusal);
    if (!r->refused)
        peer_sends(r->peer);
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

    peer_waits(r->peer);
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
request_serve(void *listener, struct MHD_Connection *connection, const char *url,
              const char *method, const char *version, const char *data, size_t *size,
              void **request)
{
    struct request *r = *request;

    (void)listener, (void)connection, (void)url, (void)version;
    if (!r)
        return MHD_NO; /* request_open() had no memory */
    if (!r->begun)
        return request_begin(r, method);
    return *size > 0 ? body_take(r, data, size) : request_finish(r);
}

void
request_close(void *listener, struct MHD_Connection *connection, void **request,
              enum MHD_RequestTerminationCode how)
{
    struct server *s = ((struct listener *)listener)->server;
    struct request *r = *request;

    (void)connection, (void)how;
    *request = NULL;
    if (!r)
        return;
    meter_count(&s->meter, r->status, 1e-9 * (double)(uv_hrtime() - r->began_ns),
                r->waited);
    wait_forget(r);
    peer_rests(r->peer);
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

/* How deep the text nests, were it JSON, and of how many parts it is. */
static size_t
json_depth(const char *text, size_t n, size_t *parts)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;

    *parts = 0;
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
        else
            *parts += text[i] == ',';
    }
    return deepest;
}

json_t *
request_json(struct request *r, struct problem *problem)
{
    json_error_t error;
    size_t parts;
    json_t *doc;

    if (json_depth(r->body, r->body_n, &parts) > JSON_DEPTH_MAX) {
        problem_set(problem, PROBLEM_BAD_JSON, "the body nests deeper than %d levels",
                    JSON_DEPTH_MAX);
        return NULL;
    }
    if (parts >= JSON_PARTS_MAX) {
        problem_set(problem, PROBLEM_BAD_JSON, "the body has more than %d members",
                    JSON_PARTS_MAX);
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
