/* migrate.c - databases of older versions are brought up to date, whatever happens. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/run.h"
#include "daemon/store.h"
#include "schema/sql.h"
#include "tests/daemon/ages.h"
#include "tests/test.h"

static int
newest(void)
{
    size_t n;

    sql_migrations(&n);
    return (int)n;
}

/* The first column of the first row, as text; "" where there is none. Static. */
static const char *
answer(const char *path, const char *sql)
{
    static char text[128];
    sqlite3_stmt *query;
    sqlite3 *db;

    text[0] = '\0';
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    if (sqlite3_step(query) == SQLITE_ROW)
        snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return text;
}

static void
assert_sound(const char *path, int version, const char *dump)
{
    char number[16], *now = ages_dump(path);

    snprintf(number, sizeof number, "%d", version);
    ck_assert_str_eq(answer(path, "PRAGMA user_version"), number);
    ck_assert_str_eq(answer(path, "PRAGMA integrity_check"), "ok");
    ck_assert_str_eq(answer(path, "PRAGMA foreign_key_check"), "");
    ck_assert_str_eq(now, dump);
    free(now);
}

/* A fresh place for a database, and for its copy of that version. */
static void
place(int version, char path[static 256], char copy[static 300])
{
    snprintf(path, 256, "%s/odenet.db", test_dir());
    snprintf(copy, 300, "%s.v%d", path, version);
}

START_TEST(each_older_version_opens_and_keeps_its_rows)
{
    char path[256], copy[300], *dump;
    struct ode_err err;

    for (int v = 1; v < newest(); v++) {
        struct store store;
        struct run run;

        place(v, path, copy);
        ages_make(path, v);
        dump = ages_dump(path);
        ck_assert_uint_gt(strlen(dump), 500);
        test_ok(store_open(&store, path, &err), &err);
        test_ok(run_load(&store, "r2", &run, &err), &err);
        ck_assert_int_eq(run.step, 7);
        ck_assert_int_eq(run.hold, v >= 2);
        ck_assert_int_eq(run.memory_bytes, v >= 5 ? 99 : 0);
        test_ok(run_save(&store, &run, &err), &err);
        test_ok(run_event(&store, 1, 99, "warning", "new", NULL, &err), &err);
        test_ok(store_probe(&store, &err), &err);
        store_close(&store);
        ck_assert_str_eq(answer(path, "SELECT max(id) FROM events WHERE text = 'new'"),
                         v < 2   ? "6"
                         : v < 5 ? "9"
                                 : "10"); /* numbers are never given twice */
        ck_assert_str_eq(answer(path, "DELETE FROM events WHERE text = 'new'"), "");
        assert_sound(path, newest(), dump);
        assert_sound(copy, v, dump); /* and as it was before */
        free(dump);
    }
}
END_TEST

START_TEST(a_new_or_known_database_is_not_copied)
{
    char path[256], copy[300];
    struct store store;
    struct ode_err err;

    place(0, path, copy);
    for (int i = 0; i < 2; i++) {
        test_ok(store_open(&store, path, &err), &err);
        store_close(&store);
    }
    ck_assert_int_ne(access(copy, F_OK), 0);
    snprintf(copy, sizeof copy, "%s.v%d", path, newest());
    ck_assert_int_ne(access(copy, F_OK), 0);
}
END_TEST

START_TEST(without_a_copy_nothing_is_changed)
{
    char path[256], copy[300], inside[330], *dump;
    struct store store = { .db = NULL };
    struct ode_err err;

    place(1, path, copy);
    ages_make(path, 1);
    dump = ages_dump(path);
    snprintf(inside, sizeof inside, "mkdir -p %s/x",
             copy); /* no file can have the name */
    ck_assert_int_eq(system(inside), 0);
    ck_assert_int_eq(store_open(&store, path, &err), ODE_EIO);
    ck_assert_ptr_nonnull(strstr(err.at, ".v1"));
    assert_sound(path, 1, dump);
    free(dump);
}
END_TEST

/* --- killed midway ------------------------------------------------------------------ */

static long steps_left;

/* Each step of SQLite's machine; at one of them the process is killed. */
static int
on_step(void *context)
{
    (void)context;
    if (--steps_left == 0)
        raise(SIGKILL);
    return 0;
}

static int
watch(sqlite3 *db, char **wrong, const struct sqlite3_api_routines *api)
{
    (void)wrong, (void)api;
    sqlite3_progress_handler(db, 1, on_step, NULL);
    return SQLITE_OK;
}

/* Opens it in a process that is killed after so many steps; false: it came to its end. */
static bool
killed_after(const char *path, long steps)
{
    struct store store;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        steps_left = steps;
        sqlite3_auto_extension((void (*)(void))watch);
        _exit(store_open(&store, path, NULL) == ODE_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

START_TEST(a_migration_that_is_killed_is_finished_by_the_next)
{
    char path[256], copy[300], *dump;
    struct ode_err err;
    long steps = 1, kills = 0;
    bool killed = true;

    for (; killed; steps += 1 + steps / 12) {
        struct store store;

        place(1, path, copy);
        ages_make(path, 1);
        dump = ages_dump(path);
        killed = killed_after(path, steps);
        kills += killed;
        if (killed) /* all of it, or nothing */
            assert_sound(path,
                         atoi(answer(path, "PRAGMA user_version")) == 1 ? 1 : newest(),
                         dump);
        test_ok(store_open(&store, path, &err), &err);
        store_close(&store);
        assert_sound(path, newest(), dump);
        free(dump);
    }
    ck_assert_int_gt(kills, 50);
}
END_TEST

TEST_SUITE(migrate, 120, each_older_version_opens_and_keeps_its_rows,
           a_new_or_known_database_is_not_copied, without_a_copy_nothing_is_changed,
           a_migration_that_is_killed_is_finished_by_the_next)
