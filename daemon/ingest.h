/*
 * ingest.h - takes a worker's journal into the database, each record once.
 *
 * A batch of complete lines and the new offset are one transaction, so whatever crashes
 * when, a record is stored exactly once. What a resumed worker repeats is identified by
 * its key and stored once too: the first record stays. All that is stored only ever grows
 * (level, step, work, time), so that the tables of a run are the same however often it
 * was interrupted.
 *
 * A line that cannot be understood becomes a warning among the run's events. A journal
 * that was cut or replaced is read again from its beginning, which changes nothing that
 * is stored already.
 */
#ifndef ODE_DAEMON_INGEST_H
#define ODE_DAEMON_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "daemon/log.h"
#include "daemon/queue.h"
#include "daemon/store.h"

enum { INGEST_LINE_BYTES = 65536 }; /* a longer line is skipped; also the batch */

struct ingest {
    struct store *store; /* borrowed, as all of these */
    struct queue *queue;
    const struct log *log;
    uint64_t records; /* lines that were taken in, since the struct was made */
};

/*
 * Stores the next complete lines of the journal, up to one batch. *more: whether to call
 * again at once. A journal that is not there yet has no lines. The run may move from
 * starting to running. On failure nothing of the batch is stored, and the call may be
 * repeated later.
 */
enum ode_status ingest_batch(struct ingest *ingest, int64_t run, const char *journal,
                             bool *more, struct ode_err *err);

#endif
