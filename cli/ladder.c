/* ladder.c - levels that the spec leaves to the program. */
#include "cli/ladder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/forecast.h"
#include "core/base/file.h"
#include "core/data/dataset.h"
#include "core/train/ladder.h"
#include "schema/json.h"
#include "schema/recipe.h"

enum { PATH_BYTES = 600 };

/* --- making ------------------------------------------------------------------------ */

/* What the candidates cost on this machine. */
static enum ode_status
candidates_measure(const struct ode_recipe_spec *recipe, size_t train, size_t test,
                   const struct ladder_config *c, struct ode_cost *cost,
                   struct ode_err *err)
{
    struct ode_recipe_spec candidates;
    struct ode_plan plan;

    ODE_TRY(ode_ladder_candidates(&candidates, recipe, err));
    ODE_TRY(ode_plan_make(&plan, &candidates, train, test, c->threads, err));
    return forecast_measure(cost, &candidates, &plan, 0, c->kernels, c->threads, 1,
                            c->stop, err);
}

static json_t *
reasons_json(const struct ode_ladder *ladder)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ladder->reasons_n; i++)
        json_array_append_new(list, json_string(ladder->reason[i]));
    return list;
}

enum ode_status
ladder_resolve(struct ode_recipe_spec *recipe, const struct ladder_config *c,
               json_t **reasons, struct ode_err *err)
{
    const bool deadline = recipe->budget.deadline_s > 0 && !c->no_measure;
    struct ode_ladder ladder;
    struct ode_cost cost;
    size_t train, test;

    *reasons = NULL;
    if (!recipe->levels_auto)
        return ODE_OK;
    ODE_TRY(ode_dataset_sizes(&recipe->data, &train, &test, err));
    if (deadline)
        ODE_TRY(candidates_measure(recipe, train, test, c, &cost, err));
    ODE_TRY(ode_ladder_make(&ladder, recipe, train, test, deadline ? &cost : NULL, err));
    ode_ladder_apply(&ladder, recipe);
    *reasons = reasons_json(&ladder);
    return *reasons ? ODE_OK : ode_fail(err, ODE_ENOMEM, NULL, "no memory for a ladder");
}

/* --- the budget -------------------------------------------------------------------- */

static json_t *
budget_json(const struct ode_recipe_spec *recipe)
{
    json_t *json = NULL;

    schema_json_write(&ode_budget_object, &recipe->budget, &json, NULL);
    return json;
}

/* Levels that are listed have no budget, or one that they were made from. */
static bool
has_budget(const struct ode_recipe_spec *recipe)
{
    const struct ode_budget_spec *b = &recipe->budget;

    return b->epochs > 0 || b->work > 0 || b->deadline_s > 0;
}

void
ladder_mark(json_t *metadata, const struct ode_recipe_spec *recipe)
{
    json_t *budget;
    char *text;

    if (!has_budget(recipe))
        return;
    budget = budget_json(recipe);
    text = json_dumps(budget, JSON_COMPACT);
    json_object_set_new(metadata, "budget", json_string(text));
    json_decref(budget);
    free(text);
}

struct ode_recipe_spec
ladder_asked(const struct weights *checkpoint)
{
    struct ode_recipe_spec recipe = checkpoint->recipe;
    const char *text = safetensors_text(&checkpoint->file, "budget");
    json_t *budget = text ? json_loads(text, 0, NULL) : NULL;

    if (budget
        && schema_json_read(&ode_budget_object, budget, &recipe.budget, NULL, NULL)
               == ODE_OK) {
        recipe.levels_auto = true;
        recipe.levels_n = 0;
    }
    json_decref(budget);
    return recipe;
}

/* --- the file ---------------------------------------------------------------------- */

static void
path_of(const char *run_dir, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/ladder.json", run_dir);
}

/* {"budget", "reasons", "spec": resolved} */
static enum ode_status
file_write(const struct ode_recipe_spec *recipe, const char *run_dir,
           const json_t *reasons, struct ode_err *err)
{
    json_t *spec = NULL, *all;
    char path[PATH_BYTES], *text;
    enum ode_status status;

    ODE_TRY(schema_recipe_write(recipe, &spec, err));
    all = json_pack("{s:o, s:O, s:o}", "budget", budget_json(recipe), "reasons", reasons,
                    "spec", spec);
    text = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
    json_decref(all);
    if (!text)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a ladder");
    path_of(run_dir, path);
    status = ode_file_write_atomic(path, &(struct iovec){ text, strlen(text) }, 1, err);
    free(text);
    return status;
}

/* The levels of the resolved spec, if the recipe has room for them. */
static bool
levels_take(struct ode_recipe_spec *recipe, const json_t *spec)
{
    struct ode_recipe_spec copy = *recipe, resolved;

    if (schema_recipe_read(spec, &resolved, NULL, NULL) != ODE_OK)
        return false;
    copy.levels_auto = false;
    copy.levels_n = resolved.levels_n;
    memcpy(copy.levels, resolved.levels, sizeof copy.levels);
    if (ode_recipe_settle(&copy, NULL, NULL, NULL) != ODE_OK)
        return false;
    *recipe = copy;
    return true;
}

/* What an earlier attempt made of the same budget; false where there is nothing. */
static bool
file_read(struct ode_recipe_spec *recipe, const char *run_dir, json_t **reasons)
{
    json_t *all = NULL, *budget = budget_json(recipe);
    char path[PATH_BYTES];
    bool found;

    path_of(run_dir, path);
    found = schema_json_load(path, &all, NULL) == ODE_OK
            && json_equal(json_object_get(all, "budget"), budget)
            && json_is_array(json_object_get(all, "reasons"))
            && levels_take(recipe, json_object_get(all, "spec"));
    if (found)
        *reasons = json_incref(json_object_get(all, "reasons"));
    json_decref(budget);
    json_decref(all);
    return found;
}

/* --- a worker ---------------------------------------------------------------------- */

enum ode_status
ladder_settle(struct ode_recipe_spec *recipe, const char *run_dir, bool resume,
              const struct weights *checkpoint, const struct ladder_config *config,
              json_t **reasons, struct ode_err *err)
{
    bool known;

    *reasons = NULL;
    if (!recipe->levels_auto)
        return ODE_OK;
    known = resume && file_read(recipe, run_dir, reasons);
    if (checkpoint) { /* what it was trained by counts */
        recipe->levels_auto = false;
        recipe->levels_n = checkpoint->recipe.levels_n;
        memcpy(recipe->levels, checkpoint->recipe.levels, sizeof recipe->levels);
        return ODE_OK;
    }
    if (known)
        return ODE_OK;
    ODE_TRY(ladder_resolve(recipe, config, reasons, err));
    return file_write(recipe, run_dir, *reasons, err);
}
