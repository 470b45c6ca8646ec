/* write.c - described structs to JSON. */
#include <stdint.h>

#include "schema/json.h"

static json_t *object_json(const struct ode_object *object, const char *spec);

/* The functions here give NULL when memory is short; jansson's setters take NULL for a
 * value, fail, and so pass it on. */
static json_t *
list_json(const struct ode_field *f, const char *spec)
{
    size_t n = *(const size_t *)(const void *)(spec + f->offset_n);
    const int64_t *numbers = (const int64_t *)(const void *)(spec + f->offset);
    json_t *list;

    if (ode_object_is_auto(f, spec))
        return json_string("auto");
    list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *item =
            f->kind == ODE_FIELD_INTS
                ? json_integer(numbers[i])
                : object_json(f->object, spec + f->offset + i * f->object->size);

        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *
field_json(const struct ode_field *f, const char *spec)
{
    const char *text = spec + f->offset;
    const void *at = text;

    switch (f->kind) {
    case ODE_FIELD_INT:
        return json_integer(*(const int64_t *)at);
    case ODE_FIELD_REAL:
        return json_real(*(const double *)at);
    case ODE_FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case ODE_FIELD_TEXT:
        return json_string(text);
    case ODE_FIELD_CHOICE:
        return json_string(f->choices[*(const int *)at].name);
    case ODE_FIELD_OBJECT:
        return object_json(f->object, text);
    case ODE_FIELD_LIST:
    case ODE_FIELD_INTS:
        return list_json(f, spec);
    }
    return NULL;
}

static json_t *
object_json(const struct ode_object *object, const char *spec)
{
    json_t *json = json_object();

    for (const struct ode_field *f = object->fields; f->name; f++) {
        if (ode_object_forbids(object, f, spec))
            continue;
        if (json_object_set_new(json, f->name, field_json(f, spec)) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

enum ode_status
schema_json_write(const struct ode_object *object, const void *spec, json_t **value,
                  struct ode_err *err)
{
    json_t *json = object_json(object, spec);

    if (!json)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to write a %s", object->name);
    *value = json;
    return ODE_OK;
}
