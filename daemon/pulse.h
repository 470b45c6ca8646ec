/*
 * pulse.h - the daemon's signs of life to its service manager.
 *
 * READY=1 when it serves, STATUS= with what it does whenever that changes, and
 * STOPPING=1, followed by EXTEND_TIMEOUT_USEC= for as long as workers write their last
 * checkpoints.
 *
 * WATCHDOG=1 goes out twice in each period that the manager asks for, but only if
 * everything came on since the last time: the loop, a timer of which sends it; the HTTP
 * server, which had a turn; and the database, in which a transaction could be begun,
 * written to and rolled back. A full disk does not stop the heart: a restart would not
 * cure it.
 */
#ifndef ODE_DAEMON_PULSE_H
#define ODE_DAEMON_PULSE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "api/server.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/store.h"
#include "daemon/supervise.h"

struct pulse {
    const struct log *log; /* borrowed, as the three after it */
    struct store *store;
    const struct supervise *sup;
    struct server *server;

    struct notify notify;
    uv_timer_t timer;
    bool timing, stopping;
    bool withheld;    /* the last beat was; it is logged once */
    uint64_t turns;   /* of the server, at the last beat */
    char status[256]; /* that was told last */
};

/* Looks whether there is a manager; what is wrong with its socket costs a line in the
 * log. The borrowed members are set before. */
void pulse_open(struct pulse *pulse, uv_loop_t *loop);

/* It serves: tells so, and begins to beat. Also ends what pulse_reloading() began. */
void pulse_ready(struct pulse *pulse);

/* Runs have changed: the status is told if it is another one. */
void pulse_changed(struct pulse *pulse);

void pulse_reloading(struct pulse *pulse);

/* It stops, and asks for more time from now on until pulse_close(). */
void pulse_stopping(struct pulse *pulse);

void pulse_close(struct pulse *pulse);

#endif
