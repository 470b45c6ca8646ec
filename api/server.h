/*
 * server.h - the HTTP server: libmicrohttpd inside a libuv loop, one thread, no locks.
 *
 * The caller holds the struct and runs the loop. Life: server_open(), then the loop; when
 * the server is no longer wanted server_close(), and go on running the loop until the
 * callback: only then may the struct, the backend and the config's contents go.
 * All functions are called on the loop's thread.
 *
 * It listens on one or several sockets (api/listener.h): an address, a Unix socket, or
 * sockets that were opened by somebody else.
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
#include "api/listener.h"
#include "api/meter.h"
#include "api/rate.h"
#include "api/session.h"
#include "api/tokens.h"
#include "api/watch.h"
#include "core/base/status.h"

enum { SERVER_LISTENERS = 16, SERVER_LOCAL_CONNECTIONS = 64 };

struct tls;
struct web_asset; /* api/asset.h */

/* Zeros are good defaults. Pointers are borrowed and outlive the server. */
struct server_config {
    const char *listen; /* an address; NULL: 127.0.0.1 */
    int port;           /* 0: any free one             */

    /* Beyond loopback it wants tokens, and TLS or a proxy before it that speaks it. Both
     * are read again where their files change. */
    const char *token_file;         /* api/tokens.h; NULL: nobody needs a token   */
    const char *tls_cert, *tls_key; /* PEM; of TCP sockets; NULL: no TLS          */
    bool behind_proxy;              /* plain HTTP will do                         */
    const char *hosts;              /* further names of it, by commas; NULL: none */

    /* A Unix socket as well, with room for 64 connections of its own; NULL: none. Its
     * permissions (0: 0600), and a group whose members may do all; NULL: none. */
    const char *socket;
    mode_t socket_mode;
    const gid_t *group;

    /* Sockets that listen already, in the place of all these. Taken, also on failure. */
    const int *sockets;
    size_t socket_n;

    size_t max_body_bytes;     /* larger ones get 413; 0: 1 MiB                       */
    unsigned connections;      /* at most so many at once; 0: 512. Half may wait      */
    unsigned peer_connections; /* and of an address or user; 0: no limit              */
    unsigned peer_waits;       /* requests of a caller that wait; 0: no limit         */
    unsigned peer_requests;    /* of a caller in a second; 0: no limit                */
    unsigned idle_s;           /* silent connections are closed after this; 0: 30     */
    unsigned head_s;           /* a request's header comes within this; 0: 10         */
    unsigned plan_s;           /* a client waits for a plan for so long; 0: 60        */
    unsigned beat_ms;          /* a stream without events says that it lives; 0: 15 s */
    const char *version;       /* for /version; NULL: "unknown"                       */
    const char *job_schema;    /* text of /v1/schemas/job.json; NULL: 404             */
    const char *openapi;       /* text of /v1/openapi.json; NULL: 404                 */

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
    struct listener listener[SERVER_LISTENERS];
    size_t listener_n;
    bool guarded; /* there are tokens, and one is needed */
    struct watch token_file;
    struct tokens tokens;
    struct sessions sessions;
    struct rate failures, rate; /* bad tokens of a peer; requests of a caller */
    uint64_t guessed_ms;        /* when the log was told of the former; 0: never */
    bool secure;                /* TCP is TLS */
    struct tls *tls;            /* owned; NULL: none */
    size_t requests;            /* begun and not completed */
    uint64_t request_count;
    uint32_t boot;  /* random; begins each request's id */
    uint64_t turns; /* of MHD_run(), of all listeners */
    struct meter meter;
    bool closing, quiet; /* server_close() was called; the listeners are gone */
    uint64_t quiet_ms;   /* since when */
    int handles;         /* that libuv has not closed yet */
    server_closed_fn closed;
    void *closed_arg;
};

/* Listens and begins to serve. Fails with ODE_EARG for an address beyond loopback without
 * tokens or TLS, as tokens_read() and tls_new() do, with
 * ODE_EBUSY where somebody listens on the Unix socket, ODE_EIO where a socket cannot be
 * had, ODE_ENOMEM; then there is nothing to close. So it is after ODE_EINTERNAL, but that
 * the loop has to turn once before the struct may go. */
enum ode_status server_open(struct server *server, uv_loop_t *loop,
                            const struct server_config *config,
                            const struct backend *backend, struct ode_err *err);

/* Of the first socket that is TCP; 0: there is none. */
int server_port(const struct server *server);

/* Where to reach it from this machine: "http://127.0.0.1:7433"; "unix:/run/odenetd.sock"
 * if there is no TCP. */
void server_address(const struct server *server, char *text, size_t size);

/* The ith socket, for people, as "127.0.0.1:7433"; NULL: there are no more. Valid as long
 * as the server. */
const char *server_place(const struct server *server, size_t i);
/* How many turns the server had so far; it gets another one soon. For who watches whether
 * it comes on. */
uint64_t server_turns(struct server *server);

/* The state of a run changed: its ?wait= clients look again. Cheap, and allowed from
 * within a function of the backend. */
void server_run_changed(struct server *server, const char *run_id);

/* There are new events: streams look again. Cheap, and allowed from within a function of
 * the backend. */
void server_events_changed(struct server *server);

/* Runs have come further: streams that show progress look again. As the one above. */
void server_progress_changed(struct server *server);

/* The plan or backup of this ticket is there: who waits for it looks again. */
void server_ticket_done(struct server *server, uint64_t ticket);

/* Reads the tokens, or the certificate and its key, again, where there are such. The
 * server does so itself within a second of a change. On failure it stays with what it
 * has. As tokens_read(), tls_new(). */
enum ode_status server_tokens_reload(struct server *server, struct ode_err *err);
enum ode_status server_tls_reload(struct server *server, struct ode_err *err);

/* Stops listening, lets requests in progress end (2 s at most; those that wait for a run
 * are answered at once), and clients that have just connected ask (1 s), then calls
 * closed(arg) from the loop. */
void server_close(struct server *server, server_closed_fn closed, void *arg);

#endif
