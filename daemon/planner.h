/*
 * planner.h - has the worker program plan a job: its ladder, and how long it would take.
 *
 * That is computing, so not for the daemon: `odenet plan --json --resolve` gets the spec
 * on its standard input. A few at once; who began a plan holds a ticket, and gives it up
 * when it takes the answer or loses interest, which kills the program.
 */
#ifndef ODE_DAEMON_PLANNER_H
#define ODE_DAEMON_PLANNER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/status.h"
#include "daemon/ask.h"
#include "daemon/log.h"

enum { PLANNER_PLANS = 2, PLANNER_BYTES = 1 << 20 /* of an answer, at most */ };

struct planner;

struct planner_plan {
    struct planner *planner;
    uint64_t ticket; /* 0: nobody has an interest */
    size_t runs;
    struct ask ask;
};

typedef void planner_done_fn(void *context, uint64_t ticket);
typedef void planner_closed_fn(void *context);

/* The members up to done_context are the caller's to set, all others begin as zeros. The
 * struct must stay where it is until planner_stop() is done. */
struct planner {
    uv_loop_t *loop; /* borrowed, as all of these */
    const struct log *log;
    const char *program;
    planner_done_fn *done; /* the answer to the ticket is there; may be NULL */
    void *done_context;

    struct planner_plan plan[PLANNER_PLANS];
    uint64_t tickets; /* given so far */
    bool stopping;
    planner_closed_fn *closed;
    void *closed_context;
};

struct planner_order {
    const json_t *spec;
    size_t runs; /* of the job; they would come to about the same each */
    int threads; /* 0: as the spec says, else as many as there are cores */
    bool measure;
};

/* *ticket is never 0. ODE_EIO where too many are being made, or nothing can be started.
 */
enum ode_status planner_begin(struct planner *planner, const struct planner_order *order,
                              uint64_t *ticket, struct ode_err *err);

/*
 * What came of it. *answer NULL: it is not there yet. Else a new reference, {"plan",
 * "spec", "runs"}, and the ticket is void; so it is after a failure: the program's own,
 * with its complaints (or NULL); ODE_EIO where it says nothing of use.
 */
enum ode_status planner_take(struct planner *planner, uint64_t ticket, json_t **answer,
                             json_t **complaints, struct ode_err *err);

/* Nobody waits for it any more. */
void planner_drop(struct planner *planner, uint64_t ticket);

/* Drops all; calls closed when all is closed, perhaps at once. */
void planner_stop(struct planner *planner, planner_closed_fn *closed, void *context);

#endif
