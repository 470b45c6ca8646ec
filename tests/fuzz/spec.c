/* spec.c - fuzzes the job spec: its text, the reader, its settling, what it takes. */
#include <stdlib.h>
#include <string.h>

#include "daemon/demand.h"
#include "schema/json.h"
#include "schema/recipe.h"
#include "schema/sweep.h"
#include "tests/fuzz/fuzz.h"

/* A spec that was taken is written, and read again the same. */
static void
written_again(const struct ode_recipe_spec *recipe)
{
    struct ode_recipe_spec again;
    json_t *first = NULL, *second = NULL;
    struct ode_err err;

    fuzz_require(schema_recipe_write(recipe, &first, &err) == ODE_OK);
    fuzz_require(schema_recipe_read(first, &again, NULL, &err) == ODE_OK);
    fuzz_require(schema_recipe_write(&again, &second, &err) == ODE_OK);
    fuzz_require(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

/* Blocks that the network of the finest depth has; what there is to do for a plan. */
static int64_t
blocks_of(const struct ode_recipe_spec *recipe)
{
    int64_t n = 0;

    for (size_t u = 0; u < recipe->model.units_n; u++)
        n += recipe->model.units[u].blocks + recipe->model.units[u].weights;
    return n;
}

static void
measured(const struct ode_recipe_spec *recipe)
{
    int64_t bytes = -1;
    struct ode_err err;

    if (blocks_of(recipe) < 500 && demand_memory(recipe, 2, &bytes, &err) == ODE_OK)
        fuzz_require(bytes > 0);
}

/* A job that may have a sweep: each of its runs' specs can be made and told of. */
static void
swept(const uint8_t *data, size_t size)
{
    json_t *job = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *complaints = NULL, *spec, *values;
    struct sweep sweep;
    struct ode_err err;
    char at[128];

    if (job && sweep_read(job, &sweep, &complaints, &err) == ODE_OK) {
        fuzz_require(sweep.runs >= 1 && sweep.runs <= SWEEP_RUNS_MAX);
        for (size_t i = 0; i < sweep.runs; i++) {
            fuzz_require(sweep_spec(&sweep, i, &spec, &values, &err) == ODE_OK);
            sweep_locate(&sweep, i, "/levels/0", at, sizeof at);
            json_decref(spec);
            json_decref(values);
        }
        sweep_release(&sweep);
    } else {
        fuzz_require(!job || json_array_size(complaints) > 0);
    }
    json_decref(complaints);
    json_decref(job);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *complaints = NULL;
    struct ode_recipe_spec recipe;
    struct ode_err err = { 0 };
    const enum ode_status status =
        schema_recipe_parse((const char *)data, size, "spec", &recipe, &complaints, &err);

    if (status == ODE_OK) {
        written_again(&recipe);
        measured(&recipe);
    } else {
        fuzz_require(status == ODE_ESPEC && err.code == ODE_ESPEC);
        fuzz_require(err.text[0] && memchr(err.text, '\0', sizeof err.text));
        fuzz_require(!complaints || json_array_size(complaints) > 0);
    }
    json_decref(complaints);
    swept(data, size);
    return 0;
}
