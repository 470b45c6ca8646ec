/* peer.c - addresses, users, and their time. */
#include "api/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server.h"

#define BODY_PATIENCE 10 /* times the time of silence: for all of a body */
#define GROUPS_MOST   1024

/* --- who it is ------------------------------------------------------------------------
 */

static void
name_v6(struct in6_addr address, char name[PEER_NAME])
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        memcpy(&v4, address.s6_addr + 12, sizeof v4);
        inet_ntop(AF_INET, &v4, name, PEER_NAME);
        return;
    }
    if (IN6_IS_ADDR_LOOPBACK(&address)) {
        snprintf(name, PEER_NAME, "::1");
        return;
    }
    memset(address.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &address, text, sizeof text);
    snprintf(name, PEER_NAME, "%s/64", text);
}

void
peer_name(const struct sockaddr *address, char name[PEER_NAME])
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        name_v6(v6.sin6_addr, name);
    } else if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, name, PEER_NAME);
    } else
        snprintf(name, PEER_NAME, "unknown");
}

static void
name_address(struct MHD_Connection *connection, struct peer *peer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    static const struct sockaddr none = { .sa_family = AF_UNSPEC };

    peer_name(info ? info->client_addr : &none, peer->name);
}

/* Whether the user at the other end belongs to this group. */
static bool
is_member(int fd, const struct ucred *user, gid_t group)
{
    gid_t groups[GROUPS_MOST];
    socklen_t size = sizeof groups;

    if (group == (gid_t)-1)
        return false;
    if (user->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++)
        if (groups[i] == group)
            return true;
    return false;
}

static void
name_user(struct peer *peer)
{
    const struct server_config *config = &peer->listener->server->config;
    struct ucred user;
    socklen_t size = sizeof user;

    if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) {
        snprintf(peer->name, sizeof peer->name, "unknown");
        return;
    }
    snprintf(peer->name, sizeof peer->name, "user %u", (unsigned)user.uid);
    peer->trusted = user.uid == 0 || user.uid == geteuid()
                    || (config->group && is_member(peer->fd, &user, *config->group));
}

/* --- room -----------------------------------------------------------------------------
 */

/* The library notices at its next run that the connection has ended. */
static void
doom(struct peer *peer)
{
    peer->doomed = true;
    shutdown(peer->fd, SHUT_RDWR);
    listener_kick(peer->listener);
}

/* Of those with this name, and of all where it is NULL, how many there are; *idle becomes
 * the one, but `but`, that has been idle for longest, or NULL. */
static size_t
survey(struct listener *l, const char *name, const struct peer *but, struct peer **idle)
{
    size_t n = 0;

    for (struct peer *p = l->peers; p; p = p->next) {
        if (p->doomed || (name && strcmp(p->name, name) != 0))
            continue;
        n++;
        if (p != but && !p->busy && (!*idle || p->idle_ms < (*idle)->idle_ms))
            *idle = p;
    }
    return n;
}

static size_t
survey_all(struct server *s, const char *name, const struct peer *but, struct peer **idle)
{
    size_t n = 0;

    *idle = NULL;
    for (size_t i = 0; i < s->listener_n; i++)
        n += survey(&s->listener[i], name, but, idle);
    return n;
}

/* Keeps the peer's connections within its limit, and some room for others. */
static void
admit(struct peer *peer)
{
    struct listener *l = peer->listener;
    const size_t limit = l->server->config.peer_connections;
    const size_t most = l->connections - 1 - l->connections / 16;
    struct peer *idle = NULL;

    if (limit > 0 && survey_all(l->server, peer->name, peer, &idle) > limit)
        doom(idle ? idle : peer);
    idle = NULL;
    if (survey(l, NULL, peer, &idle) > most && idle)
        doom(idle);
}

/* --- its life -------------------------------------------------------------------------
 */

static void
peer_open(struct listener *l, struct MHD_Connection *connection, void **context)
{
    const struct server *s = l->server;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                 ->connect_fd;
    struct peer *peer = calloc(1, sizeof *peer);

    if (!peer) {
        shutdown(fd, SHUT_RDWR);
        return;
    }
    peer->listener = l;
    peer->fd = fd;
    peer->idle_ms = uv_now(s->loop);
    peer->by_ms = peer->idle_ms + s->config.head_s * 1000u;
    if (l->place.local)
        name_user(peer);
    else
        name_address(connection, peer);
    peer->next = l->peers;
    if (peer->next)
        peer->next->prev = peer;
    l->peers = peer;
    l->peer_n++;
    *context = peer;
    admit(peer);
}

static void
peer_close(struct peer *peer)
{
    struct listener *l = peer->listener;

    if (peer->prev)
        peer->prev->next = peer->next;
    else
        l->peers = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    l->peer_n--;
    free(peer);
    listener_kick(l); /* the library takes new ones in again at its next run only */
}

void
peer_notify(void *listener, struct MHD_Connection *connection, void **context,
            enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        peer_open(listener, connection, context);
    else if (*context) {
        peer_close(*context);
        *context = NULL;
    }
}

struct peer *
peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static uint64_t
after_s(const struct peer *peer, unsigned s)
{
    return uv_now(peer->listener->server->loop) + s * 1000u;
}

void
peer_asks(struct peer *peer)
{
    peer->requests++;
    peer->by_ms = after_s(peer, peer->listener->server->config.head_s);
}

void
peer_sends(struct peer *peer)
{
    const struct server_config *config = &peer->listener->server->config;

    peer->busy = true;
    peer->by_ms = after_s(peer, config->idle_s * BODY_PATIENCE);
}

void
peer_waits(struct peer *peer)
{
    peer->busy = true;
    peer->by_ms = 0;
}

void
peer_rests(struct peer *peer)
{
    const struct server_config *config = &peer->listener->server->config;

    peer->busy = false;
    peer->waits_as[0] = '\0';
    peer->idle_ms = uv_now(peer->listener->server->loop);
    peer->by_ms = after_s(peer, config->idle_s + config->head_s);
}

void
peers_look(struct listener *listener)
{
    uint64_t now = uv_now(listener->server->loop);

    for (struct peer *p = listener->peers; p; p = p->next)
        if (p->by_ms && now >= p->by_ms && !p->doomed)
            doom(p);
}

bool
peers_new(const struct listener *listener)
{
    for (const struct peer *p = listener->peers; p; p = p->next)
        if (p->requests == 0 && !p->doomed)
            return true;
    return false;
}
