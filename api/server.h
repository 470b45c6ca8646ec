/*
 * server.h - the HTTP server: libmicrohttpd inside a libuv loop, one thread, no locks.
 *
 * The caller holds the struct and runs the loop. Life: server_open(), then the loop; when
 * the server is no longer wanted server_close(), and go on running the loop until the
 * callback: only then may the struct, the backend and the config's contents go.
 * All functions are called on the loop's thread.
 *
 * How it is driven: libmicrohttpd's epoll descriptor is polled by libuv, and a timer is
 * set to MHD_get_timeout() after each MHD_run(), to one second at the most. Without the
 * former, large bodies hang, as sockets are watched edge-triggered; without the latter, a
 * full server whose clients all timed out never accepts again.
 *
 * libmicrohttpd itself answers 414 and 431, in HTML, to a request line or headers beyond
 * its 32 kB for a connection, and 400 to what is no HTTP.
 */
#ifndef ODE_API_SERVER_H
#define ODE_API_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "api/backend.h"
#include "core/base/status.h"

struct MHD_Daemon;
struct request;
struct web_asset; /* api/asset.h */

/* Zeros are good defaults. Pointers are borrowed and outlive the server. */
struct server_config {
    const char *listen;     /* an address of loopback; NULL: 127.0.0.1             */
    int port;               /* 0: any free one                                     */
    size_t max_body_bytes;  /* larger ones get 413; 0: 1 MiB                       */
    unsigned connections;   /* at most so many at once; 0: 512. Half may wait      */
    unsigned idle_s;        /* silent connections are closed after this; 0: 30     */
    unsigned plan_s;        /* a client waits for a plan for so long; 0: 60        */
    unsigned beat_ms;       /* a stream without events says that it lives; 0: 15 s */
    const char *version;    /* for /version; NULL: "unknown"                       */
    const char *job_schema; /* text of /v1/schemas/job.json; NULL: 404             */
    const char *openapi;    /* text of /v1/openapi.json; NULL: 404                 */

    const struct web_asset *assets; /* the page, asset_n files; NULL: none */
    size_t asset_n;
    const char *web_root; /* serve this directory instead of assets; NULL: do not */

    /* One line about something the operator should see; NULL: silence. */
    void (*log)(void *arg, const char *text);
    void *log_arg;
};

typedef void (*server_closed_fn)(void *arg);

struct server { /* read only, and only by api */
    struct server_config config;
    const struct backend *backend; /* borrowed */
    uv_loop_t *loop;               /* borrowed */
    struct MHD_Daemon *http;
    uv_poll_t poll;   /* of libmicrohttpd's epoll descriptor */
    uv_timer_t timer; /* what MHD_get_timeout() asks for, 1 s at most */
    int port;
    size_t requests; /* begun and not completed */
    uint64_t request_count;
    uint32_t boot;           /* random; begins each request's id */
    struct request *waiting; /* suspended; a list */
    size_t waiting_n;
    uint64_t
        looked_ms; /* when it was last looked whether their clients are still there */
    bool running, again; /* inside MHD_run(); run once more at once */
    bool closing, quiet; /* server_close() was called; the listener is gone */
    uint64_t close_by_ms;
    int handles; /* that libuv has not closed yet */
    server_closed_fn closed;
    void *closed_arg;
};

/* Listens and begins to serve. Fails with ODE_EARG for an address that is not loopback,
 * ODE_EIO where the port cannot be had, ODE_EINTERNAL, ODE_ENOMEM; then there is nothing
 * to close. */
enum ode_status server_open(struct server *server, uv_loop_t *loop,
                            const struct server_config *config,
                            const struct backend *backend, struct ode_err *err);

int server_port(const struct server *server);

/* The state of a run changed: its ?wait= clients look again. Cheap, and allowed from
 * within a function of the backend. */
void server_run_changed(struct server *server, const char *run_id);

/* There are new events: streams look again. Cheap, and allowed from within a function of
 * the backend. */
void server_events_changed(struct server *server);

/* The plan of this ticket is there: who waits for it looks again. */
void server_plan_done(struct server *server, uint64_t ticket);

/* Stops listening, lets requests in progress end (2 s at most; those that wait for a run
 * are answered at once), then calls closed(arg) from the loop. */
void server_close(struct server *server, server_closed_fn closed, void *arg);

#endif
