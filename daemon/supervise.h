/*
 * supervise.h - follows every run that has a worker, from its start to its verdict.
 *
 * For each such run there is an attempt: the worker, a watch on the run's directory, and
 * the journal that is taken in as it grows. A poll timer does what no event tells of:
 * ends of adopted workers, time limits, grace periods, runs whose retry is due, journals
 * on file systems without events.
 *
 * While the disk is nearly full no run is started, and those that have a worker are
 * stopped at a checkpoint and queued again; they go on when there is room.
 *
 * A worker that is to stop gets SIGTERM, and SIGKILL when grace_s is over. All of its
 * journal is stored before its run is judged.
 */
#ifndef ODE_DAEMON_SUPERVISE_H
#define ODE_DAEMON_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/status.h"
#include "daemon/ingest.h"
#include "daemon/launch.h"
#include "daemon/log.h"
#include "daemon/queue.h"
#include "daemon/requests.h"
#include "daemon/sched.h"
#include "daemon/storage.h"
#include "daemon/store.h"

/* What becomes of runs of a lower priority when there is no room for one. */
enum supervise_preempt {
    PREEMPT_CHECKPOINT, /* they stop at once, with a checkpoint */
    PREEMPT_LEVEL,      /* they stop at the end of their level */
    PREEMPT_NEVER       /* they go on to their end */
};

enum { SUPERVISE_SLOTS = 64 /* at most */ };

/* How runs are run; the daemon's settings hold the same members. */
struct supervise_rules {
    const char *state_dir, *data_dir, *worker; /* borrowed; state_dir absolute */
    struct sched_room room;                    /* slots at most SUPERVISE_SLOTS */
    int threads;                               /* of a run whose spec does not say */
    enum supervise_preempt preempt;
    int64_t grace_ms, poll_ms;
    int64_t cache_mib;        /* of state_dir/cache; 0: no limit; -1: there is none */
    int64_t disk_floor_bytes; /* that stay free; 0: none */
    struct storage_keep keep;
};

/* Since this process began. */
struct supervise_counts {
    uint64_t starts, retries, preemptions;
};

typedef void supervise_stopped_fn(void *context);

struct attempt;

struct supervise {
    uv_loop_t *loop; /* borrowed, as the four after it */
    struct store *store;
    struct queue *queue;
    const struct log *log;
    const struct launch_ops *launcher;
    struct supervise_rules rules;
    struct ingest ingest;
    struct supervise_counts counts;

    struct attempt *attempts;
    int attempts_n, closing; /* attempts in the list; handles not closed yet */
    uv_timer_t poll, soon;
    int timers;           /* not closed yet */
    int64_t free_bytes;   /* of the disk, when it was last looked at */
    bool full;            /* too little: nothing is started, and workers stop */
    uint64_t tidied_ms;   /* the loop's time when old checkpoints were last looked for */
    bool stopping, hurry; /* hurry: no more grace */
    uint64_t stopping_ms; /* the loop's time when the stop was asked for */
    supervise_stopped_fn *stopped;
    void *stopped_context;
};

/* Starts the timers. The struct must stay where it is until supervise_stop() is done. */
enum ode_status supervise_init(struct supervise *sup, struct ode_err *err);

/* Finds the runs that were alive when the last daemon ended: those whose worker lives are
 * followed, the others judged. Also removes directories of runs that no row tells of. */
enum ode_status supervise_recover(struct supervise *sup, struct ode_err *err);

/* Starts what is due and fits, and has runs of lower priorities make room for what does
 * not. */
void supervise_dispatch(struct supervise *sup);

/* Other rules from now on; paths stay. Runs that have a worker keep it, and the threads
 * it was given, even if there is less room now. */
void supervise_change(struct supervise *sup, const struct supervise_rules *rules);

/* What a run takes, of which the spec may not say all. */
struct sched_share supervise_share(const struct supervise *sup, const struct run *run);

/* Why a queued run waits, for people; "" for others. */
void supervise_explain(struct supervise *sup, const struct run *run, char *text,
                       size_t size);

/* The run's row has changed: its worker is told, if it has one, and whose turn it is is
 * looked at again. */
void supervise_heed(struct supervise *sup, const struct run *run);
/* What is wrong while the disk is full. */
void supervise_explain_disk(const struct supervise *sup, char *text, size_t size);

/* Takes a request; it is stored before anything else. *run is the run after it.
 * ODE_ENOENT; ODE_ESTATE for a run whose state forbids it. */
enum ode_status supervise_request(struct supervise *sup, const char *id,
                                  enum request_kind kind, struct run *run,
                                  struct ode_err *err);

/* Stops all workers and gives their runs back to the queue, then closes the timers and
 * calls stopped. Called again it no longer waits for the grace period. */
void supervise_stop(struct supervise *sup, supervise_stopped_fn *stopped, void *context);

/* A path below the run's directory, or the directory itself for name "". false if it is
 * too long. */
bool supervise_path(const struct supervise *sup, const char *run, const char *name,
                    char *path, size_t size);

#endif
