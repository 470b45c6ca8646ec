/*
 * problem.h - what went wrong, for clients: application/problem+json (RFC 9457).
 *
 * A problem is a kind of problem.def, one sentence of detail, and places to point at.
 * `type` is "/problems/<slug>", which the server answers with the kind's title.
 */
#ifndef ODE_API_PROBLEM_H
#define ODE_API_PROBLEM_H

#include <jansson.h>

#include "core/base/status.h"

enum problem_kind {
#define PROBLEM(name, slug, status, title) PROBLEM_##name,
#include "api/problem.def"
#undef PROBLEM
    PROBLEM_COUNT
};

struct problem {
    enum problem_kind kind;
    char detail[400];
    json_t *errors;   /* owned; NULL: none. Objects {"pointer"|"parameter", "detail"} */
    int line, column; /* of a body that is no JSON; 0: does not apply */
};

void problem_set(struct problem *problem, enum problem_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds {key: where, "detail": ...} to errors; does nothing when memory is short. */
void problem_add(struct problem *problem, const char *key, const char *where,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* From a failure of the backend; complaints are borrowed and may be NULL. */
void problem_from(struct problem *problem, enum ode_status status,
                  const struct ode_err *err, json_t *complaints);

/* Safe on zeros and twice. */
void problem_release(struct problem *problem);

int problem_status(enum problem_kind kind);

/* The document, a new reference; instance is the request's id, NULL: none. NULL when
 * memory is short. */
json_t *problem_json(const struct problem *problem, const char *instance);

/* The kind with that slug, or PROBLEM_COUNT. */
enum problem_kind problem_find(const char *slug);

/* A JSON string of text that may be cut within a character or be no UTF-8 at all: then
 * with '?' for each byte beyond ASCII. */
json_t *problem_text(const char *text);

#endif
