/* records.c - what a run tells and warns of: scores, the gauge, ranges. */
#include <math.h>
#include <stdio.h>

#include "core/train/run.h"

/* What the gauge warns of beside growth: relative errors of reversed states. */
#define REVERSAL_MOST 1e-3
#define RANGE_USUAL   256

void
ode_run_read_clock(struct ode_run *run)
{
    run->state.at.time = run->ops->seconds(run->ops->context) - run->started;
}

void
ode_run_place(struct ode_run *run, int64_t level_step)
{
    struct ode_state *s = &run->state;
    const int level = s->at.level;
    const struct ode_level_plan *p = &run->plan.levels[level];

    s->level_step = level_step;
    s->at.step = s->base_step + level_step;
    s->at.epoch = p->epoch_steps ? (double)level_step / (double)p->epoch_steps : 0;
    s->at.work = s->base_work + ode_plan_level_work(&run->plan, level, level_step);
}

enum ode_status
ode_run_diverged(const struct ode_run *run, enum ode_status code, int unit,
                 struct ode_err *err, const char *what)
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

enum ode_status
ode_run_warn(struct ode_run *run, const char *text, struct ode_err *err)
{
    return run->ops->warning(run->ops->context, &run->state.at, text, err);
}

/* --- scores
 * ---------------------------------------------------------------------------------- */

static const struct ode_metrics no_metrics = { NAN, NAN, NAN, NAN, NAN, NAN, { 0 } };

enum ode_status
ode_run_train_record(struct ode_run *run, struct ode_err *err)
{
    struct ode_state *s = &run->state;
    struct ode_metrics m = no_metrics;

    m.train_loss = s->loss_sum / (double)s->seen;
    m.train_accuracy = (double)s->hits / (double)s->seen;
    m.lr = run->rate;
    m.state_max = s->top;
    s->loss_sum = s->top = 0;
    s->hits = s->seen = 0;
    return run->ops->metrics(run->ops->context, &s->at, &m, err);
}

static bool
stop_asked(void *context)
{
    const struct ode_run *run = context;

    return run->ops->stop(run->ops->context);
}

struct ode_source
ode_run_moments_source(struct ode_stage *stage, size_t *n)
{
    const struct ode_examples *train = &stage->loader.set->train;

    *n = ode_run_least(ODE_MOMENTS_N, train->n);
    return (
        struct ode_source){ .loader = &stage->loader, .examples = train, .epoch = -1 };
}

static void
see_average(struct ode_stage *stage)
{
    size_t n;
    struct ode_source source = ode_run_moments_source(stage, &n);

    ode_engine_see_average(&stage->engine, ode_source_fetch, &source, n);
}

/* The moments of the average, where an evaluation has not made them. */
static void
settle_average(struct ode_stage *stage)
{
    struct ode_engine *e = &stage->engine;

    if (!e->average || e->average_known)
        return;
    see_average(stage);
    ode_engine_see_own(e);
}

enum ode_status
ode_run_evaluate(struct ode_run *run, struct ode_stage *stage, struct ode_source *source,
                 size_t n, struct ode_batch_report *report)
{
    struct ode_engine *e = &stage->engine;
    enum ode_status status;

    if (e->average)
        see_average(stage);
    status = ode_engine_evaluate(e, ode_source_fetch, source, n, stop_asked, run, report);
    if (e->average)
        ode_engine_see_own(e);
    return status;
}

void
ode_run_gauge(struct ode_stage *stage, struct ode_gauge *gauge)
{
    struct ode_source source = { .loader = &stage->loader,
                                 .examples = &stage->loader.set->train,
                                 .epoch = -1 };

    ode_gauge_measure(&stage->gauge, &stage->engine.exec, ode_source_fetch, &source,
                      gauge);
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
    else if (g->stability > 1 && g->growth > ODE_GROWTH_MOST)
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
gauge_warn(struct ode_run *run, const struct ode_gauge *gauge, struct ode_err *err)
{
    char text[192];

    for (int s = 0; s < gauge->segments; s++) {
        if (run->gauged[s] || !gauge_text(&gauge->segment[s], s, text, sizeof text))
            continue;
        run->gauged[s] = true;
        ODE_TRY(ode_run_warn(run, text, err));
    }
    return ODE_OK;
}

enum ode_status
ode_run_test_record(struct ode_run *run, struct ode_err *err)
{
    const struct ode_examples *test = &run->train->set->test;
    struct ode_source source = { .loader = &run->stage->loader,
                                 .examples = test,
                                 .epoch = -1 };
    struct ode_metrics m = no_metrics;
    struct ode_batch_report report;

    ODE_TRY(ode_run_evaluate(run, run->stage, &source, test->n, &report));
    ode_run_read_clock(run);
    ode_run_gauge(run->stage, &m.gauge);
    m.test_loss = run->state.test.loss = report.loss / (double)report.n;
    m.test_accuracy = run->state.test.accuracy =
        (double)report.correct / (double)report.n;
    run->tested = true;
    ODE_TRY(gauge_warn(run, &m.gauge, err));
    return run->ops->metrics(run->ops->context, &run->state.at, &m, err);
}

/* --- states
 * ---------------------------------------------------------------------------------- */

/* States beyond which a segment's steps are not exactly reversible. */
static double
exact_range(const struct ode_net *net, int s)
{
    return (double)net->segment[s].grid * (double)(1 << 24)
           / (net->block->reach ? net->block->reach : 1);
}

static enum ode_status
range_left(const struct ode_run *run, int s, double top, struct ode_err *err)
{
    char text[160];

    snprintf(text, sizeof text,
             "a state of %.4g left the range of exact reversal, %.4g (train/memory store "
             "has none),",
             top, exact_range(&run->stage->net, s));
    return ode_run_diverged(run, ODE_ERANGE, s, err, text);
}

/* What is worth a warning: half the range, or half of what it usually is where a unit has
 * none. Losses that are no numbers mostly begin so. */
static const char *
range_text(const struct ode_run *run, int s, double top, char *text, size_t size)
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

enum ode_status
ode_run_range_check(struct ode_run *run, const double *top, struct ode_err *err)
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
        ODE_TRY(ode_run_warn(run, text, err));
    }
    return ODE_OK;
}

/* --- checkpoints
 * ----------------------------------------------------------------------------- */

void
ode_run_point(struct ode_run *run)
{
    const struct ode_engine *e = &run->stage->engine;

    run->state.net = &run->stage->net;
    run->state.theta = e->theta;
    run->state.momentum = e->momentum;
    run->state.second = e->second;
    run->state.average = e->average;
    run->state.statistics = e->statistics;
    run->state.average_statistics = e->average_statistics;
}

enum ode_status
ode_run_checkpoint(struct ode_run *run, bool last, struct ode_err *err)
{
    if (last)
        settle_average(run->stage);
    ode_run_point(run);
    for (size_t i = 0; i < run->stage->net.params.theta_n; i++)
        if (!isfinite(run->state.theta[i]))
            return ode_run_diverged(run, ODE_EDIVERGE, -1, err, "a weight is not finite");
    return run->ops->checkpoint(run->ops->context, &run->state, last, err);
}
