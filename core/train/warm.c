/* warm.c - the stage of another run, whose weights a run begins with. */
#include "core/train/warm.h"

#include <string.h>

static enum ode_status
warm_fill(struct ode_stage *s, const struct ode_warm *warm, struct ode_err *err)
{
    struct ode_engine *e = &s->engine;
    struct ode_state state = { .at = { .level = warm->level },
                               .net = &s->net,
                               .theta = e->theta,
                               .momentum = e->momentum,
                               .statistics = e->statistics,
                               .second = e->second,
                               .average = e->average };

    ODE_TRY(warm->fill(warm->context, &state, err));
    ode_engine_pack(e);
    return ODE_OK;
}

enum ode_status
ode_warm_stage(struct ode_stage **out, const struct ode_train *train,
               struct ode_team *team, struct ode_err *err)
{
    const struct ode_warm *warm = train->warm;
    struct ode_recipe_spec recipe = *warm->recipe;
    struct ode_stage *s = NULL;
    enum ode_status status;

    recipe.train = train->recipe->train;
    recipe.resources = train->recipe->resources;
    ODE_TRY(
        ode_stage_new(&s, &recipe, warm->level, warm->set, train->kernels, team, err));
    status = warm_fill(s, warm, err);
    if (status != ODE_OK) {
        ode_stage_free(s);
        return status;
    }
    *out = s;
    return ODE_OK;
}

static bool
is_same_network(const struct ode_stage *from, const struct ode_stage *to)
{
    const struct ode_params *a = &from->net.params, *b = &to->net.params;
    bool same = from->net.resolution == to->net.resolution && a->segment_n == b->segment_n
                && a->statistic_n == b->statistic_n;

    for (int s = 0; same && s < a->segment_n; s++)
        same = a->segment[s].blocks == b->segment[s].blocks
               && from->net.segment[s].blocks == to->net.segment[s].blocks
               && a->segment[s].dt == b->segment[s].dt;
    return same;
}

void
ode_warm_moments(const struct ode_stage *from, struct ode_stage *to)
{
    if (!is_same_network(from, to))
        return;
    memcpy(to->engine.statistics, from->engine.statistics,
           from->net.params.statistic_n * sizeof *from->engine.statistics);
    ode_engine_pack(&to->engine);
}
