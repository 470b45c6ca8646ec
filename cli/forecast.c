/* forecast.c - how long a run takes: said before it, and corrected from level to level.
 */
#include "cli/forecast.h"

#include <math.h>
#include <stdio.h>

#include "cli/duration.h"
#include "cli/load.h"
#include "core/train/ladder.h"
#include "schema/forecast.h"
#include "schema/plan.h"

/* --- measuring --------------------------------------------------------------------- */

static double
seconds(void *context)
{
    (void)context;
    return load_seconds();
}

enum ode_status
forecast_measure(struct ode_cost *cost, const struct ode_recipe_spec *recipe,
                 const struct ode_plan *plan, int first,
                 const struct ode_kernels *kernels, int threads, double part,
                 bool (*stop)(void *), struct ode_err *err)
{
    const struct ode_cost_config config = { .kernels = kernels,
                                            .threads = threads,
                                            .level_s = FORECAST_LEVEL_S,
                                            .part = part,
                                            .seconds = seconds,
                                            .stop = stop };

    return ode_cost_measure(cost, recipe, plan, first, &config, err);
}

/* --- records ----------------------------------------------------------------------- */

/* What is left of a run that is at `level`, after `level_step` of its steps. */
static json_t *
levels_json(struct forecast *f, int level, int64_t level_step, struct ode_span *left)
{
    json_t *list = json_array();

    *left = (struct ode_span){ 0 };
    for (int k = level; k < (int)f->plan->levels_n; k++) {
        const struct ode_span span =
            ode_cost_level(&f->cost, f->plan, k, k == level ? level_step : 0, &f->pace);

        if (k == level) {
            f->level = span;
            f->plain = ode_cost_level(&f->cost, f->plan, k, level_step, NULL).expected;
        }
        ode_span_add(left, &span);
        json_array_append_new(
            list, json_pack("{s:i, s:o}", "level", k, "seconds", schema_span(&span)));
    }
    return list;
}

/* *total becomes the forecast of the whole run; error: of the level that ended, or NaN.
 */
static enum ode_status
record_write(struct forecast *f, const struct forecast_start *at, double error,
             struct ode_span *left, struct ode_span *total, struct ode_err *err)
{
    json_t *levels = levels_json(f, at->level, at->level_step, left);
    const bool ended = at->level == (int)f->plan->levels_n;

    *total = *left;
    ode_span_add(total, &(struct ode_span){ at->time, at->time, at->time });
    return journal_write(f->journal, "forecast",
                         json_pack("{s:o, s:f, s:o, s:o, s:o, s:o}", "level",
                                   ended ? json_null() : json_integer(at->level), "time",
                                   at->time, "remaining", schema_span(left), "total",
                                   schema_span(total), "levels", levels, "error",
                                   schema_number(error)),
                         err);
}

enum ode_status
forecast_begin(struct forecast *out, const struct ode_plan *plan,
               const struct ode_cost *cost, const struct forecast_start *start,
               struct journal *journal, struct ode_err *err)
{
    struct forecast f = {
        .plan = plan, .journal = journal, .cost = *cost, .level_began = start->time
    };
    struct ode_span left, total;
    char text[DURATION_SPAN];

    ODE_TRY(record_write(&f, start, NAN, &left, &total, err));
    f.total = total.expected;
    fprintf(stderr, "%s%s\n", start->time > 0 ? "still " : "",
            duration_span(&left, text));
    *out = f;
    return ODE_OK;
}

/* The error of what had been said of a level that took so long; NaN where nothing had
 * been. The pace takes account of it. */
static double
level_compare(struct forecast *f, double took)
{
    if (!(f->level.expected > 0))
        return NAN;
    f->pace.expected += f->plain;
    f->pace.measured += took;
    return took / f->level.expected - 1;
}

enum ode_status
forecast_level_done(struct forecast *f, const struct ode_progress *at, enum ode_end end,
                    struct ode_err *err)
{
    const struct forecast_start next = { .level = end == ODE_END_DEADLINE && f->plan
                                                      ? (int)f->plan->levels_n
                                                      : at->level + 1,
                                         .time = at->time };
    struct ode_span left, total;
    double error = NAN;

    if (!f->plan)
        return ODE_OK;
    f->cut = f->cut || end != ODE_END_BUDGET;
    if (end == ODE_END_BUDGET)
        error = level_compare(f, at->time - f->level_began);
    if (next.level == (int)f->plan->levels_n)
        error = f->total > 0 && !f->cut ? at->time / f->total - 1 : NAN;
    f->level_began = at->time;
    f->over = end == ODE_END_DEADLINE;
    return record_write(f, &next, error, &left, &total, err);
}

enum ode_status
forecast_level_skipped(struct forecast *f, const struct ode_progress *at, int level,
                       struct ode_err *err)
{
    const bool dropped = level == at->level;

    if (!f->plan || f->over)
        return ODE_OK;
    f->cut = true;
    f->over = dropped;
    return forecast_again(f, at, dropped ? (int)f->plan->levels_n : level + 1, err);
}

void
forecast_replan(const struct forecast *f, struct ode_recipe_spec *recipe, int level,
                double left)
{
    const double pace = f->pace.expected > 0 ? f->pace.measured / f->pace.expected : 1;
    double epoch[32] = { 0 }, transfer[32] = { 0 };

    if (!f->plan)
        return;
    for (int k = level; k < (int)f->plan->levels_n; k++) {
        epoch[k] = pace * ode_cost_epoch(&f->cost, f->plan, k);
        transfer[k] = pace * ode_cost_transfer(&f->cost, f->plan, k);
    }
    ode_ladder_replan(recipe, level, left, epoch, transfer);
}

enum ode_status
forecast_again(struct forecast *f, const struct ode_progress *at, int level,
               struct ode_err *err)
{
    const struct forecast_start next = { .level = level, .time = at->time };
    struct ode_span left, total;

    return f->plan ? record_write(f, &next, NAN, &left, &total, err) : ODE_OK;
}
