/* jobs.c - /v1/jobs: submit, list, one. */
#include "api/request.h"

#define LIST_PRESET 50
#define LIST_MAX    500

bool
page_parse(struct request *r, struct backend_page *page, struct problem *problem)
{
    static const char states[] =
        "queued,starting,running,paused,succeeded,failed,cancelled";

    page->cursor = query_get(&r->query, "cursor");
    if (page->cursor && !router_is_ulid(page->cursor)) {
        query_refuse(problem, "cursor", "no list gave this as its next");
        return false;
    }
    return query_choice(&r->query, "state", states, &page->state, problem)
           && query_int(&r->query, "limit", LIST_PRESET, 1, LIST_MAX, &page->limit,
                        problem);
}

static enum MHD_Result
submitted(struct request *r, json_t *answer)
{
    const char *id = json_string_value(json_object_get(answer, "id"));

    if (id)
        reply_header(r, "Location", "/v1/jobs/%s", id);
    return reply_json(r, MHD_HTTP_CREATED, answer);
}

enum MHD_Result
job_submit(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct ode_err err = { 0 };
    json_t *answer = NULL, *complaints = NULL, *spec = request_json(r, &problem);
    enum ode_status status;

    if (!spec)
        return reply_problem(r, &problem);
    status = b->job_submit(b->self, spec, &answer, &complaints, &err);
    json_decref(spec);
    if (status != ODE_OK)
        return reply_failure(r, status, &err, complaints);
    json_decref(complaints);
    return submitted(r, answer);
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
    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, list)
                            : reply_failure(r, status, &err, NULL);
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
