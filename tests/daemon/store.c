/* store.c - the database. */
#include "daemon/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/sql.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

static const char *
db_path(void)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/odenet.db", test_dir());
    return path;
}

/* Runs SQL on the file with a connection of its own. */
static void
tamper(const char *path, const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(makes_a_database_with_the_promised_settings)
{
    static const struct {
        const char *pragma, *value;
    } promised[] = {
        {"PRAGMA journal_mode",    "wal" },
        { "PRAGMA synchronous",    "2"   },
        { "PRAGMA foreign_keys",   "1"   },
        { "PRAGMA trusted_schema", "0"   },
        { "PRAGMA quick_check",    "ok"  },
        { "PRAGMA user_version",   "11"  },
        { "PRAGMA busy_timeout",   "5000"},
    };
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++) {
        char *value = world_ask(&world, promised[i].pragma);

        ck_assert_str_eq(value, promised[i].value);
        free(value);
    }
    world_close(&world);
}
END_TEST

START_TEST(opens_what_it_made)
{
    const char *path = db_path();
    struct store store;
    struct ode_err err;

    test_ok(store_open(&store, path, &err), &err);
    test_ok(store_exec(&store, STORE_NAME_INSERT, &err, store_text("train.loss")), &err);
    store_close(&store);
    test_ok(store_open(&store, path, &err), &err);
    test_ok(store_exec(&store, STORE_NAME_INSERT, &err, store_text("train.loss")), &err);
    ck_assert_int_eq(store_changes(&store), 0);
    store_close(&store);
}
END_TEST

START_TEST(refuses_a_newer_version)
{
    const char *path = db_path();
    struct store store = { .db = NULL };
    struct ode_err err;

    test_ok(store_open(&store, path, &err), &err);
    store_close(&store);
    tamper(path, "PRAGMA user_version = 99");
    ck_assert_int_eq(store_open(&store, path, &err), ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "version 99"));
    ck_assert_ptr_nonnull(strstr(err.text, "newer"));
    ck_assert_ptr_null(store.db);
}
END_TEST

/* As version 1 left it: a run that had been submitted then is read by now's columns. */
START_TEST(an_older_database_is_brought_up_to_date)
{
    const char *path = db_path();
    const struct sql_migration *steps;
    struct store store = { .db = NULL };
    struct ode_err err;
    struct run run;
    char *sql;
    size_t n;

    steps = sql_migrations(&n);
    ck_assert_uint_ge(n, 2);
    sql = sqlite3_mprintf(
        "%s; PRAGMA application_id = %d; PRAGMA user_version = 1; INSERT INTO jobs "
        "VALUES ('j', 'n', '{}', 0, 1); INSERT INTO runs (id, job, name, dataset, "
        "levels, priority, max_retries, time_limit_s, threads, created_ms) VALUES "
        "('r', 'j', 'n', 'strokes', 2, 0, 0, 0, 0, 1)",
        steps[0].text, SQL_APPLICATION_ID);
    tamper(path, sql);
    sqlite3_free(sql);
    test_ok(store_open(&store, path, &err), &err);
    test_ok(run_load(&store, "r", &run, &err), &err);
    ck_assert_int_eq(run.levels, 2);
    ck_assert_str_eq(run.forecast, "");
    ck_assert_int_eq(run.forecast_ms, 0);
    store_close(&store);
}
END_TEST

START_TEST(refuses_another_programs_file)
{
    const char *path = db_path();
    struct store store;
    struct ode_err err;
    FILE *file;

    tamper(path, "PRAGMA application_id = 12; CREATE TABLE x (y)");
    ck_assert_int_eq(store_open(&store, path, &err), ODE_EFORMAT);
    path = db_path();
    tamper(path, "CREATE TABLE x (y)");
    ck_assert_int_eq(store_open(&store, path, &err), ODE_EFORMAT);
    path = db_path();
    file = fopen(path, "w");
    for (int i = 0; i < 200; i++)
        fputs("this is a diary, not a database\n", file);
    fclose(file);
    ck_assert_int_eq(store_open(&store, path, &err), ODE_EFORMAT);
}
END_TEST

START_TEST(rolls_back_all_of_a_nested_transaction)
{
    struct world world;
    struct ode_err err;
    char *count;

    world_open(&world);
    test_ok(store_begin(&world.store, &err), &err);
    test_ok(store_exec(&world.store, STORE_NAME_INSERT, &err, store_text("a")), &err);
    test_ok(store_begin(&world.store, &err), &err);
    store_rollback(&world.store);
    ck_assert_int_eq(store_commit(&world.store, &err), ODE_ESTATE);
    count = world_ask(&world, "SELECT count(*) FROM metric_names");
    ck_assert_str_eq(count, "0");
    free(count);
    test_ok(store_begin(&world.store, &err), &err); /* and goes on working */
    test_ok(store_exec(&world.store, STORE_NAME_INSERT, &err, store_text("a")), &err);
    test_ok(store_commit(&world.store, &err), &err);
    count = world_ask(&world, "SELECT count(*) FROM metric_names");
    ck_assert_str_eq(count, "1");
    free(count);
    world_close(&world);
}
END_TEST

START_TEST(a_run_comes_back_as_it_was_saved)
{
    struct world world;
    struct ode_err err;
    struct run run, again;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n", .priority = 7 });
    ck_assert_str_eq(run.state, "queued");
    ck_assert_int_eq(run.priority, 7);
    ck_assert_int_eq(run.levels, 2);
    ck_assert_int_eq(run.level, -1);
    run.attempt = 3;
    run.time = 1.25;
    run.step = 1ll << 40;
    strcpy(run.error_text, "a 'quoted' text; DROP TABLE runs");
    test_ok(run_save(&world.store, &run, &err), &err);
    again = world_run(&world, run.number);
    ck_assert_mem_eq(&again.attempt, &run.attempt, sizeof run.attempt);
    ck_assert_int_eq(again.step, run.step);
    ck_assert_double_eq(again.time, 1.25);
    ck_assert_str_eq(again.error_text, run.error_text);
    ck_assert_int_eq(run_load(&world.store, "nobody", &again, &err), ODE_ENOENT);
    world_close(&world);
}
END_TEST

START_TEST(a_spec_is_on_disk_before_its_row)
{
    struct world world;
    struct run run;
    char path[512];
    json_t *spec;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n" });
    snprintf(path, sizeof path, "%s/runs/%s/spec.json", world.dir, run.id);
    spec = json_load_file(path, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(spec, "name")), "n");
    json_decref(spec);
    world_close(&world);
}
END_TEST

START_TEST(shortens_text_between_characters)
{
    char to[6];

    run_text(to, sizeof to, "abcdé"); /* é has two bytes and would be cut */
    ck_assert_str_eq(to, "abcd");
    run_text(to, sizeof to, "abcde");
    ck_assert_str_eq(to, "abcde");
}
END_TEST

TEST_SUITE(store, 20, makes_a_database_with_the_promised_settings, opens_what_it_made,
           an_older_database_is_brought_up_to_date, refuses_a_newer_version,
           refuses_another_programs_file, rolls_back_all_of_a_nested_transaction,
           a_run_comes_back_as_it_was_saved, a_spec_is_on_disk_before_its_row,
           shortens_text_between_characters)
