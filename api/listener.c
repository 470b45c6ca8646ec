/* listener.c - libmicrohttpd's life inside a libuv loop. */
#include "api/listener.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/peer.h"
#include "api/request.h"
#include "api/tls.h"

#define FALLBACK_MS 1000 /* see listener.h: never be silent for longer */
#define LOOK_MS     1000 /* how often it is looked who is still there, and in time */
#define CLOSING_MS  20   /* between two looks whether all has ended */

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static void on_timer(uv_timer_t *timer);

/* --- driving the library --------------------------------------------------------------
 */

static uint64_t
pause_ms(struct listener *l)
{
    MHD_UNSIGNED_LONG_LONG asked;
    uint64_t pause = wait_left_ms(l, l->server->closing ? CLOSING_MS : FALLBACK_MS);

    if (l->again)
        return 0;
    if (MHD_get_timeout(l->http, &asked) == MHD_YES && asked < pause)
        pause = asked;
    return pause;
}

/* Whether it is time to look at all clients again. */
static bool
is_look(struct listener *l)
{
    uint64_t now = uv_now(l->server->loop);

    if (now - l->looked_ms < LOOK_MS)
        return false;
    l->looked_ms = now;
    return true;
}

static void
listener_pump(struct listener *l)
{
    struct server *s = l->server;
    bool look = is_look(l);

    server_quiet(s);
    wait_wake_due(l, look);
    if (look)
        peers_look(l);
    if (look && l == s->listener)
        server_look(s);
    l->again = false;
    l->running = true;
    MHD_run(l->http);
    s->turns++;
    l->running = false;
    if (!server_end(s))
        uv_timer_start(&l->timer, on_timer, pause_ms(l), 0);
}

static void
on_timer(uv_timer_t *timer)
{
    listener_pump(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    listener_pump(poll->data);
}

void
listener_kick(struct listener *listener)
{
    if (listener->running)
        listener->again = true;
    else if (!uv_is_closing((uv_handle_t *)&listener->timer))
        uv_timer_start(&listener->timer, on_timer, 0, 0);
}

/* --- opening --------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 0))) static void
on_log(void *listener, const char *format, va_list args)
{
    const struct server_config *config = &((struct listener *)listener)->server->config;
    char line[512] = "http: ";
    size_t n = strlen(line);

    if (!config->log)
        return;
    vsnprintf(line + n, sizeof line - n, format, args);
    line[strcspn(line, "\n")] = '\0';
    config->log(config->log_arg, line);
}

static enum ode_status
http_start(struct listener *l, int fd, struct ode_err *err)
{
    const struct server_config *config = &l->server->config;
    const bool secure = l->server->secure && !l->place.local;

    l->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG
            | (secure ? MHD_USE_TLS : 0),
        0, NULL, NULL, request_serve, l, MHD_OPTION_EXTERNAL_LOGGER, on_log,
        l, /* must come first */
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, l->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        config->idle_s, MHD_OPTION_NOTIFY_CONNECTION, peer_notify, l,
        MHD_OPTION_URI_LOG_CALLBACK, request_open, l, MHD_OPTION_NOTIFY_COMPLETED,
        request_close, l, secure ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END,
        tls_choose, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES, MHD_OPTION_END);
    if (l->http)
        return ODE_OK;
    return ode_fail(err, ODE_EINTERNAL, NULL,
                    "the HTTP library does not start; is the limit of open files below "
                    "%u?",
                    l->connections);
}

enum ode_status
listener_open(struct listener *listener, struct server *server, int fd, const char *file,
              struct ode_err *err)
{
    enum ode_status status;

    memset(listener, 0, sizeof *listener);
    listener->server = server;
    listener->file = file;
    status = socket_look(fd, &listener->place, err);
    listener->connections =
        listener->place.local ? SERVER_LOCAL_CONNECTIONS : server->config.connections;
    if (status == ODE_OK)
        status = http_start(listener, fd, err);
    if (status != ODE_OK)
        close(fd);
    return status;
}

static void
file_remove(struct listener *l)
{
    if (l->file)
        unlink(l->file);
    l->file = NULL;
}

void
listener_drop(struct listener *listener)
{
    file_remove(listener);
    MHD_stop_daemon(listener->http); /* closes the socket */
    listener->http = NULL;
}

enum ode_status
listener_start(struct listener *listener, struct ode_err *err)
{
    struct listener *l = listener;
    uv_loop_t *loop = l->server->loop;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(l->http, MHD_DAEMON_INFO_EPOLL_FD);
    int status = info ? uv_poll_init(loop, &l->poll, info->epoll_fd) : UV_EINVAL;

    if (status != 0)
        return ode_fail(err, ODE_EINTERNAL, NULL,
                        "the loop cannot poll the HTTP library: %s", uv_strerror(status));
    uv_timer_init(loop, &l->timer);
    l->poll.data = l->timer.data = l;
    l->server->handles += 2;
    uv_poll_start(&l->poll, UV_READABLE, on_poll);
    uv_timer_start(&l->timer, on_timer, 0, 0);
    return ODE_OK;
}

/* --- closing --------------------------------------------------------------------------
 */

void
listener_quiet(struct listener *listener)
{
    int fd = MHD_quiesce_daemon(listener->http);

    file_remove(listener);
    if (fd >= 0)
        close(fd);
    wait_wake_all(listener);
    listener_kick(listener);
}

void
listener_stop(struct listener *listener)
{
    uv_close((uv_handle_t *)&listener->poll, server_handle_closed);
    uv_close((uv_handle_t *)&listener->timer, server_handle_closed);
    wait_wake_all(listener); /* the library must not be stopped with one suspended */
    listener_drop(listener);
}
