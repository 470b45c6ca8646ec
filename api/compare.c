/* compare.c - /v1/compare: runs beside a control. */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "schema/compare.h"

/* What the query asks for. */
struct asked {
    const char *id[COMPARE_RUNS];
    double accuracy[COMPARE_TARGETS];
    size_t runs, targets;
    char *ids, *accuracies; /* owned; id points into the former */
};

static void
asked_release(struct asked *a)
{
    free(a->ids);
    free(a->accuracies);
}

static bool
run_add(struct asked *a, const char *id, struct problem *problem)
{
    if (!router_is_ulid(id))
        query_refuse(problem, "runs", "\"%.40s\" is no id of a run", id);
    else if (a->runs == COMPARE_RUNS)
        query_refuse(problem, "runs", "more than %d runs", COMPARE_RUNS);
    else {
        a->id[a->runs++] = id;
        return true;
    }
    return false;
}

static bool
accuracy_add(struct asked *a, const char *text, struct problem *problem)
{
    if (a->targets == COMPARE_TARGETS)
        query_refuse(problem, "accuracy", "more than %d accuracies", COMPARE_TARGETS);
    else if (!compare_accuracy(text, &a->accuracy[a->targets]))
        query_refuse(problem, "accuracy", "\"%.32s\" is no number above 0, up to 1",
                     text);
    else {
        a->targets++;
        return true;
    }
    return false;
}

/* Each item of the parameter's list goes to add(); *copy keeps what it pointed at. */
static bool
list_parse(struct request *r, const char *key, struct asked *a, char **copy,
           bool (*add)(struct asked *a, const char *item, struct problem *problem),
           struct problem *problem)
{
    const char *list = query_get(&r->query, key);
    char *rest, *item;

    if (!list)
        return true;
    rest = *copy = strdup(list);
    if (!rest) {
        problem_set(problem, PROBLEM_INTERNAL, "out of memory");
        return false;
    }
    while ((item = strsep(&rest, ",")))
        if (!add(a, item, problem))
            return false;
    return true;
}

static bool
asked_parse(struct request *r, struct asked *a, struct problem *problem)
{
    if (!list_parse(r, "runs", a, &a->ids, run_add, problem)
        || !list_parse(r, "accuracy", a, &a->accuracies, accuracy_add, problem))
        return false;
    if (a->runs >= 2)
        return true;
    query_refuse(problem, "runs", "two runs or more are compared, the control first");
    return false;
}

enum MHD_Result
compare_get(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct problem problem = { 0 };
    struct asked a = { 0 };
    struct ode_err err = { 0 };
    json_t *document = NULL;
    enum ode_status status;

    if (!asked_parse(r, &a, &problem)) {
        asked_release(&a);
        return reply_problem(r, &problem);
    }
    status = b->compare(b->self, a.id, a.runs, a.accuracy, a.targets, &document, &err);
    asked_release(&a);
    return status == ODE_OK ? reply_json(r, MHD_HTTP_OK, document)
                            : reply_failure(r, status, &err, NULL);
}
