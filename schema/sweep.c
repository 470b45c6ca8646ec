/* sweep.c - a grid of values over one spec: read, checked, and taken apart. */
#include "schema/sweep.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/recipe/recipe.h"
#include "schema/json.h"
#include "schema/recipe.h"

enum { TOKEN_BYTES = 100, AT_BYTES = 128 };

/* --- the description -------------------------------------------------------------- */

static const struct ode_choice metrics[] = {
    [SWEEP_ACCURACY] = {"test.accuracy", "the highest is the best"},
    [SWEEP_LOSS] = { "test.loss",    "the lowest is the best" },
    { NULL,           NULL                     }
};
static const struct ode_rule no_rules[] = {
    {NULL, NULL, 0}
};

static const struct ode_field promote_fields[] = {
    {.name = "best",
     .kind = ODE_FIELD_INT,
     .offset = offsetof(struct sweep_promote, best),
     .max = SWEEP_RUNS_MAX,
     .unit = "runs",
     .doc = "so many go on to finer levels, the others are cancelled; 0: all go on" },
    { .name = "after",
     .kind = ODE_FIELD_INT,
     .offset = offsetof(struct sweep_promote, after),
     .max = 31,
     .unit = "",
     .doc = "the level, from 0, at whose end runs wait for each other" },
    { .name = "metric",
     .kind = ODE_FIELD_CHOICE,
     .offset = offsetof(struct sweep_promote, metric),
     .choices = metrics,
     .unit = "",
     .doc = "what they are ranked by" },
    { .name = NULL}
};
static const struct ode_object promote_object = {
    "promote", "which runs of the sweep are worth their finer levels",
    sizeof(struct sweep_promote), promote_fields, no_rules
};

static const struct ode_field rules_fields[] = {
    {.name = "max_parallel",
     .kind = ODE_FIELD_INT,
     .offset = offsetof(struct sweep_rules, max_parallel),
     .max = 64,
     .unit = "runs",
     .doc = "so many of its runs train at once; 0: as many as there is room for" },
    { .name = "promote",
     .kind = ODE_FIELD_OBJECT,
     .offset = offsetof(struct sweep_rules, promote),
     .object = &promote_object,
     .unit = "",
     .doc = "which runs of the sweep are worth their finer levels" },
    { .name = NULL                            }
};
const struct ode_object sweep_object = { "sweep",
                                         "many runs of one job: each combination of "
                                         "the grid's values is a run",
                                         sizeof(struct sweep_rules), rules_fields,
                                         no_rules };

const char *
sweep_metric_name(int metric)
{
    return metrics[metric].name;
}

/* --- complaints ------------------------------------------------------------------- */

struct reader {
    json_t *complaints; /* borrowed */
    struct ode_err *err;
    bool refused;
};

static void refuse(struct reader *r, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
refuse(struct reader *r, const char *at, const char *format, ...)
{
    struct ode_err err = { .code = ODE_ESPEC };
    va_list args;

    snprintf(err.at, sizeof err.at, "%s", at);
    va_start(args, format);
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    if (!r->refused && r->err)
        *r->err = err;
    r->refused = true;
    schema_json_complain(r->complaints, &err);
}

/* --- pointers --------------------------------------------------------------------- */

/* Appends a member's name to a pointer, escaped. */
static void
pointer_append(char *at, size_t size, const char *name)
{
    size_t used = strlen(at);

    if (used + 1 < size)
        at[used++] = '/';
    for (; *name && used + 3 < size; name++) {
        if (*name == '~' || *name == '/')
            at[used++] = '~';
        at[used++] = *name == '~' ? '0' : *name == '/' ? '1' : *name;
    }
    at[used] = '\0';
}

/* Where the grid says something of this pointer. */
static void
grid_place(const char *pointer, char *at, size_t size)
{
    snprintf(at, size, "/sweep/grid");
    pointer_append(at, size, pointer);
}

/* Takes the next name off *pointer, which begins with a slash. False: it is too long, or
 * has a bad escape. */
static bool
token_take(const char **pointer, char token[TOKEN_BYTES])
{
    const char *p = *pointer + 1;
    size_t n = 0;

    for (; *p && *p != '/'; p++) {
        char c = *p;

        if (c == '~' && p[1] != '0' && p[1] != '1')
            return false;
        if (c == '~')
            c = *++p == '0' ? '~' : '/';
        if (n + 1 == TOKEN_BYTES)
            return false;
        token[n++] = c;
    }
    token[n] = '\0';
    *pointer = p;
    return true;
}

static bool
is_index(const char *token, size_t n, size_t *index)
{
    char *end;

    if (*token < '0' || *token > '9' || (*token == '0' && token[1]))
        return false;
    *index = strtoul(token, &end, 10);
    return !*end && *index < n;
}

/* The value at this name, made if an object lacks it; NULL: there can be none. Borrowed.
 */
static json_t *
step_into(json_t *at, const char *token)
{
    size_t index;
    json_t *next;

    if (json_is_array(at))
        return is_index(token, json_array_size(at), &index) ? json_array_get(at, index)
                                                            : NULL;
    next = json_object_get(at, token);
    if (!next && json_is_object(at)) {
        json_object_set_new(at, token, json_object());
        next = json_object_get(at, token);
    }
    return next;
}

/* Puts a value, which it borrows, at the pointer. False: there is no such place. */
static bool
pointer_put(json_t *spec, const char *pointer, json_t *value)
{
    char token[TOKEN_BYTES];
    size_t index;

    for (;;) {
        if (*pointer != '/' || !token_take(&pointer, token))
            return false;
        if (!*pointer)
            break;
        spec = step_into(spec, token);
        if (!spec)
            return false;
    }
    if (json_is_array(spec))
        return is_index(token, json_array_size(spec), &index)
               && json_array_set_new(spec, index, json_deep_copy(value)) == 0;
    return json_object_set_new(spec, token, json_deep_copy(value)) == 0;
}

/* Whether b is a or leads into it. */
static bool
leads_into(const char *a, const char *b)
{
    const size_t n = strlen(a);

    return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

/* --- reading ---------------------------------------------------------------------- */

/* Whether a pointer has a place in the spec, and none that another one has, too. */
static void
axis_place(struct reader *r, const struct sweep *sweep, const char *pointer)
{
    json_t *trial = json_deep_copy(sweep->base), *values;
    char at[AT_BYTES];
    const char *other;

    grid_place(pointer, at, sizeof at);
    if (*pointer != '/')
        refuse(r, at, "a key is a JSON pointer into the spec, as \"/model/step\"");
    else if (leads_into("/sweep", pointer))
        refuse(r, at, "a sweep cannot be swept");
    else if (!pointer_put(trial, pointer, json_object_get(sweep->grid, pointer)))
        refuse(r, at, "the spec has no such place; entries of lists must be there");
    json_object_foreach (sweep->grid, other, values)
        if (strcmp(other, pointer) != 0 && leads_into(other, pointer))
            refuse(r, at, "lies within %.60s, which the grid sets, too", other);
    json_decref(trial);
}

static void
axis_values(struct reader *r, const char *pointer, const json_t *values, size_t *runs)
{
    const size_t n = json_array_size(values);
    char at[AT_BYTES];

    grid_place(pointer, at, sizeof at);
    if (!json_is_array(values))
        refuse(r, at, "a list of values is wanted here");
    else if (n < 1 || n > SWEEP_VALUES_MAX)
        refuse(r, at, "the list has %zu values; use 1 to %d", n, SWEEP_VALUES_MAX);
    else if (*runs <= SWEEP_RUNS_MAX) /* beyond that it is too many already */
        *runs *= n;
}

static void
grid_check(struct reader *r, struct sweep *sweep)
{
    const size_t n = json_object_size(sweep->grid);
    const char *pointer;
    json_t *values;

    if (!json_is_object(sweep->grid)) {
        refuse(r, "/sweep/grid",
               "%s; it is an object of JSON pointers into the spec, each with a list of "
               "the values to put there",
               sweep->grid ? "this is no object" : "is missing");
        return;
    }
    if (n < 1 || n > SWEEP_AXES_MAX)
        refuse(r, "/sweep/grid", "the grid has %zu keys; use 1 to %d", n, SWEEP_AXES_MAX);
    json_object_foreach (sweep->grid, pointer, values) {
        axis_values(r, pointer, values, &sweep->runs);
        axis_place(r, sweep, pointer);
    }
    if (sweep->runs > SWEEP_RUNS_MAX)
        refuse(r, "/sweep/grid", "the grid has more than %d combinations; take some out",
               SWEEP_RUNS_MAX);
    if (!r->refused && sweep->rules.promote.best > (int64_t)sweep->runs)
        refuse(r, "/sweep/promote/best", "%lld are to go on, and there are %zu runs",
               (long long)sweep->rules.promote.best, sweep->runs);
}

/* Complaints about what stands in the sweep begin there. */
static void
rules_complain(struct reader *r, const json_t *found)
{
    const json_t *complaint;
    char at[AT_BYTES];
    size_t i;

    json_array_foreach (found, i, complaint) {
        snprintf(at, sizeof at, "/sweep%.100s",
                 json_string_value(json_object_get(complaint, "pointer")));
        refuse(r, at, "%s", json_string_value(json_object_get(complaint, "detail")));
    }
}

static enum ode_status
rules_read(struct reader *r, const json_t *said, struct sweep *sweep)
{
    json_t *rules = json_copy((json_t *)(uintptr_t)said), *found = json_array();
    enum ode_status status = ODE_OK;

    if (!rules || !found)
        status = ode_fail(r->err, ODE_ENOMEM, "", "no memory to read a sweep");
    json_object_del(rules, "grid");
    if (status == ODE_OK
        && schema_json_read(&sweep_object, rules, &sweep->rules, found, NULL) != ODE_OK)
        rules_complain(r, found);
    json_decref(rules);
    json_decref(found);
    return status;
}

static enum ode_status
sweep_take(struct reader *r, const json_t *job, struct sweep *sweep)
{
    json_t *said = json_object_get(job, "sweep");

    *sweep = (struct sweep){ .base = json_deep_copy(job), .runs = 1 };
    if (!sweep->base)
        return ode_fail(r->err, ODE_ENOMEM, "", "no memory to read a job");
    if (!said)
        return ODE_OK;
    json_object_del(sweep->base, "sweep");
    if (!json_is_object(said)) {
        refuse(r, "/sweep", "an object is wanted here, with a grid");
        return ODE_OK;
    }
    sweep->grid = json_incref(json_object_get(said, "grid"));
    ODE_TRY(rules_read(r, said, sweep));
    grid_check(r, sweep);
    return ODE_OK;
}

enum ode_status
sweep_read(const json_t *job, struct sweep *sweep, json_t **complaints,
           struct ode_err *err)
{
    struct reader r = { .complaints = json_array(), .err = err };
    enum ode_status status;

    if (complaints)
        *complaints = NULL;
    if (!r.complaints)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to read a job");
    status = sweep_take(&r, job, sweep);
    if (status == ODE_OK && r.refused)
        status = ODE_ESPEC;
    if (status != ODE_OK)
        sweep_release(sweep);
    if (status == ODE_ESPEC && complaints)
        *complaints = r.complaints;
    else
        json_decref(r.complaints);
    return status;
}

void
sweep_release(struct sweep *sweep)
{
    json_decref(sweep->base);
    json_decref(sweep->grid);
    *sweep = (struct sweep){ .base = NULL };
}

/* --- combinations ----------------------------------------------------------------- */

/* The place of run i on each axis: the last one's changes fastest. */
static void
places_find(const struct sweep *sweep, size_t i, size_t place[SWEEP_AXES_MAX])
{
    size_t length[SWEEP_AXES_MAX], n = 0;
    const char *pointer;
    json_t *values;

    json_object_foreach (sweep->grid, pointer, values)
        length[n++] = json_array_size(values);
    while (n-- > 0) {
        place[n] = i % length[n];
        i /= length[n];
    }
}

enum ode_status
sweep_spec(const struct sweep *sweep, size_t i, json_t **spec, json_t **values,
           struct ode_err *err)
{
    json_t *made = json_deep_copy(sweep->base), *chosen = NULL, *list, *value;
    size_t place[SWEEP_AXES_MAX], axis = 0;
    const char *pointer;
    bool failed = !made;

    if (sweep->grid) {
        places_find(sweep, i, place);
        chosen = json_object();
        json_object_foreach (sweep->grid, pointer, list) {
            value = json_array_get(list, place[axis++]);
            failed = failed || !pointer_put(made, pointer, value)
                     || json_object_set(chosen, pointer, value) != 0;
        }
    }
    if (failed) {
        json_decref(made);
        json_decref(chosen);
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the runs of a sweep");
    }
    *spec = made;
    *values = chosen;
    return ODE_OK;
}

void
sweep_locate(const struct sweep *sweep, size_t i, const char *pointer, char *at,
             size_t size)
{
    size_t place[SWEEP_AXES_MAX], axis = 0;
    char number[24];
    const char *key;
    json_t *values;

    snprintf(at, size, "%s", pointer);
    if (!sweep->grid)
        return;
    places_find(sweep, i, place);
    json_object_foreach (sweep->grid, key, values) {
        if (leads_into(key, pointer)) {
            grid_place(key, at, size);
            snprintf(number, sizeof number, "%zu", place[axis]);
            pointer_append(at, size, number);
            snprintf(at + strlen(at), size - strlen(at), "%s", pointer + strlen(key));
            return;
        }
        axis++;
    }
}

/* --- the schema ------------------------------------------------------------------- */

static json_t *
grid_schema(void)
{
    return json_pack("{ss ss si si s{ss} s{ss si si}}", "description",
                     "JSON pointers into this spec, each with the values to put there",
                     "type", "object", "minProperties", 1, "maxProperties",
                     SWEEP_AXES_MAX, "propertyNames", "pattern",
                     "^/(?!sweep(/|$))([^~]|~[01])*$", "additionalProperties", "type",
                     "array", "minItems", 1, "maxItems", SWEEP_VALUES_MAX);
}

/* The schema of the sweep's rules, with the grid, which no table describes. */
static json_t *
sweep_schema(struct ode_err *err)
{
    json_t *schema;

    if (schema_json_describe(&sweep_object, "", &schema, err) != ODE_OK)
        return NULL;
    json_object_del(schema, "$schema");
    json_object_del(schema, "$id");
    if (json_object_set_new(json_object_get(schema, "properties"), "grid", grid_schema())
            != 0
        || json_object_set_new(schema, "required", json_pack("[s]", "grid")) != 0) {
        json_decref(schema);
        return NULL;
    }
    return schema;
}

enum ode_status
sweep_job_schema(json_t **schema, struct ode_err *err)
{
    json_t *job, *sweep = sweep_schema(err);
    enum ode_status status = ODE_OK;

    if (!sweep)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to print the schema of a job");
    status = schema_json_describe(&ode_recipe_object, SCHEMA_RECIPE_ID, &job, err);
    if (status != ODE_OK) {
        json_decref(sweep);
        return status;
    }
    if (json_object_set_new(json_object_get(job, "properties"), "sweep", sweep) != 0) {
        json_decref(job);
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to print the schema of a job");
    }
    *schema = job;
    return ODE_OK;
}
