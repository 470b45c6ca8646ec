/* describe.c - the JSON Schema of described structs. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "schema/json.h"

/* A value is made of members that are set one by one; `failed` remembers that memory was
 * short for one of them, and is looked at once, at the end. */
struct printer {
    bool failed;
};

static void
set(struct printer *p, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        p->failed = true;
}

static void
add(struct printer *p, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        p->failed = true;
}

/* Bounds of whole numbers are written without a point. */
static json_t *
number(double value)
{
    return value == floor(value) && fabs(value) < 0x1p53 ? json_integer((json_int_t)value)
                                                         : json_real(value);
}

static json_t *object_schema(struct printer *p, const struct ode_object *object);

static bool
object_needed(const struct ode_object *object)
{
    for (const struct ode_field *f = object->fields; f->name; f++)
        if (f->required || (f->kind == ODE_FIELD_OBJECT && object_needed(f->object)))
            return true;
    return false;
}

static void
number_schema(struct printer *p, json_t *s, const struct ode_field *f, const char *type)
{
    set(p, s, "type", json_string(type));
    if (!f->required)
        set(p, s, "default", number(f->preset));
    set(p, s, "minimum", number(f->min));
    set(p, s, "maximum", number(f->max));
}

static void
text_schema(struct printer *p, json_t *s, const struct ode_field *f)
{
    set(p, s, "type", json_string("string"));
    set(p, s, "default", json_string(f->preset_text));
    set(p, s, "maxLength", number(f->max));
    set(p, s, "pattern", json_string("^[^\\u0000-\\u001f\\u007f]*$"));
}

static void
choice_schema(struct printer *p, json_t *s, const struct ode_field *f)
{
    json_t *names = json_array(), *docs = json_object();

    for (const struct ode_choice *c = f->choices; c->name; c++) {
        add(p, names, json_string(c->name));
        set(p, docs, c->name, json_string(c->doc));
    }
    set(p, s, "enum", names);
    set(p, s, "default", json_string(f->choices[(int)f->preset].name));
    set(p, s, "x-meanings", docs);
}

static void
list_schema(struct printer *p, json_t *s, const struct ode_field *f, json_t *items)
{
    set(p, s, "type", json_string("array"));
    set(p, s, "minItems", number(f->min));
    set(p, s, "maxItems", number(f->max));
    set(p, s, "items", items);
}

/* The word "auto", or a list. */
static void
auto_schema(struct printer *p, json_t *s, const struct ode_field *f)
{
    json_t *either = json_array(), *word = json_object(), *list = json_object();

    set(p, word, "const", json_string("auto"));
    list_schema(p, list, f, object_schema(p, f->object));
    add(p, either, word);
    add(p, either, list);
    set(p, s, "anyOf", either);
}

static json_t *
whole_schema(struct printer *p, const struct ode_field *f)
{
    json_t *s = json_object();

    set(p, s, "type", json_string("integer"));
    set(p, s, "minimum", number(f->item_min));
    set(p, s, "maximum", number(f->item_max));
    return s;
}

static void
kind_schema(struct printer *p, json_t *s, const struct ode_field *f)
{
    switch (f->kind) {
    case ODE_FIELD_INT:
        number_schema(p, s, f, "integer");
        break;
    case ODE_FIELD_REAL:
        number_schema(p, s, f, "number");
        break;
    case ODE_FIELD_BOOL:
        set(p, s, "type", json_string("boolean"));
        set(p, s, "default", json_boolean(f->preset != 0));
        break;
    case ODE_FIELD_TEXT:
        text_schema(p, s, f);
        break;
    case ODE_FIELD_CHOICE:
        choice_schema(p, s, f);
        break;
    case ODE_FIELD_OBJECT:
        break; /* made by object_schema() */
    case ODE_FIELD_LIST:
        if (f->may_be_auto)
            auto_schema(p, s, f);
        else
            list_schema(p, s, f, object_schema(p, f->object));
        break;
    case ODE_FIELD_INTS:
        list_schema(p, s, f, whole_schema(p, f));
        set(p, s, "default", json_array());
        break;
    }
}

static json_t *
field_schema(struct printer *p, const struct ode_field *f)
{
    json_t *s = f->kind == ODE_FIELD_OBJECT ? object_schema(p, f->object) : json_object();

    set(p, s, "description", json_string(f->doc));
    if (*f->unit)
        set(p, s, "x-unit", json_string(f->unit));
    kind_schema(p, s, f);
    return s;
}

/* "Where the member is given, the pick is this"; a pick that is left out is its preset.
 */
static json_t *
rule_schema(struct printer *p, const struct ode_object *object,
            const struct ode_rule *rule)
{
    const struct ode_field *pick = ode_object_field(object, rule->pick);
    json_t *s = json_object(), *is = json_object(), *picks = json_object();

    set(p, is, "const",
        json_string(pick->kind == ODE_FIELD_LIST ? "auto"
                                                 : pick->choices[rule->value].name));
    set(p, picks, rule->pick, is);
    set(p, s, "properties", picks);
    if (pick->kind == ODE_FIELD_LIST || (int)pick->preset != rule->value) {
        json_t *needed = json_array();

        add(p, needed, json_string(rule->pick));
        set(p, s, "required", needed);
    }
    return s;
}

static json_t *
object_schema(struct printer *p, const struct ode_object *object)
{
    json_t *s = json_object(), *members = json_object();
    json_t *needed = json_array(), *rules = json_object();

    for (const struct ode_field *f = object->fields; f->name; f++) {
        set(p, members, f->name, field_schema(p, f));
        if (f->required || (f->kind == ODE_FIELD_OBJECT && object_needed(f->object)))
            add(p, needed, json_string(f->name));
    }
    for (const struct ode_rule *r = object->rules; r->member; r++)
        set(p, rules, r->member, rule_schema(p, object, r));
    set(p, s, "title", json_string(object->name));
    set(p, s, "description", json_string(object->doc));
    set(p, s, "type", json_string("object"));
    set(p, s, "properties", members);
    if (json_array_size(needed) > 0)
        set(p, s, "required", json_incref(needed));
    if (json_object_size(rules) > 0)
        set(p, s, "dependentSchemas", json_incref(rules));
    set(p, s, "additionalProperties", json_false());
    json_decref(needed);
    json_decref(rules);
    return s;
}

enum ode_status
schema_json_describe(const struct ode_object *object, const char *id, json_t **schema,
                     struct ode_err *err)
{
    struct printer p = { 0 };
    json_t *s = json_object(), *body = object_schema(&p, object);

    set(&p, s, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    set(&p, s, "$id", json_string(id));
    if (json_object_update(s, body) != 0)
        p.failed = true;
    json_decref(body);
    if (p.failed) {
        json_decref(s);
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to print the schema of a %s",
                        object->name);
    }
    *schema = s;
    return ODE_OK;
}
