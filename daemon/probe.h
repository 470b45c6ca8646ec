/*
 * probe.h - asks the worker program what it finds on this machine.
 *
 * Which kernels a training will use, and OpenBLAS's too, only a process of the worker's
 * can tell; the daemon does not even load OpenBLAS. So it runs `odenet system --json`,
 * once, when it starts, and keeps the answer. Nothing waits for it.
 */
#ifndef ODE_DAEMON_PROBE_H
#define ODE_DAEMON_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "daemon/ask.h"
#include "daemon/log.h"

enum { PROBE_BYTES = 4096 /* of an answer, at most */ };

typedef void probe_closed_fn(void *context);

/* Begins as zeros. */
struct probe {
    json_t *facts; /* owned: what odenet system --json says; NULL: not known */

    const struct log *log; /* borrowed */
    struct ask ask;
    bool failed; /* it could not be asked */
    probe_closed_fn *closed;
    void *context;
};

/* Asks. The struct must stay where it is until probe_stop() is done. An answer that does
 * not come, or is none, costs a line in the log. */
void probe_start(struct probe *probe, uv_loop_t *loop, const struct log *log,
                 const char *program);

/* Waits for no answer any more; calls closed when all is closed, perhaps at once. */
void probe_stop(struct probe *probe, probe_closed_fn *closed, void *context);

/* After probe_stop(), or before any start. */
void probe_release(struct probe *probe);

#endif
