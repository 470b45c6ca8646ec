/* access.c - callers, their roles and their limits. */
#include "api/access.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/peer.h"
#include "api/request.h"

#define REALM   "Bearer realm=\"odenet\""
#define TELL_MS 60000

/* --- what was shown -------------------------------------------------------------------
 */

static uint64_t
now_ms(const struct request *r)
{
    return uv_now(r->server->loop);
}

/* Fills the problem with a 401, and its header. */
static void
refuse_unknown(struct request *r, struct problem *problem, const char *error,
               const char *detail)
{
    reply_header(r, "WWW-Authenticate", REALM "%s", error);
    problem_set(problem, PROBLEM_UNAUTHORIZED, "%s", detail);
}

static bool
is_over(const struct token *token)
{
    return token->expires_s && (int64_t)time(NULL) >= token->expires_s;
}

/* Tells the operator of guesses, and not of each. */
static void
tell_guesses(struct request *r)
{
    struct server *s = r->server;
    char line[160];

    if (!s->config.log || (s->guessed_ms && now_ms(r) - s->guessed_ms < TELL_MS))
        return;
    s->guessed_ms = now_ms(r);
    snprintf(line, sizeof line, "many bad tokens come from %s, which has to wait",
             r->peer->name);
    s->config.log(s->config.log_arg, line);
}

/* An address that has shown ten bad tokens within a second is not listened to: whether
 * the eleventh is good must not be told. */
const struct token *
access_token(struct request *r, const char *text, struct problem *problem)
{
    struct server *s = r->server;
    const struct token *token;

    if (rate_left(&s->failures, r->peer->name, now_ms(r)) < 1) {
        tell_guesses(r);
        reply_header(r, "Retry-After", "1");
        problem_set(problem, PROBLEM_TOO_MANY,
                    "too many bad tokens came from this address; ask again in a second");
        return NULL;
    }
    token = text ? tokens_find(&s->tokens, text) : NULL;
    if (token && !is_over(token))
        return token;
    rate_take(&s->failures, r->peer->name, now_ms(r));
    refuse_unknown(r, problem, ", error=\"invalid_token\"",
                   token ? "this token has expired" : "this token is not known here");
    return NULL;
}

const char *
access_cookie(struct request *r)
{
    static const char *const begin[] = { ACCESS_COOKIE_SECURE, ACCESS_COOKIE };
    const char *value = NULL;
    char name[40];

    for (size_t i = 0; !value && i < sizeof begin / sizeof *begin; i++) {
        snprintf(name, sizeof name, "%s-%d", begin[i], r->listener->place.port);
        value = MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, name);
    }
    return value;
}

/* The token that the session stands for, if both are good. */
static const struct token *
session_token(struct request *r)
{
    const char *id = access_cookie(r);
    const char *hash = id ? session_find(&r->server->sessions, id, now_ms(r)) : NULL;
    const struct token *token = hash ? tokens_find_hash(&r->server->tokens, hash) : NULL;

    return token && !is_over(token) ? token : NULL;
}

/* --- who it is ------------------------------------------------------------------------
 */

static void
caller_is(struct request *r, enum role role, const char *kind, const char *name)
{
    r->caller.role = role;
    snprintf(r->caller.name, sizeof r->caller.name, "%s%s", kind, name);
}

/* False where a bad token was shown; the request is refused then. */
static bool
identify(struct request *r)
{
    const char *header = request_header(r, "Authorization");
    const struct server *s = r->server;
    const struct token *token;

    caller_is(r, ROLE_OPEN, "", r->peer->name);
    if (r->peer->trusted || (!s->guarded && !r->listener->place.local)) {
        r->caller.role = ROLE_ADMIN;
        return true;
    }
    if (!s->guarded)
        return true;
    if (header) {
        bool bearer = strncasecmp(header, "Bearer ", 7) == 0;

        token = access_token(r, bearer ? header + 7 + strspn(header + 7, " ") : NULL,
                             &r->refusal);
        r->refused = !token;
    } else
        token = session_token(r);
    if (token)
        caller_is(r, token->role, "token ", token->name);
    return !r->refused;
}

/* --- what he may ----------------------------------------------------------------------
 */

/* Whole requests, and the seconds until the bucket is full again. */
static void
tell_limits(struct request *r, struct rate *rate)
{
    double left = rate_left(rate, r->caller.name, now_ms(r));

    reply_header(r, "RateLimit-Policy", "\"requests\";q=%u;w=%u", (unsigned)rate->most,
                 (unsigned)(rate->most / rate->per_s));
    reply_header(r, "RateLimit", "\"requests\";r=%u;t=%u", (unsigned)left,
                 (unsigned)((rate->most - left) / rate->per_s + 1));
}

static void
check_rate(struct request *r)
{
    struct server *s = r->server;
    bool taken;

    if (s->config.peer_requests == 0)
        return;
    taken = rate_take(&s->rate, r->caller.name, now_ms(r));
    tell_limits(r, &s->rate);
    if (taken)
        return;
    reply_header(r, "Retry-After", "1");
    request_refuse(r, PROBLEM_TOO_MANY, "more than %u requests a second",
                   s->config.peer_requests);
}

static void
check_role(struct request *r, enum role needed)
{
    if (r->caller.role >= needed)
        return;
    if (r->caller.role != ROLE_OPEN) {
        request_refuse(r, PROBLEM_FORBIDDEN, "this needs the role %s; the %s has %s",
                       role_name(needed), r->caller.name, role_name(r->caller.role));
        return;
    }
    r->refused = true;
    refuse_unknown(r, &r->refusal, "",
                   r->server->guarded
                       ? "this needs a token: Authorization: Bearer TOKEN"
                       : "this user may not use the socket; --socket-group says who may");
}

void
access_check(struct request *r)
{
    const enum role needed = r->match.route ? r->match.route->role : ROLE_OPEN;

    if (needed == ROLE_OPEN)
        caller_is(r, ROLE_OPEN, "", r->peer->name);
    else if (!identify(r))
        return;
    check_rate(r);
    if (!r->refused)
        check_role(r, needed);
}

bool
access_waits_enough(struct request *r)
{
    const struct server *s = r->server;
    unsigned n = 0;

    if (s->config.peer_waits == 0)
        return false;
    for (size_t i = 0; i < s->listener_n; i++)
        for (const struct peer *p = s->listener[i].peers; p; p = p->next)
            n += p != r->peer && !p->doomed && strcmp(p->waits_as, r->caller.name) == 0;
    return n >= s->config.peer_waits;
}
