/* router.c - the table of routes. */
#include "api/router.h"

#include <stdio.h>
#include <string.h>

#include "api/request.h"

const struct route router_routes[] = {
#define ROUTE(method, role, pattern, handler, query, summary) \
    { ROUTE_##method, ROLE_##role, pattern, query, summary, handler },
#include "api/routes.def"
#undef ROUTE
};

const size_t router_route_n = sizeof router_routes / sizeof *router_routes;

bool
router_is_ulid(const char *text)
{
    return strspn(text, "0123456789abcdefghjkmnpqrstvwxyz") == 26 && !text[26];
}

/* Takes what a placeholder stands for: the n characters at path. */
static bool
place_take(struct route_match *match, const char *placeholder, const char *path, size_t n)
{
    bool is_id = strncmp(placeholder, "{id}", 4) == 0;
    char *to = is_id ? match->id : match->name;

    if (n == 0 || n >= (is_id ? sizeof match->id : sizeof match->name))
        return false;
    memcpy(to, path, n);
    to[n] = '\0';
    return !is_id || router_is_ulid(to);
}

static bool
route_matches(const char *pattern, const char *path, struct route_match *match)
{
    while (*pattern) {
        if (*pattern == '{') {
            size_t n = strcspn(path, "/");

            if (!place_take(match, pattern, path, n))
                return false;
            path += n;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++)
            return false;
    }
    return !*path;
}

static unsigned
method_bit(const char *method)
{
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return ROUTE_GET;
    if (strcmp(method, "POST") == 0)
        return ROUTE_POST;
    if (strcmp(method, "PATCH") == 0)
        return ROUTE_PATCH;
    return strcmp(method, "DELETE") == 0 ? ROUTE_DELETE : 0;
}

unsigned
router_find(const char *method, const char *path, struct route_match *match)
{
    unsigned bit = method_bit(method), all = 0;

    memset(match, 0, sizeof *match);
    for (size_t i = 0; i < router_route_n; i++) {
        const struct route *route = &router_routes[i];
        struct route_match found = { 0 };

        if (!route_matches(route->pattern, path, &found))
            continue;
        all |= route->method;
        if (route->method == bit) {
            *match = found;
            match->route = route;
        }
    }
    return all;
}

void
router_allow(unsigned methods, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%sOPTIONS", methods & ROUTE_GET ? "GET, HEAD, " : "",
             methods & ROUTE_POST ? "POST, " : "", methods & ROUTE_PATCH ? "PATCH, " : "",
             methods & ROUTE_DELETE ? "DELETE, " : "");
}
