/*
 * query.h - percent-encoding, and the strict reading of a query string.
 *
 * A parameter that a route does not have, one given twice, an escape that is none and a
 * control character are refused: a misspelt filter must not silently select everything.
 */
#ifndef ODE_API_QUERY_H
#define ODE_API_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "api/problem.h"

#define QUERY_MAX 8 /* parameters */

struct query {
    size_t n;
    struct {
        const char *key, *value; /* borrowed from the string that was parsed */
    } pair[QUERY_MAX];
};

/* Decodes in place: %XX, and '+' as a space where plus. False for a bad escape, a NUL or
 * another control character; false too for %2F where slash is false. */
bool query_decode(char *text, bool plus, bool slash);

/* Parses `text` (NULL: none), which is written into and must outlive the query. known:
 * the route's parameters, separated by commas. False with the problem filled. */
bool query_parse(struct query *query, char *text, const char *known,
                 struct problem *problem);

/* The value, or NULL where it is not given. */
const char *query_get(const struct query *query, const char *key);

/* *value becomes the integer, or preset where it is not given. False with the problem
 * filled unless it is a plain decimal number from min to max. */
bool query_int(const struct query *query, const char *key, int preset, int min, int max,
               int *value, struct problem *problem);

/* *value becomes the text or NULL. False with the problem filled unless it is one of
 * choices, which are separated by commas. */
bool query_choice(const struct query *query, const char *key, const char *choices,
                  const char **value, struct problem *problem);

/* Whether item is one of a list separated by commas. */
bool query_listed(const char *list, const char *item);

/* Fills a BAD_QUERY problem that names the parameter. */
void query_refuse(struct problem *problem, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
