/* backup.c - tests daemon/backup.c: copies of a database in use. */
#include "daemon/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/backups.h"
#include "tests/daemon/house.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

struct paths {
    char from[300], to[300], temporary[310];
};

static void
paths_open(struct paths *paths, const char *dir)
{
    snprintf(paths->from, sizeof paths->from, "%s/odenet.db", dir);
    snprintf(paths->to, sizeof paths->to, "%s/copy.db", dir);
    snprintf(paths->temporary, sizeof paths->temporary, "%s.new", paths->to);
}

static bool
there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Opens a copy as a daemon would. */
static void
assert_opens(const char *path, const char *sql, const char *expected)
{
    struct world world = { .dir = "" };
    struct ode_err err;

    test_ok(store_open(&world.store, path, &err), &err);
    world_assert(&world, sql, expected);
    store_close(&world.store);
}

START_TEST(a_copy_is_a_snapshot_of_what_was_committed)
{
    struct world world;
    struct paths paths;
    struct ode_err err;
    int64_t bytes = 0;
    struct stat st;
    char wal[320];

    world_open(&world);
    paths_open(&paths, world.dir);
    world_submit(&world, &(struct world_order){ .name = "first" });
    test_ok(store_begin(&world.store, &err), &err);
    test_ok(store_exec(&world.store, STORE_NAME_INSERT, &err, store_text("unborn")),
            &err);
    /* A writer in the middle of something does not keep it waiting. */
    test_ok(backup_make(paths.from, paths.to, false, NULL, &bytes, &err), &err);
    store_rollback(&world.store);
    ck_assert_int_eq(stat(paths.to, &st), 0);
    ck_assert_int_eq(st.st_size, bytes);
    ck_assert(!there(paths.temporary));
    snprintf(wal, sizeof wal, "%s.new-wal", paths.to);
    ck_assert(!there(wal));
    assert_opens(paths.to, "SELECT count(*) FROM runs WHERE name = 'first'", "1");
    assert_opens(paths.to, "SELECT count(*) FROM metric_names", "0");
    world_close(&world);
}
END_TEST

START_TEST(what_is_there_is_not_overwritten_unasked)
{
    struct world world;
    struct paths paths;
    struct ode_err err;
    int64_t bytes;

    world_open(&world);
    paths_open(&paths, world.dir);
    close(open(paths.to, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(backup_make(paths.from, paths.to, false, NULL, &bytes, &err),
                     ODE_EEXIST);
    test_ok(backup_make(paths.from, paths.to, true, NULL, &bytes, &err), &err);
    assert_opens(paths.to, "PRAGMA integrity_check", "ok");
    ck_assert_int_eq(backup_make(paths.from, paths.from, true, NULL, &bytes, &err),
                     ODE_EEXIST);
    world_close(&world);
}
END_TEST

START_TEST(what_fails_leaves_nothing)
{
    atomic_bool stop = true;
    struct world world;
    struct paths paths;
    struct ode_err err;
    int64_t bytes;

    world_open(&world);
    paths_open(&paths, world.dir);
    for (int i = 0; i < 600; i++) { /* more than a slice */
        char name[4000];

        memset(name, 'x', sizeof name - 1);
        snprintf(name, 8, "%d", i);
        name[strlen(name)] = '-';
        name[sizeof name - 1] = '\0';
        test_ok(store_exec(&world.store, STORE_NAME_INSERT, &err, store_text(name)),
                &err);
    }
    ck_assert_int_eq(backup_make(paths.from, paths.to, false, &stop, &bytes, &err),
                     ODE_ESTATE);
    ck_assert(!there(paths.to) && !there(paths.temporary));
    ck_assert_int_eq(
        backup_make("/nowhere/odenet.db", paths.to, false, NULL, &bytes, &err),
        ODE_ENOENT);
    ck_assert_int_eq(
        backup_make(paths.from, "/nowhere/copy.db", false, NULL, &bytes, &err), ODE_EIO);
    ck_assert(!there(paths.to) && !there(paths.temporary));
    world_close(&world);
}
END_TEST

START_TEST(a_damaged_database_gives_no_copy)
{
    char page[4096];
    struct world world;
    struct paths paths;
    struct ode_err err;
    enum ode_status status;
    int64_t bytes;
    int fd;

    world_open(&world);
    paths_open(&paths, world.dir);
    world_submit(&world, &(struct world_order){ .name = "first" });
    world_close(&world); /* all is in the file itself now */
    fd = open(paths.from, O_WRONLY);
    memset(page, 0x5a, sizeof page);
    for (int i = 2; i < 8; i++)
        ck_assert_int_eq(pwrite(fd, page, sizeof page, (off_t)i * 4096), sizeof page);
    close(fd);
    status = backup_make(paths.from, paths.to, false, NULL, &bytes, &err);
    ck_assert(status == ODE_EFORMAT || status == ODE_EIO);
    ck_assert(!there(paths.to) && !there(paths.temporary));
}
END_TEST

/* --- on request --------------------------------------------------------------------- */

static void
on_closed(void *context)
{
    ++*(int *)context;
}

START_TEST(one_backup_at_a_time_until_its_answer_is_taken)
{
    uint64_t first = 0, second = 0;
    struct world world;
    struct backups backups;
    json_t *answer = NULL;
    struct ode_err err;
    int closed = 0;

    world_open(&world);
    backups = (struct backups){ .loop = &world.loop,
                                .log = &world.log,
                                .state_dir = world.dir };
    test_ok(backups_begin(&backups, &first, &err), &err);
    ck_assert_int_eq(backups_begin(&backups, &second, &err), ODE_EIO);
    test_ok(backups_take(&backups, first, &answer, &err), &err);
    ck_assert_ptr_null(answer);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(backups_begin(&backups, &second, &err), ODE_EIO);
    test_ok(backups_take(&backups, first, &answer, &err), &err);
    ck_assert_int_gt(json_integer_value(json_object_get(answer, "bytes")), 4096);
    json_decref(answer);
    test_ok(backups_begin(&backups, &second, &err), &err);
    ck_assert_uint_ne(first, second);
    backups_drop(&backups, first); /* not this one */
    ck_assert(backups.awaited);
    backups_drop(&backups, second);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    test_ok(backups_begin(&backups, &first, &err), &err);
    backups_stop(&backups, on_closed, &closed);
    ck_assert_int_eq(closed, 0);
    ck_assert_int_eq(backups_begin(&backups, &first, &err), ODE_EIO);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(closed, 1);
    world_close(&world);
}
END_TEST

START_TEST(a_daemon_that_runs_is_backed_up_both_ways)
{
    char run[ULID_LENGTH + 1], path[600], file[300];
    const char *const flags[] = { "--backup", file, NULL };
    struct house house;
    json_t *json;

    house_open(&house, NULL);
    house_submit(&house, "steps=20 hang=3", run);
    house_wait_step(&house, run, 3);
    json = house_ask(&house, "POST", "/v1/backup", NULL, 201);
    snprintf(path, sizeof path, "%s/backups/%s", house.dir,
             json_string_value(json_object_get(json, "name")));
    json_decref(json);
    assert_opens(path, "SELECT count(*) FROM runs WHERE state = 'running'", "1");
    snprintf(file, sizeof file, "%s/copy.db", house.dir);
    ck_assert_int_eq(house_exit_code(house.dir, flags), 0);
    ck_assert(house_log_says(&house, "copy.db: "));
    assert_opens(file, "SELECT count(*) FROM runs WHERE state = 'running'", "1");
    ck_assert_int_eq(house_exit_code(house.dir, flags), 1);
    ck_assert(house_log_says(&house, "there already"));
    house_close(&house);
}
END_TEST

TEST_SUITE(backup, 60, a_copy_is_a_snapshot_of_what_was_committed,
           what_is_there_is_not_overwritten_unasked, what_fails_leaves_nothing,
           a_damaged_database_gives_no_copy,
           one_backup_at_a_time_until_its_answer_is_taken,
           a_daemon_that_runs_is_backed_up_both_ways)
