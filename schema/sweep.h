/*
 * sweep.h - a job of many runs: a grid of values over one spec.
 *
 *     "sweep": {"grid": {"/model/step": [0.1, 0.3], "/seed": [1, 2, 3]},
 *               "max_parallel": 2,
 *               "promote": {"best": 2, "after": 0, "metric": "test.accuracy"}}
 *
 * A key of the grid is a JSON pointer (RFC 6901) into the spec, and each combination of
 * values is a run whose spec has them there; the last key's values change fastest. With
 * `promote` all runs wait at the end of level `after`, and only the best go on.
 *
 * A sweep is a member of the job alone: the specs that are made of it have none.
 */
#ifndef ODE_SCHEMA_SWEEP_H
#define ODE_SCHEMA_SWEEP_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/field.h"
#include "core/base/status.h"

enum { SWEEP_RUNS_MAX = 100, SWEEP_AXES_MAX = 8, SWEEP_VALUES_MAX = 64 };

enum sweep_metric { SWEEP_ACCURACY, SWEEP_LOSS };

struct sweep_promote {
    int64_t best;  /* so many go on; 0: all, nobody waits */
    int64_t after; /* a level, from 0 */
    int metric;    /* enum sweep_metric */
};

struct sweep_rules {
    int64_t max_parallel; /* runs at once; 0: no limit */
    struct sweep_promote promote;
};

struct sweep {
    json_t *base; /* owned: the spec without its sweep */
    json_t *grid; /* owned: {pointer: [values]}; NULL: no sweep, one run */
    size_t runs;
    struct sweep_rules rules;
};

/* sweep_rules, described. */
extern const struct ode_object sweep_object;

/* The metric's name, as in "test.accuracy". */
const char *sweep_metric_name(int metric);

/*
 * Takes a job apart. ODE_ESPEC with the first complaint in err and (where complaints is
 * not NULL) all of them in *complaints, a new array or NULL. What the combinations come
 * to is not looked at. The sweep is the caller's to release; on failure there is nothing
 * to release.
 */
enum ode_status sweep_read(const json_t *job, struct sweep *sweep, json_t **complaints,
                           struct ode_err *err);
void sweep_release(struct sweep *sweep);

/* The spec of run i, and what makes it differ, {pointer: value} (NULL without a sweep):
 * new references. */
enum ode_status sweep_spec(const struct sweep *sweep, size_t i, json_t **spec,
                           json_t **values, struct ode_err *err);

/* The place in the job of a place in the spec of run i: that of the grid's value, where
 * the pointer leads into one. */
void sweep_locate(const struct sweep *sweep, size_t i, const char *pointer, char *at,
                  size_t size);

/* The JSON Schema of a job: a recipe, and its sweep. ODE_ENOMEM. */
enum ode_status sweep_job_schema(json_t **schema, struct ode_err *err);

#endif
