/*
 * record.h - what each record of a journal means for the database.
 *
 * ARCHITECTURE.md section 2.2 is the contract. Unknown types and members are ignored.
 */
#ifndef ODE_DAEMON_RECORD_H
#define ODE_DAEMON_RECORD_H

#include <stddef.h>

#include "core/base/status.h"
#include "daemon/queue.h"
#include "daemon/run.h"

/*
 * Stores one line without its newline, within the caller's transaction, and brings *run
 * up to date, which the caller saves. ODE_EFORMAT, and nothing is stored, if the line is
 * no record; err->text says why. Other failures are the database's, and *run is stale.
 */
enum ode_status record_store(struct queue *queue, struct run *run, const char *line,
                             size_t n, struct ode_err *err);

#endif
