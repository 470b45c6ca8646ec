/* queue.c - states of runs and verdicts over workers. */
#include "daemon/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/daemon/world.h"
#include "tests/test.h"

/* A row per state, a column per state, 'x' may follow. */
static const char *const picture[RUN_STATES] = {
    /*                  q s r p S F C */
    [RUN_QUEUED] = ". x . x . x x",    [RUN_STARTING] = "x . x x . x x",
    [RUN_RUNNING] = "x . . x x x x",   [RUN_PAUSED] = "x . . . . . x",
    [RUN_SUCCEEDED] = ". . . . . . .", [RUN_FAILED] = "x . . . . . .",
    [RUN_CANCELLED] = "x . . . . . .",
};

START_TEST(the_table_is_the_picture)
{
    for (int from = 0; from < RUN_STATES; from++)
        for (int to = 0; to < RUN_STATES; to++)
            ck_assert_msg(queue_allows(from, to) == (picture[from][2 * to] == 'x'),
                          "%s -> %s", run_state_name(from), run_state_name(to));
}
END_TEST

START_TEST(every_state_has_a_name_that_the_database_takes)
{
    enum run_state back;
    struct world world;
    struct ode_err err;
    struct run run;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n" });
    for (int state = 0; state < RUN_STATES; state++) {
        ck_assert(run_state_from_name(run_state_name(state), &back));
        ck_assert_int_eq(back, state);
        test_ok(store_exec(&world.store, STORE_RUN_MOVE, &err, store_int(run.number),
                           store_text(run.state), store_text(run_state_name(state)),
                           store_text("")),
                &err);
        run = world_run(&world, run.number);
        ck_assert_str_eq(run.state, run_state_name(state));
    }
    ck_assert(!run_state_from_name("lost", &back));
    world_close(&world);
}
END_TEST

START_TEST(a_forbidden_move_changes_nothing)
{
    struct world world;
    struct ode_err err;
    struct run run;
    char *events;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n" });
    ck_assert_int_eq(queue_move(&world.queue, &run, RUN_SUCCEEDED, "", &err), ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "queued"));
    ck_assert_ptr_nonnull(strstr(err.text, "succeeded"));
    ck_assert_str_eq(world_run(&world, run.number).state, "queued");
    events = world_ask(&world, "SELECT count(*) FROM events");
    ck_assert_str_eq(events, "1"); /* its submission */
    free(events);
    world_close(&world);
}
END_TEST

START_TEST(a_stale_copy_cannot_move_a_run)
{
    struct world world;
    struct ode_err err;
    struct run run, stale;

    world_open(&world);
    run = stale = world_submit(&world, &(struct world_order){ .name = "n" });
    test_ok(queue_move(&world.queue, &run, RUN_CANCELLED, "enough", &err), &err);
    ck_assert_int_eq(queue_move(&world.queue, &stale, RUN_STARTING, "", &err),
                     ODE_ESTATE);
    run = world_run(&world, run.number);
    ck_assert_str_eq(run.state, "cancelled");
    ck_assert_str_eq(run.reason, "enough");
    ck_assert_int_eq(run.attempt, 0);
    world_close(&world);
}
END_TEST

START_TEST(a_move_and_its_event_are_one)
{
    struct world world;
    struct ode_err err;
    struct run run;
    char *cause;

    world_open(&world);
    run = world_submit(&world, &(struct world_order){ .name = "n" });
    test_ok(store_begin(&world.store, &err), &err);
    test_ok(queue_move(&world.queue, &run, RUN_STARTING, "its turn", &err), &err);
    store_rollback(&world.store);
    ck_assert_str_eq(world_run(&world, run.number).state, "queued");
    cause = world_ask(&world, "SELECT count(*) FROM events WHERE to_state = 'starting'");
    ck_assert_str_eq(cause, "0");
    free(cause);
    run = world_run(&world, run.number);
    test_ok(queue_move(&world.queue, &run, RUN_STARTING, "its turn", &err), &err);
    cause = world_ask(&world, "SELECT from_state || '>' || to_state || ':' || text FROM "
                              "events WHERE to_state = 'starting'");
    ck_assert_str_eq(cause, "queued>starting:its turn");
    free(cause);
    world_close(&world);
}
END_TEST

/* --- verdicts --------------------------------------------------------------------------
 */

enum { SEEN = 1, UNSEEN = 0 };

static const struct story {
    const char *what;
    const char *state, *final, *error;
    int64_t cancel, retries, max_retries, pid, limit_s, spent_ms, pause, hold;
    const char *yields_to;
    struct worker_end end;
    enum run_state then;
    bool retry;
    const char *cause; /* is part of it */
} stories[] = {
    {"success",                                                 "running",          "succeeded","",               .pid = 5,         .end = { .observed = SEEN },
     .then = RUN_SUCCEEDED,.cause = ""      },
    { "success of an adopted worker",                           "running",          "succeeded","",               .pid = 5,
     .then = RUN_SUCCEEDED,.cause = ""                                                                                                          },
    { "success just after the time limit",                                                "running",        "succeeded","",     .limit_s = 1,
     .spent_ms = 5000,.end = { .observed = SEEN },                                                                                                 .then = RUN_SUCCEEDED,                  .cause = "" },
    { "bad spec",                                               "running",          "failed","ESPEC",          .max_retries = 9,
     .end = { .observed = SEEN, .code = 2 },.then = RUN_FAILED,                                                                                                    .cause = "told"},
    { "divergence",                                             "running",          "failed","EDIVERGE",       .max_retries = 9,
     .end = { .observed = SEEN, .code = 4 },.then = RUN_FAILED,                                                                                                    .cause = "told"  },
    { "divergence of an adopted worker",                        "running",          "failed","EDIVERGE",
     .max_retries = 9,.pid = 5,.then = RUN_FAILED,                                                                                                    .cause = "told"  },
    { "data error without a record",                            "starting",         "","",               .max_retries = 9,
     .end = { .observed = SEEN, .code = 3 },.then = RUN_FAILED,                                                                                                    .cause = "code 3"  },
    { "a full disk may be free again",                          "running",          "failed","EIO",            .max_retries = 1,
     .end = { .observed = SEEN, .code = 74 },.then = RUN_QUEUED,                                                                                                    .retry = true,
     .cause = "told; retry 1 of 1" },
    { "a full disk stays full",                                                        "running",                                                  "failed","EIO",.retries = 1,
     .max_retries = 1, .end = { .observed = SEEN, .code = 74 },.then = RUN_FAILED,
     .cause = "no retries left" },
    { "killed",                                "running",                                                 "","",.max_retries = 2,.pid = 5,
     .end = { .observed = SEEN, .signal = 9 },            .then = RUN_QUEUED,.retry = true,
     .cause = "signal 9; retry 1 of 2" },
    { "killed for the last time",                                       "running",                                            "","",.retries = 2,.max_retries = 2,
     .end = { .observed = SEEN, .signal = 9 },.then = RUN_FAILED,
     .cause = "signal 9; no retries left of 2" },
    { "gone while no daemon was there",                                         "running",                                      "","",.max_retries = 2,.pid = 5,
     .then = RUN_QUEUED,.retry = true,.cause = "gone" },
    { "left without a word",                                         "running",                                                   "","",.max_retries = 2,
     .end = { .observed = SEEN, .code = 0 },.then = RUN_QUEUED,                                                      .retry = true,
     .cause = "no final record" },
    { "could not be started",                                                       "starting",                                                         "","",.max_retries = 2,
     .end = { .trouble = "no such program" },.then = RUN_QUEUED,.retry = true,
     .cause = "no such program" },
    { "the daemon died before it started one",                                                       "starting",               "","",.max_retries = 0,
     .then = RUN_QUEUED,.cause = "before it had started"},
    { "the daemon died after it started one","starting","","",.max_retries = 0,
     .pid = 5,.then = RUN_FAILED,                     .cause = "gone"},
    { "stopped by somebody",                                                       "running",                                                                             "stopped",                          "",
     .end = { .observed = SEEN, .code = 75 },.then = RUN_QUEUED,.cause = "stopped"                                                       },
    { "stopped before its first record",                                                "starting","","",
     .end = { .observed = SEEN, .code = 75 },.then = RUN_QUEUED,.cause = "stopped"},
    { "stopped with the daemon",                                                       "running",                                       "stopped","",
     .end = { .observed = SEEN, .code = 75, .stopping = true },.then = RUN_QUEUED,
     .cause = "the daemon stopped"                                                                                                                        },
    { "stopped as the disk is full", "running", "stopped","",
     .end = { .observed = SEEN, .code = 75, .storage = true },.then = RUN_QUEUED,
     .cause = "storage: the disk is nearly full"},
    { "failed as the disk is full",                                       "running",                                   "failed","EIO",
     .end = { .observed = SEEN, .code = 74, .storage = true },.then = RUN_QUEUED,
     .cause = "storage: the disk is nearly full"                                                                                                                        },
    { "diverged while the disk is full",               "running",                                "failed","EDIVERGE",
     .end = { .observed = SEEN, .code = 4, .storage = true },.then = RUN_FAILED,
     .cause = "told"},
    { "success while the disk is full",                                                        "running",                                          "succeeded","",
     .end = { .observed = SEEN, .storage = true },.then = RUN_SUCCEEDED,.cause = ""},
    { "killed with the daemon",                                 "running",          "","",
     .end = { .observed = SEEN, .signal = 9, .stopping = true },.then = RUN_QUEUED,
     .cause = "the daemon stopped"},
    { "over its time",                                                "running",          "stopped","", .max_retries = 9,     .limit_s = 5,
     .spent_ms = 5000,.end = { .observed = SEEN, .code = 75 },.then = RUN_FAILED,
     .cause = "time limit of 5 s" },
    { "over its time, and killed",                                                        "running",                                               "","",.max_retries = 9,.limit_s = 5,
     .spent_ms = 6000,                                                                                                                              .end = { .observed = SEEN, .signal = 9 },.then = RUN_FAILED,
     .cause = "time limit of 5 s" },
    { "cancelled",                                       "running",                                                  "stopped","",.cancel = 1,
     .end = { .observed = SEEN, .code = 75 },.then = RUN_CANCELLED,
     .cause = "on request"                                                                                                                },
    { "cancelled and killed",                                    "running",                                                         "","",.cancel = 1,
     .end = { .observed = SEEN, .signal = 9 },.then = RUN_CANCELLED,
     .cause = "on request"},
    { "cancelled before its hello",                                    "starting",                                                         "","",.cancel = 1,
     .end = { .observed = SEEN, .signal = 15 },.then = RUN_CANCELLED,
     .cause = "on request"                                                                                          },
    { "cancelled, then the daemon was killed",                                    "running",                                                         "","",.cancel = 1,.pid = 5,
     .then = RUN_CANCELLED,.cause = "on request"},
    { "paused",                                     "running",                                  "stopped","",.pause = 1,
     .end = { .observed = SEEN, .code = 75 },.then = RUN_PAUSED,
     .cause = "paused on request"},
    { "paused, and killed as it did not stop",                                       "running",                                                  "","",.pause = 1,
     .end = { .observed = SEEN, .signal = 9 },.then = RUN_PAUSED,
     .cause = "paused on request"                                                                          },
    { "paused before its first record",                                       "starting",                                                  "","",.pause = 1,
     .end = { .observed = SEEN, .signal = 15 },.then = RUN_PAUSED,
     .cause = "paused on request"                                                                                                                            },
    { "success on the way to a pause",                                       "running",                                                  "succeeded","",.pause = 1,
     .end = { .observed = SEEN },.then = RUN_SUCCEEDED,.cause = ""                 },
    { "a full disk on the way to a pause",                                    "running",                                           "failed","EIO",.pause = 1,
     .max_retries = 1,   .end = { .observed = SEEN, .code = 74 },                                                                                                                                                                                                                                                                                                                                       .then = RUN_PAUSED,
     .retry = true, .cause = "told; retry 1 of 1" },
    { "divergence on the way to a pause",                  "running",                  "failed","EDIVERGE",.pause = 1,
     .max_retries = 1,.end = { .observed = SEEN, .code = 4 },.then = RUN_FAILED,
     .cause = "told" },
    { "over its time on the way to a pause",                                               "running",                                                              "stopped","",.pause = 1,
     .limit_s = 5,.spent_ms = 5000,.end = { .observed = SEEN, .code = 75 },
     .then = RUN_FAILED, .cause = "time limit of 5 s" },
    { "made room",                                                       "running",                                                               "stopped","",.yields_to = "x",
     .end = { .observed = SEEN, .code = 75 },.then = RUN_QUEUED,
     .cause = "made room for run x"},
    { "made room at the end of its level","running","held","",.yields_to = "x",
     .end = { .observed = SEEN, .code = 75 },.then = RUN_QUEUED,
     .cause = "made room for run x"                                                                                                                             },
    { "killed as it did not make room",                                                       "running",                                                                                                                               "",                                                                                                                                  "",                                                                                                                                                                                                          .yields_to = "x",
     .max_retries = 1,.end = { .observed = SEEN, .signal = 9 },.then = RUN_QUEUED,
     .cause = "made room for run x" },
    { "success instead of making room","running","succeeded","",.yields_to = "x",
     .end = { .observed = SEEN },.then = RUN_SUCCEEDED,                                                                                                                    .cause = ""                                                                                                                                                                                                                                                                                       },
    { "held where it would have made room",                         "running",                                         "held",                       "",                                                                                                                                                                                                                                                                                                                                                                                                                         .yields_to = "x",
     .hold = 1,.end = { .observed = SEEN, .code = 75 },.then = RUN_PAUSED,
     .cause = "held at the end of level" },
    { "cancelled while the daemon stops",                     "running",      "stopped","",.cancel = 1,
     .end = { .observed = SEEN, .code = 75, .stopping = true },.then = RUN_CANCELLED,
     .cause = "on request"},
};

START_TEST(each_end_has_its_verdict)
{
    const struct story *story = &stories[_i];
    struct run run = { .cancel_requested = story->cancel,
                       .pause = story->pause,
                       .hold = story->hold,
                       .retries = story->retries,
                       .max_retries = story->max_retries,
                       .pid = story->pid,
                       .time_limit_s = story->limit_s,
                       .spent_ms = story->spent_ms };
    struct verdict verdict;

    strcpy(run.state, story->state);
    strcpy(run.yields_to, story->yields_to ? story->yields_to : "");
    strcpy(run.final_state, story->final);
    strcpy(run.error_code, story->error);
    strcpy(run.error_text, *story->error ? "as told" : "");
    queue_judge(&run, &story->end, &verdict);
    ck_assert_msg(verdict.state == story->then, "%s: %s", story->what,
                  run_state_name(verdict.state));
    ck_assert_msg(verdict.retry == story->retry, "%s", story->what);
    ck_assert_msg(strstr(verdict.cause, story->cause) != NULL, "%s: %s", story->what,
                  verdict.cause);
}
END_TEST

START_TEST(barren_retries_wait_longer_and_longer)
{
    ck_assert_int_eq(queue_delay_ms(0), 0);
    ck_assert_int_eq(queue_delay_ms(1), 1000);
    ck_assert_int_eq(queue_delay_ms(2), 2000);
    ck_assert_int_eq(queue_delay_ms(6), 32000);
    for (int64_t n = 7; n < 2000; n += 100)
        ck_assert_int_eq(queue_delay_ms(n), 60000);
}
END_TEST

Suite *suite_queue(void);

Suite *
suite_queue(void)
{
    const TTest *tests[] = {
        the_table_is_the_picture,         every_state_has_a_name_that_the_database_takes,
        a_forbidden_move_changes_nothing, a_stale_copy_cannot_move_a_run,
        a_move_and_its_event_are_one,     barren_retries_wait_longer_and_longer
    };
    Suite *suite = test_suite("queue", tests, sizeof tests / sizeof *tests, 20);
    TCase *verdicts = tcase_create("verdicts");

    tcase_add_loop_test(verdicts, each_end_has_its_verdict, 0,
                        (int)(sizeof stories / sizeof *stories));
    suite_add_tcase(suite, verdicts);
    return suite;
}
