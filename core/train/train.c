/* train.c - a run: level after level, transfer after transfer. */
#include "core/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/loader.h"
#include "core/optim/schedule.h"
#include "core/scales/depth.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"
#include "core/train/engine.h"

enum {
    PROBE_N = 512,     /* examples that a transfer is judged by                */
    MOMENTS_N = 1024,  /* examples that moments are estimated from             */
    RECORDS_EPOCH = 20 /* train records in an epoch, about                     */
};

/* Running moments forget with this factor a step. */
#define MOMENTS_KEEP 0.9

/* One level's network and engine; lives from its transfer to the next one's end. */
struct stage {
    struct ode_net net;
    struct ode_engine engine;
    struct ode_loader loader;
    int halvings; /* of the finest resolution */
    struct ode_metric own;
    const struct ode_metric *metric; /* own, or NULL where there is none */
};

struct run {
    const struct ode_train *train;
    const struct ode_recipe_spec *recipe; /* train's */
    const struct ode_train_ops *ops;      /* train's */
    struct ode_plan plan;
    struct ode_team *team;
    struct stage *stage; /* the current level's */
    struct ode_state state;
    uint32_t *order; /* of the training examples in this epoch */
    double started;  /* the clock's reading at state.at.time 0 */
    bool warned;     /* about the range, in this level */
};

/* --- images
 * -------------------------------------------------------------------------------- */

/* What fetch needs to find an image. */
struct source {
    const struct ode_loader *loader;
    const struct ode_examples *examples;
    const uint32_t *order; /* NULL: as they stand */
    int epoch;             /* -1: no augmentation */
};

static int
source_fetch(void *context, size_t i, float *scratch, float *pixels)
{
    const struct source *s = context;
    const size_t example = s->order ? s->order[i] : i;

    ode_loader_image(s->loader, s->examples, example, s->epoch, scratch, pixels);
    return ode_example_label(s->examples, example);
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- stages
 * --------------------------------------------------------------------------------- */

static void
stage_free(struct stage *s)
{
    if (!s)
        return;
    ode_engine_release(&s->engine);
    ode_net_release(&s->net);
    free(s);
}

static enum ode_status
stage_new(const struct run *run, int level, struct stage **out, struct ode_err *err)
{
    const struct ode_dataset *set = run->train->set;
    struct stage *s = calloc(1, sizeof *s);
    struct ode_engine_config config;
    enum ode_status status;

    if (!s)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for level %d", level);
    s->loader =
        (struct ode_loader){ .set = set,
                             .augment = run->recipe->data.augment,
                             .resolution = (int)run->recipe->levels[level].resolution,
                             .seed = (uint64_t)run->recipe->seed,
                             .level = level };
    status = ode_net_init(&s->net, run->recipe, (size_t)level, set->channels,
                          set->classes, err);
    if (status == ODE_OK)
        status = ode_stencil_halvings(ode_recipe_resolution(run->recipe),
                                      s->net.resolution, &s->halvings, err);
    if (s->halvings && run->recipe->transfer.gradient == ODE_GRADIENT_FINEST) {
        s->own = ode_metric_make(run->recipe->transfer.space, s->halvings);
        s->metric = &s->own;
    }
    config = (struct ode_engine_config){
        .net = &s->net,
        .metric = s->metric,
        .kernels = run->train->kernels,
        .team = run->team,
        .threads = ode_team_threads(run->team),
        .smoothing = run->recipe->train.label_smoothing,
        .flip = run->recipe->data.test_flip,
        .batch = (int)run->recipe->train.batch,
        .scratch_n = ode_loader_scratch(&s->loader),
    };
    if (status == ODE_OK)
        status = ode_engine_init(&s->engine, &config, err);
    if (status != ODE_OK) {
        stage_free(s);
        return status;
    }
    *out = s;
    return ODE_OK;
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
    double work = 0;

    for (int k = 0; k < level; k++)
        work += run->plan.levels[k].work;
    run->state.level_step = level_step;
    run->state.at.level = level;
    run->state.at.step = p->first_step + level_step;
    run->state.at.epoch =
        p->epoch_steps ? (double)level_step / (double)p->epoch_steps : 0;
    run->state.at.work =
        work + (p->steps ? p->work * (double)level_step / (double)p->steps : 0);
}

/* --- records
 * -------------------------------------------------------------------------------- */

static const struct ode_metrics no_metrics = { NAN, NAN, NAN, NAN, NAN, NAN };

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

static enum ode_status
test_record(struct run *run, struct ode_err *err)
{
    const struct ode_examples *test = &run->train->set->test;
    struct source source = { .loader = &run->stage->loader,
                             .examples = test,
                             .epoch = -1 };
    struct ode_metrics m = no_metrics;
    struct ode_batch_report report;

    ODE_TRY(ode_engine_evaluate(&run->stage->engine, source_fetch, &source, test->n,
                                stop_asked, run, &report));
    clock_read(run);
    m.test_loss = run->state.test.loss = report.loss / (double)report.n;
    m.test_accuracy = run->state.test.accuracy =
        (double)report.correct / (double)report.n;
    return run->ops->metrics(run->ops->context, &run->state.at, &m, err);
}

static enum ode_status
checkpoint(struct run *run, bool last, struct ode_err *err)
{
    const struct ode_engine *e = &run->stage->engine;

    run->state.net = &run->stage->net;
    run->state.theta = e->theta;
    run->state.momentum = e->momentum;
    run->state.statistics = e->statistics;
    return run->ops->checkpoint(run->ops->context, &run->state, last, err);
}

/* --- steps
 * ---------------------------------------------------------------------------------- */

static enum ode_status
diverged(const struct run *run, enum ode_status code, struct ode_err *err,
         const char *what)
{
    char at[32];

    snprintf(at, sizeof at, "/levels/%d", run->state.at.level);
    return ode_fail(err, code, at,
                    "%s at step %lld (epoch %.2f of level %d); lower lr/peak of this "
                    "level or model/step",
                    what, (long long)run->state.at.step, run->state.at.epoch,
                    run->state.at.level);
}

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
             "has none), in unit %d",
             top, exact_range(&run->stage->net, s), s);
    return diverged(run, ODE_ERANGE, err, text);
}

/* The largest states of a step: beyond the range of exact reversal they end a run that
 * reverses, and half-way there they are worth a warning. */
static enum ode_status
range_check(struct run *run, const double *top, struct ode_err *err)
{
    const struct ode_net *net = &run->stage->net;
    char text[192];

    for (int s = 0; s < net->segment_n; s++) {
        const double most = exact_range(net, s);

        if (most <= 0 || !(top[s] >= most / 2))
            continue;
        if (top[s] >= most && net->segment[s].memory == ODE_MEMORY_REVERSE)
            return range_left(run, s, top[s], err);
        if (run->warned)
            continue;
        run->warned = true;
        snprintf(
            text, sizeof text,
            "states of unit %d have grown to %.4g; exact reversal ends at %.4g: lower "
            "the learning rate or the step, or set train/memory to store",
            s, top[s], most);
        ODE_TRY(run->ops->warning(run->ops->context, &run->state.at, text, err));
    }
    return ODE_OK;
}

/* One step on batch `index` of the epoch. */
static enum ode_status
train_step(struct run *run, int64_t epoch, int64_t index, double rate,
           struct ode_err *err)
{
    const struct ode_train_spec *t = &run->recipe->train;
    const size_t n = run->train->set->train.n;
    const size_t first = (size_t)(index * t->batch);
    const struct ode_penalty penalty = { .decay = t->weight_decay,
                                         .smoothness = t->smoothness,
                                         .step = run->recipe->model.step };
    const struct ode_sgd sgd = { .rate = rate,
                                 .momentum = t->optimizer.momentum,
                                 .nesterov = t->optimizer.nesterov };
    struct source source = { .loader = &run->stage->loader,
                             .examples = &run->train->set->train,
                             .order = run->order + first,
                             .epoch = (int)epoch };
    struct ode_engine *e = &run->stage->engine;
    struct ode_batch_report report;

    ode_engine_gradient(e, source_fetch, &source, (int)least((size_t)t->batch, n - first),
                        &penalty, &report);
    if (!isfinite(report.loss))
        return diverged(run, ODE_EDIVERGE, err, "the loss is not finite");
    ODE_TRY(range_check(run, report.top, err));
    ode_engine_update(e, &sgd);
    ode_engine_follow(e, MOMENTS_KEEP);
    run->state.loss_sum += report.loss;
    run->state.hits += report.correct;
    run->state.seen += report.n;
    for (int s = 0; s < e->exec.net->segment_n; s++)
        run->state.top = fmax(run->state.top, report.top[s]);
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

    ODE_TRY(train_step(run, i / p->epoch_steps, index, rate, err));
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

/* Initial values were drawn as at the finest resolution: takes them to the stage's. */
static void
kernels_restrict(enum ode_space space, struct stage *s)
{
    for (int i = 0; i < s->net.params.trained_n; i++) {
        const struct ode_tensor *t = &s->net.params.tensor[i];
        float *kernels = s->engine.theta + t->offset;

        if (t->kind == ODE_TENSOR_CONV && t->dim[2] == 3)
            ode_stencil_apply(space, s->halvings, t->n / 9, kernels, kernels);
    }
}

/* The first level, with initial values. */
static enum ode_status
run_begin(struct run *run, struct ode_err *err)
{
    ODE_TRY(stage_new(run, 0, &run->stage, err));
    ode_net_initialise(&run->stage->net, (uint64_t)run->recipe->seed,
                       run->stage->engine.theta, run->stage->engine.statistics);
    if (run->stage->metric)
        kernels_restrict(run->recipe->transfer.space, run->stage);
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

    ODE_TRY(stage_new(run, level, &run->stage, err));
    s->at.level = level;
    s->net = &run->stage->net;
    s->theta = run->stage->engine.theta;
    s->momentum = run->stage->engine.momentum;
    s->statistics = run->stage->engine.statistics;
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
probe(struct run *run, struct stage *stage, struct ode_score *score, size_t *n,
      struct ode_err *err)
{
    const struct ode_examples *examples = &run->train->set->train;
    struct source source = { .loader = &stage->loader,
                             .examples = examples,
                             .epoch = -1 };
    struct ode_batch_report report;

    *n = least(PROBE_N, examples->n);
    if (ode_engine_evaluate(&stage->engine, source_fetch, &source, *n, stop_asked, run,
                            &report)
        != ODE_OK)
        return ode_fail(err, ODE_ESTOPPED, NULL, "stopped on request at a transfer");
    score->loss = report.loss / (double)report.n;
    score->accuracy = (double)report.correct / (double)report.n;
    return ODE_OK;
}

static enum ode_status
parameters_transfer(const struct run *run, struct stage *from, struct stage *to,
                    struct ode_transfer_record *r, struct ode_err *err)
{
    const struct ode_params *old = &from->net.params, *new = &to->net.params;
    struct ode_transfer_op op = { .space = r->space, .time = r->time };
    struct source source = { .loader = &to->loader,
                             .examples = &run->train->set->train,
                             .epoch = -1 };

    ODE_TRY(ode_stencil_halvings(r->resolution[0], r->resolution[1], &op.halvings, err));
    ODE_TRY(
        ode_transfer_params(old, from->engine.theta, new, to->engine.theta, &op, err));
    ODE_TRY(ode_transfer_params(old, from->engine.momentum, new, to->engine.momentum, &op,
                                err));
    r->norm_before = ode_transfer_norm(old, from->engine.theta);
    r->norm_after = ode_transfer_norm(new, to->engine.theta);
    ode_engine_pack(&to->engine);
    ode_engine_reestimate(&to->engine, source_fetch, &source,
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
    struct stage *next = NULL;
    enum ode_status status;

    ODE_TRY(probe(run, run->stage, &r.before, &r.probe_n, err));
    ODE_TRY(stage_new(run, level, &next, err));
    status = parameters_transfer(run, run->stage, next, &r, err);
    if (status == ODE_OK)
        status = probe(run, next, &r.after, &r.probe_n, err);
    if (status != ODE_OK) {
        stage_free(next);
        return status;
    }
    stage_free(run->stage);
    run->stage = next;
    progress_set(run, level, 0);
    clock_read(run);
    run->warned = false;
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
        stage_free(run.stage);
    }
    return status;
}

void
ode_train_release(struct ode_outcome *outcome)
{
    stage_free(outcome->storage);
    *outcome = (struct ode_outcome){ 0 };
}
