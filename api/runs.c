/* runs.c - /v1/runs: list, one, waiting for one, its levels, actions. */
#include <string.h>

#include "api/accept.h"
#include "api/request.h"

#define WAIT_MAX_S 300

enum MHD_Result
run_list(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    struct backend_page page;
    json_t *list = NULL;
    enum ode_status status;

    if (!page_parse(r, &page, &problem))
        return reply_problem(r, &problem);
    status = b->run_list(b->self, &page, &list, &err);
    return status == ODE_OK ? list_reply(r, list) : reply_failure(r, status, &err, NULL);
}

bool
run_is_final(const json_t *run)
{
    const char *state = json_string_value(json_object_get(run, "state"));

    return state && query_listed("succeeded,failed,cancelled", state);
}

/* How long the client wants to wait, from the query or its Prefer; false with the problem
 * filled. */
static bool
wait_parse(struct request *r, int *wait_s, struct problem *problem)
{
    const int preferred = accept_wait(request_header(r, "Prefer"));

    if (!query_int(&r->query, "wait", 0, 0, WAIT_MAX_S, wait_s, problem))
        return false;
    if (preferred < 0 || query_get(&r->query, "wait"))
        return true;
    *wait_s = preferred < WAIT_MAX_S ? preferred : WAIT_MAX_S;
    if (r->wait_until_ms == 0) /* when it is called again it has said so */
        reply_header(r, "Preference-Applied", "wait=%d", *wait_s);
    return true;
}

enum MHD_Result
run_get(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *run = NULL;
    enum ode_status status;
    bool full;
    int wait_s;

    if (!wait_parse(r, &wait_s, &problem))
        return reply_problem(r, &problem);
    status = b->run_get(b->self, r->match.id, &run, &err);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    if (wait_s == 0 || run_is_final(run))
        return reply_json(r, MHD_HTTP_OK, run);
    if (!request_wait(r, wait_s, &full, &problem) && !full)
        return reply_json(r, MHD_HTTP_OK, run);
    json_decref(run);
    if (!full)
        return MHD_YES; /* called again later */
    return reply_problem(r, &problem);
}

enum MHD_Result
run_levels(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *levels = NULL;
    enum ode_status status = b->run_levels(b->self, r->match.id, &levels, &err);

    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, levels)
                            : reply_failure(r, status, &err, NULL);
}

/* An action needs no body; if there is one it must say nothing. */
static bool
body_is_empty(struct request *r, struct problem *problem)
{
    json_t *doc;
    bool empty;

    if (r->body_n == 0)
        return true;
    doc = request_json(r, problem);
    if (!doc)
        return false;
    empty = json_is_object(doc) && json_object_size(doc) == 0;
    json_decref(doc);
    if (!empty)
        problem_set(problem, PROBLEM_BAD_VALUE, "this action takes no members");
    return empty;
}

/* Whether the run is as the client has seen it, where he says how that was; false with
 * *result the answer. */
static bool
is_as_seen(struct request *r, enum MHD_Result *result)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *run = NULL;
    enum ode_status status;
    bool current;

    if (!request_header(r, "If-Match"))
        return true;
    status = b->run_get(b->self, r->match.id, &run, &err);
    if (status != ODE_OK) {
        *result = reply_failure(r, status, &err, NULL);
        return false;
    }
    current = reply_is_current(r, run, &problem);
    json_decref(run);
    if (!current)
        *result = reply_problem(r, &problem);
    return current;
}

enum MHD_Result
run_patch(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *changes, *run = NULL;
    enum MHD_Result result;
    enum ode_status status;

    changes = request_json(r, &problem);
    if (!changes)
        return reply_problem(r, &problem);
    if (!is_as_seen(r, &result)) {
        json_decref(changes);
        return result;
    }
    status = b->run_change(b->self, r->match.id, changes, &run, &err);
    json_decref(changes);
    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, run)
                            : reply_failure(r, status, &err, NULL);
}

static enum MHD_Result
act(struct request *r, enum backend_action action)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *run = NULL;
    bool done = false;
    enum MHD_Result result;
    enum ode_status status;

    if (!body_is_empty(r, &problem))
        return reply_problem(r, &problem);
    if (!is_as_seen(r, &result))
        return result;
    status = b->run_act(b->self, r->match.id, action, &run, &done, &err);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    return reply_json(r, done ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, run);
}

enum MHD_Result
run_cancel(struct request *r)
{
    return act(r, BACKEND_CANCEL);
}

enum MHD_Result
run_pause(struct request *r)
{
    return act(r, BACKEND_PAUSE);
}

enum MHD_Result
run_resume(struct request *r)
{
    return act(r, BACKEND_RESUME);
}

enum MHD_Result
run_retry(struct request *r)
{
    return act(r, BACKEND_RETRY);
}

enum MHD_Result
run_hold(struct request *r)
{
    return act(r, BACKEND_HOLD);
}

enum MHD_Result
run_advance(struct request *r)
{
    return act(r, BACKEND_ADVANCE);
}
