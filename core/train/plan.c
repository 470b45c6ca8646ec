/* plan.c - what a run will do: sizes, steps, work and memory of every level. */
#include <math.h>

#include "core/data/dataset.h"
#include "core/scales/depth.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"
#include "core/train/memory.h"
#include "core/train/stage.h"
#include "core/train/train.h"

static void
level_plan(struct ode_level_plan *p, const struct ode_recipe_spec *recipe, size_t k,
           struct ode_net *net, size_t train_n, int threads)
{
    const struct ode_level_spec *level = &recipe->levels[k];
    const int64_t batch = recipe->train.batch;
    const struct ode_engine_config config =
        ode_stage_config(recipe, net, ode_kernels_best(ODE_ISA_ALL), threads);
    const size_t extra = ode_stage_extra(recipe, &config, train_n);

    ode_memory_fit(net, recipe, &config, extra);
    *p = (struct ode_level_plan){ .resolution = level->resolution,
                                  .epochs = level->epochs,
                                  .parameters = net->params.theta_n,
                                  .flops = net->flops,
                                  .memory_bytes = ode_engine_bytes(&config) + extra,
                                  .segments = net->segment_n,
                                  .blocks_n = level->blocks_n };
    for (size_t u = 0; u < level->blocks_n; u++) {
        p->blocks[u] = level->blocks[u];
        p->memory[u] = net->segment[u].memory;
    }
    p->epoch_steps = ((int64_t)train_n + batch - 1) / batch;
    p->steps = p->epoch_steps * level->epochs;
}

/* Whether the parameters of level k - 1 can go to level k. */
static enum ode_status
transfer_check(const struct ode_recipe_spec *recipe, size_t k, const struct ode_net *from,
               const struct ode_net *to, struct ode_err *err)
{
    struct ode_transfer_op op = { .space = recipe->transfer.space,
                                  .time = ode_depth_resolve(recipe->transfer.time,
                                                            recipe->model.block),
                                  .damping = recipe->transfer.damping };

    (void)k;
    ODE_TRY(ode_stencil_halvings(from->resolution, to->resolution, &op.halvings, err));
    return ode_transfer_check(&from->params, &to->params, &op, err);
}

static void
plan_sum(struct ode_plan *plan)
{
    double finest = 0;

    for (size_t k = 0; k < plan->levels_n; k++)
        finest = fmax(finest, plan->levels[k].flops);
    for (size_t k = 0; k < plan->levels_n; k++) {
        struct ode_level_plan *p = &plan->levels[k];
        /* Both levels' engines live while parameters go from one to the next. */
        const size_t bytes =
            p->memory_bytes + (k > 0 ? plan->levels[k - 1].memory_bytes : 0);

        p->first_step = plan->steps;
        p->work_image = p->flops / finest;
        p->work = p->work_image * ((double)plan->train_n * (double)p->epochs);
        plan->steps += p->steps;
        plan->work += p->work;
        if (bytes > plan->memory_bytes)
            plan->memory_bytes = bytes;
    }
}

bool
ode_plan_tests(const struct ode_plan *plan, int level, int64_t level_step)
{
    const struct ode_level_plan *p = &plan->levels[level];
    const int64_t every = plan->test_every > 1 ? plan->test_every : 1;

    if (level_step == p->steps)
        return true;
    return level_step % p->epoch_steps == 0 && level_step / p->epoch_steps % every == 0;
}

double
ode_plan_level_work(const struct ode_plan *plan, int level, int64_t level_step)
{
    const struct ode_level_plan *p = &plan->levels[level];
    double images;

    if (level_step == 0)
        return 0;
    images = (double)plan->train_n * (double)(level_step / p->epoch_steps)
             + (double)plan->batch * (double)(level_step % p->epoch_steps);
    return p->work_image * images;
}

double
ode_plan_work(const struct ode_plan *plan, int level, int64_t level_step)
{
    double work = 0;

    for (int k = 0; k < level; k++)
        work += plan->levels[k].work;
    return work + ode_plan_level_work(plan, level, level_step);
}

enum ode_status
ode_plan_make(struct ode_plan *out, const struct ode_recipe_spec *recipe, size_t train_n,
              size_t test_n, int threads, struct ode_err *err)
{
    const struct ode_set_facts *facts = ode_set_facts(recipe->data.set);
    struct ode_plan plan = { .levels_n = recipe->levels_n,
                             .train_n = train_n,
                             .test_n = test_n,
                             .batch = recipe->train.batch,
                             .test_every = recipe->train.test_every,
                             .classes = facts->classes,
                             .channels = facts->channels };
    struct ode_net last = { 0 }, net = { 0 };
    enum ode_status status = ODE_OK;

    for (size_t k = 0; k < plan.levels_n && status == ODE_OK; k++) {
        status = ode_net_init(&net, recipe, k, facts->channels, facts->classes, err);
        if (status == ODE_OK)
            level_plan(&plan.levels[k], recipe, k, &net, train_n, threads);
        if (status == ODE_OK && k > 0)
            status = transfer_check(recipe, k, &last, &net, err);
        ode_net_release(&last);
        last = net;
        net = (struct ode_net){ 0 };
    }
    ode_net_release(&last);
    if (status != ODE_OK)
        return status;
    plan_sum(&plan);
    *out = plan;
    return ODE_OK;
}
