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

enum { GRACE_MS = 3000, SHORT_GRACE_MS = 150 };

/* Submits the orders and supervises. */
static struct run
set_out(struct world *world, const char *orders, int64_t max_retries, int64_t grace_ms)
{
    struct world_order order = { .name = orders, .max_retries = max_retries };
    struct run run;

    world_open(world);
    run = world_submit(world, &order);
    world_supervise(world, 1, grace_ms);
    return run;
}

static void
assert_text(struct world *world, const char *sql, const char *expected)
{
    char *text = world_ask(world, sql);

    ck_assert_str_eq(text, expected);
    free(text);
}

/* What an undisturbed run of 10 steps a level leaves in the database. */
static char *
undisturbed(void)
{
    struct world world;
    struct run run = set_out(&world, "steps=10", 0, GRACE_MS);
    char *text;

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    text = world_tables(&world, run.number);
    world_close(&world);
    return text;
}

START_TEST(a_run_goes_from_the_queue_to_success)
{
    struct world world;
    struct run run = set_out(&world, "steps=10", 0, GRACE_MS);

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 1);
    ck_assert_int_eq(run.step, 20);
    ck_assert_int_eq(run.steps, 20);
    ck_assert_int_ge(run.started_ms, run.created_ms);
    ck_assert_int_ge(run.finished_ms, run.started_ms);
    ck_assert_int_eq(run.pid, 0);
    ck_assert_str_eq(run.model_sha256, "00ff");
    assert_text(&world,
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
    char *expected = undisturbed(), *text;
    struct world world;
    struct run run = set_out(&world, "steps=10 crash=13 crashes=2", 2, GRACE_MS);

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 3);
    ck_assert_int_eq(run.retries, 2);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    assert_text(&world, "SELECT text FROM events WHERE to_state = 'queued' AND id > 1",
                "the worker was ended by signal 9; retry 1 of 2");
    free(text);
    free(expected);
    world_close(&world);
}
END_TEST

START_TEST(a_run_fails_when_its_retries_are_used_up)
{
    struct world world;
    struct run run = set_out(&world, "steps=10 crash=3", 2, GRACE_MS);

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
    struct run run = set_out(&world, "steps=10 fail=4", 5, GRACE_MS);

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
    struct run run = set_out(&world, "steps=10 fail=3 silent=1", 5, GRACE_MS);

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
    struct run run = set_out(&world, "mute=1", 5, GRACE_MS);
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
    struct run run = set_out(&world, "steps=10 hang=3", 0, GRACE_MS);
    struct ode_err err;

    world_wait_step(&world, run.number, 3);
    test_ok(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err), &err);
    ck_assert_str_eq(run.state, "running");
    run = world_wait(&world, run.number, RUN_CANCELLED);
    ck_assert_str_eq(run.final_state, "stopped"); /* it left by itself */
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'cancel'", "1");
    world_close(&world);
}
END_TEST

START_TEST(a_worker_that_does_not_listen_is_killed_after_the_grace_period)
{
    struct world world;
    struct run run = set_out(&world, "steps=10 hang=3 deaf=1", 0, SHORT_GRACE_MS);
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
    struct run run = set_out(&world, "steps=2", 0, GRACE_MS);
    struct ode_err err;

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(supervise_request(&world.sup, run.id, REQUEST_CANCEL, &run, &err),
                     ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "succeeded"));
    world_close(&world);
}
END_TEST

/* --- hold and advance */

/* From now on so many runs may have a worker. */
static void
open_slots(struct world *world, int slots)
{
    world->sup.rules.room.slots = slots;
    supervise_dispatch(&world->sup);
}

static void
ask(struct world *world, enum request_kind kind, struct run *run)
{
    struct ode_err err;

    test_ok(supervise_request(&world->sup, run->id, kind, run, &err), &err);
}

START_TEST(a_held_run_pauses_at_the_levels_end_until_it_is_let_go)
{
    struct world world;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=4" });
    world_supervise(&world, 0, GRACE_MS);
    ask(&world, REQUEST_HOLD, &run);
    ask(&world, REQUEST_HOLD, &run); /* twice is fine */
    ck_assert_str_eq(run.state, "queued");
    open_slots(&world, 1);
    run = world_wait(&world, run.number, RUN_PAUSED);
    ck_assert_int_eq(run.step, 4);
    ck_assert_int_eq(run.pid, 0);
    ck_assert_ptr_nonnull(strstr(run.reason, "held at the end of level 0"));
    ask(&world, REQUEST_ADVANCE, &run);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    ck_assert_int_eq(run.retries, 0);
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'hold'", "1");
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'advance'", "1");
    world_close(&world);
}
END_TEST

START_TEST(a_running_level_ends_on_request)
{
    struct world world;
    struct run run = set_out(&world, "steps=10 hang=3", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    ask(&world, REQUEST_HOLD, &run);
    ask(&world, REQUEST_ADVANCE, &run); /* takes the hold back, too */
    ck_assert_int_eq(run.hold, 0);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    assert_text(&world, "SELECT group_concat(ended) FROM levels", "request,budget");
    assert_text(&world, "SELECT count(*) FROM metrics WHERE level = 0 AND step > 3", "0");
    world_close(&world);
}
END_TEST

/* The row is what counts: the next daemon writes the control file again. */
START_TEST(a_hold_outlives_the_daemon_and_its_file)
{
    struct world world, next;
    struct run run = set_out(&world, "steps=10 hang=3", 5, GRACE_MS);
    char path[512];

    world_wait_step(&world, run.number, 3);
    ask(&world, REQUEST_HOLD, &run);
    world_crash(&world);
    snprintf(path, sizeof path, "%s/runs/%s/control.json", world.dir, run.id);
    ck_assert_int_eq(unlink(path), 0);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, GRACE_MS);
    run = world_run(&next, run.number);
    while (access(path, F_OK) != 0)
        uv_run(next.sup.loop, UV_RUN_ONCE);
    ck_assert_int_eq(run.hold, 1);
    kill((pid_t)run.pid, SIGKILL); /* hangs; its next attempt does, too */
    ask(&next, REQUEST_CANCEL, &run);
    world_wait(&next, run.number, RUN_CANCELLED);
    world_close(&next);
}
END_TEST

START_TEST(a_paused_run_can_be_cancelled)
{
    struct world world;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    world_supervise(&world, 0, GRACE_MS);
    ask(&world, REQUEST_HOLD, &run);
    open_slots(&world, 1);
    run = world_wait(&world, run.number, RUN_PAUSED);
    ask(&world, REQUEST_CANCEL, &run);
    ck_assert_str_eq(run.state, "cancelled");
    world_close(&world);
}
END_TEST

START_TEST(what_cannot_be_held_or_advanced_says_why)
{
    struct world world;
    struct ode_err err;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    world_supervise(&world, 0, GRACE_MS);
    ck_assert_int_eq(supervise_request(&world.sup, run.id, REQUEST_ADVANCE, &run, &err),
                     ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "is queued and trains no level"));
    open_slots(&world, 1);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    for (enum request_kind kind = REQUEST_HOLD; kind <= REQUEST_ADVANCE; kind++) {
        ck_assert_int_eq(supervise_request(&world.sup, run.id, kind, &run, &err),
                         ODE_ESTATE);
        ck_assert_ptr_nonnull(strstr(err.text, "is succeeded"));
    }
    world_close(&world);
}
END_TEST

/* --- pause, resume and retry */

START_TEST(a_paused_run_resumes_where_it_stood)
{
    char *expected = undisturbed(), *text;
    struct world world;
    struct run run = set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    ask(&world, REQUEST_PAUSE, &run);
    ask(&world, REQUEST_PAUSE, &run); /* twice is fine */
    ck_assert_int_eq(run.pause, 1);
    run = world_wait(&world, run.number, RUN_PAUSED);
    ck_assert_int_lt(run.step, 20);
    ck_assert_int_eq(run.pause, 0);
    ck_assert_int_eq(run.pid, 0);
    ck_assert_str_eq(run.reason, "paused on request; resumes from its last checkpoint");
    supervise_dispatch(&world.sup);
    ck_assert_str_eq(world_run(&world, run.number).state, "paused");
    ask(&world, REQUEST_RESUME, &run);
    ask(&world, REQUEST_RESUME, &run);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    ck_assert_int_eq(run.retries, 0);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'pause'", "1");
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'resume'", "1");
    free(text);
    free(expected);
    world_close(&world);
}
END_TEST

START_TEST(a_queued_run_pauses_at_once_and_keeps_its_place)
{
    struct world world;
    struct run first, second;

    world_open(&world);
    first = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    second = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    world_supervise(&world, 0, GRACE_MS);
    ask(&world, REQUEST_PAUSE, &first);
    ck_assert_str_eq(first.state, "paused");
    open_slots(&world, 1);
    second = world_wait(&world, second.number, RUN_SUCCEEDED);
    ck_assert_str_eq(world_run(&world, first.number).state, "paused");
    ask(&world, REQUEST_RESUME, &first);
    world_wait(&world, first.number, RUN_SUCCEEDED);
    world_close(&world);
}
END_TEST

START_TEST(a_pause_outlives_the_daemon)
{
    struct world world, next;
    struct run run = set_out(&world, "steps=10 hang=3 deaf=1", 5, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    ask(&world, REQUEST_PAUSE, &run);
    world_crash(&world);
    world_reopen(&next, world.dir);
    world_supervise(&next, 1, SHORT_GRACE_MS);
    run = world_wait(&next, run.number, RUN_PAUSED);
    ck_assert_int_eq(run.retries, 0);
    world_close(&next);
}
END_TEST

START_TEST(a_pause_is_taken_back)
{
    struct world world;
    struct run run = set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    ask(&world, REQUEST_PAUSE, &run);
    ask(&world, REQUEST_RESUME, &run); /* its worker stops all the same */
    ck_assert_int_eq(run.pause, 0);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    assert_text(&world, "SELECT count(*) FROM events WHERE to_state = 'paused'", "0");
    world_close(&world);
}
END_TEST

START_TEST(a_failed_run_goes_on_when_it_is_tried_again)
{
    char *expected = undisturbed(), *text;
    struct world world;
    struct run run = set_out(&world, "steps=10 crash=7 crashes=1", 0, GRACE_MS);

    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_gt(run.finished_ms, 0);
    ask(&world, REQUEST_RETRY, &run);
    ask(&world, REQUEST_RETRY, &run);
    ck_assert_int_eq(run.finished_ms, 0);
    ck_assert_str_eq(run.error_text, "");
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    assert_text(&world, "SELECT text FROM events WHERE from_state = 'failed'",
                "retried on request");
    free(text);
    free(expected);
    world_close(&world);
}
END_TEST

START_TEST(a_retry_has_all_its_time_and_retries_again)
{
    struct world world;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=10 pause=200",
                                                      .time_limit_s = 1,
                                                      .max_retries = 1 });
    world_supervise(&world, 1, GRACE_MS);
    run = world_wait(&world, run.number, RUN_FAILED);
    ask(&world, REQUEST_RETRY, &run);
    ck_assert_int_eq(run.spent_ms, 0);
    ck_assert_int_eq(run.retries, 0);
    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_eq(run.attempt, 2);
    ask(&world, REQUEST_RETRY, &run);
    ask(&world, REQUEST_CANCEL, &run);
    run = world_wait(&world, run.number, RUN_CANCELLED);
    ask(&world, REQUEST_RETRY, &run); /* and what was cancelled goes on, too */
    ck_assert_int_eq(run.cancel_requested, 0);
    ask(&world, REQUEST_CANCEL, &run);
    world_wait(&world, run.number, RUN_CANCELLED);
    world_close(&world);
}
END_TEST

START_TEST(what_cannot_be_paused_resumed_or_retried_says_why)
{
    static const struct {
        enum request_kind kind;
        const char *text;
    } refusals[] = {
        {REQUEST_PAUSE,   "is succeeded and cannot be paused any more"},
        { REQUEST_RESUME, "is succeeded and has nothing left to do"   },
        { REQUEST_RETRY,  "is succeeded and has nothing to be tried"  },
    };
    struct world world;
    struct run run, paused;
    struct ode_err err;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    paused = world_submit(&world, &(struct world_order){ .name = "steps=2" });
    world_supervise(&world, 0, GRACE_MS);
    ask(&world, REQUEST_PAUSE, &paused);
    ck_assert_int_eq(
        supervise_request(&world.sup, paused.id, REQUEST_RETRY, &paused, &err),
        ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "goes on when it is resumed"));
    open_slots(&world, 1);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        ck_assert_int_eq(
            supervise_request(&world.sup, run.id, refusals[i].kind, &run, &err),
            ODE_ESTATE);
        ck_assert_ptr_nonnull(strstr(err.text, refusals[i].text));
    }
    world_close(&world);
}
END_TEST

/* --- whose turn it is */

/* A machine of two threads, where a run of two trains already, at its third step. */
static struct run
set_out_full(struct world *world, enum supervise_preempt preempt, const char *orders)
{
    struct run run;

    world_open(world);
    run = world_submit(world, &(struct world_order){ .name = orders, .threads = 2 });
    world_supervise(world, SUPERVISE_SLOTS, GRACE_MS);
    world->sup.rules.room.threads = 2;
    world->sup.rules.preempt = preempt;
    return world_wait_step(world, run.number, 3);
}

START_TEST(threads_and_memory_bound_how_many_run_at_once)
{
    const struct world_order orders[] = {
        {.name = "steps=5 hang=2",  .threads = 1, .memory_bytes = 60},
        { .name = "steps=5 hang=2", .threads = 1, .memory_bytes = 50},
        { .name = "steps=5 hang=2", .threads = 1, .memory_bytes = 10},
    };
    struct world world;
    struct run runs[3];
    char text[160];

    world_open(&world);
    for (int i = 0; i < 3; i++)
        runs[i] = world_submit(&world, &orders[i]);
    world_supervise(&world, 0, GRACE_MS);
    world.sup.rules.room = (struct sched_room){ SUPERVISE_SLOTS, 2, 100 };
    world_wait_step(&world, runs[0].number, 2);
    runs[1] = world_run(&world, runs[1].number);
    ck_assert_str_eq(runs[1].state, "queued");
    supervise_explain(&world.sup, &runs[1], text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "waits for memory"));
    /* it would fit, but nothing overtakes */
    runs[2] = world_run(&world, runs[2].number);
    ck_assert_str_eq(runs[2].state, "queued");
    supervise_explain(&world.sup, &runs[2], text, sizeof text);
    ck_assert_str_eq(text, "waits for its turn");
    world.sup.rules.room.memory_bytes = 1000;
    world_wait_step(&world, runs[1].number, 2);
    runs[2] = world_run(&world, runs[2].number);
    ck_assert_str_eq(runs[2].state, "queued");
    supervise_explain(&world.sup, &runs[2], text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "waits for threads"));
    world_close(&world);
}
END_TEST

START_TEST(a_higher_priority_has_room_made_at_a_checkpoint)
{
    char *expected = undisturbed(), *text;
    struct world world;
    struct run low = set_out_full(&world, PREEMPT_CHECKPOINT, "steps=10 pause=20");
    struct run high = world_submit(
        &world, &(struct world_order){ .name = "steps=2", .priority = 5, .threads = 1 });

    high = world_wait(&world, high.number, RUN_SUCCEEDED);
    low = world_wait(&world, low.number, RUN_SUCCEEDED);
    ck_assert_int_eq(low.attempt, 2);
    ck_assert_int_eq(low.retries, 0);
    ck_assert_str_eq(low.yields_to, "");
    ck_assert_int_gt(low.finished_ms, high.finished_ms);
    text = world_tables(&world, low.number);
    ck_assert_str_eq(text, expected);
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'preempt'", "1");
    assert_text(&world,
                "SELECT count(*) FROM events e JOIN runs r ON r.number = e.run WHERE "
                "r.priority = 0 AND e.text LIKE 'made room for run %of a higher%'",
                "1");
    free(text);
    free(expected);
    world_close(&world);
}
END_TEST

START_TEST(room_can_be_made_at_the_end_of_a_level)
{
    struct world world;
    struct run low = set_out_full(&world, PREEMPT_LEVEL, "steps=10 pause=20");
    struct run high = world_submit(
        &world, &(struct world_order){ .name = "steps=2", .priority = 5, .threads = 1 });

    high = world_wait(&world, high.number, RUN_SUCCEEDED);
    low = world_run(&world, low.number);
    ck_assert_int_ge(low.step, 10);
    low = world_wait(&world, low.number, RUN_SUCCEEDED);
    ck_assert_int_eq(low.attempt, 2);
    assert_text(&world, "SELECT count(*) FROM events WHERE to_state = 'paused'", "0");
    world_close(&world);
}
END_TEST

START_TEST(who_need_not_make_room_any_more_goes_on)
{
    struct world world;
    struct run low = set_out_full(&world, PREEMPT_LEVEL, "steps=10 pause=20");
    struct run high = world_submit(
        &world, &(struct world_order){ .name = "steps=2", .priority = 5, .threads = 1 });

    supervise_dispatch(&world.sup);
    ck_assert_str_eq(world_run(&world, low.number).yields_to, high.id);
    ask(&world, REQUEST_CANCEL, &high);
    low = world_wait(&world, low.number, RUN_SUCCEEDED);
    ck_assert_int_eq(low.attempt, 1);
    ck_assert_str_eq(low.yields_to, "");
    assert_text(&world, "SELECT count(*) FROM events WHERE kind = 'preempt'", "2");
    world_close(&world);
}
END_TEST

START_TEST(nobody_makes_room_where_that_is_switched_off_or_in_vain)
{
    struct world world;
    struct run low = set_out_full(&world, PREEMPT_NEVER, "steps=5 hang=3"), high, equal;

    equal = world_submit(&world, &(struct world_order){ .name = "n", .threads = 1 });
    supervise_dispatch(&world.sup);
    world.sup.rules.preempt = PREEMPT_CHECKPOINT;
    supervise_dispatch(&world.sup); /* for equals neither */
    world.sup.rules.preempt = PREEMPT_NEVER;
    high = world_submit(
        &world, &(struct world_order){ .name = "n", .priority = 5, .threads = 1 });
    supervise_dispatch(&world.sup);
    ck_assert_str_eq(world_run(&world, low.number).yields_to, "");
    ck_assert_str_eq(world_run(&world, high.number).state, "queued");
    ck_assert_str_eq(world_run(&world, equal.number).state, "queued");
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
    char *expected = undisturbed(), *text;
    struct world world;
    struct run run = set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

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
    struct run run = set_out(&world, "steps=10 hang=3 deaf=1", 0, SHORT_GRACE_MS);

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
    char *expected = undisturbed(), *text;
    struct world world, next;
    struct run run = set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

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
    char *expected = undisturbed(), *text;
    struct world world, next;
    struct run run = set_out(&world, "steps=10 pause=5", 0, GRACE_MS);

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
    struct run run = set_out(&world, "steps=10 pause=5 crash=8 crashes=1", 1, GRACE_MS);

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
    struct run run = set_out(&world, "steps=10 hang=3", 0, GRACE_MS);
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
    struct run run = set_out(&world, "steps=10 hang=3 deaf=1", 3, 60000);
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
    struct run run = set_out(&world, "steps=10 hang=3", 0, GRACE_MS);
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
    struct run run = set_out(&world, "steps=10 hang=3 locked=1", 5, GRACE_MS);

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
    a_final_run_cannot_be_cancelled,
    a_held_run_pauses_at_the_levels_end_until_it_is_let_go,
    a_running_level_ends_on_request, a_hold_outlives_the_daemon_and_its_file,
    a_paused_run_can_be_cancelled, what_cannot_be_held_or_advanced_says_why,
    a_paused_run_resumes_where_it_stood, a_queued_run_pauses_at_once_and_keeps_its_place,
    a_pause_outlives_the_daemon, a_pause_is_taken_back,
    a_failed_run_goes_on_when_it_is_tried_again,
    a_retry_has_all_its_time_and_retries_again,
    what_cannot_be_paused_resumed_or_retried_says_why,
    threads_and_memory_bound_how_many_run_at_once,
    a_higher_priority_has_room_made_at_a_checkpoint,
    room_can_be_made_at_the_end_of_a_level, who_need_not_make_room_any_more_goes_on,
    nobody_makes_room_where_that_is_switched_off_or_in_vain, a_run_ends_at_its_time_limit,
    stopping_puts_runs_back_without_counting_a_retry,
    stopping_kills_a_deaf_worker_after_the_grace_period,
    the_next_daemon_follows_a_living_worker,
    the_next_daemon_misses_nothing_of_a_worker_that_ended,
    the_next_daemon_retries_a_worker_that_was_killed, an_adopted_worker_is_cancelled_too,
    a_request_to_cancel_outlives_the_daemon, a_worker_without_hello_is_found_by_its_lock,
    a_stranger_with_the_workers_number_is_left_alone,
    a_run_that_another_worker_has_is_followed, a_directory_without_a_row_is_collected)
