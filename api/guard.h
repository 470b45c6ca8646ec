/*
 * guard.h - what keeps web pages of other sites from using a server on this machine.
 *
 * Nothing here is a login: whoever can open a connection from this machine may use the
 * API. A browser, though, opens connections for any page it shows. So the Host must be a
 * name of loopback (else a page whose name was re-bound to 127.0.0.1 would read all),
 * and methods that change something must come from the server's own pages or from no
 * page.
 */
#ifndef ODE_API_GUARD_H
#define ODE_API_GUARD_H

#include <stdbool.h>

/* Whether a Host header names loopback: localhost, 127.x.y.z or [::1], with any port. */
bool guard_host(const char *host);

/* Whether Origin and Sec-Fetch-Site (NULL: not sent) allow a change on `host`. */
bool guard_origin(const char *host, const char *origin, const char *fetch_site);

/* Whether a Content-Type is application/json, of a PATCH also a JSON merge patch (RFC
 * 7396), in UTF-8 if it says so at all. */
bool guard_json_type(const char *type, bool patch);

#endif
