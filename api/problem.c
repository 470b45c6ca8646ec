/* problem.c - failures as documents. */
#include "api/problem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *slug, *title;
    int status;
} problem_kinds[] = {
#define PROBLEM(name, slug, status, title) { slug, title, status },
#include "api/problem.def"
#undef PROBLEM
};

json_t *
problem_text(const char *text)
{
    json_t *string = json_string(text);
    char plain[512];

    if (string)
        return string;
    snprintf(plain, sizeof plain, "%s", text);
    for (char *c = plain; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return json_string(plain);
}

void
problem_set(struct problem *problem, enum problem_kind kind, const char *format, ...)
{
    va_list args;

    problem->kind = kind;
    va_start(args, format);
    vsnprintf(problem->detail, sizeof problem->detail, format, args);
    va_end(args);
}

void
problem_add(struct problem *problem, const char *key, const char *where,
            const char *format, ...)
{
    char detail[256];
    json_t *item = json_object();
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (!problem->errors)
        problem->errors = json_array();
    json_object_set_new(item, key, problem_text(where));
    json_object_set_new(item, "detail", problem_text(detail));
    json_array_append_new(problem->errors, item);
}

static enum problem_kind
kind_of(enum ode_status status)
{
    switch (status) {
    case ODE_EARG:
        return PROBLEM_BAD_VALUE;
    case ODE_ESPEC:
        return PROBLEM_INVALID_SPEC;
    case ODE_EDATA:
        return PROBLEM_BAD_DATA;
    case ODE_ENOENT:
        return PROBLEM_NOT_FOUND;
    case ODE_EEXIST:
        return PROBLEM_KEY_REUSED;
    case ODE_ESTATE:
        return PROBLEM_WRONG_STATE;
    case ODE_EIO:
        return PROBLEM_UNAVAILABLE;
    default:
        return PROBLEM_INTERNAL;
    }
}

void
problem_from(struct problem *problem, enum ode_status status, const struct ode_err *err,
             json_t *complaints)
{
    bool filled = err->code != ODE_OK && err->text[0];

    problem_set(problem, kind_of(status), "%s",
                filled ? err->text : ode_status_text(status));
    if (json_array_size(complaints) > 0)
        problem->errors = json_incref(complaints);
    else if (filled && err->at[0] == '/' && problem_status(problem->kind) == 422)
        problem_add(problem, "pointer", err->at, "%s", err->text);
}

void
problem_release(struct problem *problem)
{
    json_decref(problem->errors);
    problem->errors = NULL;
}

int
problem_status(enum problem_kind kind)
{
    return problem_kinds[kind].status;
}

json_t *
problem_json(const struct problem *problem, const char *instance)
{
    char type[64];
    json_t *doc = json_object();

    snprintf(type, sizeof type, "/problems/%s", problem_kinds[problem->kind].slug);
    json_object_set_new(doc, "type", json_string(type));
    json_object_set_new(doc, "title", json_string(problem_kinds[problem->kind].title));
    json_object_set_new(doc, "status", json_integer(problem_status(problem->kind)));
    if (problem->detail[0])
        json_object_set_new(doc, "detail", problem_text(problem->detail));
    if (instance)
        json_object_set_new(doc, "instance", json_string(instance));
    if (problem->line > 0) {
        json_object_set_new(doc, "line", json_integer(problem->line));
        json_object_set_new(doc, "column", json_integer(problem->column));
    }
    if (problem->errors)
        json_object_set(doc, "errors", problem->errors);
    return doc;
}

enum problem_kind
problem_find(const char *slug)
{
    int kind = 0;

    while (kind < PROBLEM_COUNT && strcmp(problem_kinds[kind].slug, slug) != 0)
        kind++;
    return (enum problem_kind)kind;
}
