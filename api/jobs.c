/* jobs.c - /v1/jobs: submit, or only plan; list, one. */
#include <string.h>

#include "api/request.h"

#define KEY_MAX 255

static enum MHD_Result
submitted(struct request *r, json_t *answer)
{
    const char *id = json_string_value(json_object_get(answer, "id"));

    if (id)
        reply_header(r, "Location", "/v1/jobs/%s", id);
    return reply_json(r, MHD_HTTP_CREATED, answer);
}

/* The client's Idempotency-Key in *key, NULL for none; false with the problem filled. */
static bool
key_parse(struct request *r, const char **key, struct problem *problem)
{
    const char *text = request_header(r, "Idempotency-Key");
    size_t n = text ? strlen(text) : 1;

    for (const char *c = text; c && *c; c++)
        if (*c < ' ' || *c > '~')
            n = 0;
    *key = text;
    if (n > 0 && n <= KEY_MAX)
        return true;
    problem_set(problem, PROBLEM_BAD_REQUEST,
                "an Idempotency-Key is 1 to 255 visible ASCII characters");
    return false;
}

static enum MHD_Result
job_create(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *answer = NULL, *complaints = NULL, *spec;
    const char *key;
    enum ode_status status;

    if (!key_parse(r, &key, &problem) || !(spec = request_json(r, &problem)))
        return reply_problem(r, &problem);
    status = b->job_submit(b->self, spec, key, &answer, &complaints, &err);
    json_decref(spec);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, complaints);
    json_decref(complaints);
    return submitted(r, answer);
}

/* Begins to plan; false with the problem filled. */
static bool
plan_begin(struct request *r, bool measure, struct problem *problem)
{
    const struct backend *b = r->server->backend;
    json_t *complaints = NULL, *spec = request_json(r, problem);
    struct ode_err err = { 0 };
    enum ode_status status;

    if (!spec)
        return false;
    status = b->plan_begin(b->self, spec, measure, &r->ticket, &complaints, &err);
    json_decref(spec);
    if (status != ODE_OK)
        problem_from(problem, status, &err, complaints);
    json_decref(complaints);
    return status == ODE_OK;
}

static enum MHD_Result
plan_wait(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    bool full;

    if (request_wait(r, (int)r->server->config.plan_s, &full, &problem))
        return MHD_YES; /* called again later */
    b->ticket_drop(b->self, r->ticket);
    r->ticket = 0;
    if (r->gone)
        return MHD_NO; /* nobody is there to answer */
    if (full)
        return reply_problem(r, &problem);
    if (r->server->closing)
        problem_set(&problem, PROBLEM_UNAVAILABLE, "the server stops");
    else
        problem_set(&problem, PROBLEM_UNAVAILABLE,
                    "the plan was not there after %u s; ask again with measure=false, "
                    "or later",
                    r->server->config.plan_s);
    return reply_problem(r, &problem);
}

static enum MHD_Result
job_plan(struct request *r, bool measure)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *answer = NULL, *complaints = NULL;
    enum ode_status status;

    if (!r->ticket && !plan_begin(r, measure, &problem))
        return reply_problem(r, &problem);
    status = b->plan_take(b->self, r->ticket, &answer, &complaints, &err);
    if (status == ODE_OK && !answer)
        return plan_wait(r);
    r->ticket = 0;
    if (status != ODE_OK)
        return reply_failure(r, status, &err, complaints);
    return reply_json(r, MHD_HTTP_OK, answer);
}

enum MHD_Result
job_submit(struct request *r)
{
    static const char yes_or_no[] = "true,false";
    struct problem problem = { 0 };
    const char *dry_run, *measure;
    bool dry;

    if (!query_choice(&r->query, "dry_run", yes_or_no, &dry_run, &problem)
        || !query_choice(&r->query, "measure", yes_or_no, &measure, &problem))
        return reply_problem(r, &problem);
    dry = dry_run && strcmp(dry_run, "true") == 0;
    if (measure && !dry) {
        query_refuse(&problem, "measure", "only goes with dry_run=true");
        return reply_problem(r, &problem);
    }
    return dry ? job_plan(r, !measure || strcmp(measure, "true") == 0) : job_create(r);
}

enum MHD_Result
job_list(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    struct backend_page page;
    json_t *list = NULL;
    enum ode_status status;

    if (!page_parse(r, &page, &problem))
        return reply_problem(r, &problem);
    status = b->job_list(b->self, &page, &list, &err);
    return status == ODE_OK ? list_reply(r, list) : reply_failure(r, status, &err, NULL);
}

enum MHD_Result
job_get(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *job = NULL;
    enum ode_status status = b->job_get(b->self, r->match.id, &job, &err);

    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, job)
                            : reply_failure(r, status, &err, NULL);
}

enum MHD_Result
job_delete(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    enum ode_status status;
    json_t *job = NULL;
    bool current;

    if (r->body_n > 0) {
        problem_set(&problem, PROBLEM_BAD_VALUE, "a deletion takes no body");
        return reply_problem(r, &problem);
    }
    status = b->job_get(b->self, r->match.id, &job, &err);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    current = reply_is_current(r, job, &problem);
    json_decref(job);
    if (!current)
        return reply_problem(r, &problem);
    status = b->job_delete(b->self, r->match.id, &err);
    return status == ODE_OK ? reply_empty(r, MHD_HTTP_NO_CONTENT)
                            : reply_failure(r, status, &err, NULL);
}
