/*
 * json.h - described structs, from JSON and to JSON.
 *
 * What a struct says about itself (core/base/field.h) is all that is needed to read it:
 * members that are left out take their presets, unknown ones are refused, and every
 * complaint has a JSON pointer (RFC 6901). Complaints are collected in a JSON array of
 * {"pointer", "detail"}, at most SCHEMA_COMPLAINTS_MAX of them.
 */
#ifndef ODE_SCHEMA_JSON_H
#define ODE_SCHEMA_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "core/base/field.h"
#include "core/base/status.h"

enum { SCHEMA_COMPLAINTS_MAX = 64, SCHEMA_JSON_MAX = 1 << 20 /* bytes of a text */ };

/*
 * Parses a whole JSON text: UTF-8, at most SCHEMA_JSON_MAX bytes, no member twice. `name`
 * is what errors call it. *value is the caller's. Fails with ODE_EFORMAT at
 * "name:line:column".
 */
enum ode_status schema_json_parse(const char *text, size_t length, const char *name,
                                  json_t **value, struct ode_err *err);

/* The same for a file; also ODE_ENOENT, ODE_EIO. */
enum ode_status schema_json_load(const char *path, json_t **value, struct ode_err *err);

/*
 * Reads value into *spec, a struct described by object. Whole numbers may be written as
 * 3.0. Members that a rule of the object forbids are refused. On failure ODE_ESPEC, err
 * has the first complaint, `complaints` (an array, may be NULL) all of them, and *spec is
 * untouched.
 */
enum ode_status schema_json_read(const struct ode_object *object, const json_t *value,
                                 void *spec, json_t *complaints, struct ode_err *err);

/* Appends to an array of complaints; is an ode_complaint_fn with the array as context. */
void schema_json_complain(void *complaints, const struct ode_err *err);

/*
 * The struct as JSON, with every member in the order of its description, but for those
 * that a rule forbids; reading it back gives the same struct. *value is the caller's.
 * Fails with ODE_ENOMEM.
 */
enum ode_status schema_json_write(const struct ode_object *object, const void *spec,
                                  json_t **value, struct ode_err *err);

/* The JSON Schema (draft 2020-12) of what schema_json_read() accepts. Fails with
 * ODE_ENOMEM. */
enum ode_status schema_json_describe(const struct ode_object *object, const char *id,
                                     json_t **schema, struct ode_err *err);

#endif
