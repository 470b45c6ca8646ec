/* supervise.c - runs with a fake worker, from the queue to their end. */
#include "daemon/supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/world.h"
#include "tests/test.h"

enum { GRACE_MS = WORLD_GRACE_MS, SHORT_GRACE_MS = 150 };

START_TEST(a_run_goes_from_the_queue_to_success)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10", 0, GRACE_MS);

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 1);
    ck_assert_int_eq(run.step, 20);
    ck_assert_int_eq(run.steps, 20);
    ck_assert_int_ge(run.started_ms, run.created_ms);
    ck_assert_int_ge(run.finished_ms, run.started_ms);
    ck_assert_int_eq(run.pid, 0);
    ck_assert_str_eq(run.model_sha256, "00ff");
    world_assert(&world,
                 "SELECT group_concat(to_state, ' ') FROM events WHERE kind = 'state'",
                 "queued starting running succeeded");
    world_close(&world);
}
END_TEST

START_TEST(slots_bound_how_many_run_at_once)
{
    struct world world;
    struct run runs[3];

    world_open(&world);
    for (int i = 0; i < 3; i++)
        runs[i] = world_submit(
            &world, &(struct world_order){ .name = "steps=5 hang=2", .priority = i });
    world_supervise(&world, 2, GRACE_MS);
    world_wait_step(&world, runs[2].number, 2);
    world_wait_step(&world, runs[1].number, 2);
    ck_assert_str_eq(world_run(&world, runs[0].number).state, "queued");
    world_close(&world);
    world_reopen(&world, world.dir);
    for (int i = 0; i < 3; i++) /* stopped with the daemon, and all of them wait again */
        ck_assert_str_eq(world_run(&world, runs[i].number).state, "queued");
    world_close(&world);
}
END_TEST

START_TEST(a_killed_worker_is_retried_and_leaves_the_same_tables)
{
    char *expected = world_undisturbed(), *text;
    struct world world;
    struct run run = world_set_out(&world, "steps=10 crash=13 crashes=2", 2, GRACE_MS);

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 3);
    ck_assert_int_eq(run.retries, 2);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    world_assert(&world, "SELECT text FROM events WHERE to_state = 'queued' AND id > 1",
                 "the worker was ended by signal 9; retry 1 of 2");
    free(text);
    free(expected);
    world_close(&world);
}
END_TEST

START_TEST(a_run_fails_when_its_retries_are_used_up)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 crash=3", 2, GRACE_MS);

    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_eq(run.attempt, 3);
    ck_assert_str_eq(run.error_code, "EINTERNAL");
    ck_assert_ptr_nonnull(strstr(run.reason, "no retries left of 2"));
    world_close(&world);
}
END_TEST

START_TEST(a_failure_that_would_repeat_is_not_retried)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 fail=4", 5, GRACE_MS);

    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_eq(run.attempt, 1);
    ck_assert_str_eq(run.error_code, "EDIVERGE");
    ck_assert_str_eq(run.error_at, "/levels/0");
    ck_assert_str_eq(run.error_text, "it failed as told");
    world_close(&world);
}
END_TEST

START_TEST(an_exit_code_speaks_where_no_record_does)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 fail=3 silent=1", 5, GRACE_MS);

    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_eq(run.attempt, 1);
    ck_assert_str_eq(run.error_code, "EDATA");
    world_close(&world);
}
END_TEST

START_TEST(a_worker_that_cannot_be_started_is_told_of)
{
    struct world world;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n" });
    world_supervise(&world, 1, GRACE_MS);
    world.sup.rules.worker = "/nowhere/odenet";
    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_str_eq(run.error_code, "EIO");
    ck_assert_ptr_nonnull(strstr(run.error_text, "/nowhere/odenet"));
    ck_assert_ptr_nonnull(strstr(run.error_text, "no such file"));
    world_close(&world);
}
END_TEST

START_TEST(a_barren_retry_waits)
{
    struct world world;
    struct run run = world_set_out(&world, "mute=1", 5, GRACE_MS);
    int64_t before = store_now_ms();

    run = world_wait(&world, run.number, RUN_STARTING);
    run = world_wait(&world, run.number, RUN_QUEUED);
    ck_assert_int_eq(run.barren, 1);
    ck_assert_int_ge(run.not_before_ms, before + queue_delay_ms(1));
    world_close(&world);
}
END_TEST

/* --- stopping
 * ---------------------------------------------------------------------------- */

START_TEST(a_queued_run_is_cancelled_at_once)
{
    struct world world;
    struct ode_err err;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n" });
    world_supervise(&world, 0, GRACE_MS);
    test_ok(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    ck_assert_str_eq(run.state, "cancelled");
    test_ok(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err),
            &err); /* twice is fine */
    ck_assert_int_eq(supervise_request(&world.sup, "nobody", REQUEST_CANCEL, &run, &err),
                     ODE_ENOENT);
    world_close(&world);
}
END_TEST

START_TEST(a_running_run_is_cancelled_when_its_worker_is_gone)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 hang=3", 0, GRACE_MS);
    struct ode_err err;

    world_wait_step(&world, run.number, 3);
    test_ok(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    ck_assert_str_eq(run.state, "running");
    run = world_wait(&world, run.number, RUN_CANCELLED);
    ck_assert_str_eq(run.final_state, "stopped"); /* it left by itself */
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'cancel'", "1");
    world_close(&world);
}
END_TEST

START_TEST(a_worker_that_does_not_listen_is_killed_after_the_grace_period)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 hang=3 deaf=1", 0, SHORT_GRACE_MS);
    struct ode_err err;
    uint64_t asked;

    world_wait_step(&world, run.number, 3);
    asked = uv_hrtime();
    test_ok(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    run = world_wait(&world, run.number, RUN_CANCELLED);
    ck_assert_uint_ge((uv_hrtime() - asked) / 1000000, SHORT_GRACE_MS);
    ck_assert_str_eq(run.final_state, "");
    world_close(&world);
}
END_TEST

START_TEST(a_final_run_cannot_be_cancelled)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=2", 0, GRACE_MS);
    struct ode_err err;

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err),
                     ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "succeeded"));
    world_close(&world);
}
END_TEST

START_TEST(a_run_ends_at_its_time_limit)
{
    struct world world;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=10 hang=3",
                                                      .time_limit_s = 1,
                                                      .max_retries = 5 });
    world_supervise(&world, 1, GRACE_MS);
    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_eq(run.attempt, 1);
    ck_assert_int_ge(run.spent_ms, 1000);
    ck_assert_str_eq(run.error_code, "ESTOPPED");
    ck_assert_ptr_nonnull(strstr(run.reason, "time limit of 1 s"));
    world_close(&world);
}
END_TEST

START_TEST(stopping_puts_runs_back_without_counting_a_retry)
{
    char *expected = world_undisturbed(), *text;
    struct world world;
    struct run run = world_set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

    world_wait_step(&world, run.number, 4);
    world_close(&world);
    world_reopen(&world, world.dir);
    run = world_run(&world, run.number);
    ck_assert_str_eq(run.state, "queued");
    ck_assert_str_eq(run.final_state, "stopped");
    ck_assert_ptr_nonnull(strstr(run.reason, "the daemon stopped"));
    world_supervise(&world, 1, GRACE_MS);
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

START_TEST(stopping_kills_a_deaf_worker_after_the_grace_period)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 hang=3 deaf=1", 0, SHORT_GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_close(&world);
    world_reopen(&world, world.dir);
    run = world_run(&world, run.number);
    ck_assert_str_eq(run.state, "queued");
    ck_assert_int_eq(run.retries, 0);
    world_close(&world);
}
END_TEST

/* --- the next daemon
 * --------------------------------------------------------------------- */

START_TEST(the_next_daemon_follows_a_living_worker)
{
    char *expected = world_undisturbed(), *text;
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_crash(&world);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, GRACE_MS);
    run = world_wait(&next, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 1); /* the same worker */
    text = world_tables(&next, run.number);
    ck_assert_str_eq(text, expected);
    free(text);
    free(expected);
    world_close(&next);
}
END_TEST

/* Until the worker's lock is free: it has ended while nobody looked. */
static void
wait_for_end(const struct world *world, const char *id)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/runs/%s/worker.lock", world->dir, id);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    close(fd);
}

START_TEST(the_next_daemon_misses_nothing_of_a_worker_that_ended)
{
    char *expected = world_undisturbed(), *text;
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 pause=5", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_crash(&world);
    wait_for_end(&world, run.id);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, GRACE_MS);
    run = world_wait(&next, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 1);
    text = world_tables(&next, run.number);
    ck_assert_str_eq(text, expected);
    free(text);
    free(expected);
    world_close(&next);
}
END_TEST

START_TEST(the_next_daemon_retries_a_worker_that_was_killed)
{
    struct world world, next;
    struct run run =
        world_set_out(&world, "steps=10 pause=5 crash=8 crashes=1", 1, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_crash(&world);
    wait_for_end(&world, run.id);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, GRACE_MS);
    run = world_wait(&next, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    ck_assert_int_eq(run.retries, 1);
    world_close(&next);
}
END_TEST

START_TEST(an_adopted_worker_is_cancelled_too)
{
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 hang=3", 0, GRACE_MS);
    struct ode_err err;

    world_wait_step(&world, run.number, 3);
    world_crash(&world);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, GRACE_MS);
    test_ok(supervise_request(&next.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    run = world_wait(&next, run.number, RUN_CANCELLED);
    ck_assert_str_eq(run.final_state, "stopped");
    world_close(&next);
}
END_TEST

START_TEST(a_request_to_cancel_outlives_the_daemon)
{
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 hang=3 deaf=1", 3, 60000);
    struct ode_err err;

    world_wait_step(&world, run.number, 3);
    test_ok(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    world_crash(&world);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, SHORT_GRACE_MS);
    world_wait(&next, run.number, RUN_CANCELLED);
    world_close(&next);
}
END_TEST

START_TEST(a_worker_without_hello_is_found_by_its_lock)
{
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 hang=3", 0, GRACE_MS);
    struct ode_err err;

    world_wait_step(&world, run.number, 3);
    run = world_run(&world, run.number);
    run.pid = 0; /* as if the daemon had been killed before it knew */
    test_ok(run_save(&world.store, &run, &err), &err);
    world_crash(&world);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, GRACE_MS);
    test_ok(supervise_request(&next.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    world_wait(&next, run.number, RUN_CANCELLED);
    world_close(&next);
}
END_TEST

START_TEST(a_stranger_with_the_workers_number_is_left_alone)
{
    struct world world;
    struct ode_err err;
    struct run run;
    char path[512];
    int status;
    pid_t stranger;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    stranger = fork();
    if (stranger == 0) {
        pause();
        _exit(0);
    }
    test_ok(queue_move(&world.queue, &run, RUN_STARTING, "", &err), &err);
    test_ok(queue_move(&world.queue, &run, RUN_RUNNING, "", &err), &err);
    run.pid = stranger;
    run.cancel_requested = 1;
    test_ok(run_save(&world.store, &run, &err), &err);
    snprintf(path, sizeof path, "%s/runs/%s/worker.lock", world.dir, run.id);
    world_supervise(&world, 1, SHORT_GRACE_MS);
    world_wait(&world, run.number, RUN_CANCELLED); /* its lock was free */
    ck_assert_int_eq(waitpid(stranger, &status, WNOHANG), 0);
    kill(stranger, SIGKILL);
    waitpid(stranger, &status, 0);
    world_close(&world);
}
END_TEST

START_TEST(a_run_that_another_worker_has_is_followed)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 hang=3 locked=1", 5, GRACE_MS);

    run = world_wait_step(&world, run.number, 3);
    ck_assert_str_eq(run.state, "running");
    world_close(&world);
}
END_TEST

START_TEST(a_directory_without_a_row_is_collected)
{
    struct world world;
    struct run run;
    char path[512], kept[512];
    struct stat st;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    snprintf(kept, sizeof kept, "%s/runs/%s", world.dir, run.id);
    snprintf(path, sizeof path, "%s/runs/01arz3ndektsv4rrffq69g5fav", world.dir);
    mkdir(path, 0755);
    world_supervise(&world, 0, GRACE_MS);
    ck_assert_int_ne(stat(path, &st), 0);
    ck_assert_int_eq(stat(kept, &st), 0);
    world_close(&world);
}
END_TEST

TEST_SUITE(
    supervise, 60, a_run_goes_from_the_queue_to_success, slots_bound_how_many_run_at_once,
    a_killed_worker_is_retried_and_leaves_the_same_tables,
    a_run_fails_when_its_retries_are_used_up, a_failure_that_would_repeat_is_not_retried,
    an_exit_code_speaks_where_no_record_does, a_worker_that_cannot_be_started_is_told_of,
    a_barren_retry_waits, a_queued_run_is_cancelled_at_once,
    a_running_run_is_cancelled_when_its_worker_is_gone,
    a_worker_that_does_not_listen_is_killed_after_the_grace_period,
    a_final_run_cannot_be_cancelled, a_run_ends_at_its_time_limit,
    stopping_puts_runs_back_without_counting_a_retry,
    stopping_kills_a_deaf_worker_after_the_grace_period,
    the_next_daemon_follows_a_living_worker,
    the_next_daemon_misses_nothing_of_a_worker_that_ended,
    the_next_daemon_retries_a_worker_that_was_killed, an_adopted_worker_is_cancelled_too,
    a_request_to_cancel_outlives_the_daemon, a_worker_without_hello_is_found_by_its_lock,
    a_stranger_with_the_workers_number_is_left_alone,
    a_run_that_another_worker_has_is_followed, a_directory_without_a_row_is_collected)
