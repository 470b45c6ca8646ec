/* change.c - a run's priority, changed. */
#include "daemon/change.h"

#include <stdio.h>

#include "core/recipe/recipe.h"

/* The priority that is asked for, within the bounds that a spec's has. */
static enum ode_status
priority_read(const json_t *changes, int64_t *priority, struct ode_err *err)
{
    const struct ode_field *field = ode_object_field(&ode_recipe_object, "priority");
    const json_t *value = json_object_get(changes, "priority");
    const double number = json_number_value(value);

    if (!json_is_object(changes) || !value || json_object_size(changes) != 1)
        return ode_fail(err, ODE_EARG, "",
                        "an object with the new \"priority\" is wanted; nothing else of "
                        "a run can be changed");
    if (!json_is_integer(value) || number < field->min || number > field->max)
        return ode_fail(err, ODE_ESPEC, "/priority",
                        "a whole number from %.0f to %.0f is wanted", field->min,
                        field->max);
    *priority = json_integer_value(value);
    return ODE_OK;
}

static enum ode_status
priority_set(struct store *store, struct run *run, int64_t priority, struct ode_err *err)
{
    char text[80];

    if (run_state_final(run_state_of(run)))
        return ode_fail(err, ODE_ESTATE, "", "run %s is %s: its turn has been", run->id,
                        run->state);
    if (run->priority == priority)
        return ODE_OK;
    snprintf(text, sizeof text, "priority %lld became %lld", (long long)run->priority,
             (long long)priority);
    run->priority = priority;
    ODE_TRY(run_save(store, run, err));
    return run_event(store, run->number, store_now_ms(), "priority", text, NULL, err);
}

enum ode_status
change_run(struct supervise *sup, const char *id, const json_t *changes, struct run *run,
           struct ode_err *err)
{
    enum ode_status status;
    int64_t priority = 0;

    ODE_TRY(priority_read(changes, &priority, err));
    ODE_TRY(store_begin(sup->store, err));
    status = run_load(sup->store, id, run, err);
    if (status == ODE_OK)
        status = priority_set(sup->store, run, priority, err);
    ODE_TRY(store_end(sup->store, status, err));
    supervise_heed(sup, run);
    return ODE_OK;
}
