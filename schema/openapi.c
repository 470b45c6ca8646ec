/* openapi.c - the OpenAPI document as bytes of the program, and the job spec in it. */
#include "schema/openapi.h"

#include "schema/sweep.h"

__asm__(".pushsection .rodata\n"
        ".hidden openapi_text\n"
        ".global openapi_text\n"
        "openapi_text:\n"
        ".incbin \"" ODE_SOURCE_DIR "/schema/openapi.json\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char openapi_text[] __attribute__((visibility("hidden")));

/* Within another document a schema needs no name and no dialect of its own, and some
 * readers look for what has a name elsewhere. */
static enum ode_status
job_spec(json_t **schema, struct ode_err *err)
{
    ODE_TRY(sweep_job_schema(schema, err));
    json_object_del(*schema, "$id");
    json_object_del(*schema, "$schema");
    return ODE_OK;
}

enum ode_status
schema_openapi(json_t **out, struct ode_err *err)
{
    json_t *document = json_loads(openapi_text, JSON_REJECT_DUPLICATES, NULL);
    json_t *components = json_object_get(document, "components");
    json_t *schema = NULL;
    enum ode_status status = job_spec(&schema, err);

    if (status == ODE_OK
        && json_object_set_new(json_object_get(components, "schemas"), "JobSpec", schema)
               != 0)
        status = ode_fail(err, ODE_ENOMEM, NULL, "no memory for the OpenAPI document");
    if (status == ODE_OK)
        *out = document;
    else
        json_decref(document);
    return status;
}
