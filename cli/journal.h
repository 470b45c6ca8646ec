/*
 * journal.h - the worker's append-only record file (ARCHITECTURE.md 2.2).
 *
 * One JSON object a line, written with a single write(). What is in the file when a
 * worker dies is what the daemon knows.
 */
#ifndef ODE_CLI_JOURNAL_H
#define ODE_CLI_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

struct journal {
    int fd;
    int64_t seq;     /* of the last record     */
    int64_t attempt; /* of the run, this one's */
    char path[512];
};

/*
 * Opens or creates DIR/journal.ndjson for appending, cuts a torn last line off, and goes
 * on counting. fresh: a journal with records in it is refused with ODE_EEXIST.
 */
enum ode_status journal_open(struct journal *journal, const char *dir, bool fresh,
                             struct ode_err *err);
void journal_close(struct journal *journal);

/* Appends {"type", "seq", "at", members...}. Takes members, also on failure; NULL members
 * (no memory) is a failure. */
enum ode_status journal_write(struct journal *journal, const char *type, json_t *members,
                              struct ode_err *err);

/* Makes sure that all records survive a power cut. */
enum ode_status journal_sync(struct journal *journal, struct ode_err *err);

#endif
