/* storage.c - tests daemon/storage.c, and what a full disk means for runs. */
#include "daemon/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/daemon/desk.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

enum { KIB = 1024 };

static void
write_file(const char *dir, const char *name, size_t bytes)
{
    char path[512], *zeros = calloc(1, bytes);
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fwrite(zeros, 1, bytes, file);
    fclose(file);
    free(zeros);
}

static bool
there(const char *dir, const char *name)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

#define FIRST  "checkpoints/01-000000000010.safetensors"
#define SECOND "checkpoints/01-000000000020.safetensors"
#define END    "checkpoints/00-000000000005-end.safetensors"

/* What a worker of two levels leaves: 11 KiB, of which 4 may go. */
static void
furnish(const char *dir)
{
    char checkpoints[512];

    mkdir(dir, 0755);
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", dir);
    mkdir(checkpoints, 0755);
    write_file(dir, FIRST, 2 * KIB);
    write_file(dir, SECOND, 2 * KIB);
    write_file(dir, END, 2 * KIB);
    write_file(dir, "checkpoints/other", KIB);
    write_file(dir, "model.safetensors", 4 * KIB);
}

START_TEST(a_disk_is_full_below_the_floor_and_until_there_is_a_quarter_more)
{
    ck_assert(!storage_full(100, 100, false));
    ck_assert(storage_full(99, 100, false));
    ck_assert(storage_full(100, 100, true));
    ck_assert(storage_full(124, 100, true));
    ck_assert(!storage_full(125, 100, true));
    ck_assert(!storage_full(0, 0, true)); /* no floor */
    ck_assert(!storage_full(INT64_MAX, INT64_MAX, false));
    ck_assert_int_gt(storage_free("/"), 0);
    ck_assert_int_eq(storage_free("/no/such/place"), INT64_MAX);
}
END_TEST

START_TEST(a_run_is_weighed_and_trimmed)
{
    char dir[200];

    snprintf(dir, sizeof dir, "%s/run", test_dir());
    ck_assert_int_eq(storage_weigh(dir), 0);
    ck_assert_int_eq(storage_trim(dir), 0);
    furnish(dir);
    ck_assert_int_eq(storage_weigh(dir), 11 * KIB);
    ck_assert_int_eq(storage_trim(dir), 2);
    ck_assert_int_eq(storage_weigh(dir), 7 * KIB);
    ck_assert(there(dir, END) && there(dir, "model.safetensors"));
    ck_assert(!there(dir, FIRST) && !there(dir, SECOND));
    ck_assert_int_eq(storage_trim(dir), 0);
}
END_TEST

/* --- what is kept ------------------------------------------------------------------- */

/* A run that ended so long after the epoch, furnished. */
static struct run
ended_run(struct world *world, int64_t finished_ms)
{
    struct run run = world_submit(world, &(struct world_order){ .name = "old" });
    struct ode_err err;
    char dir[400];

    snprintf(dir, sizeof dir, "%s/runs/%s", world->dir, run.id);
    furnish(dir);
    test_ok(queue_move(&world->queue, &run, RUN_CANCELLED, "", &err), &err);
    run.finished_ms = finished_ms;
    run.bytes = storage_weigh(dir);
    test_ok(run_save(&world->store, &run, &err), &err);
    return run;
}

static bool
has_all(const struct world *world, const struct run *run)
{
    char dir[400];

    snprintf(dir, sizeof dir, "%s/runs/%s", world->dir, run->id);
    ck_assert(there(dir, END) && there(dir, "model.safetensors"));
    return there(dir, FIRST) && there(dir, SECOND);
}

static void
tidy(struct world *world, int64_t days, int64_t bytes, int64_t now_ms)
{
    const struct storage_keep keep = { days, bytes };
    struct ode_err err;

    test_ok(storage_tidy(&world->store, world->dir, &keep, now_ms, &err), &err);
}

START_TEST(checkpoints_of_old_runs_go_after_days)
{
    const int64_t day = 24 * 3600 * 1000ll;
    struct world world;
    struct run old, young, living;

    world_open(&world);
    old = ended_run(&world, 10 * day);
    young = ended_run(&world, 12 * day);
    living = world_submit(&world, &(struct world_order){ .name = "lives" });
    tidy(&world, 0, 0, 20 * day); /* no rule: nothing goes */
    ck_assert(has_all(&world, &old) && has_all(&world, &young));
    tidy(&world, 3, 0, 13 * day - 1);
    ck_assert(has_all(&world, &old));
    tidy(&world, 3, 0, 13 * day);
    ck_assert(!has_all(&world, &old) && has_all(&world, &young));
    old = world_run(&world, old.number);
    ck_assert_int_eq(old.tidied_ms, 13 * day);
    ck_assert_int_lt(old.bytes, young.bytes);
    world_assert(&world, "SELECT text FROM events WHERE kind = 'storage'",
                 "2 checkpoints of 0.0 MiB were deleted, as it has ended");
    tidy(&world, 3, 0, 100 * day);
    ck_assert(!has_all(&world, &young));
    ck_assert_int_eq(world_run(&world, living.number).tidied_ms, 0);
    world_close(&world);
}
END_TEST

START_TEST(what_ended_first_goes_first_until_it_fits)
{
    struct world world;
    struct run runs[4];

    world_open(&world);
    runs[2] = ended_run(&world, 3000);
    runs[0] = ended_run(&world, 1000);
    runs[3] = ended_run(&world, 4000);
    runs[1] = ended_run(&world, 2000);
    tidy(&world, 0, 4 * runs[0].bytes, 9000); /* all of it fits */
    ck_assert(has_all(&world, &runs[0]));
    tidy(&world, 0, 4 * runs[0].bytes - 5 * KIB, 9000); /* two are enough */
    ck_assert(!has_all(&world, &runs[0]) && !has_all(&world, &runs[1]));
    ck_assert(has_all(&world, &runs[2]) && has_all(&world, &runs[3]));
    tidy(&world, 0, 1, 9000); /* all that may go is not enough, and nothing else goes */
    ck_assert(!has_all(&world, &runs[2]) && !has_all(&world, &runs[3]));
    world_close(&world);
}
END_TEST

/* --- a full disk -------------------------------------------------------------------- */

START_TEST(while_the_disk_is_full_nothing_starts)
{
    struct desk desk;
    char run[ULID_LENGTH + 1];
    json_t *document;
    struct ode_err err;

    desk_open(&desk, 1);
    desk.world.sup.rules.disk_floor_bytes = INT64_MAX;
    while (!desk.world.sup.full)
        uv_run(&desk.world.loop, UV_RUN_ONCE);
    json_decref(desk_submit(&desk, run));
    test_ok(desk.api.run_get(desk.api.self, run, &document, &err), &err);
    ck_assert_str_eq(json_string_value(desk_at(document, "state")), "queued");
    ck_assert_ptr_nonnull(
        strstr(json_string_value(desk_at(document, "waits")), "waits for storage: "));
    ck_assert(json_is_null(desk_at(document, "bytes")));
    json_decref(document);
    ck_assert_int_eq(desk.api.ready(desk.api.self, &err), ODE_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, "waits for storage"));
    desk.world.sup.rules.disk_floor_bytes = 0;
    world_wait(&desk.world, 1, RUN_SUCCEEDED);
    test_ok(desk.api.ready(desk.api.self, &err), &err);
    test_ok(desk.api.run_get(desk.api.self, run, &document, &err), &err);
    ck_assert_int_gt(json_integer_value(desk_at(document, "bytes")), 0);
    json_decref(document);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_full_disk_has_runs_wait_at_a_checkpoint_and_go_on)
{
    char *expected = world_undisturbed(), *text;
    struct world world;
    struct run run = world_set_out(&world, "steps=10 pause=20", 0, WORLD_GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world.sup.rules.disk_floor_bytes = INT64_MAX;
    while (run = world_run(&world, run.number), run_state_of(&run) == RUN_RUNNING)
        uv_run(&world.loop, UV_RUN_ONCE);
    ck_assert_str_eq(run.state, "queued");
    ck_assert_int_eq(strncmp(run.reason, "storage: ", 9), 0);
    ck_assert_int_gt(run.bytes, 0);
    for (int i = 0; i < 10; i++) /* ten looks later it still waits */
        uv_run(&world.loop, UV_RUN_ONCE);
    run = world_run(&world, run.number);
    ck_assert_int_eq(run.attempt, 1);
    world.sup.rules.disk_floor_bytes = 0;
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    ck_assert_int_eq(run.retries, 0);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    free(text);
    free(expected);
    world_close(&world);
}
END_TEST

TEST_SUITE(storage, 30, a_disk_is_full_below_the_floor_and_until_there_is_a_quarter_more,
           a_run_is_weighed_and_trimmed, checkpoints_of_old_runs_go_after_days,
           what_ended_first_goes_first_until_it_fits,
           while_the_disk_is_full_nothing_starts,
           a_full_disk_has_runs_wait_at_a_checkpoint_and_go_on)
