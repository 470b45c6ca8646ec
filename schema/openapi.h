/*
 * openapi.h - the HTTP API as an OpenAPI document.
 *
 * schema/openapi.json is written by hand and embedded. There its JobSpec refers to
 * job.schema.json beside it; here that schema stands in the document itself, so that a
 * generator of clients needs no other file.
 */
#ifndef ODE_SCHEMA_OPENAPI_H
#define ODE_SCHEMA_OPENAPI_H

#include <jansson.h>

#include "core/base/status.h"

/* *document is the caller's. Fails with ODE_ENOMEM. */
enum ode_status schema_openapi(json_t **document, struct ode_err *err);

#endif
