/* system.c - /v1/system. */
#include "api/request.h"

enum MHD_Result
system_get(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *facts = NULL;
    enum ode_status status = b->system(b->self, &facts, &err);

    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, facts)
                            : reply_failure(r, status, &err, NULL);
}
