/*
 * store.h - the database: SQLite, opened, migrated, and asked by prepared statements.
 *
 * One connection, used on the loop's thread. WAL with synchronous FULL: what was
 * committed survives a power cut. Transactions are immediate, so that a busy database is
 * met at their beginning, and may nest: only the outermost commits, and a rollback at any
 * depth undoes all of it.
 */
#ifndef ODE_DAEMON_STORE_H
#define ODE_DAEMON_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* STORE_RUN_GET and so on, of statements.def. */
enum store_statement {
#define STATEMENT(name, sql) STORE_##name,
#include "daemon/statements.def"
#undef STATEMENT
    STORE_STATEMENTS
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_STATEMENTS];
    uint64_t events; /* rows that came into the table of events, */
    uint64_t runs;   /* and changes of rows of the table of runs */
    int depth;       /* of transactions */
    bool doomed;     /* an inner transaction was rolled back */
};

/*
 * Opens the database file, makes it if it is not there, and applies the migrations that
 * it lacks, in one transaction with the new version. Before that an older database is
 * copied to PATH.v<version>; without a copy nothing is changed. ODE_ESTATE if the file
 * was written by a newer version, ODE_EFORMAT if it is no database of odenet's, else
 * ODE_EIO. The struct must then stay where it is.
 */
enum ode_status store_open(struct store *store, const char *path, struct ode_err *err);
void store_close(struct store *store); /* safe on zeros and twice; rolls back */

enum ode_status store_begin(struct store *store, struct ode_err *err);
/* ODE_ESTATE, and nothing was kept, if an inner transaction had been rolled back. */
enum ode_status store_commit(struct store *store, struct ode_err *err);
void store_rollback(struct store *store);
/* Commits if status is ODE_OK, else rolls back and hands status on. */
enum ode_status store_end(struct store *store, enum ode_status status,
                          struct ode_err *err);

/* Whether the database can be written to: begins a transaction, writes, and undoes it.
 * Not within one. Nothing reaches the disk. */
enum ode_status store_probe(struct store *store, struct ode_err *err);

/* --- statements ------------------------------------------------------------------- */

struct store_value {
    int kind; /* SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT or SQLITE_NULL */
    int64_t integer;
    double real;
    const char *text; /* borrowed until the statement is done */
};

static inline struct store_value
store_int(int64_t integer)
{
    return (struct store_value){ SQLITE_INTEGER, integer, 0, NULL };
}

/* What is not finite becomes NULL. */
static inline struct store_value
store_real(double real)
{
    return (struct store_value){ real - real == 0 ? SQLITE_FLOAT : SQLITE_NULL, 0, real,
                                 NULL };
}

/* NULL becomes NULL. */
static inline struct store_value
store_text(const char *text)
{
    return (struct store_value){ text ? SQLITE_TEXT : SQLITE_NULL, 0, 0, text };
}

#define STORE_VALUES(...)        \
    (const struct store_value[]) \
    {                            \
        __VA_ARGS__              \
    }
#define STORE_COUNT(...) (sizeof STORE_VALUES(__VA_ARGS__) / sizeof(struct store_value))

/* Runs a statement with these parameters to its end: store_exec(store, STORE_NAME_INSERT,
 * err, store_text(name)). */
#define store_exec(store, statement, err, ...)                     \
    store_exec_values(store, statement, STORE_VALUES(__VA_ARGS__), \
                      STORE_COUNT(__VA_ARGS__), err)
enum ode_status store_exec_values(struct store *store, enum store_statement statement,
                                  const struct store_value *values, size_t n,
                                  struct ode_err *err);

/* Begins a query: rows come from store_step(); store_done() ends it, always. The
 * statement must not be in use. */
#define store_query(store, statement, ...)                          \
    store_query_values(store, statement, STORE_VALUES(__VA_ARGS__), \
                       STORE_COUNT(__VA_ARGS__))
sqlite3_stmt *store_query_values(struct store *store, enum store_statement statement,
                                 const struct store_value *values, size_t n);
/* *row: whether there is one. */
enum ode_status store_step(sqlite3_stmt *query, bool *row, struct ode_err *err);
void store_done(sqlite3_stmt *query);

/* The column as text, "" for NULL; valid until the next step. */
const char *store_column_text(sqlite3_stmt *query, int column);

/* How many rows the last statement changed. */
int store_changes(const struct store *store);

/* Milliseconds of the Unix epoch. */
int64_t store_now_ms(void);

#endif
