/*
 * place.h - where a daemon is, and what it wants to be told: URL or socket, token.
 */
#ifndef ODE_CLIENT_PLACE_H
#define ODE_CLIENT_PLACE_H

#include <stdbool.h>

#include "core/base/status.h"

#define PLACE_PRESET "http://127.0.0.1:7433"

enum { PLACE_BASE = 512, PLACE_SOCKET = 108, PLACE_TOKEN = 1024 };

struct place {
    char base[PLACE_BASE];     /* before each path; no slash at its end */
    char socket[PLACE_SOCKET]; /* a Unix socket's path, or "" */
    char token[PLACE_TOKEN];   /* or "" */
    bool loopback;             /* this machine, as far as the name tells */
    bool clear;                /* http: whoever is on the way can read along */
};

/*
 * Reads "http://HOST[:PORT][/PREFIX]", "https://..." or "unix:/PATH"; the token stays as
 * it is. ODE_EARG for anything else, a user's name, a query or a fragment among it.
 */
enum ode_status place_parse(const char *url, struct place *place, struct ode_err *err);

/* Reads the token: the file's only line, of visible ASCII characters. ODE_ENOENT or
 * ODE_EIO for a file that cannot be read, ODE_EFORMAT for one that holds no token. */
enum ode_status place_read_token(const char *path, struct place *place,
                                 struct ode_err *err);

#endif
