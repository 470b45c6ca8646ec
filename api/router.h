/*
 * router.h - from method and path to a handler. The routes are in routes.def.
 */
#ifndef ODE_API_ROUTER_H
#define ODE_API_ROUTER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/tokens.h"

struct request;

enum route_method { /* bits */
                    ROUTE_GET = 1,
                    ROUTE_POST = 2,
                    ROUTE_DELETE = 4,
                    ROUTE_PATCH = 8
};

struct route {
    enum route_method method;
    enum role role; /* that a caller has to have */
    const char *pattern, *query, *summary;
    enum MHD_Result (*handler)(struct request *r);
};

struct route_match {
    const struct route *route; /* NULL: none with this method */
    char id[27];               /* what {id} stood for: 26 characters */
    char name[64];             /* what {name} stood for */
};

extern const struct route router_routes[];
extern const size_t router_route_n;

/* Finds the route of a decoded path. Returns the methods that the path has, as bits; 0:
 * there is no such path. HEAD counts as GET. */
unsigned router_find(const char *method, const char *path, struct route_match *match);

/* Writes "GET, HEAD, OPTIONS" and the like. */
void router_allow(unsigned methods, char *text, size_t size);

/* Whether text is 26 characters of the lower-case ULID alphabet. */
bool router_is_ulid(const char *text);

#endif
