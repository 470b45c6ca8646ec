/* sweeps.c - jobs of many runs: written down, run side by side, promoted. */
#include "daemon/sweeps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "tests/daemon/desk.h"
#include "tests/test.h"

/* A spec of two levels with this sweep. */
static json_t *
spec_with(const char *sweep)
{
    json_t *spec = desk_spec("strokes");

    json_object_set_new(spec, "sweep", json_loads(sweep, 0, NULL));
    return spec;
}

/* Submits it; the ids of its runs, in order. */
static size_t
submit(struct desk *desk, const char *sweep, char ids[][ULID_LENGTH + 1])
{
    json_t *spec = spec_with(sweep), *answer = NULL, *complaints, *run;
    struct ode_err err;
    size_t i, n;

    test_ok(desk->api.job_submit(desk->api.self, spec, NULL, &answer, &complaints, &err),
            &err);
    n = json_array_size(json_object_get(answer, "runs"));
    json_array_foreach (json_object_get(answer, "runs"), i, run)
        snprintf(ids[i], ULID_LENGTH + 1, "%s", json_string_value(desk_at(run, "id")));
    json_decref(answer);
    json_decref(spec);
    return n;
}

static json_t *
run_get(struct desk *desk, const char *id)
{
    struct ode_err err;
    json_t *run;

    test_ok(desk->api.run_get(desk->api.self, id, &run, &err), &err);
    return run;
}

static struct run
row(struct desk *desk, const char *id)
{
    struct ode_err err;
    struct run run;

    test_ok(run_load(&desk->world.store, id, &run, &err), &err);
    return run;
}

static void sql(struct desk *desk, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
sql(struct desk *desk, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    free(world_ask(&desk->world, text));
}

static void
settle(struct desk *desk)
{
    struct ode_err err;

    test_ok(sweeps_settle(&desk->world.queue, &desk->world.log, &err), &err);
}

/* As a worker leaves a run that was held at the end of its level 0, measured so. */
static void
comes_to_gate(struct desk *desk, const char *id, const char *metric, const char *value)
{
    sql(desk,
        "UPDATE runs SET state = 'paused', level = 0, final_state = 'held' "
        "WHERE id = '%s'",
        id);
    if (!value)
        return;
    sql(desk, "INSERT OR IGNORE INTO metric_names (name) VALUES ('%s')", metric);
    sql(desk,
        "INSERT INTO metrics SELECT r.number, n.id, 0, 9, %s, 1, 1, 1 FROM runs r, "
        "metric_names n WHERE r.id = '%s' AND n.name = '%s'",
        value, id, metric);
}

static void
is_in(struct desk *desk, const char *id, const char *state, const char *reason)
{
    const struct run run = row(desk, id);

    ck_assert_str_eq(run.state, state);
    ck_assert_msg(strstr(run.reason, reason) != NULL, "%s", run.reason);
}

/* --- what is written down -------------------------------------------------------------
 */

START_TEST(a_sweep_is_written_down_run_by_run)
{
    char ids[8][ULID_LENGTH + 1], path[512];
    json_t *run, *spec, *file;
    struct desk desk;

    desk_open(&desk, 0);
    ck_assert_uint_eq(submit(&desk,
                             "{\"grid\": {\"/seed\": [1, 2], \"/model/step\": [0.1, "
                             "0.3]}, \"max_parallel\": 1}",
                             ids),
                      4);
    run = run_get(&desk, ids[3]);
    spec = json_object_get(run, "spec");
    ck_assert_int_eq(json_integer_value(desk_at(spec, "seed")), 2);
    ck_assert_double_eq(json_real_value(desk_at(desk_at(spec, "model"), "step")), 0.3);
    ck_assert_ptr_null(json_object_get(spec, "sweep"));
    ck_assert_int_eq(json_integer_value(desk_at(desk_at(run, "sweep"), "index")), 3);
    ck_assert_int_eq(
        json_integer_value(desk_at(desk_at(desk_at(run, "sweep"), "values"), "/seed")),
        2);
    ck_assert(json_is_null(desk_at(desk_at(run, "sweep"), "gate")));
    snprintf(path, sizeof path, "%s/runs/%s/spec.json", desk.world.dir, ids[3]);
    file = json_load_file(path, 0, NULL);
    ck_assert(json_equal(file, spec));
    json_decref(file);
    json_decref(run);
    world_assert(&desk.world,
                 "SELECT count(*) || ' ' || min(spec LIKE '%sweep%') FROM jobs", "1 1");
    world_assert(&desk.world, "SELECT count(*) FROM runs", "4");
    world_close(&desk.world);
}
END_TEST

static const struct {
    const char *sweep, *at, *word;
} refused[] = {
    {"{\"grid\": {\"/seed\": [1, -3]}}",                                           "/sweep/grid/~1seed/1", "below 0"},
    { "{\"grid\": {\"/levels/1/resolution\": [16, 24]}}",                          "/levels/0/resolution",
     "run 1 of the sweep: {\"/levels/1/resolution\":24}"                                                            },
    { "{\"grid\": {\"/data/train_size\": [50]}}",                                  "/train/batch",         "run 0"  },
    { "{\"grid\": {\"/seed\": [1, 2]}, \"promote\": {\"best\": 1, \"after\": 1}}",
     "/sweep/promote/after",                                                                               "level 1"},
};

START_TEST(one_bad_run_refuses_the_job)
{
    json_t *spec = spec_with(refused[_i].sweep), *answer = NULL, *complaints;
    struct desk desk;
    struct ode_err err;

    desk_open(&desk, 0);
    ck_assert_int_eq(
        desk.api.job_submit(desk.api.self, spec, NULL, &answer, &complaints, &err),
        ODE_ESPEC);
    ck_assert_str_eq(err.at, refused[_i].at);
    ck_assert_msg(strstr(err.text, refused[_i].word) != NULL, "%s", err.text);
    world_assert(&desk.world, "SELECT count(*) FROM jobs", "0");
    json_decref(complaints);
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

/* --- side by side ---------------------------------------------------------------------
 */

START_TEST(no_more_at_once_than_the_sweep_allows)
{
    char ids[8][ULID_LENGTH + 1];
    struct desk desk;
    json_t *run;

    desk_open(&desk, 0);
    submit(&desk, "{\"grid\": {\"/seed\": [1, 2, 3]}, \"max_parallel\": 1}", ids);
    desk.world.sup.rules.room.slots = 4;
    supervise_dispatch(&desk.world.sup);
    run = run_get(&desk, ids[1]);
    ck_assert_str_eq(json_string_value(desk_at(run, "state")), "queued");
    ck_assert_str_eq(json_string_value(desk_at(run, "waits")),
                     "waits for its sweep, of which 1 may train at once");
    json_decref(run);
    for (int i = 0; i < 3; i++)
        world_wait(&desk.world, row(&desk, ids[i]).number, RUN_SUCCEEDED);
    world_assert(&desk.world,
                 "SELECT count(*) FROM runs a JOIN runs b ON a.number < b.number AND "
                 "b.started_ms < a.finished_ms",
                 "0");
    world_close(&desk.world);
}
END_TEST

/* --- who is promoted ------------------------------------------------------------------
 */

START_TEST(the_best_go_on_when_all_have_come)
{
    char ids[8][ULID_LENGTH + 1];
    struct desk desk;

    desk_open(&desk, 0);
    submit(&desk, "{\"grid\": {\"/seed\": [1, 2, 3, 4, 5]}, \"promote\": {\"best\": 2}}",
           ids);
    comes_to_gate(&desk, ids[0], "test.accuracy", "0.5");
    comes_to_gate(&desk, ids[1], "test.accuracy", "0.9");
    comes_to_gate(&desk, ids[2], "test.accuracy", NULL); /* nothing was measured */
    comes_to_gate(&desk, ids[3], "test.accuracy", "0.9");
    settle(&desk);
    is_in(&desk, ids[1], "paused", ""); /* the last one is on its way */
    sql(&desk, "UPDATE runs SET state = 'failed' WHERE id = '%s'", ids[4]);
    settle(&desk);
    is_in(&desk, ids[0], "cancelled", "not promoted: place 3 of 4");
    is_in(&desk, ids[1], "queued",
          "promoted: place 1 of 4 in its sweep by test.accuracy, "
          "0.9");
    is_in(&desk, ids[2], "cancelled", "place 4 of 4");
    is_in(&desk, ids[3], "queued", "promoted: place 2 of 4");
    is_in(&desk, ids[4], "failed", "");
    ck_assert_int_eq(row(&desk, ids[1]).sweep_gate, 0);
    ck_assert_int_eq(row(&desk, ids[0]).sweep_gate, 1);
    world_close(&desk.world);
}
END_TEST

START_TEST(the_lowest_loss_is_the_best)
{
    char ids[8][ULID_LENGTH + 1];
    struct desk desk;

    desk_open(&desk, 0);
    submit(&desk,
           "{\"grid\": {\"/seed\": [1, 2]}, \"promote\": {\"best\": 1, \"metric\": "
           "\"test.loss\"}}",
           ids);
    comes_to_gate(&desk, ids[0], "test.loss", "0.7");
    comes_to_gate(&desk, ids[1], "test.loss", "0.6");
    settle(&desk);
    is_in(&desk, ids[0], "cancelled", "place 2 of 2 in its sweep by test.loss, 0.7");
    is_in(&desk, ids[1], "queued", "promoted");
    world_close(&desk.world);
}
END_TEST

START_TEST(who_is_let_through_by_hand_takes_a_place)
{
    char ids[8][ULID_LENGTH + 1];
    struct desk desk;
    struct run run;

    desk_open(&desk, 0);
    submit(&desk, "{\"grid\": {\"/seed\": [1, 2, 3]}, \"promote\": {\"best\": 1}}", ids);
    comes_to_gate(&desk, ids[0], "test.accuracy", "0.1");
    run = row(&desk, ids[0]);
    world_request(&desk.world, REQUEST_ADVANCE, &run);
    ck_assert_str_eq(run.state, "queued");
    ck_assert_int_eq(run.sweep_gate, 0);
    comes_to_gate(&desk, ids[1], "test.accuracy", "0.8");
    comes_to_gate(&desk, ids[2], "test.accuracy", "0.9");
    settle(&desk);
    is_in(&desk, ids[1], "cancelled", "not promoted");
    is_in(&desk, ids[2], "cancelled", "not promoted");
    run = row(&desk, ids[2]);
    world_request(&desk.world, REQUEST_RETRY, &run); /* think again */
    ck_assert_str_eq(run.state, "queued");
    ck_assert_int_eq(run.sweep_gate, 0);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_pause_before_the_gate_keeps_all_waiting)
{
    char ids[8][ULID_LENGTH + 1];
    struct desk desk;
    struct run run;

    desk_open(&desk, 0);
    submit(&desk, "{\"grid\": {\"/seed\": [1, 2]}, \"promote\": {\"best\": 1}}", ids);
    comes_to_gate(&desk, ids[0], "test.accuracy", "0.1");
    run = row(&desk, ids[1]);
    world_request(&desk.world, REQUEST_PAUSE, &run);
    settle(&desk);
    is_in(&desk, ids[0], "paused", "");
    world_request(&desk.world, REQUEST_RESUME, &run);
    ck_assert_int_eq(run.sweep_gate, 1); /* it has its gate before it */
    run = row(&desk, ids[1]);
    world_request(&desk.world, REQUEST_CANCEL, &run);
    settle(&desk);
    is_in(&desk, ids[0], "queued", "promoted: place 1 of 1");
    world_close(&desk.world);
}
END_TEST

/* With workers: each is held behind its first level, one trains the second. */
START_TEST(workers_stop_at_the_gate)
{
    char ids[8][ULID_LENGTH + 1];
    struct desk desk;

    desk_open(&desk, 0);
    submit(&desk, "{\"grid\": {\"/seed\": [1, 2, 3]}, \"promote\": {\"best\": 1}}", ids);
    desk.world.sup.rules.room.slots = 2;
    supervise_dispatch(&desk.world.sup);
    world_wait(&desk.world, row(&desk, ids[0]).number, RUN_SUCCEEDED);
    world_wait(&desk.world, row(&desk, ids[1]).number, RUN_CANCELLED);
    world_wait(&desk.world, row(&desk, ids[2]).number, RUN_CANCELLED);
    world_assert(&desk.world, "SELECT group_concat(step) FROM runs", "8,4,4");
    world_assert(&desk.world,
                 "SELECT count(*) FROM events WHERE text = 'waits at the end of level 0 "
                 "for the other runs of its sweep'",
                 "3");
    world_close(&desk.world);
}
END_TEST

Suite *suite_sweeps(void);
Suite *
suite_sweeps(void)
{
    const TTest *single[] = { a_sweep_is_written_down_run_by_run,
                              no_more_at_once_than_the_sweep_allows,
                              the_best_go_on_when_all_have_come,
                              the_lowest_loss_is_the_best,
                              who_is_let_through_by_hand_takes_a_place,
                              a_pause_before_the_gate_keeps_all_waiting,
                              workers_stop_at_the_gate };
    Suite *suite = suite_create("sweeps");
    TCase *cases = tcase_create("sweeps");

    tcase_set_timeout(cases, 60);
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        tcase_add_test(cases, single[i]);
    tcase_add_loop_test(cases, one_bad_run_refuses_the_job, 0,
                        sizeof refused / sizeof *refused);
    suite_add_tcase(suite, cases);
    return suite;
}
