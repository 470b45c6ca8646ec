/* numbers.c - what the numbers of a run follow from. */
#include "cli/numbers.h"

#include <stdio.h>

#include "core/kernels/gemm.h"
#include "schema/recipe.h"

/* Forgets what changes no bit of the results: memory, but for inexact reversal, and what
 * is expected of levels. */
static void
idle_forget(struct ode_recipe_spec *recipe)
{
    if (recipe->train.memory != ODE_MEMORY_REVERSE_INEXACT)
        recipe->train.memory = ODE_MEMORY_STORE;
    recipe->train.checkpoint_every = 0;
    for (size_t u = 0; u < recipe->model.units_n; u++)
        recipe->model.units[u].memory = ODE_UNIT_MEMORY_TRAIN;
    for (size_t k = 0; k < recipe->levels_n; k++)
        recipe->levels[k].accuracy_floor = 0;
}

json_t *
numbers_spec(const struct ode_recipe_spec *recipe, int level)
{
    static const char *const idle[] = { "name", "resources", "priority", "warm_start" };
    struct ode_recipe_spec cut = *recipe;
    json_t *spec;

    idle_forget(&cut);
    if (!recipe->levels_auto)
        cut.levels_n = (size_t)level + 1;
    if (schema_recipe_write(&cut, &spec, NULL) != ODE_OK)
        return NULL;
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        json_object_del(spec, idle[i]);
    return json_pack("{s:o, s:i}", "spec", spec, "finest", ode_recipe_resolution(recipe));
}

bool
numbers_same(const struct ode_recipe_spec *a, const struct ode_recipe_spec *b, int level)
{
    json_t *of[2] = { numbers_spec(a, level), numbers_spec(b, level) };
    const bool same = of[0] && of[1] && json_equal(of[0], of[1]);

    json_decref(of[0]);
    json_decref(of[1]);
    return same;
}

enum ode_status
numbers_engine(const struct ode_kernels *kernels, char hex[ODE_HASH_HEX],
               struct ode_err *err)
{
    char program[ODE_HASH_HEX], text[1024];
    int n;

    ODE_TRY(ode_hash_file("/proc/self/exe", program, err));
    n = snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%s\n", PACKAGE_VERSION, program,
                 kernels->name, ode_blas_core(), ode_blas_config());
    if (n < 0 || (size_t)n >= sizeof text)
        return ode_fail(err, ODE_EINTERNAL, NULL, "OpenBLAS's description is too long");
    ode_hash_bytes(text, (size_t)n, hex);
    return ODE_OK;
}
