/*
 * listener.h - one listening socket of the server: a libmicrohttpd of its own over it,
 * driven by the server's loop.
 *
 * How it is driven: libmicrohttpd's epoll descriptor is polled by libuv, and a timer is
 * set to MHD_get_timeout() after each MHD_run(), to one second at the most. Without the
 * former, large bodies hang, as sockets are watched edge-triggered; without the latter, a
 * full listener whose clients all timed out never accepts again.
 */
#ifndef ODE_API_LISTENER_H
#define ODE_API_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "api/socket.h"
#include "core/base/status.h"

struct MHD_Daemon;
struct peer;
struct request;
struct server;

struct listener {          /* read only, and only by api */
    struct server *server; /* borrowed */
    struct socket_place place;
    const char *file; /* of a Unix socket that was made here, to remove; else NULL */
    struct MHD_Daemon *http;
    uv_poll_t poll;       /* of libmicrohttpd's epoll descriptor */
    uv_timer_t timer;     /* what MHD_get_timeout() asks for, 1 s at most */
    unsigned connections; /* at most so many at once */
    struct peer *peers;   /* a list of them */
    size_t peer_n;
    struct request *waiting; /* suspended; a list */
    size_t waiting_n;
    uint64_t looked_ms;  /* when it was last looked at all of these */
    bool running, again; /* inside MHD_run(); run once more at once */
};

/* Makes a libmicrohttpd over a listening socket, which it takes, also where it fails.
 * file: borrowed, see above. ODE_EARG for a socket that will not do, ODE_EINTERNAL. */
enum ode_status listener_open(struct listener *listener, struct server *server, int fd,
                              const char *file, struct ode_err *err);

/* Gives up one that was opened and not started. */
void listener_drop(struct listener *listener);

/* Begins to serve. ODE_EINTERNAL; then it is as it was. */
enum ode_status listener_start(struct listener *listener, struct ode_err *err);

/* Has the library run once more, soon. Cheap, and allowed from anywhere. */
void listener_kick(struct listener *listener);

/* No new connections; nobody waits any more. Those in the queue of a socket that somebody
 * else keeps open are left to the next process. */
void listener_quiet(struct listener *listener);

/* Ends what was started, with all connections; server_handle_closed() is called for each
 * handle, later. */
void listener_stop(struct listener *listener);

#endif
