/*
 * peer.h - who is at the other end of a connection, and how much time it has.
 *
 * A peer is an address, of IPv6 the network of 64 bits; at a Unix socket it is a user.
 * Its connections are counted, and those that do nothing are closed: a request's header
 * has to be complete in time however slowly it drips, and where a peer or all together
 * have too many connections, the one that has been idle for longest makes room. So idle
 * and half-open connections, however many, do not keep others out.
 */
#ifndef ODE_API_PEER_H
#define ODE_API_PEER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "api/listener.h"

enum { PEER_NAME = 64 };

struct peer {                  /* of one connection */
    struct listener *listener; /* borrowed */
    int fd;                    /* borrowed */
    char name[PEER_NAME];      /* "127.0.0.1", "2001:db8:1:2::/64", "user 1000" */
    char waits_as[64];         /* the caller whose request waits here, or "" */
    bool trusted;      /* a user of the Unix socket who may do all without a token */
    unsigned requests; /* that it has begun */
    bool busy;         /* it sends a body that is wanted, or it is being answered */
    bool doomed;       /* it was told to go */
    uint64_t idle_ms;  /* since when it is not busy: of the loop's clock */
    uint64_t by_ms;    /* until then it has to get on; 0: no limit */
    struct peer *next, *prev;
};

/* What an IPv4 or IPv6 address is called: whose limits apply to it. */
void peer_name(const struct sockaddr *address, char name[PEER_NAME]);

/* What libmicrohttpd calls for each new and each closed connection of a listener. */
void peer_notify(void *listener, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code);

/* Of a living connection; NULL: there was no memory for it. */
struct peer *peer_of(struct MHD_Connection *connection);

/* It has sent a request's first line; the header, and a body is to come; all of it; it
 * has got its answer. */
void peer_asks(struct peer *peer);
void peer_sends(struct peer *peer);
void peer_waits(struct peer *peer);
void peer_rests(struct peer *peer);

/* Closes those whose time is up. */
void peers_look(struct listener *listener);

/* Whether one has connected and may not have had the time to say what it wants. */
bool peers_new(const struct listener *listener);

#endif
