/* order.c - reads and checks a posted job, run by run. */
#include "daemon/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/dataset.h"
#include "daemon/demand.h"
#include "daemon/warm.h"
#include "schema/json.h"
#include "schema/recipe.h"
#include "schema/sets.h"

/* --- one run -------------------------------------------------------------------------
 */

/* Whether the run could open its data; a look at the files only. */
static enum ode_status
check_data(const struct ode_recipe_spec *recipe, const char *data_dir,
           struct ode_err *err)
{
    const char *name = ode_set_facts(recipe->data.set)->name;

    ODE_TRY(ode_dataset_sizes(&recipe->data, &(size_t){ 0 }, &(size_t){ 0 }, err));
    if (ode_set_available(recipe->data.set, data_dir))
        return ODE_OK;
    return ode_fail(
        err, ODE_EDATA, "/data/set",
        "the data set %s was looked for in %.150s/%s, and is missing there or "
        "not complete",
        name, data_dir, name);
}

/* What the run will take, if its turn can ever come. */
static enum ode_status
check_room(const struct order_rules *rules, struct order_run *run, struct ode_err *err)
{
    struct sched_share share = { .threads = run->recipe.resources.threads > 0
                                                ? (int)run->recipe.resources.threads
                                                : rules->threads };

    ODE_TRY(demand_memory(&run->recipe, share.threads, &share.memory_bytes, err));
    run->memory_bytes = share.memory_bytes;
    return demand_check(rules->room, &share, err);
}

/* A choice that a spec leaves to the daemon is written down in what is kept. */
static void
keep_choices(json_t *spec, const struct ode_recipe_spec *recipe)
{
    if (recipe->warm_start.run[0])
        json_object_set_new(json_object_get(spec, "warm_start"), "level",
                            json_integer(recipe->warm_start.level));
}

/* Runs that are to be promoted need a level behind the gate. */
static enum ode_status
check_gate(const struct sweep_promote *promote, const struct ode_recipe_spec *recipe,
           struct ode_err *err)
{
    if (promote->best == 0 || recipe->levels_auto
        || promote->after + 1 < (int64_t)recipe->levels_n)
        return ODE_OK;
    return ode_fail(err, ODE_ESPEC, "/sweep/promote/after",
                    "no level comes after level %lld, as there are %zu: nothing is left "
                    "to be promoted to",
                    (long long)promote->after, recipe->levels_n);
}

static enum ode_status
run_read(const struct order_rules *rules, const struct sweep *sweep, size_t i,
         struct order_run *run, json_t **complaints, struct ode_err *err)
{
    ODE_TRY(sweep_spec(sweep, i, &run->spec, &run->values, err));
    ODE_TRY(schema_recipe_read(run->spec, &run->recipe, complaints, err));
    ODE_TRY(check_data(&run->recipe, rules->data_dir, err));
    ODE_TRY(warm_settle(rules->store, &run->recipe, err));
    ODE_TRY(check_room(rules, run, err));
    ODE_TRY(check_gate(&sweep->rules.promote, &run->recipe, err));
    keep_choices(run->spec, &run->recipe);
    run->dataset = ode_set_facts(run->recipe.data.set)->name;
    return ODE_OK;
}

/* --- places ---------------------------------------------------------------------------
 */

/* Says of which run of a sweep a complaint is, where the place does not. */
static void
say_which(const struct order *order, size_t i, const char *at, char *text, size_t size)
{
    char *values;

    if (!order->sweep.grid || strncmp(at, "/sweep", 6) == 0)
        return;
    values = json_dumps(order->runs[i].values, JSON_COMPACT);
    snprintf(text + strlen(text), size - strlen(text), " (run %zu of the sweep: %.100s)",
             i, values ? values : "");
    free(values);
}

/* What was said of the spec of run i is said of the job. */
static void
locate_all(const struct order *order, size_t i, json_t *complaints)
{
    json_t *complaint;
    size_t k;

    json_array_foreach (complaints, k, complaint) {
        const char *pointer = json_string_value(json_object_get(complaint, "pointer"));
        const char *detail = json_string_value(json_object_get(complaint, "detail"));
        char at[128], text[512];

        sweep_locate(&order->sweep, i, pointer, at, sizeof at);
        snprintf(text, sizeof text, "%s", detail);
        say_which(order, i, at, text, sizeof text);
        json_object_set_new(complaint, "pointer", json_string(at));
        json_object_set_new(complaint, "detail", json_string(text));
    }
}

static void
locate(const struct order *order, size_t i, struct ode_err *err)
{
    char at[sizeof err->at];

    if (!err || err->at[0] != '/')
        return;
    sweep_locate(&order->sweep, i, err->at, at, sizeof at);
    say_which(order, i, at, err->text, sizeof err->text);
    memcpy(err->at, at, sizeof at);
}

/* --- the job --------------------------------------------------------------------------
 */

static enum ode_status
runs_read(const struct order_rules *rules, struct order *order, json_t **complaints,
          struct ode_err *err)
{
    order->runs = calloc(order->sweep.runs, sizeof *order->runs);
    if (!order->runs)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for the job");
    for (size_t i = 0; i < order->sweep.runs; i++) {
        enum ode_status status =
            run_read(rules, &order->sweep, i, &order->runs[i], complaints, err);

        if (status != ODE_OK) {
            locate(order, i, err);
            if (complaints)
                locate_all(order, i, *complaints);
            return status;
        }
    }
    return ODE_OK;
}

/* What is kept of the job: the spec of its only run, else what was posted. */
static enum ode_status
keep(struct order *order, struct ode_err *err)
{
    order->spec = order->sweep.grid ? json_deep_copy(order->asked)
                                    : json_incref(order->runs[0].spec);
    return order->spec ? ODE_OK : ode_fail(err, ODE_ENOMEM, "", "no memory for the job");
}

enum ode_status
order_read(const struct order_rules *rules, const json_t *asked, struct order *order,
           json_t **complaints, struct ode_err *err)
{
    enum ode_status status;

    *order = (struct order){ .asked = asked };
    status = sweep_read(asked, &order->sweep, complaints, err);
    if (status == ODE_OK)
        status = runs_read(rules, order, complaints, err);
    if (status == ODE_OK)
        status = keep(order, err);
    if (status != ODE_OK)
        order_release(order);
    return status;
}

void
order_release(struct order *order)
{
    for (size_t i = 0; order->runs && i < order->sweep.runs; i++) {
        json_decref(order->runs[i].spec);
        json_decref(order->runs[i].values);
    }
    free(order->runs);
    json_decref(order->spec);
    sweep_release(&order->sweep);
    *order = (struct order){ .asked = NULL };
}
