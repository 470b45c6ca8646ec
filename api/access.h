/*
 * access.h - who asks, and whether he may.
 *
 * Without tokens whoever reaches a port of loopback may do all. With tokens a request
 * says one, as "Authorization: Bearer TOKEN" or by the cookie of a session. At the Unix
 * socket the daemon's own user, root, and members of its group need none.
 */
#ifndef ODE_API_ACCESS_H
#define ODE_API_ACCESS_H

#include <stdbool.h>

#include "api/problem.h"
#include "api/tokens.h"

struct request;

/* What a cookie's name begins with; the port follows. Browsers hold the second to TLS. */
#define ACCESS_COOKIE        "odenet"
#define ACCESS_COOKIE_SECURE "__Host-odenet"

struct caller {
    enum role role;
    char name[64]; /* "token ci", "user 1000", "127.0.0.1": whose limits apply */
};

/* Fills r->caller, and refuses the request where the route wants more, or where the
 * caller asks too often. */
void access_check(struct request *r);

/* The token of this text (NULL: none was said), if it is good now; else NULL with the
 * problem filled, and one failure more for the address. */
const struct token *access_token(struct request *r, const char *text,
                                 struct problem *problem);

/* What the cookie of a session says, or NULL. Borrowed. */
const char *access_cookie(struct request *r);

/* Whether the caller has as many requests that wait as he may. */
bool access_waits_enough(struct request *r);

#endif
