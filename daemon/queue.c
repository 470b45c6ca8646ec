/* queue.c - the states of runs as a table, and what the end of a worker means. */
#include "daemon/queue.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[RUN_STATES] = {
    [RUN_QUEUED] = "queued",       [RUN_STARTING] = "starting",
    [RUN_RUNNING] = "running",     [RUN_PAUSED] = "paused",
    [RUN_SUCCEEDED] = "succeeded", [RUN_FAILED] = "failed",
    [RUN_CANCELLED] = "cancelled",
};

#define TO(state) (1u << (RUN_##state))

/* What may follow what. Nothing but a request leaves a final state. */
static const unsigned allowed[RUN_STATES] = {
    [RUN_QUEUED] = TO(STARTING) | TO(PAUSED) | TO(FAILED) | TO(CANCELLED),
    [RUN_STARTING] = TO(QUEUED) | TO(RUNNING) | TO(PAUSED) | TO(FAILED) | TO(CANCELLED),
    [RUN_RUNNING] = TO(QUEUED) | TO(PAUSED) | TO(SUCCEEDED) | TO(FAILED) | TO(CANCELLED),
    [RUN_PAUSED] = TO(QUEUED) | TO(CANCELLED),
    [RUN_FAILED] = TO(QUEUED),
    [RUN_CANCELLED] = TO(QUEUED),
};

const char *
run_state_name(enum run_state state)
{
    return state_names[state];
}

bool
run_state_from_name(const char *name, enum run_state *state)
{
    for (int i = 0; i < RUN_STATES; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *state = (enum run_state)i;
            return true;
        }
    return false;
}

enum run_state
run_state_of(const struct run *run)
{
    enum run_state state = RUN_FAILED;

    /* The database holds no other names: it has a CHECK. */
    run_state_from_name(run->state, &state);
    return state;
}

bool
run_state_final(enum run_state state)
{
    return state == RUN_SUCCEEDED || state == RUN_FAILED || state == RUN_CANCELLED;
}

bool
queue_allows(enum run_state from, enum run_state to)
{
    return (allowed[from] >> to & 1) != 0;
}

/* The columns that belong to a state. */
static void
stamp(struct run *run, enum run_state to, int64_t now)
{
    if (to == RUN_STARTING) {
        run->attempt++;
        run->attempt_ms = now;
        run->not_before_ms = 0;
        run->final_state[0] = '\0';
        run->error_code[0] = run->error_at[0] = run->error_text[0] = '\0';
        if (!run->started_ms)
            run->started_ms = now;
    }
    if (to != RUN_RUNNING)
        run->pid = 0;
    run->finished_ms = run_state_final(to) ? now : 0;
}

static enum ode_status
write_move(struct queue *queue, const struct run *run, enum run_state from,
           const char *cause, int64_t now, struct ode_err *err)
{
    const char *from_name = run_state_name(from);

    ODE_TRY(store_exec(queue->store, STORE_RUN_MOVE, err, store_int(run->number),
                       store_text(from_name), store_text(run->state),
                       store_text(run->reason)));
    if (store_changes(queue->store) != 1)
        return ode_fail(err, ODE_ESTATE, "", "run %s is not %s any more", run->id,
                        from_name);
    ODE_TRY(run_save(queue->store, run, err));
    return store_exec(queue->store, STORE_EVENT_INSERT, err, store_int(run->number),
                      store_int(now), store_text("state"), store_text(from_name),
                      store_text(run->state), store_text(cause), store_text(NULL));
}

enum ode_status
queue_move(struct queue *queue, struct run *run, enum run_state to, const char *cause,
           struct ode_err *err)
{
    enum run_state from = run_state_of(run);
    int64_t now = store_now_ms();
    enum ode_status status;

    if (!queue_allows(from, to))
        return ode_fail(err, ODE_ESTATE, "", "run %s is %s and cannot become %s", run->id,
                        run_state_name(from), run_state_name(to));
    run_text(run->state, sizeof run->state, run_state_name(to));
    run_text(run->reason, sizeof run->reason, cause);
    stamp(run, to, now);
    ODE_TRY(store_begin(queue->store, err));
    status = write_move(queue, run, from, cause, now, err);
    if (status == ODE_OK && queue->ended && run_state_final(to))
        status = queue->ended(queue->ended_context, run, now, err);
    if (status == ODE_OK && queue->moved)
        queue->moved(queue->context, run, from);
    return store_end(queue->store, status, err);
}

/* --- the verdict -------------------------------------------------------------------- */

/* A failure that another worker would only repeat. */
static bool
permanent(const char *code)
{
    static const enum ode_status codes[] = { ODE_EARG,  ODE_ESPEC,   ODE_ESHAPE,
                                             ODE_EDATA, ODE_EFORMAT, ODE_EDIVERGE,
                                             ODE_ERANGE };

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, ode_status_name(codes[i])) == 0)
            return true;
    return false;
}

/* The error that an exit code stands for where no final record says more; NULL: none. */
static const char *
code_of_exit(const struct worker_end *end)
{
    if (!end->observed || end->signal)
        return NULL;
    switch (end->code) {
    case 2:
        return "ESPEC";
    case 3:
        return "EDATA";
    case 4:
        return "EDIVERGE";
    default:
        return NULL;
    }
}

static void
decide(struct verdict *verdict, enum run_state state, const char *code)
{
    verdict->state = state;
    verdict->code = code;
}

static void
describe_loss(const struct run *run, const struct worker_end *end, char *text,
              size_t size)
{
    if (end->trouble[0])
        run_text(text, size, end->trouble);
    else if (run->error_text[0])
        run_text(text, size, run->error_text);
    else if (!end->observed)
        snprintf(text, size, "the worker was gone when the daemon came back");
    else if (end->signal)
        snprintf(text, size, "the worker was ended by signal %d", end->signal);
    else
        snprintf(text, size, "the worker left with code %d and no final record",
                 end->code);
}

static void
judge_lost(const struct run *run, const struct worker_end *end, struct verdict *verdict)
{
    char loss[192];

    describe_loss(run, end, loss, sizeof loss);
    /* It may fail again at once, unless something from outside had ended it. */
    verdict->barren = run_state_of(run) == RUN_STARTING || run->error_text[0]
                      || (end->observed && !end->signal);
    if (run->retries < run->max_retries) {
        decide(verdict, RUN_QUEUED, NULL);
        verdict->retry = true;
        snprintf(verdict->cause, sizeof verdict->cause, "%s; retry %lld of %lld", loss,
                 (long long)run->retries + 1, (long long)run->max_retries);
    } else {
        decide(verdict, RUN_FAILED, end->trouble[0] ? "EIO" : "EINTERNAL");
        snprintf(verdict->cause, sizeof verdict->cause, "%s; no retries left of %lld",
                 loss, (long long)run->max_retries);
    }
}

static void
judge_storage(struct verdict *verdict)
{
    decide(verdict, RUN_QUEUED, NULL);
    snprintf(verdict->cause, sizeof verdict->cause,
             "storage: the disk is nearly full; goes on from its last checkpoint when "
             "there is room");
}

/* What a request of a person or the daemon decides; false: nothing was requested. */
static bool
judge_requests(const struct run *run, const struct worker_end *end,
               struct verdict *verdict)
{
    bool succeeded = strcmp(run->final_state, "succeeded") == 0;

    if (run->cancel_requested) {
        decide(verdict, RUN_CANCELLED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause, "cancelled on request%s",
                 succeeded ? ", just after it had succeeded" : "");
        return true;
    }
    if (succeeded || strcmp(run->final_state, "failed") == 0)
        return false;
    if (run->hold && strcmp(run->final_state, "held") == 0) {
        decide(verdict, RUN_PAUSED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "held at the end of level %lld, as asked; goes on when told to advance",
                 (long long)run->level);
        return true;
    }
    if (run->sweep_gate && run->level + 1 >= run->sweep_gate
        && strcmp(run->final_state, "held") == 0) {
        decide(verdict, RUN_PAUSED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "waits at the end of level %lld for the other runs of its sweep",
                 (long long)run->level);
        return true;
    }
    if (run->time_limit_s && run->spent_ms >= run->time_limit_s * 1000) {
        decide(verdict, RUN_FAILED, "ESTOPPED");
        snprintf(verdict->cause, sizeof verdict->cause,
                 "reached its time limit of %lld s (resources.time_limit_s)",
                 (long long)run->time_limit_s);
        return true;
    }
    if (run->pause) {
        decide(verdict, RUN_PAUSED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "paused on request; resumes from its last checkpoint");
        return true;
    }
    if (run->yields_to[0]) {
        decide(verdict, RUN_QUEUED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "made room for run %s, of a higher priority; goes on from its last "
                 "checkpoint",
                 run->yields_to);
        return true;
    }
    if (end->stopping) {
        decide(verdict, RUN_QUEUED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "the daemon stopped; goes on from its last checkpoint");
        return true;
    }
    if (end->storage) {
        judge_storage(verdict);
        return true;
    }
    return false;
}

/* Whether a worker ever lived in this attempt, as far as anyone can know. */
static bool
never_started(const struct run *run, const struct worker_end *end)
{
    return !end->observed && !end->trouble[0] && run_state_of(run) == RUN_STARTING
           && run->pid == 0;
}

static void
judge_worker(const struct run *run, const struct worker_end *end, struct verdict *verdict)
{
    const char *exit_code = code_of_exit(end);
    bool failed = strcmp(run->final_state, "failed") == 0;

    if (strcmp(run->final_state, "succeeded") == 0) {
        decide(verdict, RUN_SUCCEEDED, NULL);
    } else if (failed && permanent(run->error_code)) {
        decide(verdict, RUN_FAILED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause, "%s", run->error_text);
    } else if (!failed && exit_code) {
        decide(verdict, RUN_FAILED, exit_code);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "the worker left with code %d; its log says why", end->code);
    } else if (strcmp(run->final_state, "stopped") == 0
               || strcmp(run->final_state, "held") == 0
               || (end->observed && !end->signal && end->code == 75)) {
        decide(verdict, RUN_QUEUED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "the worker was stopped; goes on from its last checkpoint");
    } else if (end->storage && !exit_code) { /* whatever it failed with: it had no room */
        judge_storage(verdict);
    } else if (never_started(run, end)) {
        decide(verdict, RUN_QUEUED, NULL);
        snprintf(verdict->cause, sizeof verdict->cause,
                 "the daemon ended before it had started a worker");
    } else {
        judge_lost(run, end, verdict);
    }
}

void
queue_judge(const struct run *run, const struct worker_end *end, struct verdict *verdict)
{
    *verdict = (struct verdict){ .state = RUN_FAILED };
    if (!judge_requests(run, end, verdict))
        judge_worker(run, end, verdict);
    if (verdict->state == RUN_QUEUED && run->pause) /* it was lost on its way there */
        verdict->state = RUN_PAUSED;
}

int64_t
queue_delay_ms(int64_t barren)
{
    if (barren <= 0)
        return 0;
    return barren > 6 ? 60000 : 1000ll << (barren - 1);
}

enum ode_status
queue_settle(struct queue *queue, struct run *run, const struct verdict *verdict,
             struct ode_err *err)
{
    run->barren = verdict->barren ? run->barren + 1 : 0;
    run->retries += verdict->retry;
    run->pause = 0;
    run->yields_to[0] = '\0';
    if (verdict->state == RUN_QUEUED)
        run->not_before_ms = store_now_ms() + queue_delay_ms(run->barren);
    if (verdict->state == RUN_FAILED && !run->error_text[0]) {
        run_text(run->error_code, sizeof run->error_code,
                 verdict->code ? verdict->code : "EINTERNAL");
        run_text(run->error_text, sizeof run->error_text, verdict->cause);
    }
    return queue_move(queue, run, verdict->state, verdict->cause, err);
}
