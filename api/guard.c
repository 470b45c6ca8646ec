/* guard.c - Host, Origin, Content-Type. */
#include "api/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "", or ":" and up to five digits */
static bool
is_port(const char *text)
{
    size_t n;

    if (!*text)
        return true;
    n = strspn(text + 1, "0123456789");
    return *text == ':' && n <= 5 && !text[1 + n];
}

static bool
is_loopback_v4(const char *name)
{
    struct in_addr address;

    return inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* Whether it is an address of numbers; IPv6 in its brackets. */
static bool
is_number(const char *name)
{
    struct in6_addr address;
    char inner[64];
    size_t n = strlen(name);

    if (*name != '[')
        return inet_pton(AF_INET, name, &address) == 1;
    snprintf(inner, sizeof inner, "%.*s", (int)(n - 2), name + 1);
    return inet_pton(AF_INET6, inner, &address) == 1;
}

static bool
is_listed(const char *name, const char *names)
{
    size_t n = strlen(name);

    while (names && *names) {
        size_t m = strcspn(names, ",");

        if (m == n && strncasecmp(names, name, n) == 0)
            return true;
        names += m + (names[m] == ',');
    }
    return false;
}

bool
guard_host(const char *host, const char *names, bool numbers)
{
    char name[256];
    size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    if (n == 0 || n >= sizeof name || n > strlen(host) || !is_port(host + n))
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0
           || is_loopback_v4(name) || is_listed(name, names)
           || (numbers && is_number(name));
}

bool
guard_origin(const char *host, const char *origin, const char *fetch_site, bool secure)
{
    if (fetch_site && strcmp(fetch_site, "same-origin") != 0
        && strcmp(fetch_site, "none") != 0)
        return false;
    if (!origin)
        return true;
    if (strncasecmp(origin, "http://", 7) == 0)
        return !secure && strcasecmp(origin + 7, host) == 0;
    return strncasecmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

/* What follows the name in type; NULL: it is another type. */
static const char *
after_name(const char *type, const char *name)
{
    const size_t n = strlen(name);

    return strncasecmp(type, name, n) == 0 ? type + n : NULL;
}

bool
guard_json_type(const char *type, bool patch)
{
    const char *rest = after_name(type, "application/json");

    if (!rest && patch)
        rest = after_name(type, "application/merge-patch+json");
    if (!rest)
        return false;
    type = rest;
    type += strspn(type, " \t");
    if (!*type)
        return true;
    if (*type++ != ';')
        return false;
    type += strspn(type, " \t");
    return !*type || strcasecmp(type, "charset=utf-8") == 0
           || strcasecmp(type, "charset=\"utf-8\"") == 0;
}
