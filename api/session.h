/*
 * session.h - browsers that have shown a token: each has a cookie that stands for it.
 *
 * Sessions live in memory and end with the daemon, after twelve hours, with their token,
 * and when there are too many: the one that would end first goes.
 */
#ifndef ODE_API_SESSION_H
#define ODE_API_SESSION_H

#include <stdint.h>

#include "api/tokens.h"

enum { SESSIONS = 64, SESSION_S = 12 * 3600 };

struct sessions {
    struct {
        char id[ODE_HASH_HEX];    /* the hash of what the cookie says */
        char token[ODE_HASH_HEX]; /* the token's hash */
        uint64_t until_ms;        /* of the loop's clock; 0: a free place */
    } slot[SESSIONS];
};

/* Begins a session; id becomes what the cookie is to say. ODE_EINTERNAL. */
enum ode_status session_begin(struct sessions *sessions, const struct token *token,
                              uint64_t now_ms, char id[ODE_HASH_HEX],
                              struct ode_err *err);

/* The hash of the token that a cookie stands for, or NULL. Borrowed. */
const char *session_find(const struct sessions *sessions, const char *id,
                         uint64_t now_ms);

void session_end(struct sessions *sessions, const char *id);

#endif
