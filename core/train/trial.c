/* trial.c - a level of a run on random images, to see how long it takes. */
#include "core/train/trial.h"

#include <stdlib.h>

#include "core/base/rng.h"

/* --- images ------------------------------------------------------------------------ */

static void
bytes_draw(struct ode_trial *t, size_t pixels, size_t n, int classes)
{
    struct ode_rng rng = ode_rng_at(1, ODE_STREAM_BENCH, 1, 0);

    for (size_t i = 0; i < n * pixels; i++)
        t->bytes[i] = (uint8_t)ode_rng_bits(&rng);
    for (size_t i = 0; i < n; i++)
        t->bytes[n * pixels + i] = (uint8_t)ode_rng_below(&rng, (uint32_t)classes);
}

/* Of the set's size, or of the finest level's where the set is drawn. */
static enum ode_status
images_init(struct ode_trial *t, size_t n, struct ode_err *err)
{
    const struct ode_set_facts *facts = ode_set_facts(t->recipe->data.set);
    const int side = facts->height ? facts->height : ode_recipe_resolution(t->recipe);
    const size_t pixels = (size_t)facts->channels * (size_t)side * (size_t)side;

    t->bytes = malloc(n * (pixels + 1));
    t->order = malloc(n * sizeof *t->order);
    if (!t->bytes || !t->order)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for %zu images", n);
    bytes_draw(t, pixels, n, facts->classes);
    t->set = (struct ode_dataset){
        .facts = facts,
        .channels = facts->channels,
        .height = side,
        .width = side,
        .classes = facts->classes,
        .train = {.n = n,
                  .part_n = n,
                  .image = { t->bytes },
                  .label = { t->bytes + n * pixels },
                  .image_stride = pixels,
                  .label_stride = 1}
    };
    t->set.test = t->set.train;
    return ODE_OK;
}

/* --- begin and end ----------------------------------------------------------------- */

static enum ode_status
trial_fill(struct ode_trial *t, int level, size_t n, const struct ode_kernels *kernels,
           struct ode_team *team, struct ode_err *err)
{
    ODE_TRY(images_init(t, n, err));
    ODE_TRY(ode_stage_new(&t->stage, t->recipe, level, &t->set, kernels, team, err));
    ODE_TRY(ode_stage_initialise(t->stage, t->recipe, err));
    ode_engine_pack(&t->stage->engine);
    return ODE_OK;
}

enum ode_status
ode_trial_init(struct ode_trial *t, const struct ode_recipe_spec *recipe, int level,
               size_t n, const struct ode_kernels *kernels, struct ode_team *team,
               struct ode_err *err)
{
    enum ode_status status;

    *t = (struct ode_trial){ .recipe = recipe };
    status = trial_fill(t, level, n, kernels, team, err);
    if (status != ODE_OK)
        ode_trial_release(t);
    return status;
}

void
ode_trial_release(struct ode_trial *t)
{
    ode_stage_free(t->stage);
    free(t->order);
    free(t->bytes);
    *t = (struct ode_trial){ 0 };
}

/* --- steps ------------------------------------------------------------------------- */

void
ode_trial_gradient(struct ode_trial *t, int n, struct ode_batch_report *report)
{
    const size_t batch = (size_t)t->recipe->train.batch, all = t->set.train.n;
    const size_t first = (size_t)t->steps * batch;
    const struct ode_penalty penalty = ode_stage_penalty(t->recipe);
    struct ode_source source = { .loader = &t->stage->loader,
                                 .examples = &t->set.train,
                                 .order = t->order,
                                 .first = first % all,
                                 .wrap = all,
                                 .epoch = (int)(first / all) };

    if (first % all < batch)
        ode_loader_order(1, 0, source.epoch, t->order, all);
    ode_engine_gradient(&t->stage->engine, ode_source_fetch, &source, n, &penalty,
                        report);
}

void
ode_trial_update(struct ode_trial *t, double rate)
{
    struct ode_penalty decay;
    const struct ode_update update =
        ode_stage_update(t->recipe, rate, ++t->steps, 0, &decay);

    ode_engine_update(&t->stage->engine, &update);
    ode_engine_follow(&t->stage->engine, ODE_MOMENTS_KEEP);
}

struct ode_source
ode_trial_source(struct ode_trial *t)
{
    return (struct ode_source){ .loader = &t->stage->loader,
                                .examples = &t->set.train,
                                .wrap = t->set.train.n,
                                .epoch = -1 };
}
