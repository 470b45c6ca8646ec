/* demand.c - what a run takes of the machine. */
#include "daemon/demand.h"

#include <stddef.h>

#include "core/data/dataset.h"
#include "core/train/ladder.h"
#include "core/train/train.h"

#define MIB 1048576.0

/* The program itself, measured: its text, its tables, its threads' stacks. */
enum { PROGRAM_BYTES = 16 << 20 };

/* Images as bytes and their labels; drawn sets at the finest resolution. */
static int64_t
data_bytes(const struct ode_recipe_spec *recipe, const struct ode_plan *plan)
{
    const struct ode_set_facts *facts = ode_set_facts(recipe->data.set);
    const int64_t examples = (int64_t)(plan->train_n + plan->test_n);
    int64_t pixels = (int64_t)facts->height * facts->width;

    for (size_t k = 0; facts->height == 0 && k < recipe->levels_n; k++) {
        const int64_t r = recipe->levels[k].resolution;

        pixels = r * r > pixels ? r * r : pixels;
    }
    return examples * (pixels * facts->channels + 1);
}

enum ode_status
demand_memory(const struct ode_recipe_spec *recipe, int threads, int64_t *bytes,
              struct ode_err *err)
{
    struct ode_recipe_spec candidates;
    struct ode_plan plan;
    size_t train_n, test_n;

    if (recipe->levels_auto) {
        ODE_TRY(ode_ladder_candidates(&candidates, recipe, err));
        recipe = &candidates;
    }
    ODE_TRY(ode_dataset_sizes(&recipe->data, &train_n, &test_n, err));
    ODE_TRY(ode_plan_make(&plan, recipe, train_n, test_n, threads, err));
    *bytes = (int64_t)plan.memory_bytes + data_bytes(recipe, &plan) + PROGRAM_BYTES;
    return ODE_OK;
}

enum ode_status
demand_check(const struct sched_room *total, const struct sched_share *share,
             struct ode_err *err)
{
    if (total->threads && share->threads > total->threads)
        return ode_fail(err, ODE_ESPEC, "/resources/threads",
                        "the run asks for %d threads, and all runs of this daemon have "
                        "%d together (odenetd --cores): it could never start",
                        share->threads, total->threads);
    if (total->memory_bytes && share->memory_bytes > total->memory_bytes)
        return ode_fail(err, ODE_ESPEC, "/levels",
                        "the run will need %.0f MiB of memory, and all runs of this "
                        "daemon have %.0f MiB together (odenetd --memory-mib): it could "
                        "never start; train/memory \"reverse\" or a smaller train/batch "
                        "take less",
                        (double)share->memory_bytes / MIB,
                        (double)total->memory_bytes / MIB);
    return ODE_OK;
}
