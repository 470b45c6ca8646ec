/* warm.c - whether a new run can begin with the weights of another. */
#include "daemon/warm.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/run.h"
#include "daemon/ulid.h"
#include "schema/recipe.h"

static const char at_run[] = "/warm_start/run", at_level[] = "/warm_start/level";

/* The run's finished level of this number, or its newest for -1; *level is -1 where there
 * is none. */
static enum ode_status
level_find(struct store *store, const struct run *run, int64_t wanted, int64_t *level,
           struct ode_err *err)
{
    sqlite3_stmt *query =
        store_query(store, STORE_LEVEL_DONE, store_int(run->number), store_int(wanted));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    *level = status == ODE_OK && row && sqlite3_column_type(query, 0) != SQLITE_NULL
                 ? sqlite3_column_int64(query, 0)
                 : -1;
    store_done(query);
    return status;
}

static enum ode_status
run_find(struct store *store, const char *id, struct run *run, struct ode_err *err)
{
    enum ode_status status = ODE_ENOENT;

    if (ulid_valid(id))
        status = run_load(store, id, run, err);
    if (status == ODE_ENOENT)
        return ode_fail(err, ODE_ESPEC, at_run,
                        "there is no run %.40s; give the id of one that /v1/runs lists",
                        id);
    return status;
}

/* What the other run was asked for. */
static enum ode_status
recipe_load(struct store *store, const struct run *run, struct ode_recipe_spec *recipe,
            struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_GET, store_text(run->job));
    enum ode_status status;
    bool row = false;

    status = store_step(query, &row, err);
    if (status == ODE_OK) {
        const char *text = row ? store_column_text(query, 2) : "";

        status = schema_recipe_parse(text, strlen(text), "spec", recipe, NULL, NULL);
        if (status != ODE_OK)
            ode_fail(err, status = ODE_ESPEC, at_run,
                     "what run %s was asked for can no longer be read; name another",
                     run->id);
    }
    store_done(query);
    return status;
}

/* The level of the other run that is meant. */
static enum ode_status
level_choose(struct store *store, const struct run *run, int64_t *level,
             struct ode_err *err)
{
    int64_t found, newest;

    ODE_TRY(level_find(store, run, *level, &found, err));
    ODE_TRY(level_find(store, run, -1, &newest, err));
    if (newest < 0)
        return ode_fail(err, ODE_ESPEC, at_run,
                        "run %s is %s and has finished no level; wait for one, or name "
                        "another run",
                        run->id, run->state);
    if (found < 0)
        return ode_fail(err, ODE_ESPEC, at_level,
                        "run %s has not finished level %lld, its newest is %lld; name a "
                        "finished one, or leave level out",
                        run->id, (long long)*level, (long long)newest);
    *level = found;
    return ODE_OK;
}

enum ode_status
warm_settle(struct store *store, struct ode_recipe_spec *recipe, struct ode_err *err)
{
    struct ode_recipe_spec other;
    int64_t level = recipe->warm_start.level;
    struct run run;

    if (!recipe->warm_start.run[0])
        return ODE_OK;
    ODE_TRY(run_find(store, recipe->warm_start.run, &run, err));
    ODE_TRY(level_choose(store, &run, &level, err));
    ODE_TRY(recipe_load(store, &run, &other, err));
    if ((size_t)level >= other.levels_n)
        return ode_fail(err, ODE_ESPEC, at_level, "run %s has %zu levels", run.id,
                        other.levels_n);
    ODE_TRY(ode_recipe_continues(&other, (int)level, recipe, err));
    recipe->warm_start.level = level;
    return ODE_OK;
}
