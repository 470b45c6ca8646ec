/* metrics.c - /v1/runs/{id}/metrics: series as JSON or CSV. */
#include "api/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

#define NAMES_MAX     32
#define POINTS_PRESET 500
#define POINTS_MAX    100000

struct names {
    const char *item[NAMES_MAX];
    size_t n;
    char *text; /* owned; the items point into it */
};

static bool
name_add(struct names *names, const char *name, struct problem *problem)
{
    size_t len = strlen(name);

    if (len == 0 || len > 64
        || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._") != len) {
        query_refuse(problem, "name", "\"%.64s\" is no name of a metric", name);
        return false;
    }
    if (names->n == NAMES_MAX) {
        query_refuse(problem, "name", "more than %d names", NAMES_MAX);
        return false;
    }
    names->item[names->n++] = name;
    return true;
}

static bool
names_parse(struct request *r, struct names *names, struct problem *problem)
{
    const char *list = query_get(&r->query, "name");
    char *rest, *name;

    if (!list)
        return true;
    rest = names->text = strdup(list);
    if (!rest) {
        problem_set(problem, PROBLEM_INTERNAL, "out of memory");
        return false;
    }
    while ((name = strsep(&rest, ",")))
        if (!name_add(names, name, problem))
            return false;
    return true;
}

/* *points becomes 0 for all of them. */
static bool
points_parse(struct request *r, int *points, struct problem *problem)
{
    const char *text = query_get(&r->query, "points");

    *points = 0;
    return (text && strcmp(text, "all") == 0)
           || query_int(&r->query, "points", POINTS_PRESET, 1, POINTS_MAX, points,
                        problem);
}

/* "LEVEL:STEP", a point that the client has; else none. */
static bool
after_parse(struct request *r, struct backend_series *series, struct problem *problem)
{
    const char *text = query_get(&r->query, "after");
    int end = 0, level, step;

    series->after_level = series->after_step = -1;
    if (!text)
        return true;
    if (strspn(text, "0123456789:") != strlen(text)
        || sscanf(text, "%9d:%9d%n", &level, &step, &end) != 2 || text[end]) {
        query_refuse(problem, "after", "\"%.32s\" is no LEVEL:STEP", text);
        return false;
    }
    series->after_level = level;
    series->after_step = step;
    return true;
}

static void
number_print(FILE *to, const json_t *number)
{
    if (json_is_integer(number))
        fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    else if (json_is_real(number))
        fprintf(to, "%.17g", json_real_value(number));
}

static void
series_print(FILE *to, const json_t *one)
{
    static const char *const columns[] = { "level", "step", "work", "time", "value" };
    const char *name = json_string_value(json_object_get(one, "name"));
    const json_t *point;
    size_t i;

    json_array_foreach (json_object_get(one, "points"), i, point) {
        fprintf(to, "%s", name ? name : "");
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
            fputc(',', to);
            number_print(to, json_object_get(point, columns[k]));
        }
        fputs("\r\n", to);
    }
}

char *
metrics_csv(const json_t *series, size_t *n)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, n);
    const json_t *one;
    bool failed;
    size_t i;

    if (!to)
        return NULL;
    fputs("name,level,step,work,time,value\r\n", to);
    json_array_foreach (json_object_get(series, "series"), i, one)
        series_print(to, one);
    failed = ferror(to);
    if (fclose(to) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

static enum MHD_Result
series_reply(struct request *r, json_t *series, const char *format)
{
    size_t n = 0;
    char *text;

    if (!format || strcmp(format, "json") == 0)
        return reply_json(r, MHD_HTTP_OK, series);
    text = metrics_csv(series, &n);
    json_decref(series);
    return reply_text(r, "text/csv; charset=utf-8", text, n);
}

enum MHD_Result
run_metrics(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct backend_series asked = { 0 };
    struct names names = { 0 };
    struct ode_err err = { 0 };
    const char *format = NULL;
    json_t *series = NULL;
    enum ode_status status;

    if (!names_parse(r, &names, &problem) || !points_parse(r, &asked.points, &problem)
        || !after_parse(r, &asked, &problem)
        || !query_choice(&r->query, "format", "json,csv", &format, &problem)) {
        free(names.text);
        return reply_problem(r, &problem);
    }
    asked.names = names.item;
    asked.n = names.n;
    status = b->run_metrics(b->self, r->match.id, &asked, &series, &err);
    free(names.text);
    return status == ODE_OK ? series_reply(r, series, format)
                            : reply_failure(r, status, &err, NULL);
}
