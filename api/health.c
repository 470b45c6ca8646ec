/* health.c - /livez, /readyz, /version, and what the problems mean. */
#include "api/request.h"

#define API_VERSION 1

enum MHD_Result
health_live(struct request *r)
{
    return reply_json(r, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"));
}

enum MHD_Result
health_ready(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };

    if (b->ready(b->self, &err) == ODE_OK)
        return health_live(r);
    problem_set(&problem, PROBLEM_UNAVAILABLE, "%s",
                err.text[0] ? err.text : "not ready to take jobs");
    return reply_problem(r, &problem);
}

enum MHD_Result
health_version(struct request *r)
{
    return reply_json(r, MHD_HTTP_OK,
                      json_pack("{s:s, s:i}", "version", r->server->config.version, "api",
                                API_VERSION));
}

enum MHD_Result
problem_get(struct request *r)
{
    struct problem problem = { .kind = problem_find(r->match.name) };
    struct ode_err err = { 0 };

    if (problem.kind != PROBLEM_COUNT)
        return reply_json(r, MHD_HTTP_OK, problem_json(&problem, NULL));
    ode_fail(&err, ODE_ENOENT, NULL, "there is no problem of this name");
    return reply_failure(r, ODE_ENOENT, &err, NULL);
}
