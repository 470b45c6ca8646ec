/* stage.c - all that one level of a run works with. */
#include "core/train/stage.h"

#include <stdlib.h>
#include <string.h>

#include "core/data/whiten.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"
#include "core/train/memory.h"

enum {
    WHITEN_N = 5000, /* training images that patches are taken from, at most */
    GAUGE_N = 8      /* images that stability and reversal are measured on   */
};

int
ode_source_fetch(void *context, size_t i, float *scratch, float *pixels)
{
    const struct ode_source *s = context;
    const size_t at = s->wrap ? (s->first + i) % s->wrap : s->first + i;
    const size_t example = s->order ? s->order[at] : at;

    ode_loader_image(s->loader, s->examples, example, s->epoch, scratch, pixels);
    return ode_example_label(s->examples, example);
}

struct ode_engine_config
ode_stage_config(const struct ode_recipe_spec *recipe, const struct ode_net *net,
                 const struct ode_kernels *kernels, int threads)
{
    return (struct ode_engine_config){
        .net = net,
        .kernels = kernels,
        .threads = threads,
        .batch = (int)recipe->train.batch,
        .smoothing = recipe->train.label_smoothing,
        .flip = recipe->data.test_flip,
        .second = recipe->train.optimizer.type == ODE_OPTIMIZER_ADAMW,
        .average = recipe->train.ema > 0,
    };
}

/* --- steps --- */

/* Whether weights shrink by themselves, not by way of the gradient. */
static bool
is_decoupled(const struct ode_train_spec *t)
{
    return t->optimizer.type == ODE_OPTIMIZER_ADAMW || t->optimizer.decoupled;
}

struct ode_penalty
ode_stage_penalty(const struct ode_recipe_spec *recipe)
{
    const struct ode_train_spec *t = &recipe->train;

    return (struct ode_penalty){ .decay = is_decoupled(t) ? 0 : t->weight_decay,
                                 .smoothness = t->smoothness,
                                 .step = recipe->model.step };
}

struct ode_update
ode_stage_update(const struct ode_recipe_spec *recipe, double rate, int64_t t,
                 double norm, struct ode_penalty *decay)
{
    const struct ode_train_spec *train = &recipe->train;

    *decay =
        (struct ode_penalty){ .decay = train->weight_decay, .step = recipe->model.step };
    return (struct ode_update){
        .optimizer = &train->optimizer,
        .rate = rate,
        .t = t,
        .penalty = is_decoupled(train) ? decay : NULL,
        .scale = train->clip > 0 && norm > train->clip ? train->clip / norm : 1,
        .box = train->box,
        .ema = train->ema,
        .fixed_head = train->classifier.solver == ODE_SOLVER_NEWTON,
        .block_step =
            recipe->transfer.block_rate == ODE_BLOCK_RATE_TIME ? recipe->model.step : 0,
    };
}

/* --- beside the engine ------------------------------------------------------------- */

/* exec: the stage's, or one like it. */
static void
extra_place(struct ode_stage *s, const struct ode_recipe_spec *recipe,
            const struct ode_exec *exec, size_t n, struct ode_arena *arena)
{
    const struct ode_net *net = exec->net;
    const size_t micro = (size_t)exec->micro < n ? (size_t)exec->micro : n;
    const size_t wanted = (size_t)recipe->train.classifier.examples;

    if (recipe->train.classifier.solver == ODE_SOLVER_NEWTON)
        ode_classifier_place(&s->classifier, net, &recipe->train, wanted < n ? wanted : n,
                             arena);
    ode_gauge_place(&s->gauge, exec, micro < GAUGE_N ? (int)micro : GAUGE_N, arena);
}

size_t
ode_stage_extra(const struct ode_recipe_spec *recipe, const struct ode_engine_config *c,
                size_t n)
{
    const struct ode_exec exec = { .net = c->net,
                                   .kernels = c->kernels,
                                   .micro = ode_exec_micro(c->net),
                                   .scratch_n = c->scratch_n };
    struct ode_arena count = { 0 };
    struct ode_stage s;

    extra_place(&s, recipe, &exec, n, &count);
    return count.used;
}

/* --- begin and end ----------------------------------------------------------------- */

void
ode_stage_free(struct ode_stage *s)
{
    if (!s)
        return;
    ode_engine_release(&s->engine);
    ode_arena_release(&s->arena);
    ode_net_release(&s->net);
    free(s);
}

static enum ode_status
stage_fill(struct ode_stage *s, const struct ode_recipe_spec *recipe, int level,
           const struct ode_kernels *kernels, struct ode_team *team, struct ode_err *err)
{
    const struct ode_dataset *set = s->loader.set;
    struct ode_engine_config config;
    size_t extra;

    ODE_TRY(
        ode_net_init(&s->net, recipe, (size_t)level, set->channels, set->classes, err));
    ODE_TRY(ode_stencil_halvings(ode_recipe_resolution(recipe), s->net.resolution,
                                 &s->halvings, err));
    if (s->halvings && recipe->transfer.gradient == ODE_GRADIENT_FINEST) {
        s->own = ode_metric_make(recipe->transfer.space, s->halvings);
        s->metric = &s->own;
    }
    config = ode_stage_config(recipe, &s->net, kernels, ode_team_threads(team));
    config.metric = s->metric;
    config.team = team;
    config.scratch_n = ode_loader_scratch(&s->loader);
    extra = ode_stage_extra(recipe, &config, set->train.n);
    ode_memory_fit(&s->net, recipe, &config, extra);
    ODE_TRY(ode_engine_init(&s->engine, &config, err));
    ODE_TRY(ode_arena_init(&s->arena, extra, err));
    extra_place(s, recipe, &s->engine.exec, set->train.n, &s->arena);
    if (s->metric && s->net.flat) /* metric.h */
        s->classifier.problem.decay /= (double)s->metric->map;
    return ODE_OK;
}

enum ode_status
ode_stage_new(struct ode_stage **out, const struct ode_recipe_spec *recipe, int level,
              const struct ode_dataset *set, const struct ode_kernels *kernels,
              struct ode_team *team, struct ode_err *err)
{
    struct ode_stage *s = calloc(1, sizeof *s);
    enum ode_status status;

    if (!s)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for level %d", level);
    s->loader = (struct ode_loader){ .set = set,
                                     .augment = recipe->data.augment,
                                     .resolution = (int)recipe->levels[level].resolution,
                                     .seed = (uint64_t)recipe->seed,
                                     .level = level };
    status = stage_fill(s, recipe, level, kernels, team, err);
    if (status != ODE_OK) {
        ode_stage_free(s);
        return status;
    }
    *out = s;
    return ODE_OK;
}

/* --- initial weights --------------------------------------------------------------- */

/* The opening's fixed kernel, from the stage's training images as they are. The work's
 * pixels are the engine's first. */
static enum ode_status
opening_whiten(struct ode_stage *s, struct ode_err *err)
{
    const struct ode_examples *train = &s->loader.set->train;
    const struct ode_slot *slot = &s->net.slot[s->net.opening.weight];
    const size_t n = train->n < WHITEN_N ? train->n : WHITEN_N;
    struct ode_source source = { .loader = &s->loader, .examples = train, .epoch = -1 };
    struct ode_work *w = &s->engine.work[0];
    struct ode_whiten whiten = { .in = s->net.in };

    for (size_t i = 0; i < n; i++) {
        ode_source_fetch(&source, i, w->fetched, w->pixels);
        ode_whiten_add(&whiten, s->net.resolution, s->net.resolution, w->pixels);
    }
    return ode_whiten_kernels(
        &whiten, ODE_WHITEN_EPSILON, s->net.opening.channels,
        s->engine.statistics + s->net.params.tensor[slot->tensor].offset, err);
}

enum ode_status
ode_stage_initialise(struct ode_stage *s, const struct ode_recipe_spec *recipe,
                     struct ode_err *err)
{
    ode_net_initialise(&s->net, (uint64_t)recipe->seed, s->engine.theta,
                       s->engine.statistics);
    if (s->metric)
        ode_transfer_restrict(&s->net.params, recipe->transfer.space, s->halvings,
                              s->engine.theta);
    if (s->net.whitening)
        ODE_TRY(opening_whiten(s, err));
    if (s->engine.average)
        memcpy(s->engine.average, s->engine.theta,
               s->net.params.theta_n * sizeof *s->engine.average);
    return ODE_OK;
}
