/* server.c - libmicrohttpd's life inside a libuv loop. */
#include "api/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/guard.h"
#include "api/request.h"

#define FALLBACK_MS    1000 /* see server.h: never be silent for longer */
#define CLOSE_GRACE_MS 2000
#define BACKLOG        256

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static void on_timer(uv_timer_t *timer);

/* --- driving the library ---------------------------------------------------------- */

static void
on_handle_closed(uv_handle_t *handle)
{
    struct server *s = handle->data;

    if (--s->handles == 0 && s->closed)
        s->closed(s->closed_arg);
}

static void
server_stop(struct server *s)
{
    uv_close((uv_handle_t *)&s->poll, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    wait_wake_all(s); /* the library must not be stopped with one suspended */
    MHD_stop_daemon(s->http);
    s->http = NULL;
}

/* Begins to close: no new connections, and nobody waits any more. */
static void
server_quiet(struct server *s)
{
    int fd = MHD_quiesce_daemon(s->http);

    if (fd >= 0)
        close(fd);
    wait_wake_all(s);
    s->close_by_ms = uv_now(s->loop) + CLOSE_GRACE_MS;
    s->quiet = true;
}

static uint64_t
pause_ms(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG asked;
    uint64_t pause = wait_left_ms(s, FALLBACK_MS);

    if (s->again)
        return 0;
    if (MHD_get_timeout(s->http, &asked) == MHD_YES && asked < pause)
        pause = asked;
    return pause;
}

static void
server_pump(struct server *s)
{
    if (s->closing && !s->quiet)
        server_quiet(s);
    wait_wake_due(s);
    s->again = false;
    s->running = true;
    MHD_run(s->http);
    s->turns++;
    s->running = false;
    if (s->closing && (s->requests == 0 || uv_now(s->loop) >= s->close_by_ms))
        server_stop(s);
    else
        uv_timer_start(&s->timer, on_timer, pause_ms(s), 0);
}

static void
on_timer(uv_timer_t *timer)
{
    server_pump(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    server_pump(poll->data);
}

void
server_kick(struct server *server)
{
    if (server->running)
        server->again = true;
    else if (!uv_is_closing((uv_handle_t *)&server->timer))
        uv_timer_start(&server->timer, on_timer, 0, 0);
}

/* --- opening ---------------------------------------------------------------------- */

static enum ode_status
address_parse(const struct server_config *config, union address *address, socklen_t *size,
              struct ode_err *err)
{
    char host[64];

    memset(address, 0, sizeof *address);
    snprintf(host, sizeof host, strchr(config->listen, ':') ? "[%s]" : "%s",
             config->listen);
    if (config->port < 0 || config->port > 65535)
        return ode_fail(err, ODE_EARG, NULL, "port %d is not from 0 to 65535",
                        config->port);
    if (!guard_host(host))
        return ode_fail(err, ODE_EARG, NULL,
                        "cannot listen on \"%.64s\": only addresses of this machine's "
                        "loopback are allowed, such as 127.0.0.1 and ::1",
                        config->listen);
    if (inet_pton(AF_INET6, config->listen, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)config->port);
        *size = sizeof address->v6;
        return ODE_OK;
    }
    if (inet_pton(AF_INET, config->listen, &address->v4.sin_addr) != 1)
        address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)config->port);
    *size = sizeof address->v4;
    return ODE_OK;
}

static bool
socket_listen(int fd, union address *address, socklen_t size)
{
    int one = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0
           && bind(fd, &address->any, size) == 0 && listen(fd, BACKLOG) == 0
           && getsockname(fd, &address->any, &size) == 0;
}

static enum ode_status
listener_open(struct server *s, int *fd, struct ode_err *err)
{
    union address address;
    socklen_t size = 0;

    ODE_TRY(address_parse(&s->config, &address, &size, err));
    *fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return ode_fail_errno(err, ODE_EIO, NULL, "cannot make a socket");
    if (!socket_listen(*fd, &address, size)) {
        ode_fail_errno(err, ODE_EIO, NULL, "cannot listen on %s port %d",
                       s->config.listen, s->config.port);
        close(*fd);
        return ODE_EIO;
    }
    s->port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
                                                      : address.v4.sin_port);
    return ODE_OK;
}

__attribute__((format(printf, 2, 0))) static void
on_log(void *server, const char *format, va_list args)
{
    const struct server_config *config = &((struct server *)server)->config;
    char line[512] = "http: ";
    size_t n = strlen(line);

    if (!config->log)
        return;
    vsnprintf(line + n, sizeof line - n, format, args);
    line[strcspn(line, "\n")] = '\0';
    config->log(config->log_arg, line);
}

static enum ode_status
http_start(struct server *s, struct ode_err *err)
{
    int fd = -1;

    ODE_TRY(listener_open(s, &fd, err));
    s->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        request_serve, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, /* must come first */
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, s->config.connections, MHD_OPTION_CONNECTION_TIMEOUT,
        s->config.idle_s, MHD_OPTION_URI_LOG_CALLBACK, request_open, s,
        MHD_OPTION_NOTIFY_COMPLETED, request_close, s, MHD_OPTION_END);
    if (s->http)
        return ODE_OK;
    close(fd);
    return ode_fail(err, ODE_EINTERNAL, NULL,
                    "the HTTP library does not start; is the limit of open files below "
                    "%u?",
                    s->config.connections);
}

static enum ode_status
poll_start(struct server *s, struct ode_err *err)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD);
    int status = info ? uv_poll_init(s->loop, &s->poll, info->epoll_fd) : UV_EINVAL;

    if (status != 0)
        return ode_fail(err, ODE_EINTERNAL, NULL,
                        "the loop cannot poll the HTTP library: %s", uv_strerror(status));
    uv_timer_init(s->loop, &s->timer);
    s->poll.data = s->timer.data = s;
    s->handles = 2;
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
    uv_timer_start(&s->timer, on_timer, 0, 0);
    return ODE_OK;
}

static void
config_defaults(struct server_config *config)
{
    if (!config->listen)
        config->listen = "127.0.0.1";
    if (!config->max_body_bytes)
        config->max_body_bytes = 1 << 20;
    if (!config->connections)
        config->connections = 512;
    if (!config->idle_s)
        config->idle_s = 30;
    if (!config->plan_s)
        config->plan_s = 60;
    if (!config->beat_ms)
        config->beat_ms = 15000;
    if (!config->version)
        config->version = "unknown";
}

enum ode_status
server_open(struct server *server, uv_loop_t *loop, const struct server_config *config,
            const struct backend *backend, struct ode_err *err)
{
    enum ode_status status;

    memset(server, 0, sizeof *server);
    server->config = *config;
    config_defaults(&server->config);
    server->backend = backend;
    server->loop = loop;
    if (getrandom(&server->boot, sizeof server->boot, 0) != sizeof server->boot)
        return ode_fail_errno(err, ODE_EINTERNAL, NULL, "cannot get random bytes");
    ODE_TRY(http_start(server, err));
    status = poll_start(server, err);
    if (status != ODE_OK)
        MHD_stop_daemon(server->http);
    return status;
}

int
server_port(const struct server *server)
{
    return server->port;
}

uint64_t
server_turns(struct server *server)
{
    server_kick(server);
    return server->turns;
}

void
server_close(struct server *server, server_closed_fn closed, void *arg)
{
    server->closing = true;
    server->closed = closed;
    server->closed_arg = arg;
    server_kick(server);
}
