/* memory.c - what is kept for the backward pass, where the recipe leaves it open. */
#include "core/train/memory.h"

static bool
is_open(const struct ode_recipe_spec *recipe, int s)
{
    return recipe->train.memory == ODE_MEMORY_AUTO
           && recipe->model.units[s].memory == ODE_UNIT_MEMORY_TRAIN;
}

/* The open unit that still stores and whose change saves most; -1 if there is none. */
static int
largest(struct ode_net *net, const struct ode_recipe_spec *recipe,
        const struct ode_engine_config *config)
{
    const enum ode_memory instead =
        net->block->reach ? ODE_MEMORY_REVERSE : ODE_MEMORY_CHECKPOINT;
    size_t least = ode_engine_bytes(config);
    int best = -1;

    for (int s = 0; s < net->segment_n; s++) {
        size_t bytes;

        if (!is_open(recipe, s) || net->segment[s].memory != ODE_MEMORY_STORE)
            continue;
        net->segment[s].memory = instead;
        bytes = ode_engine_bytes(config);
        net->segment[s].memory = ODE_MEMORY_STORE;
        if (bytes < least) {
            least = bytes;
            best = s;
        }
    }
    return best;
}

void
ode_memory_fit(struct ode_net *net, const struct ode_recipe_spec *recipe,
               const struct ode_engine_config *config, size_t extra)
{
    const size_t budget = (size_t)recipe->resources.memory_mib << 20;

    while (ode_engine_bytes(config) + extra > budget) {
        const int s = largest(net, recipe, config);

        if (s < 0)
            return;
        net->segment[s].memory =
            net->block->reach ? ODE_MEMORY_REVERSE : ODE_MEMORY_CHECKPOINT;
    }
}
