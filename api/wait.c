/*
 * wait.c - clients that wait: for a run to end, for a plan, for events.
 *
 * Their connections are suspended: the library neither times them out nor notices when
 * the client leaves, so the server does both.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "api/peer.h"
#include "api/request.h"

bool
wait_full(struct request *r, struct problem *problem)
{
    const struct listener *l = r->listener;

    if (access_waits_enough(r)) {
        problem_set(problem, PROBLEM_TOO_MANY,
                    "%s has %u requests that wait already; ask without, or later",
                    r->caller.name, r->server->config.peer_waits);
        reply_header(r, "Retry-After", "2");
        return true;
    }
    if (l->waiting_n >= (l->connections + 1) / 2) {
        problem_set(problem, PROBLEM_UNAVAILABLE,
                    "too many clients wait already; ask without, or later");
        return true;
    }
    snprintf(r->peer->waits_as, sizeof r->peer->waits_as, "%s", r->caller.name);
    return false;
}

void
request_suspend(struct request *r)
{
    struct listener *l = r->listener;

    MHD_suspend_connection(r->connection);
    r->waiting = r->waited = true;
    r->prev = NULL;
    r->next = l->waiting;
    if (r->next)
        r->next->prev = r;
    l->waiting = r;
    l->waiting_n++;
}

bool
request_wait(struct request *r, int wait_s, bool *full, struct problem *problem)
{
    struct server *s = r->server;
    uint64_t now = uv_now(s->loop);

    *full = false;
    if (r->wait_until_ms == 0)
        r->wait_until_ms = now + (uint64_t)wait_s * 1000;
    if (now >= r->wait_until_ms || s->closing)
        return false;
    *full = wait_full(r, problem);
    if (*full)
        return false;
    request_suspend(r);
    return true;
}

void
wait_forget(struct request *r)
{
    struct listener *l = r->listener;

    if (!r->waiting)
        return;
    if (r->prev)
        r->prev->next = r->next;
    else
        l->waiting = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->waiting = false;
    l->waiting_n--;
}

static void
wake(struct request *r)
{
    wait_forget(r);
    MHD_resume_connection(r->connection);
    listener_kick(r->listener);
}

/* Whether the other end has closed; under TLS its last words may still be unread. */
static bool
is_gone(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd end = { .events = POLLRDHUP };

    if (!info)
        return false;
    end.fd = info->connect_fd;
    return poll(&end, 1, 0) == 1;
}

void
wait_wake_due(struct listener *listener, bool look)
{
    uint64_t now = uv_now(listener->server->loop);

    for (struct request *r = listener->waiting, *next; r; r = next) {
        next = r->next;
        r->gone = look && is_gone(r);
        if (now < r->wait_until_ms && !r->gone)
            continue;
        r->wait_until_ms = now;
        wake(r);
    }
}

void
wait_wake_all(struct listener *listener)
{
    while (listener->waiting)
        wake(listener->waiting);
}

uint64_t
wait_left_ms(const struct listener *listener, uint64_t max)
{
    uint64_t now = uv_now(listener->server->loop), left = max;

    for (const struct request *r = listener->waiting; r; r = r->next) {
        uint64_t mine = r->wait_until_ms > now ? r->wait_until_ms - now : 0;

        left = mine < left ? mine : left;
    }
    return left;
}

/* Calls those again that this is true of. */
static void
wake_those(struct server *server, bool (*is)(const struct request *r, const void *what),
           const void *what)
{
    for (size_t i = 0; i < server->listener_n; i++)
        for (struct request *r = server->listener[i].waiting, *next; r; r = next) {
            next = r->next;
            if (is(r, what))
                wake(r);
        }
}

static bool
is_for_run(const struct request *r, const void *id)
{
    return strcmp(r->match.id, id) == 0;
}

void
server_run_changed(struct server *server, const char *run_id)
{
    wake_those(server, is_for_run, run_id);
}

static bool
is_stream(const struct request *r, const void *nothing)
{
    (void)nothing;
    return r->streams;
}

void
server_events_changed(struct server *server)
{
    wake_those(server, is_stream, NULL);
}

static bool
tells_progress(const struct request *r, const void *nothing)
{
    (void)nothing;
    return r->progresses;
}

void
server_progress_changed(struct server *server)
{
    wake_those(server, tells_progress, NULL);
}

static bool
is_for_plan(const struct request *r, const void *ticket)
{
    return r->ticket == *(const uint64_t *)ticket;
}

void
server_ticket_done(struct server *server, uint64_t ticket)
{
    wake_those(server, is_for_plan, &ticket);
}
