/* passage.c - from level to level: transfer, adjustment, gate. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/scales/depth.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"
#include "core/train/run.h"
#include "core/train/warm.h"

/* Caps are halved for stability down to this at the least. */
#define CAP_LEAST 0.125
/* Beyond so many times the loss before it a transfer to finer images has done harm. */
#define LOSS_RISE_MOST 1.5

/* One transfer in the making. */
struct passage {
    struct ode_run *run;
    struct ode_stage *from, *to;
    struct ode_transfer_op op;
    struct ode_transfer_record *record;
    bool warm;                        /* from another run */
    double cap[ODE_SEGMENTS_MAX + 1]; /* of kernels outside blocks, of each segment's */
    int doublings;   /* that the caps are of; 1 where the images stay or get coarser */
    double uncapped; /* the cap that the transfer itself had */
};

enum ode_status
ode_run_probe(struct ode_run *run, struct ode_stage *stage, struct ode_score *score,
              size_t *n, struct ode_err *err)
{
    const struct ode_examples *examples = &stage->loader.set->train;
    struct ode_source source = { .loader = &stage->loader,
                                 .examples = examples,
                                 .epoch = -1 };
    const size_t most = ode_run_least(ODE_PROBE_N, examples->n);
    struct ode_batch_report report;

    if (ode_run_evaluate(run, stage, &source, most, &report) != ODE_OK)
        return ode_fail(err, ODE_ESTOPPED, NULL, "stopped on request at a transfer");
    score->loss = report.loss / (double)report.n;
    score->accuracy = (double)report.correct / (double)report.n;
    if (n)
        *n = most;
    return ODE_OK;
}

/* --- parameters
 * ------------------------------------------------------------------------------ */

/* The running moments of the new level, and its weights where kernels read them. */
static void
stage_settle(struct passage *p)
{
    struct ode_engine *e = &p->to->engine;
    size_t n;
    struct ode_source source = ode_run_moments_source(p->to, &n);

    if (e->average) {
        e->average_known = false;
        ode_engine_see_average(e, ode_source_fetch, &source, n);
        memcpy(e->average_statistics, e->statistics,
               p->to->net.params.statistic_n * sizeof *e->statistics);
        ode_engine_see_own(e);
    } else {
        ode_engine_pack(e);
        ode_engine_reestimate(e, ode_source_fetch, &source, n);
    }
}

static enum ode_status
parameters_transfer(struct passage *p, struct ode_err *err)
{
    const struct ode_engine *a = &p->from->engine, *b = &p->to->engine;
    const struct ode_params *old = &p->from->net.params, *new = &p->to->net.params;

    ODE_TRY(ode_transfer_params(old, a->theta, new, b->theta, &p->op, err));
    ODE_TRY(ode_transfer_params(old, a->momentum, new, b->momentum, &p->op, err));
    if (a->second)
        ODE_TRY(ode_transfer_second(old, a->second, new, b->second, &p->op, err));
    if (a->average)
        ODE_TRY(ode_transfer_params(old, a->average, new, b->average, &p->op, err));
    ODE_TRY(ode_transfer_statistics(old, a->statistics, new, b->statistics, &p->op, err));
    stage_settle(p);
    if (p->warm)
        ode_warm_moments(p->from, p->to);
    return ODE_OK;
}

/* --- adjustment
 * ------------------------------------------------------------------------------ */

/* Growth that is no number is too much of it; a stability that is not known is fine. */
static bool
is_unstable(const struct ode_gauge_segment *before, const struct ode_gauge_segment *now)
{
    return now->stability > 1 && !(now->growth <= ODE_GROWTH_MOST)
           && !(now->growth <= before->growth);
}

/* The cap of a segment's kernels; -1: of those outside blocks. */
static double *
cap_of(struct passage *p, int segment)
{
    return &p->cap[segment + 1];
}

/* Lowers the cap for a segment's kernels and what moves with them. Adam's second moments
 * are of gradients, not of kernels, and stay. */
static void
cap_lower(struct passage *p, int segment, double cap)
{
    const struct ode_params *params = &p->to->net.params;
    const struct ode_engine *e = &p->to->engine;
    const double was = *cap_of(p, segment);

    if (cap >= was)
        return;
    ode_transfer_damp(params, segment, p->doublings, was, cap, e->theta);
    ode_transfer_damp(params, segment, p->doublings, was, cap, e->momentum);
    if (e->average)
        ode_transfer_damp(params, segment, p->doublings, was, cap, e->average);
    *cap_of(p, segment) = cap;
}

static void
caps_undo(struct passage *p)
{
    for (int s = -1; s < ODE_SEGMENTS_MAX; s++)
        *cap_of(p, s) = p->uncapped;
}

/* Half of the cap for each unstable segment; whether there was one. */
static bool
caps_halve(struct passage *p)
{
    const struct ode_gauge *gauge = p->record->gauge;
    bool any = false;

    for (int s = 0; s < gauge[1].segments; s++)
        if (is_unstable(&gauge[0].segment[s], &gauge[1].segment[s])
            && *cap_of(p, s) > CAP_LEAST) {
            cap_lower(p, s, *cap_of(p, s) / 2);
            any = true;
        }
    return any;
}

/* Damps until no segment is unstable; whether one was. High orders go first, as they are
 * mostly noise, and below a cap of 1 all shrinks. */
static bool
stability_restore(struct passage *p)
{
    bool any = false;

    while (caps_halve(p)) {
        any = true;
        stage_settle(p);
        ode_run_gauge(p->to, &p->record->gauge[1]);
    }
    return any;
}

/* The parameters anew, with these caps. */
static enum ode_status
caps_take(struct passage *p, const double *cap, struct ode_err *err)
{
    caps_undo(p);
    ODE_TRY(parameters_transfer(p, err));
    for (int s = -1; s < p->to->net.segment_n; s++)
        cap_lower(p, s, cap[s + 1]);
    stage_settle(p);
    return ODE_OK;
}

/* Of the caps that are as low as stability wants, or lower everywhere, the ones with the
 * least loss on the probe. */
static enum ode_status
caps_search(struct passage *p, struct ode_err *err)
{
    double best[ODE_SEGMENTS_MAX + 1], least_loss;
    struct ode_score now;

    ODE_TRY(ode_run_probe(p->run, p->to, &now, NULL, err));
    least_loss = now.loss;
    memcpy(best, p->cap, sizeof best);
    for (double cap = p->uncapped / 2; cap >= 1; cap /= 2) {
        for (int s = -1; s < p->to->net.segment_n; s++)
            cap_lower(p, s, cap);
        stage_settle(p);
        ODE_TRY(ode_run_probe(p->run, p->to, &now, NULL, err));
        if (now.loss < least_loss || isnan(least_loss)) {
            least_loss = now.loss;
            memcpy(best, p->cap, sizeof best);
        }
    }
    return memcmp(best, p->cap, sizeof best) == 0 ? ODE_OK : caps_take(p, best, err);
}

/* Noise in kernels that grew with them may do harm where no unit is unstable: layers
 * that are normalised take any scale, and learn by their kernels' scale more slowly. */
static bool
is_harmed(const struct passage *p)
{
    const struct ode_transfer_record *r = p->record;

    return p->op.halvings < 0 && !(r->undamped.loss <= LOSS_RISE_MOST * r->before.loss);
}

/* What was damped, and what the gauge said before and says now. */
static void
adjustments_note(struct passage *p, const struct ode_gauge *undamped)
{
    static const struct ode_gauge_segment unknown = { NAN, NAN, NAN };
    struct ode_transfer_record *r = p->record;

    for (int s = -1; s < p->to->net.segment_n; s++) {
        const struct ode_gauge_segment *was = s < 0 ? &unknown : &undamped->segment[s];
        const struct ode_gauge_segment *now = s < 0 ? &unknown : &r->gauge[1].segment[s];

        if (*cap_of(p, s) < p->uncapped)
            r->adjustment[r->adjusted++] = (struct ode_adjustment){
                .unit = s,
                .cap = *cap_of(p, s),
                .growth = {was->growth,     now->growth   },
                .stability = { was->stability, now->stability}
            };
    }
}

/* Measures the new level, and damps its kernels if noise in them or a longer step made a
 * unit unstable, or the loss much greater. */
static enum ode_status
transfer_adjust(struct passage *p, struct ode_err *err)
{
    struct ode_transfer_record *r = p->record;
    struct ode_gauge *gauge = &r->gauge[1], undamped;

    p->doublings = p->op.halvings < 0 ? -p->op.halvings : 1;
    p->uncapped = p->op.damping > 0 && p->op.halvings < 0
                      ? pow(p->op.damping, p->doublings)
                      : ode_stencil_undamped(p->doublings);
    caps_undo(p);
    ode_run_gauge(p->to, gauge);
    undamped = *gauge;
    ODE_TRY(ode_run_probe(p->run, p->to, &r->undamped, NULL, err));
    r->after = r->undamped;
    if (p->run->recipe->transfer.adjust == ODE_ADJUST_NONE
        || (!stability_restore(p) && !is_harmed(p)))
        return ODE_OK;
    ODE_TRY(caps_search(p, err));
    ode_run_gauge(p->to, gauge);
    adjustments_note(p, &undamped);
    return ode_run_probe(p->run, p->to, &r->after, NULL, err);
}

/* A word about the loss, and about each unit that was unstable. */
static enum ode_status
adjustments_tell(struct ode_run *run, const struct ode_transfer_record *r,
                 struct ode_err *err)
{
    char text[224];

    if (r->adjusted == 0)
        return ODE_OK;
    snprintf(
        text, sizeof text,
        "the transfer raised the probe's loss from %.4g to %.4g; kernels were damped "
        "to a cap of %g: %.4g",
        r->before.loss, r->undamped.loss, r->adjustment[r->adjusted - 1].cap,
        r->after.loss);
    ODE_TRY(ode_run_warn(run, text, err));
    for (int i = 0; i < r->adjusted; i++) {
        const struct ode_adjustment *a = &r->adjustment[i];
        const struct ode_gauge_segment undamped = { .growth = a->growth[0],
                                                    .stability = a->stability[0] };

        if (a->unit < 0 || !is_unstable(&r->gauge[0].segment[a->unit], &undamped))
            continue;
        snprintf(
            text, sizeof text,
            "unit %d: the transfer left a step of %.3g times the longest stable one, "
            "and states grew %.3g-fold; its kernels were damped to a cap of %g: "
            "%.3g times, %.3g-fold",
            a->unit, a->stability[0], a->growth[0], a->cap, a->stability[1],
            a->growth[1]);
        ODE_TRY(ode_run_warn(run, text, err));
    }
    return ODE_OK;
}

/* --- the gate
 * -------------------------------------------------------------------------------- */

static void
gate_judge(const struct ode_run *run, struct ode_transfer_record *r)
{
    r->max_jump = run->recipe->transfer.max_jump;
    r->on_jump = run->recipe->transfer.on_jump;
    r->jumped = r->max_jump > 0 && !(r->after.loss - r->before.loss <= r->max_jump);
}

/* Warns or fails. */
static enum ode_status
gate_tell(struct ode_run *run, const struct ode_transfer_record *r, int level,
          struct ode_err *err)
{
    char text[224], at[32];

    if (!r->jumped)
        return ODE_OK;
    snprintf(
        text, sizeof text,
        "the transfer to level %d raised the probe's loss from %.4g to %.4g, by more "
        "than transfer/max_jump, %g%s",
        level, r->before.loss, r->after.loss, r->max_jump,
        r->on_jump == ODE_ON_JUMP_ROLLBACK ? ": the level is skipped" : "");
    if (r->on_jump != ODE_ON_JUMP_FAIL)
        return ode_run_warn(run, text, err);
    snprintf(at, sizeof at, "/levels/%d", level);
    return ode_fail(err, ODE_EDIVERGE, at,
                    "%s; train the level before longer, or set transfer/on_jump to "
                    "rollback or warn",
                    text);
}

/* --- all of it
 * ------------------------------------------------------------------------------- */

static struct ode_transfer_record
record_begin(const struct ode_run *run, int level)
{
    const struct ode_recipe_spec *recipe = run->recipe;
    const int levels[] = { run->state.at.level, level };
    struct ode_transfer_record r = { .space = recipe->transfer.space,
                                     .time = ode_depth_resolve(recipe->transfer.time,
                                                               recipe->model.block),
                                     .damping = recipe->transfer.damping };

    for (int k = 0; k < 2; k++) {
        const struct ode_level_plan *p = &run->plan.levels[levels[k]];

        r.resolution[k] = p->resolution;
        r.blocks_n = p->blocks_n;
        memcpy(r.blocks[k], p->blocks, sizeof p->blocks);
    }
    return r;
}

/* From the stage that is to the one that comes, and all that is measured on the way. */
static enum ode_status
passage_make(struct passage *p, struct ode_err *err)
{
    struct ode_transfer_record *r = p->record;

    ODE_TRY(ode_run_probe(p->run, p->from, &r->before, &r->probe_n, err));
    ode_run_gauge(p->from, &r->gauge[0]);
    ODE_TRY(
        ode_stencil_halvings(r->resolution[0], r->resolution[1], &p->op.halvings, err));
    ODE_TRY(parameters_transfer(p, err));
    ODE_TRY(transfer_adjust(p, err));
    r->norm_before = ode_transfer_norm(&p->from->net.params, p->from->engine.theta);
    r->norm_after = ode_transfer_norm(&p->to->net.params, p->to->engine.theta);
    gate_judge(p->run, r);
    return ODE_OK;
}

/* The run is at the begin of the level that `next` is of. */
static void
level_enter(struct ode_run *run, struct ode_stage *next, int level,
            const struct ode_transfer_record *r)
{
    struct ode_state *s = &run->state;

    s->kept = true;
    s->kept_probe = r->before;
    s->kept_test = s->test;
    ode_stage_free(run->stage);
    run->stage = next;
    s->base_step = s->at.step;
    s->base_work = s->at.work;
    s->at.level = level;
    s->end = ODE_END_NOT;
    s->epoch_loss = s->best_loss = 0;
    s->stale = 0;
    s->test_due = run->plan.levels[level].steps == 0;
    ode_run_place(run, 0);
    run->tested = run->warned = false;
    memset(run->gauged, 0, sizeof run->gauged);
}

enum ode_status
ode_run_transfer(struct ode_run *run, int level, bool *taken, struct ode_err *err)
{
    struct ode_transfer_record r = record_begin(run, level);
    struct ode_progress at = run->state.at;
    struct ode_stage *next = NULL;
    struct passage p = {
        .run = run,
        .from = run->stage,
        .op = {.space = r.space, .time = r.time, .damping = r.damping},
        .record = &r
    };
    enum ode_status status;

    ODE_TRY(ode_stage_new(&next, run->recipe, level, run->train->set, run->train->kernels,
                          run->team, err));
    p.to = next;
    status = passage_make(&p, err);
    *taken = status == ODE_OK && !(r.jumped && r.on_jump != ODE_ON_JUMP_WARN);
    if (*taken)
        level_enter(run, next, level, &r);
    else
        ode_stage_free(next);
    ODE_TRY(status);
    ode_run_read_clock(run);
    at.level = level;
    at.epoch = 0;
    at.time = run->state.at.time;
    ODE_TRY(run->ops->transfer(run->ops->context, &at, &r, err));
    if (*taken)
        ODE_TRY(adjustments_tell(run, &r, err));
    return gate_tell(run, &r, level, err);
}

/* --- from another run
 * ------------------------------------------------------------------------------- */

static struct ode_transfer_record
warm_record(const struct ode_run *run)
{
    const struct ode_warm *warm = run->train->warm;
    const struct ode_recipe_spec *recipe = run->recipe;
    const struct ode_level_spec *level[] = { &warm->recipe->levels[warm->level],
                                             &recipe->levels[0] };
    struct ode_transfer_record r = { .space = recipe->transfer.space,
                                     .time = ode_depth_resolve(recipe->transfer.time,
                                                               recipe->model.block),
                                     .damping = recipe->transfer.damping,
                                     .blocks_n = level[1]->blocks_n };

    for (int k = 0; k < 2; k++) {
        r.resolution[k] = level[k]->resolution;
        memcpy(r.blocks[k], level[k]->blocks, sizeof r.blocks[k]);
    }
    return r;
}

enum ode_status
ode_run_warm(struct ode_run *run, struct ode_err *err)
{
    struct ode_transfer_record r = warm_record(run);
    struct passage p = {
        .run = run,
        .to = run->stage,
        .op = {.space = r.space, .time = r.time, .damping = r.damping},
        .record = &r,
        .warm = true
    };
    enum ode_status status;

    ODE_TRY(ode_warm_stage(&p.from, run->train, run->team, err));
    status = passage_make(&p, err);
    ode_stage_free(p.from);
    ODE_TRY(status);
    if (r.on_jump == ODE_ON_JUMP_ROLLBACK) /* there is nothing before it */
        r.on_jump = ODE_ON_JUMP_FAIL;
    run->state.moments_age = run->train->warm->moments_age;
    ode_run_read_clock(run);
    ODE_TRY(run->ops->transfer(run->ops->context, &run->state.at, &r, err));
    ODE_TRY(adjustments_tell(run, &r, err));
    return gate_tell(run, &r, 0, err);
}
