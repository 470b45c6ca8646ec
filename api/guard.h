/*
 * guard.h - what keeps web pages of other sites from using a server on this machine.
 *
 * Nothing here is a login (api/access.h is): a browser opens connections for any page it
 * shows, and sends its cookies along. So the Host must be a name of this server (else a
 * page whose name was re-bound to its address would read all), and methods that change
 * something must come from the server's own pages or from no page. An address of numbers
 * cannot be re-bound.
 */
#ifndef ODE_API_GUARD_H
#define ODE_API_GUARD_H

#include <stdbool.h>

/* Whether a Host header, with any port, names loopback (localhost, 127.x.y.z or [::1]) or
 * one of `names`, separated by commas (NULL: none); with `numbers` any address of
 * numbers, too. */
bool guard_host(const char *host, const char *names, bool numbers);

/* Whether Origin and Sec-Fetch-Site (NULL: not sent) allow a change on `host`; secure:
 * the server itself speaks TLS. */
bool guard_origin(const char *host, const char *origin, const char *fetch_site,
                  bool secure);

/* Whether a Content-Type is application/json, of a PATCH also a JSON merge patch (RFC
 * 7396), in UTF-8 if it says so at all. */
bool guard_json_type(const char *type, bool patch);

#endif
