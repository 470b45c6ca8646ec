/*
 * backups.h - copies of the database on request.
 *
 * One at a time, on libuv's threads, to <state dir>/backups/odenet-<time>.db. Who asked
 * holds a ticket until he takes the answer or loses interest, which stops nothing.
 */
#ifndef ODE_DAEMON_BACKUPS_H
#define ODE_DAEMON_BACKUPS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/status.h"
#include "daemon/log.h"

typedef void backups_done_fn(void *context, uint64_t ticket);
typedef void backups_closed_fn(void *context);

struct backups {
    uv_loop_t *loop; /* borrowed, as those after it; the caller's to set */
    const struct log *log;
    const char *state_dir;
    backups_done_fn *done; /* the answer to the ticket is there; may be NULL */
    void *done_context;

    uint64_t ticket; /* the newest */
    bool running, awaited;
    atomic_bool stop;
    uv_work_t work;
    char name[64], from[4096], to[4200];
    enum ode_status status;
    struct ode_err err;
    int64_t bytes;
    backups_closed_fn *closed;
    void *closed_context;
};

/* *ticket is never that of a plan, nor 0. ODE_EIO while another one is being made. */
enum ode_status backups_begin(struct backups *backups, uint64_t *ticket,
                              struct ode_err *err);

/* *answer stays NULL before it is done; then {"name", "bytes"}, a new reference. An
 * answer and a failure end the ticket. */
enum ode_status backups_take(struct backups *backups, uint64_t ticket, json_t **answer,
                             struct ode_err *err);

/* Nobody waits for it any more; other tickets are ignored. */
void backups_drop(struct backups *backups, uint64_t ticket);

/* Stops what is being made; calls closed when that is done, perhaps at once. */
void backups_stop(struct backups *backups, backups_closed_fn *closed, void *context);

#endif
