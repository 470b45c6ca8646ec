/*
 * launch.h - starts, finds again and stops workers.
 *
 * A launcher is a table of functions; struct worker is one worker, whoever started it. A
 * worker lives exactly as long as the lock on its run's worker.lock is held
 * (ARCHITECTURE.md section 2.1).
 */
#ifndef ODE_DAEMON_LAUNCH_H
#define ODE_DAEMON_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/base/status.h"

struct worker;

/* What a worker is started with; all borrowed for the call. */
struct launch_plan {
    const char *program;  /* of the worker, "odenet" */
    const char *run_dir;  /* absolute */
    const char *data_dir; /* "": none is named */
    const char *cache;    /* of levels that are trained; "": none */
    int64_t cache_mib;    /* 0: no limit */
    int threads;          /* 0: as many as there are cores */
};

/* The worker that was started here has ended; called once, on the loop. */
typedef void worker_ended_fn(void *context, int code, int signal);

/* All that held the worker is closed: its memory may go. */
typedef void worker_closed_fn(void *context);

struct launch_ops {
    const char *name;

    /* Starts a worker. ODE_EBUSY if the run has one already; else ODE_EIO, with what
     * could not be done. worker_close() is due after success and failure alike. */
    enum ode_status (*start)(struct worker *worker, uv_loop_t *loop,
                             const struct launch_plan *plan, struct ode_err *err);

    /* Whether any worker of the run is alive. */
    enum ode_status (*alive)(const char *run_dir, bool *alive, struct ode_err *err);

    /* Sends the signal to the worker and what it has started. pid: as the journal tells
     * it; 0 where it is not known. false if no worker of this run could be found. */
    bool (*signal)(struct worker *worker, const char *run_dir, pid_t pid, int signal);

    void (*close)(struct worker *worker);
};

struct worker {
    const struct launch_ops *ops;
    worker_ended_fn *ended;
    worker_closed_fn *closed;
    void *context;

    pid_t pid;            /* started here; 0: adopted        */
    bool running;         /* started here and not ended yet  */
    bool open;            /* the handle needs closing        */
    uv_process_t process; /* local.c's                       */
};

extern const struct launch_ops launch_local_ops;

#endif
