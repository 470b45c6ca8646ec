/* json.c - described structs from JSON: one walk along the table, all complaints. */
#include "schema/json.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "schema/near.h"

enum { SHOWN = 48 }; /* bytes of a user's own text that a complaint repeats */

struct reader {
    json_t *complaints;  /* borrowed; may be NULL */
    struct ode_err *err; /* may be NULL           */
    size_t found;
    char at[128]; /* the JSON pointer of what is being read */
};

/* --- parsing -------------------------------------------------------------------- */

static const char *
parse_reason(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_invalid_utf8:
        return "the text is not UTF-8";
    case json_error_stack_overflow:
        return "the text is nested too deeply";
    case json_error_premature_end_of_input:
        return "the text ends too early: a bracket or quote is not closed";
    case json_error_out_of_memory:
        return "out of memory";
    default:
        return error->text;
    }
}

enum ode_status
schema_json_parse(const char *text, size_t length, const char *name, json_t **value,
                  struct ode_err *err)
{
    char at[128];
    json_error_t error;
    json_t *parsed;

    if (length > SCHEMA_JSON_MAX)
        return ode_fail(err, ODE_EFORMAT, name,
                        "%zu bytes of JSON are too many; %d may be", length,
                        SCHEMA_JSON_MAX);
    parsed = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!parsed) {
        snprintf(at, sizeof at, "%.100s:%d:%d", name, error.line, error.column);
        return ode_fail(err, ODE_EFORMAT, at, "not valid JSON: %s", parse_reason(&error));
    }
    *value = parsed;
    return ODE_OK;
}

enum ode_status
schema_json_load(const char *path, json_t **value, struct ode_err *err)
{
    enum ode_status status;
    void *text;
    size_t length;

    ODE_TRY(ode_file_read(path, SCHEMA_JSON_MAX, &text, &length, err));
    status = schema_json_parse(text, length, path, value, err);
    free(text);
    return status;
}

/* --- complaining ---------------------------------------------------------------- */

void
schema_json_complain(void *complaints, const struct ode_err *err)
{
    json_t *one;

    if (json_array_size(complaints) >= SCHEMA_COMPLAINTS_MAX)
        return;
    one = json_object();
    if (json_object_set_new(one, "pointer", json_string(err->at)) != 0
        || json_object_set_new(one, "detail", json_string(err->text)) != 0) {
        json_decref(one);
        return;
    }
    json_array_append_new(complaints, one);
}

static void __attribute__((format(printf, 2, 3)))
complain(struct reader *r, const char *format, ...)
{
    struct ode_err err = { .code = ODE_ESPEC };
    va_list args;

    snprintf(err.at, sizeof err.at, "%s", r->at);
    va_start(args, format);
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    if (r->found++ == 0 && r->err)
        *r->err = err;
    if (r->complaints)
        schema_json_complain(r->complaints, &err);
}

/* A user's text as a complaint can repeat it: short, whole characters, none of control.
 */
static const char *
shown(const char *text, char out[SHOWN + 4])
{
    size_t n = strlen(text), cut = n;

    if (n > SHOWN)
        for (cut = SHOWN; cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80;)
            cut--;
    for (size_t i = 0; i < cut; i++)
        out[i] = iscntrl((unsigned char)text[i]) ? '?' : text[i];
    strcpy(out + cut, cut < n ? "..." : "");
    return out;
}

/* Appends a name to the pointer; give what it returns to leave(). */
static size_t
enter(struct reader *r, const char *name)
{
    size_t before = strlen(r->at), used = before;

    r->at[used++] = '/';
    for (; *name && used + 3 < sizeof r->at; name++) {
        if (*name == '~' || *name == '/')
            r->at[used++] = '~';
        r->at[used++] = *name == '~' ? '0' : *name == '/' ? '1' : *name;
    }
    r->at[used] = '\0';
    return before;
}

static size_t
enter_item(struct reader *r, size_t i)
{
    char number[24];

    snprintf(number, sizeof number, "%zu", i);
    return enter(r, number);
}

static void
leave(struct reader *r, size_t before)
{
    r->at[before] = '\0';
}

static const char *
kind_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

static void
complain_kind(struct reader *r, const char *wanted, const json_t *value)
{
    complain(r, "%s is wanted here, not %s", wanted, kind_name(value));
}

/* --- single values -------------------------------------------------------------- */

static void
complain_bounds(struct reader *r, const json_t *value, const struct ode_field *f,
                double min, double max)
{
    double found = json_number_value(value);
    char number[32];

    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
    else
        snprintf(number, sizeof number, "%.12g", found);
    complain(r, "%s is %s %.16g; use %.16g to %.16g%s%s", number,
             found < min ? "below" : "above", found < min ? min : max, min, max,
             *f->unit ? " " : "", f->unit);
}

/* A whole number within bounds, which are exact in a double. */
static void
read_whole(struct reader *r, const json_t *value, const struct ode_field *f, double min,
           double max, int64_t *out)
{
    double real = json_number_value(value);

    if (!json_is_number(value) || (json_is_real(value) && real != floor(real)))
        complain_kind(r, "a whole number", value);
    else if (real < min || real > max)
        complain_bounds(r, value, f, min, max);
    else
        *out =
            json_is_integer(value) ? (int64_t)json_integer_value(value) : (int64_t)real;
}

static void
read_real(struct reader *r, const json_t *value, const struct ode_field *f, double *out)
{
    double real = json_number_value(value);

    if (!json_is_number(value))
        complain_kind(r, "a number", value);
    else if (real < f->min || real > f->max)
        complain_bounds(r, value, f, f->min, f->max);
    else
        *out = real;
}

/* Of a valid string: its bytes but for those that go on a character. */
static size_t
characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void
read_text(struct reader *r, const json_t *value, const struct ode_field *f, char *out)
{
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);

    if (!text) {
        complain_kind(r, "a string", value);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (iscntrl((unsigned char)text[i])) {
            complain(r, "the string has a control character (number %d) at byte %zu",
                     text[i], i);
            return;
        }
    if (characters(text) > (size_t)f->max)
        complain(r, "the string has %zu characters; at most %.0f may be",
                 characters(text), f->max);
    else
        memcpy(out, text, n + 1);
}

/* The index of the choice that value names, or -1. */
static int
choice_index(const struct ode_choice *choices, const json_t *value)
{
    const char *text = json_string_value(value);

    for (int i = 0; text && choices[i].name; i++)
        if (strcmp(choices[i].name, text) == 0)
            return i;
    return -1;
}

static void
choices_list(const struct ode_choice *choices, char *list, size_t size)
{
    size_t used = 0;

    list[0] = '\0';
    for (int i = 0; choices[i].name && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s\"%s\"",
                                 i == 0                ? ""
                                 : choices[i + 1].name ? ", "
                                                       : " or ",
                                 choices[i].name);
}

static void
read_choice(struct reader *r, const json_t *value, const struct ode_field *f, int *out)
{
    int index = choice_index(f->choices, value);
    char list[160], text[SHOWN + 4];

    choices_list(f->choices, list, sizeof list);
    if (index >= 0)
        *out = index;
    else if (json_is_string(value))
        complain(r, "\"%s\" is not known here; use %s",
                 shown(json_string_value(value), text), list);
    else
        complain(r, "a string is wanted here, not %s; use %s", kind_name(value), list);
}

/* --- lists ---------------------------------------------------------------------- */

/* Whether value is a list of a length that the field allows. */
static bool
list_fits(struct reader *r, const json_t *value, const struct ode_field *f)
{
    size_t n = json_array_size(value);

    if (!json_is_array(value))
        complain_kind(r, f->may_be_auto ? "a list or \"auto\"" : "a list", value);
    else if ((double)n < f->min || (double)n > f->max)
        complain(r, "the list has %zu entries; use %.0f to %.0f", n, f->min, f->max);
    else
        return true;
    return false;
}

static void read_object(struct reader *r, const struct ode_object *object,
                        const json_t *value, char *spec);

static bool
is_auto(const json_t *value, const struct ode_field *f)
{
    const char *word = json_string_value(value);

    return f->may_be_auto && word && strcmp(word, "auto") == 0;
}

static void
read_list(struct reader *r, const json_t *value, const struct ode_field *f, char *spec)
{
    size_t n = json_array_size(value), before;

    if (is_auto(value, f)) {
        *((bool *)(void *)spec + f->offset_auto) = true;
        return;
    }
    if (!list_fits(r, value, f))
        return;
    memcpy(spec + f->offset_n, &n, sizeof n);
    for (size_t i = 0; i < n; i++) {
        char *item = spec + f->offset + i * f->object->size;

        before = enter_item(r, i);
        ode_object_preset(f->object, item);
        read_object(r, f->object, json_array_get(value, i), item);
        leave(r, before);
    }
}

static void
read_wholes(struct reader *r, const json_t *value, const struct ode_field *f, char *spec)
{
    int64_t *items = (int64_t *)(void *)(spec + f->offset);
    size_t n = json_array_size(value), before;

    if (!list_fits(r, value, f))
        return;
    memcpy(spec + f->offset_n, &n, sizeof n);
    for (size_t i = 0; i < n; i++) {
        before = enter_item(r, i);
        read_whole(r, json_array_get(value, i), f, f->item_min, f->item_max, &items[i]);
        leave(r, before);
    }
}

/* --- objects -------------------------------------------------------------------- */

static void
read_field(struct reader *r, const json_t *value, const struct ode_field *f, char *spec)
{
    void *at = spec + f->offset;

    switch (f->kind) {
    case ODE_FIELD_INT:
        read_whole(r, value, f, f->min, f->max, at);
        break;
    case ODE_FIELD_REAL:
        read_real(r, value, f, at);
        break;
    case ODE_FIELD_BOOL:
        if (json_is_boolean(value))
            *(bool *)at = json_is_true(value);
        else
            complain_kind(r, "true or false", value);
        break;
    case ODE_FIELD_TEXT:
        read_text(r, value, f, at);
        break;
    case ODE_FIELD_CHOICE:
        read_choice(r, value, f, at);
        break;
    case ODE_FIELD_OBJECT:
        read_object(r, f->object, value, at);
        break;
    case ODE_FIELD_LIST:
        read_list(r, value, f, spec);
        break;
    case ODE_FIELD_INTS:
        read_wholes(r, value, f, spec);
        break;
    }
}

static void
refuse_unknown(struct reader *r, const struct ode_object *object, const json_t *value)
{
    const char *key, *near;
    char name[SHOWN + 4];
    size_t before;
    json_t *member;

    json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
        if (ode_object_field(object, key))
            continue;
        near = near_field(object, key);
        before = enter(r, shown(key, name));
        if (near)
            complain(r, "%s has no member of this name; did you mean %s?", object->name,
                     near);
        else
            complain(r, "%s has no member of this name; take it out", object->name);
        leave(r, before);
    }
}

/* A member was given that another one's choice makes meaningless. */
static void
check_rule(struct reader *r, const struct ode_object *object, const json_t *value,
           const struct ode_field *f, const char *spec)
{
    const struct ode_rule *rule = ode_object_forbids(object, f, spec);
    const struct ode_field *pick;
    const json_t *picked;
    const char *at;

    if (!rule)
        return;
    pick = ode_object_field(object, rule->pick);
    picked = json_object_get(value, rule->pick);
    if (pick->kind == ODE_FIELD_LIST) {
        if (json_is_array(picked))
            complain(r,
                     "only goes with the %s \"auto\", and these are listed; take it out",
                     pick->name);
        return;
    }
    if (picked && choice_index(pick->choices, picked) < 0)
        return; /* complained about already */
    at = spec + pick->offset;
    complain(r, "only goes with the %s \"%s\", and this is \"%s\"%s; take it out",
             pick->name, pick->choices[rule->value].name,
             pick->choices[*(const int *)(const void *)at].name,
             picked ? "" : ", as none is given");
}

/* A member that decides the presets of the others is read before them. */
static void
read_presets(const struct ode_object *object, const json_t *value, char *spec)
{
    for (const struct ode_field *f = object->fields; f->name; f++) {
        const int index =
            f->decide ? choice_index(f->choices, json_object_get(value, f->name)) : -1;

        if (index < 0) /* not given, or complained about in its turn */
            continue;
        *(int *)(void *)(spec + f->offset) = index;
        f->decide(spec);
    }
}

/* value NULL: the object was left out, which is fine unless it has required members. */
static void
read_object(struct reader *r, const struct ode_object *object, const json_t *value,
            char *spec)
{
    if (value && !json_is_object(value)) {
        complain_kind(r, "an object", value);
        return;
    }
    if (value)
        refuse_unknown(r, object, value);
    read_presets(object, value, spec);
    for (const struct ode_field *f = object->fields; f->name; f++) {
        const json_t *member = json_object_get(value, f->name);
        size_t before = enter(r, f->name);

        if (member || f->kind == ODE_FIELD_OBJECT)
            read_field(r, member, f, spec);
        else if (f->required)
            complain(r, "is missing; it must be given (%s)", f->doc);
        leave(r, before);
    }
    for (const struct ode_field *f = object->fields; f->name; f++) {
        size_t before = enter(r, f->name);

        if (json_object_get(value, f->name))
            check_rule(r, object, value, f, spec);
        leave(r, before);
    }
}

enum ode_status
schema_json_read(const struct ode_object *object, const json_t *value, void *spec,
                 json_t *complaints, struct ode_err *err)
{
    struct reader r = { .complaints = complaints, .err = err };
    char *copy = malloc(object->size);

    if (!copy)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to read a %s", object->name);
    ode_object_preset(object, copy);
    read_object(&r, object, value, copy);
    if (r.found == 0)
        memcpy(spec, copy, object->size);
    free(copy);
    return r.found == 0 ? ODE_OK : ODE_ESPEC;
}
