/* server.c - the server's sockets, opened together and closed together. */
#include "api/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "api/peer.h"
#include "api/request.h"
#include "api/tls.h"

#define CLOSE_GRACE_MS 2000
#define NEW_GRACE_MS   1000 /* for who has just connected */
#define SOCKET_MODE    0600
#define FAILURES_PER_S 10

/* --- files that may change ------------------------------------------------------------
 */

enum ode_status
server_tokens_reload(struct server *server, struct ode_err *err)
{
    if (!server->guarded)
        return ODE_OK;
    watch_changed(&server->token_file);
    return tokens_read(&server->tokens, server->config.token_file, err);
}

enum ode_status
server_tls_reload(struct server *server, struct ode_err *err)
{
    return server->tls ? tls_reload(server->tls, uv_now(server->loop), err) : ODE_OK;
}

static void
tell(struct server *s, const char *what, enum ode_status status,
     const struct ode_err *err)
{
    char line[512];

    if (!s->config.log)
        return;
    if (status == ODE_OK)
        snprintf(line, sizeof line, "%s was read again", what);
    else
        snprintf(line, sizeof line, "%s stays as it was: %s%s%s", what, err->at,
                 *err->at ? ": " : "", err->text);
    s->config.log(s->config.log_arg, line);
}

void
server_look(struct server *server)
{
    struct ode_err err = { 0 };

    if (server->guarded && watch_changed(&server->token_file))
        tell(server, "the list of tokens", server_tokens_reload(server, &err), &err);
    if (server->tls && tls_changed(server->tls))
        tell(server, "the certificate", server_tls_reload(server, &err), &err);
}

/* --- closing --------------------------------------------------------------------------
 */

void
server_handle_closed(uv_handle_t *handle)
{
    struct server *s = ((struct listener *)handle->data)->server;

    if (--s->handles == 0 && s->closed)
        s->closed(s->closed_arg);
}

void
server_quiet(struct server *server)
{
    if (!server->closing || server->quiet)
        return;
    server->quiet = true;
    server->quiet_ms = uv_now(server->loop);
    for (size_t i = 0; i < server->listener_n; i++)
        listener_quiet(&server->listener[i]);
}

/* Nobody uses these any more. */
static void
secrets_release(struct server *s)
{
    tokens_release(&s->tokens);
    tls_free(s->tls);
    s->tls = NULL;
    explicit_bzero(&s->sessions, sizeof s->sessions);
}

/* Whether somebody still has to be answered. A client that has connected in vain would
 * have lost its request, while one whose connection was kept knows that it may end. */
static bool
is_wanted(const struct server *s)
{
    uint64_t past = uv_now(s->loop) - s->quiet_ms;

    if (s->requests > 0)
        return past < CLOSE_GRACE_MS;
    for (size_t i = 0; i < s->listener_n; i++)
        if (past < NEW_GRACE_MS && peers_new(&s->listener[i]))
            return true;
    return false;
}

bool
server_end(struct server *server)
{
    if (!server->quiet || is_wanted(server))
        return false;
    for (size_t i = 0; i < server->listener_n; i++)
        listener_stop(&server->listener[i]);
    secrets_release(server);
    return true;
}

void
server_close(struct server *server, server_closed_fn closed, void *arg)
{
    server->closing = true;
    server->closed = closed;
    server->closed_arg = arg;
    listener_kick(&server->listener[0]);
}

/* --- opening --------------------------------------------------------------------------
 */

static void
config_defaults(struct server_config *config)
{
    if (!config->listen)
        config->listen = "127.0.0.1";
    if (!config->socket_mode)
        config->socket_mode = SOCKET_MODE;
    if (!config->max_body_bytes)
        config->max_body_bytes = 1 << 20;
    if (!config->connections)
        config->connections = 512;
    if (!config->idle_s)
        config->idle_s = 30;
    if (!config->head_s)
        config->head_s = 10;
    if (!config->plan_s)
        config->plan_s = 60;
    if (!config->beat_ms)
        config->beat_ms = 15000;
    if (!config->version)
        config->version = "unknown";
}

/* Whether the server may be where others than this machine can reach it. */
static enum ode_status
check_public(const struct server *s, const char *place, struct ode_err *err)
{
    if (!s->guarded)
        return ode_fail(err, ODE_EARG, NULL,
                        "cannot listen on %.64s: beyond this machine's loopback (such as "
                        "127.0.0.1 and ::1) tokens are needed",
                        place);
    if (!s->secure && !s->config.behind_proxy)
        return ode_fail(err, ODE_EARG, NULL,
                        "cannot listen on %.64s: beyond this machine's loopback TLS is "
                        "needed, here or in a proxy",
                        place);
    return ODE_OK;
}

/* Takes fd. */
static enum ode_status
add(struct server *s, int fd, const char *file, struct ode_err *err)
{
    struct listener *l = &s->listener[s->listener_n];

    if (s->listener_n == SERVER_LISTENERS) {
        close(fd);
        return ode_fail(err, ODE_EARG, NULL, "cannot listen on more than %d sockets",
                        SERVER_LISTENERS);
    }
    ODE_TRY(listener_open(l, s, fd, file, err));
    s->listener_n++;
    return l->place.loopback ? ODE_OK : check_public(s, l->place.name, err);
}

/* Takes all of them, also where an earlier step has failed. */
static enum ode_status
open_given(struct server *s, enum ode_status status, struct ode_err *err)
{
    for (size_t i = 0; i < s->config.socket_n; i++)
        if (status == ODE_OK)
            status = add(s, s->config.sockets[i], NULL, err);
        else
            close(s->config.sockets[i]);
    return status;
}

static enum ode_status
open_own(struct server *s, struct ode_err *err)
{
    const struct server_config *config = &s->config;
    int fd = -1;

    if (socket_is_public(config->listen))
        ODE_TRY(check_public(s, config->listen, err));
    ODE_TRY(socket_tcp(config->listen, config->port, &fd, err));
    ODE_TRY(add(s, fd, NULL, err));
    if (!config->socket)
        return ODE_OK;
    ODE_TRY(socket_unix(config->socket, config->socket_mode,
                        config->group ? *config->group : (gid_t)-1, &fd, err));
    return add(s, fd, config->socket, err);
}

/* A listener that cannot start leaves those before it to be stopped. */
static enum ode_status
start(struct server *s, struct ode_err *err)
{
    enum ode_status status = ODE_OK;
    size_t n = 0;

    while (n < s->listener_n && status == ODE_OK)
        status = listener_start(&s->listener[n++], err);
    if (status == ODE_OK)
        return status;
    for (size_t i = 0; i < s->listener_n; i++)
        if (i + 1 < n)
            listener_stop(&s->listener[i]);
        else
            listener_drop(&s->listener[i]);
    return status;
}

/* Tokens and certificate, before there is a socket. */
static enum ode_status
open_secrets(struct server *s, struct ode_err *err)
{
    const struct server_config *config = &s->config;

    rate_init(&s->failures, FAILURES_PER_S, FAILURES_PER_S);
    if (config->peer_requests)
        rate_init(&s->rate, config->peer_requests, 2.0 * config->peer_requests);
    if (getrandom(&s->boot, sizeof s->boot, 0) != sizeof s->boot)
        return ode_fail_errno(err, ODE_EINTERNAL, NULL, "cannot get random bytes");
    s->guarded = config->token_file != NULL;
    s->token_file.path = config->token_file;
    ODE_TRY(server_tokens_reload(s, err));
    s->secure = config->tls_cert != NULL;
    return s->secure ? tls_new(&s->tls, config->tls_cert, config->tls_key, err) : ODE_OK;
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
    status = open_secrets(server, err);
    if (server->config.socket_n > 0)
        status = open_given(server, status, err);
    else if (status == ODE_OK)
        status = open_own(server, err);
    if (status == ODE_OK) {
        status = start(server, err);
    } else
        for (size_t i = 0; i < server->listener_n; i++)
            listener_drop(&server->listener[i]);
    if (status != ODE_OK)
        secrets_release(server);
    return status;
}

static const struct socket_place *
first_tcp(const struct server *s)
{
    for (size_t i = 0; i < s->listener_n; i++)
        if (!s->listener[i].place.local)
            return &s->listener[i].place;
    return NULL;
}

int
server_port(const struct server *server)
{
    const struct socket_place *place = first_tcp(server);

    return place ? place->port : 0;
}

uint64_t
server_turns(struct server *server)
{
    for (size_t i = 0; i < server->listener_n; i++)
        listener_kick(&server->listener[i]);
    return server->turns;
}

void
server_address(const struct server *server, char *text, size_t size)
{
    const struct socket_place *place = first_tcp(server);

    if (place)
        snprintf(text, size, "http%s://%s", server->secure ? "s" : "", place->name);
    else
        snprintf(text, size, "%s", server->listener[0].place.name);
}

const char *
server_place(const struct server *server, size_t i)
{
    return i < server->listener_n ? server->listener[i].place.name : NULL;
}
