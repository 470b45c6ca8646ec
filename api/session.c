/* session.c - sessions, and the routes that begin and end them. */
#include "api/session.h"

#include <string.h>
#include <strings.h>

#include "api/access.h"
#include "api/request.h"

/* --- the table ------------------------------------------------------------------------
 */

/* The place of this cookie's session, or SESSIONS. All are looked at, each time. */
static size_t
place_of(const struct sessions *sessions, const char *id)
{
    char hash[ODE_HASH_HEX];
    size_t found = SESSIONS;

    ode_hash_bytes(id, strlen(id), hash);
    for (size_t i = 0; i < SESSIONS; i++)
        if (token_hash_equal(sessions->slot[i].id, hash))
            found = i;
    return found;
}

enum ode_status
session_begin(struct sessions *sessions, const struct token *token, uint64_t now_ms,
              char id[ODE_HASH_HEX], struct ode_err *err)
{
    size_t place = 0;

    ODE_TRY(token_random(id, err));
    for (size_t i = 1; i < SESSIONS; i++)
        if (sessions->slot[i].until_ms < sessions->slot[place].until_ms)
            place = i;
    ode_hash_bytes(id, strlen(id), sessions->slot[place].id);
    strcpy(sessions->slot[place].token, token->hash);
    sessions->slot[place].until_ms = now_ms + SESSION_S * 1000u;
    return ODE_OK;
}

const char *
session_find(const struct sessions *sessions, const char *id, uint64_t now_ms)
{
    size_t place = place_of(sessions, id);

    if (place == SESSIONS || sessions->slot[place].until_ms <= now_ms)
        return NULL;
    return sessions->slot[place].token;
}

void
session_end(struct sessions *sessions, const char *id)
{
    size_t place = place_of(sessions, id);

    if (place < SESSIONS)
        memset(&sessions->slot[place], 0, sizeof sessions->slot[place]);
}

/* --- the routes -----------------------------------------------------------------------
 */

/* Whether the browser speaks TLS: with us, or with a proxy before us. */
static bool
is_secure(struct request *r)
{
    const char *origin = request_header(r, "Origin");

    return r->server->secure || (origin && strncasecmp(origin, "https://", 8) == 0);
}

/* Cookies do not tell ports apart, and one machine may have several daemons. */
static void
cookie_set(struct request *r, const char *id, int age_s)
{
    bool secure = is_secure(r);

    reply_header(r, "Set-Cookie",
                 "%s-%d=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s",
                 secure ? ACCESS_COOKIE_SECURE : ACCESS_COOKIE, r->listener->place.port,
                 id, age_s, secure ? "; Secure" : "");
}

static enum MHD_Result
begin(struct request *r, const struct token *token)
{
    struct ode_err err = { 0 };
    char id[ODE_HASH_HEX];
    enum ode_status status =
        session_begin(&r->server->sessions, token, uv_now(r->server->loop), id, &err);

    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    cookie_set(r, id, SESSION_S);
    return reply_json(r, MHD_HTTP_OK,
                      json_pack("{s:s, s:s, s:i}", "name", token->name, "role",
                                role_name(token->role), "seconds", SESSION_S));
}

enum MHD_Result
session_post(struct request *r)
{
    struct problem problem = { 0 };
    const struct token *token;
    json_t *doc;

    if (!r->server->guarded) {
        problem_set(&problem, PROBLEM_WRONG_STATE,
                    "this server has no tokens, and asks for none");
        return reply_problem(r, &problem);
    }
    doc = request_json(r, &problem);
    if (!doc)
        return reply_problem(r, &problem);
    token = access_token(r, json_string_value(json_object_get(doc, "token")), &problem);
    json_decref(doc);
    return token ? begin(r, token) : reply_problem(r, &problem);
}

enum MHD_Result
session_delete(struct request *r)
{
    const char *id = access_cookie(r);

    if (id)
        session_end(&r->server->sessions, id);
    cookie_set(r, "", 0);
    return reply_empty(r, MHD_HTTP_NO_CONTENT);
}
