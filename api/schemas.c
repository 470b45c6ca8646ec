/* schemas.c - /v1/schemas and /v1/openapi.json: what is said to the API and by it. */
#include <string.h>

#include "api/request.h"

/* text: NULL where the server's owner has none. */
static enum MHD_Result
text_reply(struct request *r, const char *type, const char *text)
{
    struct ode_err err = { 0 };

    if (text)
        return reply_static(r, type, text, strlen(text), "no-cache");
    ode_fail(&err, ODE_ENOENT, NULL, "this server was started without it");
    return reply_failure(r, ODE_ENOENT, &err, NULL);
}

enum MHD_Result
schema_job(struct request *r)
{
    return text_reply(r, "application/schema+json", r->server->config.job_schema);
}

enum MHD_Result
openapi_get(struct request *r)
{
    return text_reply(r, "application/json", r->server->config.openapi);
}
