/*
 * wait.c - clients that wait: for a run to end, for a plan, for events.
 *
 * Their connections are suspended: the library neither times them out nor notices when
 * the client leaves, so the server does both.
 */
#include <string.h>
#include <sys/socket.h>

#include "api/request.h"

#define LOOK_MS 1000 /* how often it is looked whether clients are still there */

bool
wait_full(const struct server *server)
{
    return server->waiting_n >= (server->config.connections + 1) / 2;
}

void
request_suspend(struct request *r)
{
    struct server *s = r->server;

    MHD_suspend_connection(r->connection);
    r->waiting = r->waited = true;
    r->prev = NULL;
    r->next = s->waiting;
    if (r->next)
        r->next->prev = r;
    s->waiting = r;
    s->waiting_n++;
}

bool
request_wait(struct request *r, int wait_s, bool *full)
{
    struct server *s = r->server;
    uint64_t now = uv_now(s->loop);

    *full = false;
    if (r->wait_until_ms == 0)
        r->wait_until_ms = now + (uint64_t)wait_s * 1000;
    if (now >= r->wait_until_ms || s->closing)
        return false;
    if (wait_full(s)) {
        *full = true;
        return false;
    }
    request_suspend(r);
    return true;
}

void
wait_forget(struct request *r)
{
    struct server *s = r->server;

    if (!r->waiting)
        return;
    if (r->prev)
        r->prev->next = r->next;
    else
        s->waiting = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->waiting = false;
    s->waiting_n--;
}

static void
wake(struct request *r)
{
    wait_forget(r);
    MHD_resume_connection(r->connection);
    server_kick(r->server);
}

static bool
is_gone(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;

    return info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void
wait_wake_due(struct server *server)
{
    uint64_t now = uv_now(server->loop);
    bool look = now - server->looked_ms >= LOOK_MS;

    if (look)
        server->looked_ms = now;
    for (struct request *r = server->waiting, *next; r; r = next) {
        next = r->next;
        r->gone = look && is_gone(r);
        if (now < r->wait_until_ms && !r->gone)
            continue;
        r->wait_until_ms = now;
        wake(r);
    }
}

void
wait_wake_all(struct server *server)
{
    while (server->waiting)
        wake(server->waiting);
}

uint64_t
wait_left_ms(const struct server *server, uint64_t max)
{
    uint64_t now = uv_now(server->loop), left = max;

    for (const struct request *r = server->waiting; r; r = r->next) {
        uint64_t mine = r->wait_until_ms > now ? r->wait_until_ms - now : 0;

        left = mine < left ? mine : left;
    }
    return left;
}

void
server_run_changed(struct server *server, const char *run_id)
{
    for (struct request *r = server->waiting, *next; r; r = next) {
        next = r->next;
        if (strcmp(r->match.id, run_id) == 0)
            wake(r);
    }
}

void
wait_wake_streams(struct server *server)
{
    for (struct request *r = server->waiting, *next; r; r = next) {
        next = r->next;
        if (r->streams)
            wake(r);
    }
}

void
server_ticket_done(struct server *server, uint64_t ticket)
{
    for (struct request *r = server->waiting, *next; r; r = next) {
        next = r->next;
        if (r->ticket == ticket)
            wake(r);
    }
}
