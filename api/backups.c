/* backups.c - POST /v1/backup: a copy of the database. */
#include "api/request.h"

#define WAIT_S 300

static enum MHD_Result
backup_wait(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    bool full;

    if (request_wait(r, WAIT_S, &full, &problem))
        return MHD_YES; /* called again later */
    b->ticket_drop(b->self, r->ticket);
    r->ticket = 0;
    if (r->gone)
        return MHD_NO; /* nobody is there to answer */
    if (!full)
        problem_set(&problem, PROBLEM_UNAVAILABLE, "%s",
                    r->server->closing ? "the server stops"
                                       : "the backup takes long, and goes on");
    return reply_problem(r, &problem);
}

enum MHD_Result
backup_create(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *answer = NULL;
    enum ode_status status = ODE_OK;

    if (!r->ticket)
        status = b->backup_begin(b->self, &r->ticket, &err);
    if (status == ODE_OK)
        status = b->backup_take(b->self, r->ticket, &answer, &err);
    if (status == ODE_OK && !answer)
        return backup_wait(r);
    r->ticket = 0;
    if (status != ODE_OK)
        return reply_failure(r, status, &err, NULL);
    return reply_json(r, MHD_HTTP_CREATED, answer);
}
