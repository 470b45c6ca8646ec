/*
 * run.h - a run as the daemon knows it: one row of the database.
 *
 * The columns are listed once; the struct, the statements and the code that reads and
 * saves a row follow from the list. FIXED columns are written at submission, STATE ones
 * by the queue alone, SAVED ones by run_save(). Times ending in _ms are milliseconds of
 * the Unix epoch; 0 and "" mean "none yet". schema/sql/ says what each one is.
 *
 * A row in memory is a copy: load it, change it and save it within one transaction.
 */
#ifndef ODE_DAEMON_RUN_H
#define ODE_DAEMON_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "daemon/store.h"

/* clang-format off */
#define RUN_ROW(INT, REAL, TEXT)   \
    INT (FIXED, number)            \
    TEXT(FIXED, id,            26) \
    TEXT(FIXED, job,           26) \
    TEXT(FIXED, name,         400) \
    TEXT(FIXED, dataset,       31) \
    INT (SAVED, levels)            \
    INT (SAVED, priority)          \
    INT (FIXED, max_retries)       \
    INT (FIXED, time_limit_s)      \
    INT (FIXED, threads)           \
    INT (FIXED, memory_bytes)      \
    INT (FIXED, sweep_place)       \
    INT (FIXED, max_parallel)      \
    INT (SAVED, sweep_gate)        \
    INT (FIXED, created_ms)        \
    TEXT(STATE, state,         15) \
    TEXT(STATE, reason,       255) \
    INT (SAVED, cancel_requested)  \
    INT (SAVED, hold)              \
    INT (SAVED, pause)             \
    TEXT(SAVED, yields_to,     26) \
    INT (SAVED, advance)           \
    INT (SAVED, attempt)           \
    INT (SAVED, retries)           \
    INT (SAVED, barren)            \
    INT (SAVED, not_before_ms)     \
    INT (SAVED, started_ms)        \
    INT (SAVED, attempt_ms)        \
    INT (SAVED, spent_ms)          \
    INT (SAVED, finished_ms)       \
    INT (SAVED, pid)               \
    INT (SAVED, level)             \
    INT (SAVED, step)              \
    INT (SAVED, steps)             \
    REAL(SAVED, epoch)             \
    REAL(SAVED, work)              \
    REAL(SAVED, total_work)        \
    REAL(SAVED, time)              \
    INT (SAVED, journal_offset)    \
    INT (SAVED, journal_skip)      \
    TEXT(SAVED, journal_head,  31) \
    INT (SAVED, record_ms)         \
    TEXT(SAVED, final_state,   15) \
    TEXT(SAVED, error_code,    31) \
    TEXT(SAVED, error_at,     127) \
    TEXT(SAVED, error_text,   255) \
    TEXT(SAVED, model_sha256,  64) \
    TEXT(SAVED, forecast,     255) \
    INT (SAVED, forecast_ms)       \
    REAL(SAVED, forecast_time)     \
    INT (SAVED, bytes)             \
    INT (SAVED, tidied_ms)         \
    INT (FIXED, version)
/* clang-format on */

struct run {
#define INT(class, name)           int64_t name;
#define REAL(class, name)          double name;
#define TEXT(class, name, longest) char name[(longest) + 1];
    RUN_ROW(INT, REAL, TEXT)
#undef INT
#undef REAL
#undef TEXT
};

/* ODE_ENOENT if there is no such run. */
enum ode_status run_load(struct store *store, const char *id, struct run *run,
                         struct ode_err *err);
enum ode_status run_reload(struct store *store, struct run *run, struct ode_err *err);

/* Writes the SAVED columns. */
enum ode_status run_save(struct store *store, const struct run *run, struct ode_err *err);

/* The next row of a query whose columns are RUN_COLUMNS; *found: whether there is one. */
enum ode_status run_step(sqlite3_stmt *query, struct run *run, bool *found,
                         struct ode_err *err);

/* The first row of such a query, which it ends. */
enum ode_status run_first(sqlite3_stmt *query, struct run *run, bool *found,
                          struct ode_err *err);

/* Copies text, shortened if need be without cutting a UTF-8 sequence. */
void run_text(char *to, size_t size, const char *text);

/* Tells of something that happened to the run. source names a journal record, whose
 * second coming is ignored; NULL for what the daemon itself has to say. */
enum ode_status run_event(struct store *store, int64_t number, int64_t at_ms,
                          const char *kind, const char *text, const char *source,
                          struct ode_err *err);

#endif
