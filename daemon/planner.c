/* planner.c - has the worker program plan a job. */
#include "daemon/planner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the end of a plan ----------------------------------------------------------------
 */

static bool
all_closed(const struct planner *planner)
{
    for (int i = 0; i < PLANNER_PLANS; i++)
        if (planner->plan[i].open > 0)
            return false;
    return true;
}

static void
texts_free(struct planner_plan *plan)
{
    free(plan->spec);
    free(plan->text);
    plan->spec = plan->text = NULL;
    plan->n = 0;
}

/* The program is gone and all that it said is here. */
static void
conclude(struct planner_plan *plan)
{
    struct planner *planner = plan->planner;

    if (plan->ticket == 0)
        texts_free(plan);
    else if (planner->done)
        planner->done(planner->done_context, plan->ticket);
    if (planner->stopping && planner->closed && all_closed(planner))
        planner->closed(planner->closed_context);
}

static void
on_closed(uv_handle_t *handle)
{
    struct planner_plan *plan = handle->data;

    if (--plan->open == 0)
        conclude(plan);
}

static void
close_once(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* --- the program ----------------------------------------------------------------------
 */

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct planner_plan *plan = handle->data;

    (void)wanted;
    *buf = uv_buf_init(plan->text + plan->n, (unsigned)(PLANNER_BYTES - plan->n));
}

/* A full buffer is an error, as the end of the file is: what is there decides. */
static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct planner_plan *plan = stream->data;

    (void)buf;
    if (n >= 0)
        plan->n += (size_t)n;
    else
        close_once(stream);
}

/* The end of the spec is the end of the pipe. */
static void
on_written(uv_write_t *write, int status)
{
    struct planner_plan *plan = write->data;

    (void)status;
    close_once(&plan->in);
}

static void
on_exit_of(uv_process_t *process, int64_t code, int signal)
{
    struct planner_plan *plan = process->data;

    plan->code = signal ? -1 : code;
    plan->running = false;
    close_once(process);
    close_once(&plan->in);
}

static int
spawn(struct planner_plan *plan, const struct planner_order *order)
{
    char name[] = "odenet", command[] = "plan", json[] = "--json",
         resolve[] = "--resolve", flag[] = "--threads", threads[16],
         no_measure[] = "--no-measure", from[] = "-";
    char *arguments[] = { name, command, json, resolve,
                          flag, threads, from, order->measure ? NULL : no_measure,
                          NULL };
    uv_stdio_container_t stdio[] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
         .data.stream = (uv_stream_t *)&plan->in },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&plan->out },
        { .flags = UV_IGNORE  },
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = plan->planner->program,
        .args = arguments,
        .stdio_count = 3,
        .stdio = stdio,
    };

    snprintf(threads, sizeof threads, "%d", order->threads);
    return uv_spawn(plan->planner->loop, &plan->process, &options);
}

/* Handles are open from here on, whatever comes of it. */
static int
start(struct planner_plan *plan, const struct planner_order *order)
{
    uv_buf_t spec = uv_buf_init(plan->spec, (unsigned)strlen(plan->spec));
    int code;

    uv_pipe_init(plan->planner->loop, &plan->in, 0);
    uv_pipe_init(plan->planner->loop, &plan->out, 0);
    plan->process.data = plan->in.data = plan->out.data = plan->write.data = plan;
    plan->open = 3; /* also a process that failed to start wants closing */
    code = spawn(plan, order);
    plan->running = code == 0;
    if (code == 0)
        code = uv_read_start((uv_stream_t *)&plan->out, on_room, on_read);
    if (code == 0)
        code = uv_write(&plan->write, (uv_stream_t *)&plan->in, &spec, 1, on_written);
    return code;
}

static void
give_up(struct planner_plan *plan)
{
    plan->ticket = 0;
    if (plan->open == 0) {
        texts_free(plan);
        return;
    }
    close_once(&plan->in);
    close_once(&plan->out);
    if (plan->running)
        uv_process_kill(&plan->process, SIGKILL);
    else
        close_once(&plan->process);
}

/* --- orders ---------------------------------------------------------------------------
 */

static struct planner_plan *
free_plan(struct planner *planner)
{
    for (int i = 0; i < PLANNER_PLANS; i++)
        if (planner->plan[i].open == 0 && planner->plan[i].ticket == 0)
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
    int code;

    if (!plan || planner->stopping)
        return ode_fail(err, ODE_EIO, "", "%d plans are being made already; ask later",
                        PLANNER_PLANS);
    *plan = (struct planner_plan){ .planner = planner, .code = -1 };
    plan->spec = json_dumps(order->spec, JSON_COMPACT);
    plan->text = malloc(PLANNER_BYTES);
    if (!plan->spec || !plan->text) {
        texts_free(plan);
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a plan");
    }
    code = start(plan, order);
    if (code != 0) {
        log_event(planner->log, LOG_WARN, "planner", "failed",
                  log_text("program", planner->program),
                  log_text("text", uv_strerror(code)));
        give_up(plan);
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
    if (plan->open > 0)
        return ODE_OK;
    said = json_loadb(plan->text, plan->n, JSON_REJECT_DUPLICATES, NULL);
    if (plan->code == 0 && json_is_object(json_object_get(said, "plan")))
        *answer = json_incref(said);
    else
        status = failure_read(said, complaints, err);
    json_decref(said);
    plan->ticket = 0;
    texts_free(plan);
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
