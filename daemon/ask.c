/* ask.c - a question to the worker program. */
#include "daemon/ask.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void
on_closed(uv_handle_t *handle)
{
    struct ask *ask = handle->data;

    if (--ask->open == 0)
        ask->done(ask->context);
}

static void
close_once(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* The pipe to a program that reads nothing was never opened. */
static void
close_input(struct ask *ask)
{
    if (ask->input)
        close_once(&ask->in);
}

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct ask *ask = handle->data;

    (void)wanted;
    *buf = uv_buf_init(ask->text + ask->n, (unsigned)(ask->room - ask->n));
}

/* A full buffer is an error, as the end of the file is: what is there decides. */
static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ask *ask = stream->data;

    (void)buf;
    if (n >= 0)
        ask->n += (size_t)n;
    else
        close_once(stream);
}

/* The end of the text is the end of the pipe. */
static void
on_written(uv_write_t *write, int status)
{
    (void)status;
    close_input(write->data);
}

static void
on_exit_of(uv_process_t *process, int64_t code, int signal)
{
    struct ask *ask = process->data;

    ask->code = signal ? -1 : code;
    ask->running = false;
    close_once(process);
    close_input(ask);
}

static int
spawn(struct ask *ask, uv_loop_t *loop, const char *program, char **words)
{
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE                         },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&ask->out },
        { .flags = UV_IGNORE                                         },
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = program,
        .args = words,
        .stdio_count = 3,
        .stdio = stdio,
    };

    if (ask->input) {
        stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
        stdio[0].data.stream = (uv_stream_t *)&ask->in;
    }
    return uv_spawn(loop, &ask->process, &options);
}

static int
converse(struct ask *ask)
{
    int code = uv_read_start((uv_stream_t *)&ask->out, on_room, on_read);
    uv_buf_t input;

    if (code != 0 || !ask->input)
        return code;
    input = uv_buf_init(ask->input, (unsigned)strlen(ask->input));
    return uv_write(&ask->write, (uv_stream_t *)&ask->in, &input, 1, on_written);
}

int
ask_start(struct ask *ask, uv_loop_t *loop, const char *program, char **words,
          char *input, size_t room)
{
    int code;

    *ask = (struct ask){ .done = ask->done,
                         .context = ask->context,
                         .text = malloc(room),
                         .room = room,
                         .code = -1,
                         .input = input };
    if (!ask->text) {
        ask_release(ask);
        return UV_ENOMEM;
    }
    uv_pipe_init(loop, &ask->out, 0);
    if (input)
        uv_pipe_init(loop, &ask->in, 0);
    ask->process.data = ask->in.data = ask->out.data = ask->write.data = ask;
    ask->open = input ? 3 : 2; /* also a process that failed to start wants closing */
    code = spawn(ask, loop, program, words);
    ask->running = code == 0;
    if (code == 0)
        code = converse(ask);
    if (code != 0)
        ask_stop(ask);
    return code;
}

void
ask_stop(struct ask *ask)
{
    if (ask->open == 0)
        return;
    close_input(ask);
    close_once(&ask->out);
    if (ask->running)
        uv_process_kill(&ask->process, SIGKILL);
    else
        close_once(&ask->process);
}

void
ask_release(struct ask *ask)
{
    free(ask->input);
    free(ask->text);
    ask->input = ask->text = NULL;
    ask->n = 0;
}
