/* model.c - a model at a resolution and depth of its own. */
#include "cli/model.h"

#include <stdlib.h>

#include "core/data/dataset.h"
#include "core/scales/depth.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"

/* Room for the values of model->net. */
static enum ode_status
values_new(struct model *m, struct ode_err *err)
{
    const struct ode_params *p = &m->net.params;

    m->theta = calloc(p->theta_n, sizeof *m->theta);
    m->statistics = calloc(p->statistic_n, sizeof *m->statistics);
    if (!m->theta || !m->statistics)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for %zu parameters",
                        p->theta_n);
    return ODE_OK;
}

static enum ode_status
net_new(struct model *m, struct ode_err *err)
{
    const struct ode_set_facts *facts = ode_set_facts(m->recipe.data.set);

    ODE_TRY(ode_net_init(&m->net, &m->recipe, 0, facts->channels, facts->classes, err));
    return values_new(m, err);
}

enum ode_status
model_load(struct model *out, const char *path, struct ode_err *err)
{
    struct model m = { 0 };
    struct weights w;
    enum ode_status status;

    ODE_TRY(weights_open(&w, path, err));
    m.recipe = w.recipe;
    m.recipe.levels[0] = w.recipe.levels[w.level];
    m.recipe.levels_n = 1;
    status = weights_integer(&w, "step", &m.step, err);
    if (status == ODE_OK)
        status = net_new(&m, err);
    if (status == ODE_OK)
        status = weights_get(
            &w, &(struct weights_room){ .theta = m.theta, .statistics = m.statistics },
            err);
    weights_close(&w);
    if (status != ODE_OK) {
        model_release(&m);
        return status;
    }
    *out = m;
    return ODE_OK;
}

void
model_release(struct model *m)
{
    free(m->theta);
    free(m->statistics);
    ode_net_release(&m->net);
    *m = (struct model){ 0 };
}

void
model_set_space(struct model *m, enum ode_space space)
{
    m->recipe.transfer.space = space;
    if (space != ODE_SPACE_BILINEAR)
        m->recipe.transfer.damping = 0;
}

static enum ode_status
values_transfer(const struct model *from, struct model *to, struct ode_err *err)
{
    struct ode_transfer_op op = { .space = from->recipe.transfer.space,
                                  .time = ode_depth_resolve(from->recipe.transfer.time,
                                                            from->recipe.model.block),
                                  .damping = from->recipe.transfer.damping };

    ODE_TRY(ode_stencil_halvings(from->net.resolution, to->net.resolution, &op.halvings,
                                 err));
    ODE_TRY(ode_transfer_params(&from->net.params, from->theta, &to->net.params,
                                to->theta, &op, err));
    return ode_transfer_statistics(&from->net.params, from->statistics, &to->net.params,
                                   to->statistics, &op, err);
}

enum ode_status
model_transfer(const struct model *from, int64_t resolution, const int64_t *blocks,
               struct model *out, struct ode_err *err)
{
    struct model to = { .recipe = from->recipe, .step = from->step };
    struct ode_level_spec *level = &to.recipe.levels[0];
    enum ode_status status;

    level->resolution = resolution;
    for (size_t u = 0; u < level->blocks_n; u++) {
        if (level->blocks[u] != blocks[u])
            ODE_TRY(ode_depth_check(&from->recipe.model, err));
        level->blocks[u] = blocks[u];
    }
    status = ode_recipe_settle(&to.recipe, NULL, NULL, err);
    if (status == ODE_OK)
        status = net_new(&to, err);
    if (status == ODE_OK)
        status = values_transfer(from, &to, err);
    if (status != ODE_OK) {
        model_release(&to);
        return status;
    }
    *out = to;
    return ODE_OK;
}
