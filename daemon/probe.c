/* probe.c - asks the worker program what it finds on this machine. */
#include "daemon/probe.h"

#include <signal.h>

static void
on_closed(uv_handle_t *handle)
{
    struct probe *probe = handle->data;

    if (--probe->open == 0 && probe->closed)
        probe->closed(probe->context);
}

static void
close_once(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static const char *
text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static void
tell(const struct probe *probe)
{
    const json_t *blas = json_object_get(probe->facts, "blas");
    const char *warning = text_of(blas, "warning");

    log_event(probe->log, LOG_INFO, "probe", "answered",
              log_text("kernels", text_of(probe->facts, "kernels")),
              log_text("blas", text_of(blas, "core")));
    if (warning)
        log_event(probe->log, LOG_WARN, "probe", "slow", log_text("text", warning));
}

/* The answer has ended. */
static void
conclude(struct probe *probe)
{
    json_error_t why;
    json_t *facts = json_loadb(probe->text, probe->n, JSON_REJECT_DUPLICATES, &why);

    if (json_is_object(facts)) {
        probe->facts = facts;
        tell(probe);
        return;
    }
    json_decref(facts);
    log_event(probe->log, LOG_WARN, "probe", "failed",
              log_text("text", "the worker program does not say what this machine has"));
}

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct probe *probe = handle->data;

    (void)wanted;
    *buf = uv_buf_init(probe->text + probe->n, (unsigned)(PROBE_BYTES - probe->n));
}

/* A full buffer is an error, as the end of the file is: what is there decides. */
static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct probe *probe = stream->data;

    (void)buf;
    if (n >= 0) {
        probe->n += (size_t)n;
        return;
    }
    close_once(stream);
    if (!probe->closed)
        conclude(probe);
}

static void
on_exit_of(uv_process_t *process, int64_t code, int signal)
{
    struct probe *probe = process->data;

    (void)code, (void)signal; /* what was said counts */
    probe->running = false;
    close_once(process);
}

static int
spawn(struct probe *probe, uv_loop_t *loop, const char *program)
{
    char name[] = "odenet", command[] = "system", flag[] = "--json";
    char *arguments[] = { name, command, flag, NULL };
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE                         },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&probe->pipe },
        { .flags = UV_IGNORE                                         },
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = program,
        .args = arguments,
        .stdio_count = 3,
        .stdio = stdio,
    };

    return uv_spawn(loop, &probe->process, &options);
}

void
probe_start(struct probe *probe, uv_loop_t *loop, const struct log *log,
            const char *program)
{
    int code;

    probe->log = log;
    uv_pipe_init(loop, &probe->pipe, 0);
    probe->process.data = probe->pipe.data = probe;
    probe->open = 2; /* also a process that failed to start wants closing */
    code = spawn(probe, loop, program);
    probe->running = code == 0;
    if (code == 0)
        code = uv_read_start((uv_stream_t *)&probe->pipe, on_room, on_read);
    if (code == 0)
        return;
    log_event(log, LOG_WARN, "probe", "failed", log_text("program", program),
              log_text("text", uv_strerror(code)));
    close_once(&probe->pipe);
    if (!probe->running)
        close_once(&probe->process);
}

void
probe_stop(struct probe *probe, probe_closed_fn *closed, void *context)
{
    probe->closed = closed;
    probe->context = context;
    if (probe->open == 0) {
        closed(context);
        return;
    }
    close_once(&probe->pipe);
    if (probe->running)
        uv_process_kill(&probe->process, SIGKILL);
}

void
probe_release(struct probe *probe)
{
    json_decref(probe->facts);
    probe->facts = NULL;
}
