/* steps.c - the steps of a level, and when it ends. */
#include <math.h>

#include "core/optim/schedule.h"
#include "core/train/run.h"

enum { RECORDS_EPOCH = 20 /* train records in an epoch, about */ };

/* --- one step
 * -------------------------------------------------------------------------------- */

/* Whether step i of the level begins with a solve for the classifier. */
static bool
solve_due(const struct ode_run *run, int64_t i)
{
    const struct ode_classifier_spec *c = &run->recipe->train.classifier;
    const int64_t every =
        c->every ? c->every : run->plan.levels[run->state.at.level].epoch_steps;

    return c->solver == ODE_SOLVER_NEWTON && i % every == 0;
}

/* On the examples that begin with the batch's, and go round at the epoch's end. */
static enum ode_status
classifier_solve(struct ode_run *run, struct ode_source source, struct ode_err *err)
{
    const size_t n = run->train->set->train.n;
    const struct ode_classifier_spec *c = &run->recipe->train.classifier;
    struct ode_newton_report report;

    source.wrap = n;
    if (ode_classifier_solve(&run->stage->classifier, c, &run->stage->engine,
                             ode_source_fetch, &source,
                             (int)ode_run_least((size_t)c->examples, n), &report, err)
        == ODE_OK)
        return ODE_OK;
    return ode_run_diverged(run, ODE_EDIVERGE, -1, err,
                            "the classifier's features are not finite");
}

/* The gradient of the batch is in the engine: looks at it, and makes a step along it. */
static enum ode_status
weights_step(struct ode_run *run, const struct ode_batch_report *report, double rate,
             struct ode_err *err)
{
    const int64_t t = run->state.at.step + 1 + run->state.moments_age;
    struct ode_penalty decay;
    const struct ode_update update =
        ode_stage_update(run->recipe, rate, t, report->norm, &decay);

    if (!isfinite(report->norm))
        return ode_run_diverged(run, ODE_EDIVERGE, -1, err, "the gradient is not finite");
    ODE_TRY(ode_run_range_check(run, report->top, err));
    ode_engine_update(&run->stage->engine, &update);
    ode_engine_follow(&run->stage->engine, ODE_MOMENTS_KEEP);
    return ODE_OK;
}

static void
step_count(struct ode_run *run, const struct ode_batch_report *report)
{
    run->state.loss_sum += report->loss;
    run->state.epoch_loss += report->loss;
    run->state.hits += report->correct;
    run->state.seen += report->n;
    for (int s = 0; s < run->stage->net.segment_n; s++)
        run->state.top = fmax(run->state.top, report->top[s]);
}

/* Step i of the level, on batch `index` of the epoch. */
static enum ode_status
train_step(struct ode_run *run, int64_t i, int64_t epoch, int64_t index, double rate,
           struct ode_err *err)
{
    const struct ode_train_spec *t = &run->recipe->train;
    const size_t n = run->train->set->train.n;
    const struct ode_penalty penalty = ode_stage_penalty(run->recipe);
    struct ode_source source = { .loader = &run->stage->loader,
                                 .examples = &run->train->set->train,
                                 .order = run->order,
                                 .first = (size_t)(index * t->batch),
                                 .epoch = (int)epoch };
    const int batch = (int)ode_run_least((size_t)t->batch, n - source.first);
    struct ode_engine *e = &run->stage->engine;
    struct ode_batch_report report;

    if (solve_due(run, i))
        ODE_TRY(classifier_solve(run, source, err));
    ode_engine_gradient(e, ode_source_fetch, &source, batch, &penalty, &report);
    if (!isfinite(report.loss))
        return ode_run_diverged(run, ODE_EDIVERGE,
                                ode_engine_blame(e, ode_source_fetch, &source, batch),
                                err, "the loss is not finite");
    ODE_TRY(weights_step(run, &report, rate, err));
    step_count(run, &report);
    return ODE_OK;
}

/* --- the level
 * ------------------------------------------------------------------------------- */

/* Writes what the end of an epoch owes: the test set's score. Stopped in between, the
 * debt goes into the checkpoint. */
static enum ode_status
epoch_end(struct ode_run *run, struct ode_err *err)
{
    const enum ode_status status = ode_run_test_record(run, err);

    if (status == ODE_OK)
        run->state.test_due = false;
    return status;
}

/* Whether the mean loss of the epoch that is over is a lower one. */
static void
plateau_follow(struct ode_run *run)
{
    struct ode_state *s = &run->state;
    const struct ode_plateau_spec *p = &run->recipe->levels[s->at.level].plateau;
    const double mean = s->epoch_loss / (double)run->plan.train_n;

    if (s->best_loss == 0 || mean < s->best_loss * (1 - p->improvement)) {
        s->best_loss = mean;
        s->stale = 0;
    } else {
        s->stale++;
    }
    s->epoch_loss = 0;
}

static enum ode_status
stopped(struct ode_run *run, struct ode_err *err)
{
    ODE_TRY(ode_run_checkpoint(run, false, err));
    return ode_fail(err, ODE_ESTOPPED, NULL,
                    "stopped on request at step %lld, level %d; a checkpoint was written",
                    (long long)run->state.at.step, run->state.at.level);
}

/* Whether a train record follows step i of the level. */
static bool
record_due(const struct ode_level_plan *p, int64_t i)
{
    const int64_t every = 1 + (p->epoch_steps - 1) / RECORDS_EPOCH;
    const int64_t index = i % p->epoch_steps + 1;

    return index == p->epoch_steps || index % every == 0;
}

/* Step i of the current level and the records that follow it. */
static enum ode_status
level_step(struct ode_run *run, int64_t i, struct ode_err *err)
{
    const int level = run->state.at.level;
    const struct ode_level_plan *p = &run->plan.levels[level];
    const int64_t index = i % p->epoch_steps;

    run->rate =
        ode_schedule_rate(&run->recipe->levels[level].lr, i, p->steps, p->epoch_steps);
    ODE_TRY(train_step(run, i, i / p->epoch_steps, index, run->rate, err));
    run->tested = false;
    ode_run_place(run, i + 1);
    ode_run_read_clock(run);
    run->state.test_due = ode_plan_tests(&run->plan, level, i + 1);
    if (index + 1 == p->epoch_steps)
        plateau_follow(run);
    if (record_due(p, i))
        ODE_TRY(ode_run_train_record(run, err));
    return run->state.test_due ? epoch_end(run, err) : ODE_OK;
}

/* Why the level is over after the steps it has made. */
static enum ode_end
level_end(const struct ode_run *run)
{
    const struct ode_state *s = &run->state;
    const struct ode_level_plan *p = &run->plan.levels[s->at.level];
    const int64_t patience = run->recipe->levels[s->at.level].plateau.epochs;

    if (s->level_step >= p->steps)
        return ODE_END_BUDGET;
    if (patience && s->stale >= patience)
        return ODE_END_PLATEAU;
    return run->ops->advance(run->ops->context, &s->at);
}

/* What a level that has ended in the middle of an epoch still owes. */
static enum ode_status
level_settle(struct ode_run *run, struct ode_err *err)
{
    if (run->state.seen > 0)
        ODE_TRY(ode_run_train_record(run, err));
    if (run->tested)
        return ODE_OK;
    run->state.test_due = true;
    return epoch_end(run, err);
}

/* The next step, in the order of its epoch. */
static enum ode_status
next_step(struct ode_run *run, bool first, struct ode_err *err)
{
    const int level = run->state.at.level;
    const int64_t i = run->state.level_step;
    const int64_t epoch_steps = run->plan.levels[level].epoch_steps;

    if (first || i % epoch_steps == 0)
        ode_loader_order((uint64_t)run->recipe->seed, level, (int)(i / epoch_steps),
                         run->order, run->plan.train_n);
    ODE_TRY(level_step(run, i, err));
    return run->ops->stop(run->ops->context) ? ODE_ESTOPPED : ODE_OK;
}

/* Steps until the level's end, without its last records. */
static enum ode_status
steps_make(struct ode_run *run, struct ode_err *err)
{
    const struct ode_train_ops *ops = run->ops;
    double kept = ops->seconds(ops->context);

    if (run->state.test_due)
        ODE_TRY(epoch_end(run, err));
    for (bool first = true;; first = false) {
        const enum ode_end end = level_end(run);

        if (end != ODE_END_NOT) {
            ODE_TRY(level_settle(run, err));
            run->state.end = end;
            return ODE_OK;
        }
        if (!first
            && ops->seconds(ops->context) - kept >= run->recipe->resources.checkpoint_s) {
            ODE_TRY(ode_run_checkpoint(run, false, err));
            kept = ops->seconds(ops->context);
        }
        ODE_TRY(next_step(run, first, err));
    }
}

enum ode_status
ode_run_level_steps(struct ode_run *run, struct ode_err *err)
{
    const enum ode_status status = steps_make(run, err);

    return status == ODE_ESTOPPED ? stopped(run, err) : status;
}
