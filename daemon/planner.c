/* planner.c - has the worker program plan a job. */
#include "daemon/planner.h"

#include <stdio.h>
#include <string.h>

/* --- the program ----------------------------------------------------------------------
 */

static bool
all_closed(const struct planner *planner)
{
    for (int i = 0; i < PLANNER_PLANS; i++)
        if (planner->plan[i].ask.open > 0)
            return false;
    return true;
}

/* The program is gone and all that it said is here. */
static void
on_done(void *context)
{
    struct planner_plan *plan = context;
    struct planner *planner = plan->planner;

    if (plan->ticket == 0)
        ask_release(&plan->ask);
    else if (planner->done)
        planner->done(planner->done_context, plan->ticket);
    if (planner->stopping && planner->closed && all_closed(planner))
        planner->closed(planner->closed_context);
}

static int
start(struct planner_plan *plan, const struct planner_order *order, char *spec)
{
    char name[] = "odenet", command[] = "plan", json[] = "--json",
         resolve[] = "--resolve", flag[] = "--threads", threads[16],
         no_measure[] = "--no-measure", from[] = "-";
    char *words[] = { name, command, json, resolve,
                      flag, threads, from, order->measure ? NULL : no_measure,
                      NULL };

    snprintf(threads, sizeof threads, "%d", order->threads);
    return ask_start(&plan->ask, plan->planner->loop, plan->planner->program, words, spec,
                     PLANNER_BYTES);
}

static void
give_up(struct planner_plan *plan)
{
    plan->ticket = 0;
    if (plan->ask.open == 0)
        ask_release(&plan->ask);
    else
        ask_stop(&plan->ask);
}

/* --- orders ---------------------------------------------------------------------------
 */

static struct planner_plan *
free_plan(struct planner *planner)
{
    for (int i = 0; i < PLANNER_PLANS; i++)
        if (planner->plan[i].ask.open == 0 && planner->plan[i].ticket == 0)
            return &planner->plan[i];
    return NULL;
}

static struct planner_plan *
plan_of(struct planner *planner, uint64_t ticket)
{
    for (int i = 0; i < PLANNER_PLANS; i++)
        if (ticket != 0 && planner->plan[i].ticket == ticket)
            return &planner->plan[i];
    return NULL;
}

enum ode_status
planner_begin(struct planner *planner, const struct planner_order *order,
              uint64_t *ticket, struct ode_err *err)
{
    struct planner_plan *plan = free_plan(planner);
    char *spec;
    int code;

    if (!plan || planner->stopping)
        return ode_fail(err, ODE_EIO, "", "%d plans are being made already; ask later",
                        PLANNER_PLANS);
    spec = json_dumps(order->spec, JSON_COMPACT);
    if (!spec)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a plan");
    *plan = (struct planner_plan){
        .planner = planner,
        .runs = order->runs,
        .ask = {.done = on_done, .context = plan}
    };
    code = start(plan, order, spec);
    if (code != 0) {
        log_event(planner->log, LOG_WARN, "planner", "failed",
                  log_text("program", planner->program),
                  log_text("text", uv_strerror(code)));
        return ode_fail(err, ODE_EIO, "", "the worker program cannot be started: %s",
                        uv_strerror(code));
    }
    *ticket = plan->ticket = ++planner->tickets;
    return ODE_OK;
}

/* The code of this name, as far as it is the client's affair: what core says of shapes is
 * said of the spec. */
static enum ode_status
code_of(const char *name)
{
    static const enum ode_status of_spec[] = { ODE_ESPEC, ODE_ESHAPE, ODE_EARG };

    for (int i = 0; i < 3; i++)
        if (strcmp(name, ode_status_name(of_spec[i])) == 0)
            return ODE_ESPEC;
    return strcmp(name, ode_status_name(ODE_EDATA)) == 0 ? ODE_EDATA : ODE_EIO;
}

/* {"error": {"code", "at", "text"}, "errors": [..]} */
static enum ode_status
failure_read(const json_t *said, json_t **complaints, struct ode_err *err)
{
    const json_t *error = json_object_get(said, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *at = json_string_value(json_object_get(error, "at"));
    const char *text = json_string_value(json_object_get(error, "text"));

    if (!code || !at || !text)
        return ode_fail(err, ODE_EIO, "", "the worker program does not answer");
    if (json_array_size(json_object_get(said, "errors")) > 0)
        *complaints = json_incref(json_object_get(said, "errors"));
    return ode_fail(err, code_of(code), at, "%s", text);
}

enum ode_status
planner_take(struct planner *planner, uint64_t ticket, json_t **answer,
             json_t **complaints, struct ode_err *err)
{
    struct planner_plan *plan = plan_of(planner, ticket);
    enum ode_status status = ODE_OK;
    json_t *said;

    if (!plan)
        return ode_fail(err, ODE_EIO, "", "the plan is gone");
    if (plan->ask.open > 0)
        return ODE_OK;
    said = json_loadb(plan->ask.text, plan->ask.n, JSON_REJECT_DUPLICATES, NULL);
    if (plan->ask.code == 0 && json_is_object(json_object_get(said, "plan")))
        *answer = json_incref(said);
    if (*answer)
        json_object_set_new(said, "runs", json_integer((json_int_t)plan->runs));
    else
        status = failure_read(said, complaints, err);
    json_decref(said);
    plan->ticket = 0;
    ask_release(&plan->ask);
    return status;
}

void
planner_drop(struct planner *planner, uint64_t ticket)
{
    struct planner_plan *plan = plan_of(planner, ticket);

    if (plan)
        give_up(plan);
}

void
planner_stop(struct planner *planner, planner_closed_fn *closed, void *context)
{
    planner->stopping = true;
    planner->closed = closed;
    planner->closed_context = context;
    for (int i = 0; i < PLANNER_PLANS; i++)
        if (planner->plan[i].ticket)
            give_up(&planner->plan[i]);
    if (all_closed(planner))
        closed(context);
}
