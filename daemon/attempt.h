/*
 * attempt.h - a run and its worker, from start to verdict: the part of the supervisor
 * that looks at one of them. Only for supervise.c and attempt.c.
 */
#ifndef ODE_DAEMON_ATTEMPT_H
#define ODE_DAEMON_ATTEMPT_H

#include "daemon/supervise.h"
#include "daemon/ulid.h"

enum { ATTEMPT_PATH_BYTES = 4096 };

struct attempt {
    struct supervise *sup;
    struct attempt *next;
    int64_t number;
    char id[ULID_LENGTH + 1];
    char dir[ATTEMPT_PATH_BYTES - 64], journal[ATTEMPT_PATH_BYTES];
    struct worker worker;
    uv_fs_event_t watch;
    bool watching, dirty;
    bool gone, unseen; /* unseen: it ended while no daemon was there */
    bool complained;   /* a failure was logged; not again */
    int64_t ended_ms;
    uint64_t weighed_ms; /* the loop's time; 0: never */
    struct worker_end end;
    uint64_t asked_ms; /* the loop's time when SIGTERM was sent; 0: not yet */
    bool killed;
    bool controlled; /* the control file says this: */
    struct control control;
    struct sched_share share;
    int64_t priority;
    char yields_to[ULID_LENGTH + 1]; /* it is to make room for this run; "": for none */
    int handles;                     /* to be closed before the memory goes */
};

/* Starts the queued run with a worker of its own; false: not now. */
bool attempt_start(struct supervise *sup, struct run *run);

/* Follows a run that had a worker when the last daemon ended, and perhaps has it still.
 * ODE_ENOMEM. */
enum ode_status attempt_adopt(struct supervise *sup, const struct run *run,
                              struct ode_err *err);

/* What is to be known of a run without asking the database. */
void attempt_note(struct attempt *attempt, const struct run *run);

/* Takes in what is new in the journal, judges the run if its worker is gone, and heeds
 * what is asked of it. The attempt may be over, and its memory gone, afterwards. */
void attempt_look(struct attempt *attempt);

/* Stops the worker, or tells it, if the row says so. It may be over afterwards, too. */
void attempt_heed(struct attempt *attempt, const struct run *run);

/* A failure that may well come again at each poll is told once until things go well. */
void attempt_complain(struct attempt *attempt, const char *attempted,
                      const struct ode_err *err);

/* supervise.c: looks at the attempts that are dirty, in a moment. */
void supervise_look_soon(struct supervise *sup);

/* supervise.c: ends the stop if it was waiting for the last attempt alone. */
void supervise_finish(struct supervise *sup);

#endif
