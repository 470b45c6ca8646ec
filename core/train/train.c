/* train.c - a run: level after level, transfer after transfer. */
#include "core/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/optim/schedule.h"
#include "core/scales/depth.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"
#include "core/train/stage.h"

enum {
    PROBE_N = ODE_PROBE_N,
    MOMENTS_N = ODE_MOMENTS_N,
    RECORDS_EPOCH = 20 /* train records in an epoch, about                     */
};

/* Running moments forget with this factor a step. */
#define MOMENTS_KEEP 0.9

/* What the gauge warns of: relative errors of reversed states, growth of states. */
#define REVERSAL_MOST 1e-3
#define RANGE_USUAL   256
#define GROWTH_MOST   10

struct run {
    const struct ode_train *train;
    const struct ode_recipe_spec *recipe; /* train's */
    const struct ode_train_ops *ops;      /* train's */
    struct ode_plan plan;
    struct ode_team *team;
    struct ode_stage *stage; /* the current level's */
    struct ode_state state;
    uint32_t *order;               /* of the training examples in this epoch */
    double started;                /* the clock's reading at state.at.time 0 */
    bool warned;                   /* about the range, in this level */
    bool gauged[ODE_SEGMENTS_MAX]; /* warned by the gauge, in this level */
};

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- time
 * ----------------------------------------------------------------------------------- */

static void
clock_read(struct run *run)
{
    run->state.at.time = run->ops->seconds(run->ops->context) - run->started;
}

/* Places the run after `level_step` steps of `level`. */
static void
progress_set(struct run *run, int level, int64_t level_step)
{
    const struct ode_level_plan *p = &run->plan.levels[level];

    run->state.level_step = level_step;
    run->state.at.level = level;
    run->state.at.step = p->first_step + level_step;
    run->state.at.epoch =
        p->epoch_steps ? (double)level_step / (double)p->epoch_steps : 0;
    run->state.at.work = ode_plan_work(&run->plan, level, level_step);
}

/* unit: where it was seen first; -1: outside units. */
static enum ode_status
diverged(const struct run *run, enum ode_status code, int unit, struct ode_err *err,
         const char *what)
{
    char at[32], where[24] = "";

    snprintf(at, sizeof at, "/levels/%d", run->state.at.level);
    if (unit >= 0)
        snprintf(where, sizeof where, " in unit %d", unit);
    return ode_fail(err, code, at,
                    "%s%s at step %lld (epoch %.2f of level %d); lower lr/peak of this "
                    "level or model/step",
                    what, where, (long long)run->state.at.step, run->state.at.epoch,
                    run->state.at.level);
}

/* --- records
 * -------------------------------------------------------------------------------- */

static const struct ode_metrics no_metrics = { NAN, NAN, NAN, NAN, NAN, NAN, { 0 } };

/* Means since the last such record. */
static enum ode_status
train_record(struct run *run, double rate, struct ode_err *err)
{
    struct ode_state *s = &run->state;
    struct ode_metrics m = no_metrics;

    m.train_loss = s->loss_sum / (double)s->seen;
    m.train_accuracy = (double)s->hits / (double)s->seen;
    m.lr = rate;
    m.state_max = s->top;
    s->loss_sum = s->top = 0;
    s->hits = s->seen = 0;
    return run->ops->metrics(run->ops->context, &s->at, &m, err);
}

static bool
stop_asked(void *context)
{
    const struct run *run = context;

    return run->ops->stop(run->ops->context);
}

/* With the average of the weights, where there is one. */
static enum ode_status
stage_evaluate(struct run *run, struct ode_stage *stage, struct ode_source *source,
               size_t n, struct ode_batch_report *report)
{
    struct ode_engine *e = &stage->engine;
    enum ode_status status;

    if (e->average)
        ode_engine_pack_average(e);
    status = ode_engine_evaluate(e, ode_source_fetch, source, n, stop_asked, run, report);
    if (e->average)
        ode_engine_pack(e);
    return status;
}

/* Of the first training examples, with the weights themselves. */
static void
gauge_read(struct run *run, struct ode_gauge *gauge)
{
    struct ode_source source = { .loader = &run->stage->loader,
                                 .examples = &run->train->set->train,
                                 .epoch = -1 };

    ode_gauge_measure(&run->stage->gauge, &run->stage->engine.exec, ode_source_fetch,
                      &source, gauge);
}

/* What the gauge of a unit gives reason to fear; NULL: nothing. */
static const char *
gauge_text(const struct ode_gauge_segment *g, int unit, char *text, size_t size)
{
    if (g->error > REVERSAL_MOST)
        snprintf(text, size,
                 "unit %d: states that are reversed come back with a relative error of "
                 "%.1e, and gradients with them; set train/memory to reverse or store",
                 unit, g->error);
    else if (g->stability > 1 && g->growth > GROWTH_MOST)
        snprintf(text, size,
                 "unit %d: states grow %.3g-fold, and the step is %.2f times the largest "
                 "that is sure to be stable; lower the learning rate or model/step",
                 unit, g->growth, g->stability);
    else
        return NULL;
    return text;
}

/* One warning a unit and level. */
static enum ode_status
gauge_warn(struct run *run, const struct ode_gauge *gauge, struct ode_err *err)
{
    char text[192];

    for (int s = 0; s < gauge->segments; s++) {
        if (run->gauged[s] || !gauge_text(&gauge->segment[s], s, text, sizeof text))
            continue;
        run->gauged[s] = true;
        ODE_TRY(run->ops->warning(run->ops->context, &run->state.at, text, err));
    }
    return ODE_OK;
}

static enum ode_status
test_record(struct run *run, struct ode_err *err)
{
    const struct ode_examples *test = &run->train->set->test;
    struct ode_source source = { .loader = &run->stage->loader,
                                 .examples = test,
                                 .epoch = -1 };
    struct ode_metrics m = no_metrics;
    struct ode_batch_report report;

    ODE_TRY(stage_evaluate(run, run->stage, &source, test->n, &report));
    clock_read(run);
    gauge_read(run, &m.gauge);
    m.test_loss = run->state.test.loss = report.loss / (double)report.n;
    m.test_accuracy = run->state.test.accuracy =
        (double)report.correct / (double)report.n;
    ODE_TRY(gauge_warn(run, &m.gauge, err));
    return run->ops->metrics(run->ops->context, &run->state.at, &m, err);
}

/* The state's arrays are the stage's. */
static void
state_point(struct run *run)
{
    const struct ode_engine *e = &run->stage->engine;

    run->state.net = &run->stage->net;
    run->state.theta = e->theta;
    run->state.momentum = e->momentum;
    run->state.second = e->second;
    run->state.average = e->average;
    run->state.statistics = e->statistics;
}

static enum ode_status
checkpoint(struct run *run, bool last, struct ode_err *err)
{
    state_point(run);
    for (size_t i = 0; i < run->stage->net.params.theta_n; i++)
        if (!isfinite(run->state.theta[i]))
            return diverged(run, ODE_EDIVERGE, -1, err, "a weight is not finite");
    return run->ops->checkpoint(run->ops->context, &run->state, last, err);
}

/* --- steps
 * ---------------------------------------------------------------------------------- */

/* States beyond which a segment's steps are not exactly reversible. */
static double
exact_range(const struct ode_net *net, int s)
{
    return (double)net->segment[s].grid * (double)(1 << 24)
           / (net->block->reach ? net->block->reach : 1);
}

static enum ode_status
range_left(const struct run *run, int s, double top, struct ode_err *err)
{
    char text[160];

    snprintf(text, sizeof text,
             "a state of %.4g left the range of exact reversal, %.4g (train/memory store "
             "has none),",
             top, exact_range(&run->stage->net, s));
    return diverged(run, ODE_ERANGE, s, err, text);
}

/* What is worth a warning: half the range, or half of what it usually is where a unit has
 * none. Losses that are no numbers mostly begin so. */
static const char *
range_text(const struct run *run, int s, double top, char *text, size_t size)
{
    const double most = exact_range(&run->stage->net, s);

    if (!(top >= (most > 0 ? most : RANGE_USUAL) / 2))
        return NULL;
    if (most > 0)
        snprintf(
            text, size,
            "states of unit %d have grown to %.4g; exact reversal ends at %.4g: lower "
            "the learning rate or the step, or set train/memory to store",
            s, top, most);
    else
        snprintf(
            text, size,
            "states of unit %d have grown to %.4g: lower the learning rate or the step",
            s, top);
    return text;
}

/* The largest states of a step: beyond the range of exact reversal they end a run that
 * reverses. */
static enum ode_status
range_check(struct run *run, const double *top, struct ode_err *err)
{
    const struct ode_net *net = &run->stage->net;
    char text[192];

    for (int s = 0; s < net->segment_n; s++) {
        const double most = exact_range(net, s);

        if (most > 0 && top[s] >= most && net->segment[s].memory == ODE_MEMORY_REVERSE)
            return range_left(run, s, top[s], err);
        if (run->warned || !range_text(run, s, top[s], text, sizeof text))
            continue;
        run->warned = true;
        ODE_TRY(run->ops->warning(run->ops->context, &run->state.at, text, err));
    }
    return ODE_OK;
}

/* Whether weights shrink by themselves, not by way of the gradient. */
static bool
is_decoupled(const struct ode_train_spec *t)
{
    return t->optimizer.type == ODE_OPTIMIZER_ADAMW || t->optimizer.decoupled;
}

/* Whether step i of the level begins with a solve for the classifier. */
static bool
solve_due(const struct run *run, int64_t i)
{
    const struct ode_classifier_spec *c = &run->recipe->train.classifier;
    const int64_t every =
        c->every ? c->every : run->plan.levels[run->state.at.level].epoch_steps;

    return c->solver == ODE_SOLVER_NEWTON && i % every == 0;
}

/* On the examples that begin with the batch's, and go round at the epoch's end. */
static enum ode_status
classifier_solve(struct run *run, struct ode_source source, struct ode_err *err)
{
    const size_t n = run->train->set->train.n;
    const struct ode_classifier_spec *c = &run->recipe->train.classifier;
    struct ode_newton_report report;

    source.wrap = n;
    if (ode_classifier_solve(&run->stage->classifier, c, &run->stage->engine,
                             ode_source_fetch, &source,
                             (int)least((size_t)c->examples, n), &report, err)
        == ODE_OK)
        return ODE_OK;
    return diverged(run, ODE_EDIVERGE, -1, err,
                    "the classifier's features are not finite");
}

/* The gradient of the batch is in the engine: looks at it, and makes a step along it. */
static enum ode_status
weights_step(struct run *run, const struct ode_batch_report *report, double rate,
             const struct ode_penalty *penalty, struct ode_err *err)
{
    const struct ode_train_spec *t = &run->recipe->train;
    const struct ode_update update = {
        .optimizer = &t->optimizer,
        .rate = rate,
        .t = run->state.at.step + 1,
        .penalty = is_decoupled(t) ? penalty : NULL,
        .scale = t->clip > 0 && report->norm > t->clip ? t->clip / report->norm : 1,
        .box = t->box,
        .ema = t->ema,
        .fixed_head = t->classifier.solver == ODE_SOLVER_NEWTON,
    };

    if (!isfinite(report->norm))
        return diverged(run, ODE_EDIVERGE, -1, err, "the gradient is not finite");
    ODE_TRY(range_check(run, report->top, err));
    ode_engine_update(&run->stage->engine, &update);
    ode_engine_follow(&run->stage->engine, MOMENTS_KEEP);
    return ODE_OK;
}

static void
step_count(struct run *run, const struct ode_batch_report *report)
{
    run->state.loss_sum += report->loss;
    run->state.hits += report->correct;
    run->state.seen += report->n;
    for (int s = 0; s < run->stage->net.segment_n; s++)
        run->state.top = fmax(run->state.top, report->top[s]);
}

/* Step i of the level, on batch `index` of the epoch. */
static enum ode_status
train_step(struct run *run, int64_t i, int64_t epoch, int64_t index, double rate,
           struct ode_err *err)
{
    const struct ode_train_spec *t = &run->recipe->train;
    const size_t n = run->train->set->train.n;
    const struct ode_penalty penalty = { .decay = t->weight_decay,
                                         .smoothness = t->smoothness,
                                         .step = run->recipe->model.step };
    const struct ode_penalty coupled = { .decay = is_decoupled(t) ? 0 : penalty.decay,
                                         .smoothness = penalty.smoothness,
                                         .step = penalty.step };
    struct ode_source source = { .loader = &run->stage->loader,
                                 .examples = &run->train->set->train,
                                 .order = run->order,
                                 .first = (size_t)(index * t->batch),
                                 .epoch = (int)epoch };
    const int batch = (int)least((size_t)t->batch, n - source.first);
    struct ode_engine *e = &run->stage->engine;
    struct ode_batch_report report;

    if (solve_due(run, i))
        ODE_TRY(classifier_solve(run, source, err));
    ode_engine_gradient(e, ode_source_fetch, &source, batch, &coupled, &report);
    if (!isfinite(report.loss))
        return diverged(run, ODE_EDIVERGE,
                        ode_engine_blame(e, ode_source_fetch, &source, batch), err,
                        "the loss is not finite");
    ODE_TRY(weights_step(run, &report, rate, &penalty, err));
    step_count(run, &report);
    return ODE_OK;
}

/* Writes what the end of an epoch owes: the test set's score. Stopped in between, the
 * debt goes into the checkpoint. */
static enum ode_status
epoch_end(struct run *run, struct ode_err *err)
{
    const enum ode_status status = test_record(run, err);

    if (status == ODE_OK)
        run->state.test_due = false;
    return status;
}

static enum ode_status
stopped(struct run *run, struct ode_err *err)
{
    ODE_TRY(checkpoint(run, false, err));
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
level_step(struct run *run, int64_t i, struct ode_err *err)
{
    const int level = run->state.at.level;
    const struct ode_level_plan *p = &run->plan.levels[level];
    const double rate =
        ode_schedule_rate(&run->recipe->levels[level].lr, i, p->steps, p->epoch_steps);
    const int64_t index = i % p->epoch_steps;

    ODE_TRY(train_step(run, i, i / p->epoch_steps, index, rate, err));
    progress_set(run, level, i + 1);
    clock_read(run);
    run->state.test_due = index + 1 == p->epoch_steps;
    if (record_due(p, i))
        ODE_TRY(train_record(run, rate, err));
    return run->state.test_due ? epoch_end(run, err) : ODE_OK;
}

/* Steps of the current level from state.level_step to its end. */
static enum ode_status
level_steps(struct run *run, struct ode_err *err)
{
    const int level = run->state.at.level;
    const struct ode_level_plan *p = &run->plan.levels[level];
    double kept = run->ops->seconds(run->ops->context);
    enum ode_status status = run->state.test_due ? epoch_end(run, err) : ODE_OK;

    for (int64_t i = run->state.level_step; i < p->steps && status == ODE_OK; i++) {
        if (i % p->epoch_steps == 0 || i == run->state.level_step)
            ode_loader_order((uint64_t)run->recipe->seed, level,
                             (int)(i / p->epoch_steps), run->order, run->plan.train_n);
        status = level_step(run, i, err);
        if (status == ODE_OK && stop_asked(run))
            status = ODE_ESTOPPED;
        if (status == ODE_OK && i + 1 < p->steps
            && run->ops->seconds(run->ops->context) - kept
                   >= run->recipe->resources.checkpoint_s) {
            status = checkpoint(run, false, err);
            kept = run->ops->seconds(run->ops->context);
        }
    }
    return status == ODE_ESTOPPED ? stopped(run, err) : status;
}

/* --- levels
 * --------------------------------------------------------------------------------- */

/* The first level, with initial values. */
static enum ode_status
run_begin(struct run *run, struct ode_err *err)
{
    ODE_TRY(ode_stage_new(&run->stage, run->recipe, 0, run->train->set,
                          run->train->kernels, run->team, err));
    ODE_TRY(ode_stage_initialise(run->stage, run->recipe, err));
    progress_set(run, 0, 0);
    run->state.test_due = run->plan.levels[0].steps == 0;
    return ODE_OK;
}

/* The level of the checkpoint, with its values. */
static enum ode_status
run_resume(struct run *run, struct ode_err *err)
{
    const int level = run->train->resume_level;
    struct ode_state *s = &run->state;

    ODE_TRY(ode_stage_new(&run->stage, run->recipe, level, run->train->set,
                          run->train->kernels, run->team, err));
    s->at.level = level;
    state_point(run);
    ODE_TRY(run->ops->restore(run->ops->context, s, err));
    if (s->level_step < 0 || s->level_step > run->plan.levels[level].steps)
        return ode_fail(err, ODE_EFORMAT, NULL,
                        "the checkpoint is at step %lld of level %d, which has %lld",
                        (long long)s->level_step, level,
                        (long long)run->plan.levels[level].steps);
    run->started -= s->at.time;
    progress_set(run, level, s->level_step);
    return ODE_OK;
}

/* Loss and accuracy of the first training examples, as they are. */
static enum ode_status
probe(struct run *run, struct ode_stage *stage, struct ode_score *score, size_t *n,
      struct ode_err *err)
{
    const struct ode_examples *examples = &run->train->set->train;
    struct ode_source source = { .loader = &stage->loader,
                                 .examples = examples,
                                 .epoch = -1 };
    struct ode_batch_report report;

    *n = least(PROBE_N, examples->n);
    if (stage_evaluate(run, stage, &source, *n, &report) != ODE_OK)
        return ode_fail(err, ODE_ESTOPPED, NULL, "stopped on request at a transfer");
    score->loss = report.loss / (double)report.n;
    score->accuracy = (double)report.correct / (double)report.n;
    return ODE_OK;
}

static enum ode_status
parameters_transfer(const struct run *run, struct ode_stage *from, struct ode_stage *to,
                    struct ode_transfer_record *r, struct ode_err *err)
{
    const struct ode_params *old = &from->net.params, *new = &to->net.params;
    struct ode_transfer_op op = { .space = r->space,
                                  .time = r->time,
                                  .damping = run->recipe->transfer.damping };
    struct ode_source source = { .loader = &to->loader,
                                 .examples = &run->train->set->train,
                                 .epoch = -1 };

    ODE_TRY(ode_stencil_halvings(r->resolution[0], r->resolution[1], &op.halvings, err));
    ODE_TRY(
        ode_transfer_params(old, from->engine.theta, new, to->engine.theta, &op, err));
    ODE_TRY(ode_transfer_params(old, from->engine.momentum, new, to->engine.momentum, &op,
                                err));
    if (from->engine.second)
        ODE_TRY(ode_transfer_second(old, from->engine.second, new, to->engine.second, &op,
                                    err));
    if (from->engine.average)
        ODE_TRY(ode_transfer_params(old, from->engine.average, new, to->engine.average,
                                    &op, err));
    ODE_TRY(ode_transfer_statistics(old, from->engine.statistics, new,
                                    to->engine.statistics, &op, err));
    r->norm_before = ode_transfer_norm(old, from->engine.theta);
    r->norm_after = ode_transfer_norm(new, to->engine.theta);
    if (to->engine.average)
        ode_engine_pack_average(&to->engine);
    else
        ode_engine_pack(&to->engine);
    ode_engine_reestimate(&to->engine, ode_source_fetch, &source,
                          least(MOMENTS_N, source.examples->n));
    return ODE_OK;
}

static struct ode_transfer_record
transfer_record(const struct run *run, int level)
{
    const struct ode_recipe_spec *recipe = run->recipe;
    struct ode_transfer_record r = { .space = recipe->transfer.space,
                                     .time = ode_depth_resolve(recipe->transfer.time,
                                                               recipe->model.block) };

    for (int k = 0; k < 2; k++) {
        const struct ode_level_plan *p = &run->plan.levels[level - 1 + k];

        r.resolution[k] = p->resolution;
        r.blocks_n = p->blocks_n;
        memcpy(r.blocks[k], p->blocks, sizeof p->blocks);
    }
    return r;
}

/* Goes to the next level: run->stage is replaced. */
static enum ode_status
run_transfer(struct run *run, struct ode_err *err)
{
    const int level = run->state.at.level + 1;
    struct ode_transfer_record r = transfer_record(run, level);
    struct ode_stage *next = NULL;
    enum ode_status status;

    ODE_TRY(probe(run, run->stage, &r.before, &r.probe_n, err));
    ODE_TRY(ode_stage_new(&next, run->recipe, level, run->train->set, run->train->kernels,
                          run->team, err));
    status = parameters_transfer(run, run->stage, next, &r, err);
    if (status == ODE_OK)
        status = probe(run, next, &r.after, &r.probe_n, err);
    if (status != ODE_OK) {
        ode_stage_free(next);
        return status;
    }
    ode_stage_free(run->stage);
    run->stage = next;
    progress_set(run, level, 0);
    clock_read(run);
    run->warned = false;
    memset(run->gauged, 0, sizeof run->gauged);
    run->state.test_due = run->plan.levels[level].steps == 0;
    return run->ops->transfer(run->ops->context, &run->state.at, &r, err);
}

/* The current level from where it stands to its end. */
static enum ode_status
run_level(struct run *run, struct ode_err *err)
{
    const struct ode_level_plan *p = &run->plan.levels[run->state.at.level];
    const bool ended = p->steps > 0 && run->state.level_step == p->steps;

    ode_engine_pack(&run->stage->engine);
    if (!ended)
        ODE_TRY(run->ops->level_begins(run->ops->context, &run->state.at, err));
    ODE_TRY(level_steps(run, err));
    ODE_TRY(checkpoint(run, true, err));
    return run->ops->level_done(run->ops->context, &run->state.at, &run->state.test, err);
}

static enum ode_status
run_levels(struct run *run, struct ode_err *err)
{
    ODE_TRY(run->train->resume ? run_resume(run, err) : run_begin(run, err));
    for (;;) {
        ODE_TRY(run_level(run, err));
        if (run->state.at.level + 1 == (int)run->plan.levels_n)
            return ODE_OK;
        ODE_TRY(run_transfer(run, err));
    }
}

enum ode_status
ode_train_run(const struct ode_train *train, struct ode_outcome *outcome,
              struct ode_err *err)
{
    const struct ode_dataset *set = train->set;
    struct run run = { .train = train, .recipe = train->recipe, .ops = train->ops };
    enum ode_status status;

    run.state.test.accuracy = -1;
    run.started = run.ops->seconds(run.ops->context);
    ODE_TRY(ode_plan_make(&run.plan, run.recipe, set->train.n, set->test.n,
                          train->threads, err));
    ODE_TRY(ode_team_new(&run.team, train->threads, err));
    run.order = malloc(set->train.n * sizeof *run.order);
    status = run.order ? run_levels(&run, err)
                       : ode_fail(err, ODE_ENOMEM, NULL, "no memory for the order of %zu",
                                  set->train.n);
    free(run.order);
    ode_team_free(run.team);
    if (status == ODE_OK && outcome) {
        outcome->state = run.state;
        outcome->storage = run.stage;
    } else {
        ode_stage_free(run.stage);
    }
    return status;
}

void
ode_train_release(struct ode_outcome *outcome)
{
    ode_stage_free(outcome->storage);
    *outcome = (struct ode_outcome){ 0 };
}
