/* reply.c - answers, with the headers that all of them carry. */
#include <fcntl.h>
#include <sha256.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/accept.h"
#include "api/request.h"
#include "api/squeeze.h"

#define ETAG_SIZE 64
#define GZIP_MARK "-gz" /* in the tag of bytes that are squeezed */

void
reply_header(struct request *r, const char *name, const char *format, ...)
{
    va_list args;

    if (r->header_n == REQUEST_HEADERS)
        return;
    r->header[r->header_n].name = name;
    va_start(args, format);
    vsnprintf(r->header[r->header_n].value, sizeof r->header[0].value, format, args);
    va_end(args);
    r->header_n++;
}

static bool
header_has(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->header_n; i++)
        if (strcmp(r->header[i].name, name) == 0)
            return true;
    return false;
}

/* Takes back what was said of an answer that is not given: a problem is no file, has no
 * next page, and was not waited for. */
static void
headers_take_back(struct request *r)
{
    static const char said[] = "Content-Disposition,Link,Preference-Applied";
    size_t kept = 0;

    for (size_t i = 0; i < r->header_n; i++)
        if (!query_listed(said, r->header[i].name))
            r->header[kept++] = r->header[i];
    r->header_n = kept;
}

/* What keeps a browser from making more of an answer than it is. */
static void
shield(const struct request *r, struct MHD_Response *response)
{
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (!header_has(r, "Content-Security-Policy"))
        MHD_add_response_header(response, "Content-Security-Policy",
                                "default-src 'none'; frame-ancestors 'none'");
    if (r->server->secure && !r->listener->place.local)
        MHD_add_response_header(response, "Strict-Transport-Security",
                                "max-age=31536000");
}

/* Takes the response; NULL (out of memory) ends the connection. */
static enum MHD_Result
reply_send(struct request *r, int status, struct MHD_Response *response,
           const char *cache)
{
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "X-Request-Id", r->id);
    MHD_add_response_header(response, "Cache-Control", cache);
    shield(r, response);
    for (size_t i = 0; i < r->header_n; i++)
        MHD_add_response_header(response, r->header[i].name, r->header[i].value);
    if (r->server->closing)
        MHD_add_response_header(response, "Connection", "close");
    r->status = status;
    result = MHD_queue_response(r->connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Response *
bytes_response(const char *type, const void *data, size_t n,
               enum MHD_ResponseMemoryMode mode)
{
    union {
        const void *from;
        void *to;
    } unconst = { .from = data }; /* the library reads only */
    struct MHD_Response *response = MHD_create_response_from_buffer(n, unconst.to, mode);

    if (response)
        MHD_add_response_header(response, "Content-Type", type);
    return response;
}

/* A strong validator: half a SHA-256 of the bytes. */
static void
etag_of(const void *data, size_t n, char etag[static ETAG_SIZE])
{
    SHA2_CTX context;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char *to = etag;

    SHA256Init(&context);
    SHA256Update(&context, data, n);
    SHA256Final(digest, &context);
    *to++ = '"';
    for (int i = 0; i < 16; i++)
        to += sprintf(to, "%02x", digest[i]);
    strcpy(to, "\"");
}

/* Whether the list has the tag, or that of the same bytes as gzip. */
static bool
etag_listed(const char *list, const char *etag)
{
    const size_t n = strlen(etag) - 1; /* up to the last quote */

    while (list && *list) {
        list += strspn(list, " \t,");
        if (strcmp(list, "*") == 0)
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, etag, n) == 0) {
            list += n;
            if (strncmp(list, GZIP_MARK, strlen(GZIP_MARK)) == 0)
                list += strlen(GZIP_MARK);
            if (*list == '"' && strchr(" \t,", list[1]))
                return true;
        }
        list += strcspn(list, ",");
    }
    return false;
}

/* Whether If-None-Match has the tag: the client's copy is still good. */
static bool
etag_known(struct request *r, const char *etag)
{
    return etag_listed(request_header(r, "If-None-Match"), etag);
}

static bool
is_read(const struct request *r)
{
    return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

static enum MHD_Result
unchanged(struct request *r, const char *etag, const char *cache)
{
    reply_header(r, "ETag", "%s", etag);
    return reply_send(r, MHD_HTTP_NOT_MODIFIED,
                      MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
                      cache);
}

static enum MHD_Result
not_acceptable(struct request *r, const char *type)
{
    struct problem problem = { 0 };

    problem_set(&problem, PROBLEM_NOT_ACCEPTABLE,
                "this answer is %s, which your Accept does not allow", type);
    return reply_problem(r, &problem);
}

/* The text as gzip instead, for a client that takes it and where it is worth it. */
static void
squeezed(struct request *r, char **text, size_t *n, char *etag)
{
    void *small = NULL;
    size_t size;

    if (*n < SQUEEZE_LEAST || *n > SQUEEZE_MOST)
        return;
    reply_header(r, "Vary", "Accept-Encoding");
    if (accept_gzip(request_header(r, "Accept-Encoding")))
        small = squeeze(*text, *n, &size);
    if (!small)
        return;
    free(*text);
    *text = small;
    *n = size;
    strcpy(etag + strlen(etag) - 1, GZIP_MARK "\"");
    reply_header(r, "Content-Encoding", "gzip");
}

/* Answers to a successful GET with malloc'ed text, or 304. */
static enum MHD_Result
validated(struct request *r, const char *type, char *text, size_t n)
{
    char etag[ETAG_SIZE];

    if (!accept_type(request_header(r, "Accept"), type)) {
        free(text);
        return not_acceptable(r, type);
    }
    etag_of(text, n, etag);
    if (etag_known(r, etag)) {
        free(text);
        return unchanged(r, etag, "no-store");
    }
    squeezed(r, &text, &n, etag);
    reply_header(r, "ETag", "%s", etag);
    return reply_send(r, MHD_HTTP_OK,
                      bytes_response(type, text, n, MHD_RESPMEM_MUST_FREE), "no-store");
}

bool
reply_is_current(struct request *r, const json_t *doc, struct problem *problem)
{
    const char *wanted = request_header(r, "If-Match");
    char *text, etag[ETAG_SIZE];

    if (!wanted)
        return true;
    text = json_dumps(doc, JSON_COMPACT);
    if (!text) {
        problem_set(problem, PROBLEM_INTERNAL, "out of memory");
        return false;
    }
    etag_of(text, strlen(text), etag);
    free(text);
    if (etag_listed(wanted, etag))
        return true;
    problem_set(problem, PROBLEM_CHANGED,
                "your If-Match is not its ETag any more; look again, then decide");
    return false;
}

enum MHD_Result
reply_json(struct request *r, int status, json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    static const char json[] = "application/json";

    json_decref(doc);
    if (!text)
        return reply_failure(r, ODE_ENOMEM, NULL, NULL);
    if (is_read(r) && status == MHD_HTTP_OK)
        return validated(r, json, text, strlen(text));
    return reply_send(r, status,
                      bytes_response(json, text, strlen(text), MHD_RESPMEM_MUST_FREE),
                      "no-store");
}

enum MHD_Result
reply_text(struct request *r, const char *type, char *text, size_t n)
{
    return text ? validated(r, type, text, n) : reply_failure(r, ODE_ENOMEM, NULL, NULL);
}

enum MHD_Result
reply_static(struct request *r, const char *type, const void *data, size_t n,
             const char *cache)
{
    char etag[ETAG_SIZE];

    etag_of(data, n, etag);
    if (etag_known(r, etag))
        return unchanged(r, etag, cache);
    reply_header(r, "ETag", "%s", etag);
    return reply_send(r, MHD_HTTP_OK,
                      bytes_response(type, data, n, MHD_RESPMEM_PERSISTENT), cache);
}

/* "bytes=N-" within n bytes: N; else 0, as whoever asks for another range may be sent all
 * (RFC 9110, 14.2). */
static size_t
range_begin(const char *range, size_t n)
{
    int end = 0;
    size_t from;

    if (!range || sscanf(range, "bytes=%18zu-%n", &from, &end) != 1 || end == 0
        || range[end])
        return 0;
    return from < n ? from : 0;
}

/* Takes fd: answers with n bytes of the file from offset on, or with those of them that a
 * Range asks for. */
static enum MHD_Result
file_send(struct request *r, const char *type, int fd, off_t offset, size_t n,
          bool ranges, const char *cache)
{
    struct MHD_Response *response;
    size_t from;
    char etag[ETAG_SIZE];
    struct stat st;

    if (fstat(fd, &st) != 0) {
        close(fd);
        return reply_failure(r, ODE_EIO, NULL, NULL);
    }
    snprintf(etag, sizeof etag, "\"%zx-%jx-%jx.%lx\"", n, (uintmax_t)offset,
             (uintmax_t)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec);
    if (etag_known(r, etag)) {
        close(fd);
        return unchanged(r, etag, cache);
    }
    from = ranges ? range_begin(request_header(r, "Range"), n) : 0;
    response =
        MHD_create_response_from_fd_at_offset64(n - from, fd, (uint64_t)offset + from);
    if (!response) {
        close(fd);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    reply_header(r, "ETag", "%s", etag);
    if (ranges)
        reply_header(r, "Accept-Ranges", "bytes");
    if (from > 0)
        reply_header(r, "Content-Range", "bytes %zu-%zu/%zu", from, n - 1, n);
    return reply_send(r, from > 0 ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response,
                      cache);
}

enum MHD_Result
reply_file(struct request *r, const char *type, int fd, off_t offset, size_t n,
           const char *cache)
{
    return file_send(r, type, fd, offset, n, false, cache);
}

enum MHD_Result
reply_file_range(struct request *r, const char *type, int fd, size_t n, const char *cache)
{
    return file_send(r, type, fd, 0, n, true, cache);
}

enum MHD_Result
reply_stream(struct request *r, const char *type, size_t block,
             ssize_t (*read)(void *context, uint64_t position, char *to, size_t most),
             void *context, void (*release)(void *context))
{
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, block, read, context, release);

    if (!response) {
        release(context);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    return reply_send(r, MHD_HTTP_OK, response, "no-store");
}

enum MHD_Result
reply_empty(struct request *r, int status)
{
    return reply_send(r, status,
                      MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
                      "no-store");
}

static void
failure_log(struct request *r, const struct problem *problem)
{
    const struct server_config *config = &r->server->config;
    char line[768];

    if (!config->log || problem_status(problem->kind) < 500)
        return;
    snprintf(line, sizeof line, "request %s %s %s: %d: %s", r->id, r->method,
             r->path ? r->path : "?", problem_status(problem->kind), problem->detail);
    config->log(config->log_arg, line);
}

enum MHD_Result
reply_problem(struct request *r, struct problem *problem)
{
    int status = problem_status(problem->kind);
    json_t *doc = problem_json(problem, r->id);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

    failure_log(r, problem);
    headers_take_back(r);
    json_decref(doc);
    problem_release(problem);
    if (!text)
        return MHD_NO;
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE && !header_has(r, "Retry-After"))
        reply_header(r, "Retry-After", "2");
    return reply_send(r, status,
                      bytes_response("application/problem+json", text, strlen(text),
                                     MHD_RESPMEM_MUST_FREE),
                      "no-store");
}

enum MHD_Result
reply_failure(struct request *r, enum ode_status status, const struct ode_err *err,
              json_t *complaints)
{
    struct ode_err none = { 0 };
    struct problem problem = { 0 };

    problem_from(&problem, status, err ? err : &none, complaints);
    json_decref(complaints);
    return reply_problem(r, &problem);
}
