/* compare.c - runs beside a control, as JSON. */
#include "schema/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/plan.h"

bool
compare_accuracy(const char *text, double *accuracy)
{
    char *end;
    double x;

    if (!*text || strspn(text, "0123456789.eE-+") != strlen(text))
        return false;
    x = strtod(text, &end);
    if (end == text || *end || !(x > 0 && x <= 1))
        return false;
    *accuracy = x;
    return true;
}

/* Whether the FLOPs of an image are told, and could be those of a network. */
static bool
has_flops(const struct compare_run *run)
{
    return run->flops >= 1 && run->flops < 1e30;
}

/* What one of the run's units of work is in the control's. */
static double
unit(const struct compare_run *control, const struct compare_run *run)
{
    return has_flops(control) && has_flops(run) ? run->flops / control->flops : 1;
}

static const struct ode_curve_point *
last(const struct compare_run *run)
{
    return &run->curve.point[run->curve.n - 1];
}

static json_t *
run_json(const struct compare_run *control, const struct compare_run *run)
{
    const struct ode_curve_point *best = &run->curve.point[ode_curve_best(&run->curve)];

    return json_pack("{s:s, s:b, s:o, s:o, s:I, s:f, s:f, s:f, s:f, s:f}", "run",
                     run->name, "finished", run->finished, "dataset",
                     *run->set ? json_string(run->set) : json_null(), "test_examples",
                     run->test_n ? json_integer(run->test_n) : json_null(), "step",
                     (json_int_t)last(run)->step, "accuracy", last(run)->accuracy,
                     "best_accuracy", best->accuracy, "time", run->time, "work",
                     run->work * unit(control, run), "work_unit", unit(control, run));
}

static json_t *
point_json(const struct ode_curve_point *p, double unit)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f}", "level", (json_int_t)p->level, "step",
                     (json_int_t)p->step, "time", p->time, "work", p->work * unit,
                     "accuracy", p->accuracy);
}

/* When the run reached the target, and how much sooner than the control. */
static json_t *
reach_json(const struct compare_run *control, const struct compare_run *run,
           double accuracy)
{
    const struct ode_curve *c = &run->curve, *d = &control->curve;
    const size_t i = ode_curve_reach(c, accuracy), k = ode_curve_reach(d, accuracy);
    const double u = unit(control, run);
    double time = NAN, work = NAN;

    if (i < c->n && k < d->n) {
        time = ode_curve_speedup(d->point[k].time, c->point[i].time);
        work = ode_curve_speedup(d->point[k].work, c->point[i].work * u);
    }
    return json_pack("{s:s, s:o, s:o, s:{s:o, s:o}}", "run", run->name, "after",
                     i < c->n && i > 0 ? point_json(&c->point[i - 1], u) : json_null(),
                     "reached", i < c->n ? point_json(&c->point[i], u) : json_null(),
                     "speedup", "time", schema_number(time), "work", schema_number(work));
}

static void warn(json_t *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
warn(json_t *warnings, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(warnings, json_string(text));
}

static void
warnings_add(json_t *warnings, const struct compare_run *control,
             const struct compare_run *run)
{
    if (*run->set && *control->set && strcmp(run->set, control->set) != 0)
        warn(warnings, "%.300s is tested on %s, the control on %s", run->name, run->set,
             control->set);
    if (run->test_n && control->test_n && run->test_n != control->test_n)
        warn(warnings,
             "%.300s is tested on %" PRId64 " examples, the control on %" PRId64,
             run->name, run->test_n, control->test_n);
    if (!has_flops(run) || !has_flops(control))
        warn(warnings,
             "FLOPs of %.300s or of the control are not known: its work is in units of "
             "its own",
             run->name);
}

static json_t *
target_json(const struct compare_run *runs, size_t n, double accuracy)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, reach_json(&runs[0], &runs[i], accuracy));
    return json_pack("{s:f, s:o}", "accuracy", accuracy, "runs", list);
}

enum ode_status
schema_compare(const struct compare_run *runs, size_t n, const double *accuracy,
               size_t accuracy_n, json_t **out, struct ode_err *err)
{
    json_t *rows = json_array(), *targets = json_array(), *warnings = json_array();
    json_t *document;

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(rows, run_json(&runs[0], &runs[i]));
        if (i > 0)
            warnings_add(warnings, &runs[0], &runs[i]);
    }
    for (size_t t = 0; t < accuracy_n; t++)
        json_array_append_new(targets, target_json(runs, n, accuracy[t]));
    if (accuracy_n == 0)
        json_array_append_new(targets, target_json(runs, n, last(&runs[0])->accuracy));
    document = json_pack("{s:s, s:o, s:o, s:o}", "control", runs[0].name, "runs", rows,
                         "targets", targets, "warnings", warnings);
    if (!document || json_array_size(rows) != n) {
        json_decref(document);
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the comparison");
    }
    *out = document;
    return ODE_OK;
}
