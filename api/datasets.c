/* datasets.c - /v1/datasets. */
#include "api/request.h"

enum MHD_Result
dataset_list(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    json_t *sets = NULL;
    enum ode_status status = b->datasets(b->self, &sets, &err);

    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, sets)
                            : reply_failure(r, status, &err, NULL);
}
