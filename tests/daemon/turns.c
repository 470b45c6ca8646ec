/* turns.c - requests to runs, and whose turn it is, with a fake worker. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/supervise.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

enum { GRACE_MS = WORLD_GRACE_MS, SHORT_GRACE_MS = 150 };

/* --- hold and advance */

START_TEST(a_held_run_pauses_at_the_levels_end_until_it_is_let_go)
{
    struct world world;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "steps=4" });
    world_supervise(&world, 0, GRACE_MS);
    world_request(&world, REQUEST_HOLD, &run);
    world_request(&world, REQUEST_HOLD, &run); /* twice is fine */
    ck_assert_str_eq(run.state, "queued");
    world_slots(&world, 1);
    run = world_wait(&world, run.number, RUN_PAUSED);
    ck_assert_int_eq(run.step, 4);
    ck_assert_int_eq(run.pid, 0);
    ck_assert_ptr_nonnull(strstr(run.reason, "held at the end of level 0"));
    world_request(&world, REQUEST_ADVANCE, &run);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    ck_assert_int_eq(run.retries, 0);
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'hold'", "1");
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'advance'", "1");
    world_close(&world);
}
END_TEST

START_TEST(a_running_level_ends_on_request)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10 hang=3", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_request(&world, REQUEST_HOLD, &run);
    world_request(&world, REQUEST_ADVANCE, &run); /* takes the hold back, too */
    ck_assert_int_eq(run.hold, 0);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    world_assert(&world, "SELECT group_concat(ended) FROM levels", "request,budget");
    world_assert(&world, "SELECT count(*) FROM metrics WHERE level = 0 AND step > 3",
                 "0");
    world_close(&world);
}
END_TEST

/* The row is what counts: the next daemon writes the control file again. */
START_TEST(a_hold_outlives_the_daemon_and_its_file)
{
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 hang=3", 5, GRACE_MS);
    char path[512];

    world_wait_step(&world, run.number, 3);
    world_request(&world, REQUEST_HOLD, &run);
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
    world_request(&next, REQUEST_CANCEL, &run);
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
    world_request(&world, REQUEST_HOLD, &run);
    world_slots(&world, 1);
    run = world_wait(&world, run.number, RUN_PAUSED);
    world_request(&world, REQUEST_CANCEL, &run);
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
    world_slots(&world, 1);
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
    char *expected = world_undisturbed(), *text;
    struct world world;
    struct run run = world_set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_request(&world, REQUEST_PAUSE, &run);
    world_request(&world, REQUEST_PAUSE, &run); /* twice is fine */
    ck_assert_int_eq(run.pause, 1);
    run = world_wait(&world, run.number, RUN_PAUSED);
    ck_assert_int_lt(run.step, 20);
    ck_assert_int_eq(run.pause, 0);
    ck_assert_int_eq(run.pid, 0);
    ck_assert_str_eq(run.reason, "paused on request; resumes from its last checkpoint");
    supervise_dispatch(&world.sup);
    ck_assert_str_eq(world_run(&world, run.number).state, "paused");
    world_request(&world, REQUEST_RESUME, &run);
    world_request(&world, REQUEST_RESUME, &run);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    ck_assert_int_eq(run.retries, 0);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'pause'", "1");
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'resume'", "1");
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
    world_request(&world, REQUEST_PAUSE, &first);
    ck_assert_str_eq(first.state, "paused");
    world_slots(&world, 1);
    second = world_wait(&world, second.number, RUN_SUCCEEDED);
    ck_assert_str_eq(world_run(&world, first.number).state, "paused");
    world_request(&world, REQUEST_RESUME, &first);
    world_wait(&world, first.number, RUN_SUCCEEDED);
    world_close(&world);
}
END_TEST

START_TEST(a_pause_outlives_the_daemon)
{
    struct world world, next;
    struct run run = world_set_out(&world, "steps=10 hang=3 deaf=1", 5, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_request(&world, REQUEST_PAUSE, &run);
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
    struct run run = world_set_out(&world, "steps=10 pause=20", 0, GRACE_MS);

    world_wait_step(&world, run.number, 3);
    world_request(&world, REQUEST_PAUSE, &run);
    world_request(&world, REQUEST_RESUME, &run); /* its worker stops all the same */
    ck_assert_int_eq(run.pause, 0);
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    world_assert(&world, "SELECT count(*) FROM events WHERE to_state = 'paused'", "0");
    world_close(&world);
}
END_TEST

START_TEST(a_failed_run_goes_on_when_it_is_tried_again)
{
    char *expected = world_undisturbed(), *text;
    struct world world;
    struct run run = world_set_out(&world, "steps=10 crash=7 crashes=1", 0, GRACE_MS);

    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_gt(run.finished_ms, 0);
    world_request(&world, REQUEST_RETRY, &run);
    world_request(&world, REQUEST_RETRY, &run);
    ck_assert_int_eq(run.finished_ms, 0);
    ck_assert_str_eq(run.error_text, "");
    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    ck_assert_int_eq(run.attempt, 2);
    text = world_tables(&world, run.number);
    ck_assert_str_eq(text, expected);
    world_assert(&world, "SELECT text FROM events WHERE from_state = 'failed'",
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
    world_request(&world, REQUEST_RETRY, &run);
    ck_assert_int_eq(run.spent_ms, 0);
    ck_assert_int_eq(run.retries, 0);
    run = world_wait(&world, run.number, RUN_FAILED);
    ck_assert_int_eq(run.attempt, 2);
    world_request(&world, REQUEST_RETRY, &run);
    world_request(&world, REQUEST_CANCEL, &run);
    run = world_wait(&world, run.number, RUN_CANCELLED);
    world_request(&world, REQUEST_RETRY, &run); /* and what was cancelled goes on, too */
    ck_assert_int_eq(run.cancel_requested, 0);
    world_request(&world, REQUEST_CANCEL, &run);
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
    world_request(&world, REQUEST_PAUSE, &paused);
    ck_assert_int_eq(
        supervise_request(&world.sup, paused.id, REQUEST_RETRY, &paused, &err),
        ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "goes on when it is resumed"));
    world_slots(&world, 1);
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
    char *expected = world_undisturbed(), *text;
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
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'preempt'", "1");
    world_assert(&world,
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
    world_assert(&world, "SELECT count(*) FROM events WHERE to_state = 'paused'", "0");
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
    world_request(&world, REQUEST_CANCEL, &high);
    low = world_wait(&world, low.number, RUN_SUCCEEDED);
    ck_assert_int_eq(low.attempt, 1);
    ck_assert_str_eq(low.yields_to, "");
    world_assert(&world, "SELECT count(*) FROM events WHERE kind = 'preempt'", "2");
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

TEST_SUITE(turns, 60, a_held_run_pauses_at_the_levels_end_until_it_is_let_go,
           a_running_level_ends_on_request, a_hold_outlives_the_daemon_and_its_file,
           a_paused_run_can_be_cancelled, what_cannot_be_held_or_advanced_says_why,
           a_paused_run_resumes_where_it_stood,
           a_queued_run_pauses_at_once_and_keeps_its_place, a_pause_outlives_the_daemon,
           a_pause_is_taken_back, a_failed_run_goes_on_when_it_is_tried_again,
           a_retry_has_all_its_time_and_retries_again,
           what_cannot_be_paused_resumed_or_retried_says_why,
           threads_and_memory_bound_how_many_run_at_once,
           a_higher_priority_has_room_made_at_a_checkpoint,
           room_can_be_made_at_the_end_of_a_level,
           who_need_not_make_room_any_more_goes_on,
           nobody_makes_room_where_that_is_switched_off_or_in_vain)
