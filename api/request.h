/*
 * request.h - one request on its way through the server, and the ways to answer it.
 *
 * A handler reads the request and returns what one reply_*() returns, exactly once; or,
 * for a client that wants to wait, request_wait(): it is called again later.
 */
#ifndef ODE_API_REQUEST_H
#define ODE_API_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/access.h"
#include "api/problem.h"
#include "api/query.h"
#include "api/router.h"
#include "api/server.h"

#define REQUEST_HEADERS 8

struct request {
    struct server *server; /* borrowed, as the next three */
    struct listener *listener;
    struct MHD_Connection *connection;
    struct peer *peer;
    char id[20];           /* for people and X-Request-Id */
    char *target;          /* the request's target, owned; path, query point into it */
    const char *authority; /* of a target in absolute form; else NULL */
    const char *path;      /* decoded; perhaps no UTF-8 */
    const char *method;    /* borrowed */
    struct query query;
    struct route_match match;
    struct caller caller;
    unsigned methods;              /* that the path can, as bits */
    const struct web_asset *asset; /* a file of the page: from the table, */
    int asset_fd;                  /* or from web_root: owned; -1: none   */

    char *body; /* owned */
    size_t body_n, body_cap;
    uint64_t received; /* bytes of the body so far, kept or not */

    struct problem refusal; /* its kind is valid where refused */
    bool begun, refused, has_body;

    struct {
        const char *name;
        char value[400];
    } header[REQUEST_HEADERS]; /* more headers for the answer */
    size_t header_n;
    int status;        /* of the answer; 0: there was none yet */
    uint64_t began_ns; /* of uv_hrtime() */
    bool waited;       /* it was suspended once */

    struct request *next, *prev; /* of those that wait */
    bool waiting;                /* suspended */
    bool streams;                /* its answer has no end (stream.c), */
    bool progresses;             /* and tells how runs come on */
    bool gone;                   /* the client was, when it was last looked */
    uint64_t wait_until_ms;      /* of the loop's clock; 0: did not wait yet */
    uint64_t ticket;             /* of a plan that is being made; 0: none    */
};

/* A header of the request, or NULL. Borrowed. */
const char *request_header(struct request *r, const char *name);

/* The request is answered with this problem, once its body is there. */
void request_refuse(struct request *r, enum problem_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The body as JSON, a new reference; NULL with the problem filled. */
json_t *request_json(struct request *r, struct problem *problem);

/* Adds a header to the answer to come; name is a literal. */
void reply_header(struct request *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes doc (NULL: out of memory, 500). Answers to GET carry an ETag and may become 304.
 */
enum MHD_Result reply_json(struct request *r, int status, json_t *doc);

/* Whether a change may be made to what the document, the answer to a GET, shows: false
 * with the problem filled where the request has an If-Match that is not its ETag. */
bool reply_is_current(struct request *r, const json_t *doc, struct problem *problem);

/* Takes text, of malloc(); NULL: out of memory. With an ETag as well. */
enum MHD_Result reply_text(struct request *r, const char *type, char *text, size_t n);

/* Bytes that outlive the server. cache: the Cache-Control. */
enum MHD_Result reply_static(struct request *r, const char *type, const void *data,
                             size_t n, const char *cache);

/* Takes fd: n bytes of the file from offset on, read while they are sent. */
enum MHD_Result reply_file(struct request *r, const char *type, int fd, off_t offset,
                           size_t n, const char *cache);

/* Takes fd, a file of n bytes: all of it, or what a Range asks for that has no end. */
enum MHD_Result reply_file_range(struct request *r, const char *type, int fd, size_t n,
                                 const char *cache);

enum MHD_Result reply_empty(struct request *r, int status);

/* Releases the problem. */
enum MHD_Result reply_problem(struct request *r, struct problem *problem);

/* A failure of the backend. complaints are taken and may be NULL. */
enum MHD_Result reply_failure(struct request *r, enum ode_status status,
                              const struct ode_err *err, json_t *complaints);

/* Suspends until server_run_changed() for the run in the path, server_ticket_done() for
 * its ticket, or wait_s from the first call on; the handler is then called again. False
 * when it should answer now: the time is up, or the server closes. *full: too many wait
 * already, as the problem says. */
bool request_wait(struct request *r, int wait_s, bool *full, struct problem *problem);

/* Suspends until server_run_changed(), server_events_changed() or wait_until_ms. */
void request_suspend(struct request *r);

/* An answer whose bytes are asked for one by one, at most `block` at once; release gets
 * the context at its end, or now where it fails. */
enum MHD_Result reply_stream(struct request *r, const char *type, size_t block,
                             ssize_t (*read)(void *context, uint64_t position, char *to,
                                             size_t most),
                             void *context, void (*release)(void *context));

/* runs.c: whether a run's document says that it has ended. */
bool run_is_final(const json_t *run);

/* lists.c: the query of a list; false with the problem filled. */
bool page_parse(struct request *r, struct backend_page *page, struct problem *problem);

/* lists.c: the answer to it, which is taken, with a Link to the next page. */
enum MHD_Result list_reply(struct request *r, json_t *list);

/* Every handler of routes.def. */
#define ROUTE(method, role, pattern, handler, query, summary) \
    enum MHD_Result handler(struct request *r);
#include "api/routes.def"
#undef ROUTE

/* wait.c, for listener.c: calls those again whose time is up or, with look, whose client
 * went away; or all. And drops one that ends. */
void wait_wake_due(struct listener *listener, bool look);
void wait_wake_all(struct listener *listener);
void wait_forget(struct request *r);

/* Whether nobody else may wait, or not this caller; then with the problem filled. Where
 * he may, he is counted as one that waits until he has his answer. */
bool wait_full(struct request *r, struct problem *problem);

/* Milliseconds until the next one's time is up, at most max. */
uint64_t wait_left_ms(const struct listener *listener, uint64_t max);

/* server.c, for listener.c: looks at its files; begins to close where that is wanted;
 * ends all listeners where it can, then true; and is told of each handle that was closed.
 */
void server_look(struct server *server);
void server_quiet(struct server *server);
bool server_end(struct server *server);
void server_handle_closed(uv_handle_t *handle);

/* assets.c: looks for a file of the page at r->path; finds asset or asset_fd, and the
 * route in match. False: there is none. */
bool asset_find(struct request *r);

/* The callbacks that listener.c gives to libmicrohttpd. */
void *request_open(void *listener, const char *target, struct MHD_Connection *connection);
enum MHD_Result request_serve(void *listener, struct MHD_Connection *connection,
                              const char *url, const char *method, const char *version,
                              const char *data, size_t *size, void **request);
void request_close(void *listener, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode how);

#endif
