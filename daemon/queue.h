/*
 * queue.h - the states of runs, and the only writer of them.
 *
 * What may follow what is a table. A move and the event that tells of it, with its cause,
 * are one transaction. What a worker's end means for its run is a pure function, the
 * verdict.
 *
 *     queued <-> starting -> running -> succeeded, failed, cancelled
 *     queued <-> paused <- starting, running
 *     queued <- failed, cancelled            on request alone
 */
#ifndef ODE_DAEMON_QUEUE_H
#define ODE_DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "daemon/run.h"
#include "daemon/store.h"

enum run_state {
    RUN_QUEUED,
    RUN_STARTING,
    RUN_RUNNING,
    RUN_PAUSED,
    RUN_SUCCEEDED,
    RUN_FAILED,
    RUN_CANCELLED,
    RUN_STATES
};

const char *run_state_name(enum run_state state);
bool run_state_from_name(const char *name, enum run_state *state);
enum run_state run_state_of(const struct run *run);
bool run_state_final(enum run_state state);
bool queue_allows(enum run_state from, enum run_state to);

/* Told of each move, within its transaction: only take note, for it may be undone. */
typedef void queue_moved_fn(void *context, const struct run *run, enum run_state from);

/* Told of each move to a final state, within its transaction, which it may write in;
 * where it fails the move fails. */
typedef enum ode_status queue_ended_fn(void *context, const struct run *run,
                                       int64_t at_ms, struct ode_err *err);

struct queue {
    struct store *store;   /* borrowed */
    queue_moved_fn *moved; /* may be NULL */
    void *context;
    queue_ended_fn *ended; /* may be NULL */
    void *ended_context;
};

/*
 * Takes the run to another state and saves it, with the times that belong to the state.
 * cause is for people, and becomes the run's reason ("" for none). ODE_ESTATE if the
 * table forbids it, or the run is in another state than *run says. On failure *run is
 * stale.
 */
enum ode_status queue_move(struct queue *queue, struct run *run, enum run_state to,
                           const char *cause, struct ode_err *err);

/* How a worker ended, as far as it is known. */
struct worker_end {
    bool observed;     /* whether its exit was seen: adopted workers' is not */
    int code, signal;  /* then: the exit code, or the signal that ended it   */
    bool stopping;     /* the daemon is stopping, and had asked it to stop   */
    bool storage;      /* the disk is nearly full                            */
    char trouble[200]; /* why it could not be started at all; else "" */
};

struct verdict {
    enum run_state state; /* what becomes of the run: QUEUED, PAUSED or a final one */
    bool retry;           /* queued again, and it counts as a retry         */
    bool barren;          /* the worker failed by itself, or never said hello */
    char cause[256];
    const char *code; /* failed: the error's code, where the journal has none */
};

/* What the end of a worker, all of whose journal is stored, means for its run. `run` is
 * in state starting or running; spent_ms includes this worker's time. */
void queue_judge(const struct run *run, const struct worker_end *end,
                 struct verdict *verdict);

/* Carries the verdict out: moves the run, counts the retry, says when it may go on. */
enum ode_status queue_settle(struct queue *queue, struct run *run,
                             const struct verdict *verdict, struct ode_err *err);

/* How long a run waits for its next worker, after so many in a row that were barren.
 * 0 ms for none, then 1 s, 2 s, 4 s ... 60 s. */
int64_t queue_delay_ms(int64_t barren);

#endif
