/* store.c - the SQLite connection: pragmas, migrations, transactions, statements. */
#include "daemon/store.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/backup.h"
#include "daemon/run.h"
#include "schema/sql.h"

enum { BUSY_TIMEOUT_MS = 5000, PATH_BYTES = 4200 };

#define COLUMN(class, name)               #name ", "
#define TEXT_COLUMN(class, name, longest) #name ", "
#define RUN_COLUMNS                       RUN_ROW(COLUMN, COLUMN, TEXT_COLUMN) "0"
#define SAVES_FIXED(name)
#define SAVES_STATE(name)
#define SAVES_SAVED(name)                #name " = ?, "
#define SAVES(class, name)               SAVES_##class(name)
#define TEXT_SAVES(class, name, longest) SAVES_##class(name)
#define RUN_SAVES                        RUN_ROW(SAVES, SAVES, TEXT_SAVES)

static const char *const statement_texts[] = {
#define STATEMENT(name, sql) sql,
#include "daemon/statements.def"
#undef STATEMENT
};

int64_t
store_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum ode_status
fail_sql(sqlite3 *db, const char *what, struct ode_err *err)
{
    int code = sqlite3_errcode(db);

    return ode_fail(err, code == SQLITE_NOMEM ? ODE_ENOMEM : ODE_EIO, "odenet.db",
                    "%s: %s", what, sqlite3_errmsg(db));
}

static enum ode_status
run_script(sqlite3 *db, const char *sql, const char *what, struct ode_err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail_sql(db, what, err);
    return ODE_OK;
}

static enum ode_status
read_number(sqlite3 *db, const char *sql, int64_t *number, struct ode_err *err)
{
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &query, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(query);
    if (code == SQLITE_ROW)
        *number = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    if (code == SQLITE_NOTADB)
        return ode_fail(err, ODE_EFORMAT, "odenet.db",
                        "the file is no SQLite database; move it away");
    return code == SQLITE_ROW ? ODE_OK : fail_sql(db, "cannot read the database", err);
}

/* --- opening ------------------------------------------------------------------------ */

static enum ode_status
check_origin(sqlite3 *db, int64_t version, struct ode_err *err)
{
    size_t known;
    int64_t application, tables;

    sql_migrations(&known);
    ODE_TRY(read_number(db, "PRAGMA application_id", &application, err));
    ODE_TRY(read_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err));
    if (application != SQL_APPLICATION_ID && (application != 0 || tables > 0))
        return ode_fail(err, ODE_EFORMAT, "odenet.db",
                        "the database is another program's; use another state directory");
    if (version > (int64_t)known)
        return ode_fail(err, ODE_ESTATE, "odenet.db",
                        "the database is of version %lld, and this program knows %zu: it "
                        "was written by a newer odenet; use that one, or another state "
                        "directory",
                        (long long)version, known);
    return ODE_OK;
}

static enum ode_status
apply(sqlite3 *db, size_t from, struct ode_err *err)
{
    size_t n;
    const struct sql_migration *steps = sql_migrations(&n);
    char what[96], bump[96];

    for (size_t v = from; v < n; v++) {
        snprintf(what, sizeof what, "cannot apply migration %s", steps[v].name);
        ODE_TRY(run_script(db, steps[v].text, what, err));
    }
    snprintf(bump, sizeof bump, "PRAGMA user_version = %zu; PRAGMA application_id = %d;",
             n, SQL_APPLICATION_ID);
    return run_script(db, bump, "cannot set the version", err);
}

/* All steps and the new version are one transaction: an old database becomes a new one,
 * or stays what it was. */
static enum ode_status
apply_all(sqlite3 *db, size_t from, struct ode_err *err)
{
    enum ode_status status;

    ODE_TRY(run_script(db, "BEGIN IMMEDIATE", "cannot begin to migrate", err));
    status = apply(db, from, err);
    if (status == ODE_OK)
        status = run_script(db, "COMMIT", "cannot migrate", err);
    if (status != ODE_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* A database that holds something is copied, as it is, before it is changed. */
static enum ode_status
keep_copy(const char *path, int64_t version, struct ode_err *err)
{
    char copy[PATH_BYTES];
    int64_t bytes;

    snprintf(copy, sizeof copy, "%s.v%lld", path, (long long)version);
    return backup_make(path, copy, true, NULL, &bytes, err);
}

static enum ode_status
migrate(sqlite3 *db, const char *path, struct ode_err *err)
{
    size_t known;
    int64_t version;

    sql_migrations(&known);
    ODE_TRY(read_number(db, "PRAGMA user_version", &version, err));
    ODE_TRY(check_origin(db, version, err));
    if ((size_t)version == known)
        return ODE_OK;
    if (version > 0)
        ODE_TRY(keep_copy(path, version, err));
    return apply_all(db, (size_t)version, err);
}

static enum ode_status
prepare_all(struct store *store, struct ode_err *err)
{
    for (int i = 0; i < STORE_STATEMENTS; i++)
        if (sqlite3_prepare_v3(store->db, statement_texts[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL)
            != SQLITE_OK)
            return fail_sql(store->db, statement_texts[i], err);
    return ODE_OK;
}

static void
on_update(void *context, int operation, const char *database, const char *table,
          sqlite3_int64 row)
{
    struct store *store = context;

    (void)database, (void)row;
    if (operation == SQLITE_INSERT && strcmp(table, "events") == 0)
        store->events++;
    if (strcmp(table, "runs") == 0)
        store->runs++;
}

static enum ode_status
open_all(struct store *store, const char *path, struct ode_err *err)
{
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        NULL)
        != SQLITE_OK)
        return ode_fail(err, ODE_EIO, path, "cannot open the database: %s",
                        sqlite3_errmsg(store->db));
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    ODE_TRY(migrate(store->db, path, err));
    ODE_TRY(run_script(store->db,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
                       "cannot set up the database", err));
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return prepare_all(store, err);
}

enum ode_status
store_open(struct store *store, const char *path, struct ode_err *err)
{
    struct store fresh = { .db = NULL };
    enum ode_status status = open_all(&fresh, path, err);

    if (status != ODE_OK) {
        store_close(&fresh);
        return status;
    }
    *store = fresh;
    sqlite3_update_hook(store->db, on_update, store);
    return ODE_OK;
}

void
store_close(struct store *store)
{
    for (int i = 0; i < STORE_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    *store = (struct store){ .db = NULL };
}

/* --- transactions ------------------------------------------------------------------- */

enum ode_status
store_begin(struct store *store, struct ode_err *err)
{
    if (store->depth == 0) {
        ODE_TRY(store_exec_values(store, STORE_BEGIN, NULL, 0, err));
        store->doomed = false;
    }
    store->depth++;
    return ODE_OK;
}

enum ode_status
store_commit(struct store *store, struct ode_err *err)
{
    enum ode_status status;

    assert(store->depth > 0);
    if (store->depth > 1) {
        store->depth--;
        return ODE_OK;
    }
    if (store->doomed) {
        store_rollback(store);
        return ode_fail(err, ODE_ESTATE, "odenet.db",
                        "a part of the transaction was rolled back");
    }
    status = store_exec_values(store, STORE_COMMIT, NULL, 0, err);
    if (status != ODE_OK)
        store_rollback(store);
    else
        store->depth = 0;
    return status;
}

void
store_rollback(struct store *store)
{
    assert(store->depth > 0);
    store->doomed = true;
    if (--store->depth > 0)
        return;
    /* SQLite itself rolls back on some failures (a full disk); then there is nothing
     * left. */
    if (!sqlite3_get_autocommit(store->db))
        store_exec_values(store, STORE_ROLLBACK, NULL, 0, NULL);
}

enum ode_status
store_end(struct store *store, enum ode_status status, struct ode_err *err)
{
    if (status == ODE_OK)
        return store_commit(store, err);
    store_rollback(store);
    return status;
}

enum ode_status
store_probe(struct store *store, struct ode_err *err)
{
    enum ode_status status;

    assert(store->depth == 0);
    ODE_TRY(store_begin(store, err));
    status = store_exec_values(store, STORE_PROBE, NULL, 0, err);
    store_rollback(store);
    return status;
}

/* --- statements --------------------------------------------------------------------- */

static void
bind(sqlite3_stmt *query, int i, const struct store_value *value)
{
    switch (value->kind) {
    case SQLITE_INTEGER:
        sqlite3_bind_int64(query, i, value->integer);
        return;
    case SQLITE_FLOAT:
        sqlite3_bind_double(query, i, value->real);
        return;
    case SQLITE_TEXT:
        sqlite3_bind_text(query, i, value->text, -1, SQLITE_STATIC);
        return;
    default:
        sqlite3_bind_null(query, i);
    }
}

sqlite3_stmt *
store_query_values(struct store *store, enum store_statement statement,
                   const struct store_value *values, size_t n)
{
    sqlite3_stmt *query = store->statements[statement];

    assert(!sqlite3_stmt_busy(query));
    assert((int)n == sqlite3_bind_parameter_count(query));
    for (size_t i = 0; i < n; i++)
        bind(query, (int)i + 1, &values[i]);
    return query;
}

enum ode_status
store_step(sqlite3_stmt *query, bool *row, struct ode_err *err)
{
    int code = sqlite3_step(query);

    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return fail_sql(sqlite3_db_handle(query), "cannot use the database", err);
    *row = code == SQLITE_ROW;
    return ODE_OK;
}

void
store_done(sqlite3_stmt *query)
{
    sqlite3_reset(query);
    sqlite3_clear_bindings(query);
}

enum ode_status
store_exec_values(struct store *store, enum store_statement statement,
                  const struct store_value *values, size_t n, struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(store, statement, values, n);
    enum ode_status status;
    bool row = true;

    do
        status = store_step(query, &row, err);
    while (status == ODE_OK && row);
    store_done(query);
    return status;
}

const char *
store_column_text(sqlite3_stmt *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query, column);

    return text ? (const char *)text : "";
}

int
store_changes(const struct store *store)
{
    return sqlite3_changes(store->db);
}
