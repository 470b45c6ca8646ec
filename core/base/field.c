/* field.c - what can be done with a described struct without knowing what it says. */
#include "core/base/field.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void
field_preset(const struct ode_field *field, char *at)
{
    switch (field->kind) {
    case ODE_FIELD_INT:
        *(int64_t *)(void *)at = (int64_t)field->preset;
        break;
    case ODE_FIELD_REAL:
        *(double *)(void *)at = field->preset;
        break;
    case ODE_FIELD_BOOL:
        *(bool *)(void *)at = field->preset != 0;
        break;
    case ODE_FIELD_TEXT:
        snprintf(at, 4 * (size_t)field->max + 1, "%s", field->preset_text);
        break;
    case ODE_FIELD_CHOICE:
        *(int *)(void *)at = (int)field->preset;
        break;
    case ODE_FIELD_OBJECT:
        ode_object_preset(field->object, at);
        break;
    case ODE_FIELD_LIST:
    case ODE_FIELD_INTS:
        break; /* empty: the count is 0 */
    }
}

void
ode_object_preset(const struct ode_object *object, void *spec)
{
    memset(spec, 0, object->size);
    for (const struct ode_field *f = object->fields; f->name; f++)
        field_preset(f, (char *)spec + f->offset);
}

const struct ode_field *
ode_object_field(const struct ode_object *object, const char *name)
{
    for (const struct ode_field *f = object->fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

bool
ode_object_is_auto(const struct ode_field *field, const void *spec)
{
    return field->may_be_auto && *((const bool *)spec + field->offset_auto);
}

/* Whether what the rule asks for is so. */
static bool
is_picked(const struct ode_rule *rule, const struct ode_field *pick, const void *spec)
{
    const char *at = (const char *)spec + pick->offset;

    if (pick->kind == ODE_FIELD_LIST)
        return ode_object_is_auto(pick, spec);
    return *(const int *)(const void *)at == rule->value;
}

const struct ode_rule *
ode_object_forbids(const struct ode_object *object, const struct ode_field *field,
                   const void *spec)
{
    for (const struct ode_rule *r = object->rules; r->member; r++)
        if (strcmp(r->member, field->name) == 0)
            return is_picked(r, ode_object_field(object, r->pick), spec) ? NULL : r;
    return NULL;
}
