/* ages.c - old databases, made from the migrations that there were. */
#include "tests/daemon/ages.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "schema/sql.h"
#include "tests/test.h"

/* What a daemon of each version could have stored, by its columns then. */
static const char *const rows[] = {
    [1] =
        "INSERT INTO jobs (id, name, spec, priority, created_ms) VALUES"
        " ('j1', 'first', '{}', 0, 10), ('j2', 'second', '{}', 5, 20);"
        "INSERT INTO runs (number, id, job, name, dataset, levels, priority, max_retries,"
        " time_limit_s, threads, created_ms, state, reason, attempt, level, step, work,"
        " journal_offset, model_sha256) VALUES"
        " (1, 'r1', 'j1', 'first', 'strokes', 2, 0, 0, 0, 0, 10, 'succeeded', '', 1, 1,"
        "  40, 2.5, 1000, 'abc'),"
        " (2, 'r2', 'j2', 'second', 'cifar10', 1, 5, 3, 60, 2, 20, 'queued', 'waits', 2,"
        "  0, 7, 0.25, 300, '');"
        "INSERT INTO levels (run, level, state, resolution, blocks, epochs, steps, work,"
        " metrics, transfer) VALUES (1, 0, 'done', 8, '[2]', 1, 20, 1.5, '{}', NULL),"
        " (1, 1, 'done', 16, '[2]', 1, 20, 1.0, '{\"test.loss\": 1}', '{}'),"
        " (2, 0, 'running', 32, '[4,4]', 2, NULL, NULL, NULL, NULL);"
        "INSERT INTO metric_names (id, name) VALUES (1, 'train.loss'), (2, 'test.loss');"
        "INSERT INTO metrics (run, name, level, step, value, epoch, work, time) VALUES"
        " (1, 1, 0, 10, 2.25, 0.5, 0.75, 1.5), (1, 1, 0, 20, NULL, 1, 1.5, 3),"
        " (1, 2, 1, 40, 1.125, 1, 2.5, 9), (2, 1, 0, 7, 2.5, 0.1, 0.25, 1);"
        "INSERT INTO newest_metrics (run, name, level, step, value) VALUES"
        " (1, 1, 0, 20, NULL), (1, 2, 1, 40, 1.125);"
        "INSERT INTO events (id, run, at_ms, kind, from_state, to_state, text, source)"
        " VALUES (1, 1, 11, 'state', 'queued', 'starting', '', NULL),"
        " (2, 1, 12, 'warning', '', '', 'odd', '5:abc'),"
        " (5, 2, 21, 'checkpoint', '', '', 'x', '9:def');",
    [2] =
        "UPDATE runs SET hold = 1, advance = 2 WHERE number = 2;"
        "UPDATE levels SET ended = 'budget' WHERE run = 1;"
        "INSERT INTO events (id, run, at_ms, kind, text) VALUES (8, 2, 22, 'hold', '');",
    [3] = "UPDATE runs SET forecast = '{\"expected\": 3}', forecast_ms = 30 WHERE number "
          "= 2; UPDATE levels SET forecast = '{}' WHERE run = 2;",
    [4] = "UPDATE levels SET cached = 1 WHERE run = 1 AND level = 0;",
    [5] =
        "UPDATE runs SET memory_bytes = 99, pause = 1, yields_to = 'r1' WHERE number = 2;"
        "INSERT INTO events (id, run, at_ms, kind, text) VALUES (9, 2, 23, 'preempt', "
        "'');",
    [6] =
        "INSERT INTO keys (key, fingerprint, answer, created_ms) VALUES ('k', 'f', '{}', "
        "24);",
};

static void
run_sql(sqlite3 *db, const char *sql)
{
    char *wrong = NULL;

    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &wrong) == SQLITE_OK, "%s: %.80s",
                  wrong, sql);
}

void
ages_make(const char *path, int version)
{
    size_t n;
    const struct sql_migration *steps = sql_migrations(&n);
    char bump[96];
    sqlite3 *db;

    ck_assert_int_le(version, (int)n);
    remove(path);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    run_sql(db, "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; BEGIN");
    for (int v = 1; v <= version; v++) {
        run_sql(db, steps[v - 1].text);
        if (v < (int)(sizeof rows / sizeof *rows) && rows[v])
            run_sql(db, rows[v]);
    }
    snprintf(bump, sizeof bump,
             "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT", version,
             SQL_APPLICATION_ID);
    run_sql(db, bump);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static void
dump_query(sqlite3 *db, const char *sql, FILE *out)
{
    sqlite3_stmt *query;

    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    while (sqlite3_step(query) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(query); i++) {
            const unsigned char *text = sqlite3_column_text(query, i);

            fprintf(out, "|%s", text ? (const char *)text : "null");
        }
        fputc('\n', out);
    }
    ck_assert_int_eq(sqlite3_finalize(query), SQLITE_OK);
}

char *
ages_dump(const char *path)
{
    static const char *const queries[] = {
        "SELECT id, name, spec, priority, created_ms FROM jobs ORDER BY id",
        "SELECT number, id, job, name, dataset, levels, priority, max_retries, "
        "time_limit_s, threads, created_ms, state, reason, attempt, level, step, work, "
        "journal_offset, model_sha256 FROM runs ORDER BY number",
        "SELECT run, level, state, resolution, blocks, epochs, steps, work, metrics, "
        "transfer FROM levels ORDER BY run, level",
        "SELECT id, name FROM metric_names ORDER BY id",
        "SELECT run, name, level, step, value, epoch, work, time FROM metrics ORDER BY "
        "1, "
        "2, 3, 4",
        "SELECT run, name, level, step, value FROM newest_metrics ORDER BY 1, 2",
        "SELECT id, run, at_ms, kind, from_state, to_state, text, source FROM events "
        "ORDER BY id",
    };
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        dump_query(db, queries[i], out);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    fclose(out);
    return text;
}
