/* schemas.c - /v1/schemas: JSON Schema of what is sent to the API. */
#include <string.h>

#include "api/request.h"

enum MHD_Result
schema_job(struct request *r)
{
    const char *text = r->server->config.job_schema;
    struct ode_err err = { 0 };

    if (text)
        return reply_static(r, "application/schema+json", text, strlen(text), "no-cache");
    ode_fail(&err, ODE_ENOENT, NULL, "this server was built without the schema");
    return reply_failure(r, ODE_ENOENT, &err, NULL);
}
