/* probe.c - asks the worker program what it finds on this machine. */
#include "daemon/probe.h"

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

/* What was said counts, however the program ended. */
static void
conclude(struct probe *probe)
{
    json_t *facts =
        json_loadb(probe->ask.text, probe->ask.n, JSON_REJECT_DUPLICATES, NULL);

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
on_done(void *context)
{
    struct probe *probe = context;

    if (!probe->closed && !probe->failed)
        conclude(probe);
    ask_release(&probe->ask);
    if (probe->closed)
        probe->closed(probe->context);
}

void
probe_start(struct probe *probe, uv_loop_t *loop, const struct log *log,
            const char *program)
{
    char name[] = "odenet", command[] = "system", flag[] = "--json";
    char *words[] = { name, command, flag, NULL };
    int code;

    probe->log = log;
    probe->ask.done = on_done;
    probe->ask.context = probe;
    code = ask_start(&probe->ask, loop, program, words, NULL, PROBE_BYTES);
    probe->failed = code != 0;
    if (probe->failed)
        log_event(log, LOG_WARN, "probe", "failed", log_text("program", program),
                  log_text("text", uv_strerror(code)));
}

void
probe_stop(struct probe *probe, probe_closed_fn *closed, void *context)
{
    probe->closed = closed;
    probe->context = context;
    if (probe->ask.open == 0)
        closed(context);
    else
        ask_stop(&probe->ask);
}

void
probe_release(struct probe *probe)
{
    json_decref(probe->facts);
    probe->facts = NULL;
}
