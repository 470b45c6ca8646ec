/* backend.c - what the daemon answers to the API. */
#include "daemon/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/daemon/desk.h"
#include "tests/test.h"

/* The document as text without what changes from day to day; to be freed. */
static char *
text_of(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
}

START_TEST(a_run_has_every_member_that_the_contract_names)
{
    static const char *const members[] = {
        "id",          "job",          "name",        "state",      "reason",
        "priority",    "attempt",      "max_retries", "created_at", "started_at",
        "finished_at", "dataset",      "level",       "levels",     "resolution",
        "blocks",      "step",         "steps",       "epoch",      "work",
        "total_work",  "progress",     "time",        "eta_s",      "metrics",
        "error",       "model_sha256", "spec",        "artifacts",  "hold",
        "forecast",    "pause",        "yields_to",   "threads",    "memory_bytes",
        "waits",       "sweep",        "bytes"
    };
    size_t n = sizeof members / sizeof *members;
    char id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    json_t *run;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    for (size_t i = 0; i < n; i++)
        desk_at(run, members[i]);
    ck_assert_uint_eq(json_object_size(run), n);
    ck_assert_str_eq(json_string_value(desk_at(run, "state")), "queued");
    ck_assert_str_eq(json_string_value(desk_at(run, "dataset")), "strokes");
    ck_assert_int_eq(json_integer_value(desk_at(run, "priority")), 3);
    ck_assert_int_eq(json_integer_value(desk_at(run, "levels")), 2);
    ck_assert(json_is_null(desk_at(run, "level")));
    ck_assert(json_is_null(desk_at(run, "started_at")));
    ck_assert(json_is_null(desk_at(run, "error")));
    json_t *spec = desk_spec("strokes");
    ck_assert(json_equal(desk_at(run, "spec"), spec));
    json_decref(spec);
    json_decref(run);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_queued_run_shows_its_ladder)
{
    char id[ULID_LENGTH + 1], *text;
    struct desk desk;
    struct ode_err err;
    json_t *levels;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    test_ok(desk.api.run_levels(desk.api.self, id, &levels, &err), &err);
    text = text_of(json_array_get(desk_at(levels, "levels"), 1));
    ck_assert_str_eq(
        text,
        "{\"blocks\":[2],\"cached\":false,\"ended\":null,\"epochs\":2,\"finished_at\":"
        "null,"
        "\"flops_per_image\":null,\"forecast_s\":null,\"level\":1,\"memory_bytes\":null,"
        "\"metrics\":{},\"parameters\":null,\"resolution\":16,\"seconds\":null,"
        "\"started_at\":null,\"state\":\"pending\",\"steps\":null,"
        "\"transfer\":null,\"work\":null}");
    free(text);
    json_decref(levels);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_ladder_that_is_still_to_be_made_is_empty)
{
    json_t *spec = desk_spec("strokes"), *answer = NULL, *complaints = NULL, *run,
           *levels;
    struct desk desk;
    struct ode_err err;
    const char *id;

    json_object_set_new(spec, "levels", json_string("auto"));
    json_object_set_new(spec, "budget", json_pack("{si}", "epochs", 5));
    desk_open(&desk, 0);
    test_ok(desk.api.job_submit(desk.api.self, spec, NULL, &answer, &complaints, &err),
            &err);
    id = json_string_value(desk_at(json_array_get(desk_at(answer, "runs"), 0), "id"));
    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    ck_assert(json_is_null(desk_at(run, "levels")));
    ck_assert(json_is_null(desk_at(run, "resolution")));
    ck_assert_str_eq(json_string_value(desk_at(desk_at(run, "spec"), "levels")), "auto");
    json_decref(run);
    test_ok(desk.api.run_levels(desk.api.self, id, &levels, &err), &err);
    ck_assert_uint_eq(json_array_size(desk_at(levels, "levels")), 0);
    json_decref(levels);
    json_decref(answer);
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_forecast_runs_down_with_the_time_of_training)
{
    char id[ULID_LENGTH + 1], *text;
    struct desk desk;
    struct ode_err err;
    json_t *run, *levels;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    ck_assert_int_eq(
        sqlite3_exec(desk.world.store.db,
                     "UPDATE runs SET forecast = '{\"expected\": 30, \"low\": 25, "
                     "\"high\": 40}', forecast_ms = 1767225601000, forecast_time = 5, "
                     "time = 33; UPDATE levels SET forecast = '{\"expected\": 3, "
                     "\"low\": 2, \"high\": 4}' WHERE level = 1",
                     NULL, NULL, NULL),
        SQLITE_OK);
    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    ck_assert(json_is_null(desk_at(run, "forecast"))); /* it is queued */
    json_decref(run);
    sqlite3_exec(desk.world.store.db, "UPDATE runs SET state = 'running'", NULL, NULL,
                 NULL);
    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    text = text_of(desk_at(run, "forecast"));
    ck_assert_str_eq(text, "{\"ends_at\":\"2026-01-01T00:00:31.000Z\",\"remaining_s\":"
                           "{\"expected\":2.0,\"high\":12.0,\"low\":0.0}}");
    free(text);
    json_decref(run);
    test_ok(desk.api.run_levels(desk.api.self, id, &levels, &err), &err);
    ck_assert(json_is_null(
        desk_at(json_array_get(desk_at(levels, "levels"), 0), "forecast_s")));
    ck_assert_int_eq(
        json_integer_value(desk_at(
            desk_at(json_array_get(desk_at(levels, "levels"), 1), "forecast_s"), "high")),
        4);
    json_decref(levels);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_finished_run_tells_its_story)
{
    char id[ULID_LENGTH + 1];
    struct backend_series asked;
    struct desk desk;
    struct ode_err err;
    struct run row;
    json_t *run, *levels, *series;
    const json_t *points;

    desk_open(&desk, 1);
    json_decref(desk_submit(&desk, id));
    test_ok(run_load(&desk.world.store, id, &row, &err), &err);
    world_wait(&desk.world, row.number, RUN_SUCCEEDED);

    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    ck_assert_double_eq(json_number_value(desk_at(run, "progress")), 1);
    ck_assert_int_eq(json_integer_value(desk_at(run, "step")), 8);
    ck_assert_int_eq(json_integer_value(desk_at(run, "level")), 1);
    ck_assert_int_eq(json_integer_value(desk_at(run, "resolution")), 16);
    ck_assert_str_eq(json_string_value(desk_at(run, "model_sha256")), "00ff");
    ck_assert_double_eq(json_number_value(desk_at(desk_at(run, "metrics"), "train.loss")),
                        1.0 / 8);
    ck_assert_uint_eq(json_array_size(desk_at(run, "artifacts")), 2);
    ck_assert(json_is_string(desk_at(run, "finished_at")));
    json_decref(run);

    test_ok(desk.api.run_levels(desk.api.self, id, &levels, &err), &err);
    ck_assert_double_eq(json_number_value(desk_at(
                            json_array_get(desk_at(levels, "levels"), 1), "seconds")),
                        1);
    ck_assert(json_is_object(
        desk_at(json_array_get(desk_at(levels, "levels"), 1), "transfer")));
    json_decref(levels);

    asked = (struct backend_series){ (const char *[]){ "train.loss" }, 1, 0, -1, -1 };
    test_ok(desk.api.run_metrics(desk.api.self, id, &asked, &series, &err), &err);
    points = desk_at(json_array_get(desk_at(series, "series"), 0), "points");
    ck_assert_uint_eq(json_array_size(points), 8);
    ck_assert_double_eq(json_number_value(desk_at(json_array_get(points, 4), "value")),
                        0.2);
    json_decref(series);
    asked.after_step = 5; /* of level 0: that is its end */
    asked.after_level = 0;
    test_ok(desk.api.run_metrics(desk.api.self, id, &asked, &series, &err), &err);
    points = desk_at(json_array_get(desk_at(series, "series"), 0), "points");
    ck_assert_uint_eq(json_array_size(points), 4);
    ck_assert_int_eq(json_integer_value(desk_at(json_array_get(points, 0), "level")), 1);
    json_decref(series);
    asked = (struct backend_series){ NULL, 0, 3, -1, -1 };
    test_ok(desk.api.run_metrics(desk.api.self, id, &asked, &series, &err), &err);
    ck_assert_uint_eq(json_array_size(desk_at(series, "series")), 2);
    points = desk_at(json_array_get(desk_at(series, "series"), 1), "points");
    ck_assert_uint_eq(json_array_size(points), 3);
    json_decref(series);
    asked = (struct backend_series){ (const char *[]){ "nothing" }, 1, 3, -1, -1 };
    test_ok(desk.api.run_metrics(desk.api.self, id, &asked, &series, &err), &err);
    ck_assert_uint_eq(
        json_array_size(desk_at(json_array_get(desk_at(series, "series"), 0), "points")),
        0);
    json_decref(series);
    world_close(&desk.world);
}
END_TEST

/* A run of one level with these accuracies at steps 1, 2, ..., a step of so many seconds
 * and units of work. */
static void
run_with(struct desk *desk, char id[ULID_LENGTH + 1], double time, double work,
         double flops, int n, const double *accuracy)
{
    struct ode_err err;
    struct run row;
    char *sql;

    json_decref(desk_submit(desk, id));
    test_ok(run_load(&desk->world.store, id, &row, &err), &err);
    sqlite3_exec(desk->world.store.db,
                 "INSERT OR IGNORE INTO metric_names (name) VALUES ('test.accuracy')",
                 NULL, NULL, NULL);
    for (int i = 0; i < n; i++) {
        sql = sqlite3_mprintf(
            "INSERT INTO metrics (run, name, level, step, value, epoch, work, time) "
            "SELECT %lld, id, 0, %d, %f, 1, %f, %f FROM metric_names WHERE name = "
            "'test.accuracy'; UPDATE runs SET work = %f, time = %f WHERE number = %lld; "
            "UPDATE levels SET flops_per_image = %f WHERE run = %lld",
            (long long)row.number, i + 1, accuracy[i], work * (i + 1), time * (i + 1),
            work * (i + 1), time * (i + 1), (long long)row.number, flops,
            (long long)row.number);
        ck_assert_int_eq(sqlite3_exec(desk->world.store.db, sql, NULL, NULL, NULL),
                         SQLITE_OK);
        sqlite3_free(sql);
    }
}

START_TEST(runs_are_compared_from_the_database)
{
    char fine[ULID_LENGTH + 1], coarse[ULID_LENGTH + 1], none[ULID_LENGTH + 1];
    const char *ids[] = { fine, coarse, none };
    struct desk desk;
    struct ode_err err;
    json_t *answer;
    const json_t *reach, *run;

    desk_open(&desk, 0);
    run_with(&desk, fine, 10, 100, 200, 3, (const double[]){ 0.25, 0.5, 0.75 });
    run_with(&desk, coarse, 2, 100, 100, 4, (const double[]){ 0.5, 0.5, 0.75, 0.625 });
    json_decref(desk_submit(&desk, none));
    test_ok(desk.api.compare(desk.api.self, ids, 2, NULL, 0, &answer, &err), &err);
    run = json_array_get(desk_at(answer, "runs"), 1);
    ck_assert_str_eq(json_string_value(desk_at(answer, "control")), fine);
    ck_assert_str_eq(json_string_value(desk_at(run, "dataset")), "strokes");
    ck_assert_int_eq(json_integer_value(desk_at(run, "test_examples")), 2000);
    ck_assert(json_is_false(desk_at(run, "finished")));
    ck_assert_double_eq(json_number_value(desk_at(run, "accuracy")), 0.625);
    ck_assert_double_eq(json_number_value(desk_at(run, "best_accuracy")), 0.75);
    ck_assert_double_eq(json_number_value(desk_at(run, "work")), 200);
    reach =
        json_array_get(desk_at(json_array_get(desk_at(answer, "targets"), 0), "runs"), 1);
    ck_assert_int_eq(json_integer_value(desk_at(desk_at(reach, "after"), "step")), 2);
    ck_assert_int_eq(json_integer_value(desk_at(desk_at(reach, "reached"), "step")), 3);
    ck_assert_double_eq(json_number_value(desk_at(desk_at(reach, "speedup"), "time")), 5);
    ck_assert_double_eq(json_number_value(desk_at(desk_at(reach, "speedup"), "work")), 2);
    ck_assert_uint_eq(json_array_size(desk_at(answer, "warnings")), 0);
    json_decref(answer);
    ck_assert_int_eq(desk.api.compare(desk.api.self, ids, 3, NULL, 0, &answer, &err),
                     ODE_ESTATE);
    ids[1] = "01hzzzzzzzzzzzzzzzzzzzzzzz";
    ck_assert_int_eq(desk.api.compare(desk.api.self, ids, 2, NULL, 0, &answer, &err),
                     ODE_ENOENT);
    world_close(&desk.world);
}
END_TEST

START_TEST(lists_are_paged_from_the_newest)
{
    enum { RUNS = 5 };
    char ids[RUNS][ULID_LENGTH + 1];
    struct backend_page page = { .limit = 2 };
    char cursor[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    int seen = 0;

    desk_open(&desk, 0);
    for (int i = 0; i < RUNS; i++)
        json_decref(desk_submit(&desk, ids[i]));
    for (bool more = true; more;) {
        json_t *list;

        test_ok(desk.api.run_list(desk.api.self, &page, &list, &err), &err);
        for (size_t i = 0; i < json_array_size(desk_at(list, "runs")); i++, seen++)
            ck_assert_str_eq(json_string_value(
                                 desk_at(json_array_get(desk_at(list, "runs"), i), "id")),
                             ids[RUNS - 1 - seen]);
        more = json_is_string(desk_at(list, "next"));
        if (more)
            snprintf(cursor, sizeof cursor, "%s",
                     json_string_value(desk_at(list, "next")));
        page.cursor = cursor;
        json_decref(list);
    }
    ck_assert_int_eq(seen, RUNS);
    world_close(&desk.world);
}
END_TEST

START_TEST(lists_are_filtered_by_state)
{
    char first[ULID_LENGTH + 1], second[ULID_LENGTH + 1];
    struct backend_page page = { .limit = 50, .states = "cancelled" };
    struct desk desk;
    struct ode_err err;
    json_t *list;
    bool done;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, first));
    json_decref(desk_submit(&desk, second));
    test_ok(desk.api.run_act(desk.api.self, first, BACKEND_CANCEL, &list, &done, &err),
            &err);
    ck_assert(done);
    json_decref(list);
    test_ok(desk.api.run_list(desk.api.self, &page, &list, &err), &err);
    ck_assert_uint_eq(json_array_size(desk_at(list, "runs")), 1);
    ck_assert(json_is_null(desk_at(list, "next")));
    json_decref(list);
    test_ok(desk.api.job_list(desk.api.self, &page, &list, &err), &err);
    ck_assert_uint_eq(json_array_size(desk_at(list, "jobs")), 2);
    json_decref(list);
    world_close(&desk.world);
}
END_TEST

/* How many runs a page has that asks for these. */
static size_t
listed(struct desk *desk, struct backend_page page)
{
    struct ode_err err;
    json_t *list;
    size_t n;

    page.limit = page.limit ? page.limit : 50;
    test_ok(desk->api.run_list(desk->api.self, &page, &list, &err), &err);
    n = json_array_size(desk_at(list, "runs"));
    json_decref(list);
    return n;
}

START_TEST(lists_are_filtered_by_what_runs_are)
{
    char ids[3][ULID_LENGTH + 1], jobs[3][ULID_LENGTH + 1];
    struct desk desk;
    json_t *answer;

    desk_open(&desk, 0);
    for (int i = 0; i < 3; i++) {
        answer = desk_submit(&desk, ids[i]);
        snprintf(jobs[i], sizeof jobs[i], "%s", json_string_value(desk_at(answer, "id")));
        json_decref(answer);
    }
    free(world_ask(&desk.world, "UPDATE runs SET state = 'failed', name = 'Other' WHERE "
                                "number = 2"));
    free(world_ask(&desk.world, "UPDATE runs SET state = 'paused', dataset = 'mnist' "
                                "WHERE number = 3"));
    ck_assert_uint_eq(listed(&desk, (struct backend_page){ .states = "queued,failed" }),
                      2);
    ck_assert_uint_eq(listed(&desk, (struct backend_page){ .states = "paused" }), 1);
    ck_assert_uint_eq(
        listed(&desk, (struct backend_page){ .states = "paused,failed,queued",
                                             .cursor = ids[2] }),
        2);
    ck_assert_uint_eq(
        listed(&desk,
               (struct backend_page){ .states = "paused,failed,queued", .limit = 2 }),
        2);
    ck_assert_uint_eq(listed(&desk, (struct backend_page){ .name = "oTHE" }), 1);
    ck_assert_uint_eq(
        listed(&desk, (struct backend_page){ .name = "other", .states = "queued" }), 0);
    ck_assert_uint_eq(listed(&desk, (struct backend_page){ .dataset = "mnist" }), 1);
    ck_assert_uint_eq(listed(&desk, (struct backend_page){ .job = jobs[1] }), 1);
    ck_assert_uint_eq(
        listed(&desk, (struct backend_page){ .job = jobs[1], .states = "queued" }), 0);
    ck_assert_uint_eq(listed(&desk, (struct backend_page){ .job = ids[1] }), 0);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_job_has_its_spec_and_its_runs)
{
    char id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    json_t *answer, *job;

    desk_open(&desk, 0);
    answer = desk_submit(&desk, id);
    test_ok(desk.api.job_get(desk.api.self, json_string_value(desk_at(answer, "id")),
                             &job, &err),
            &err);
    ck_assert(json_equal(desk_at(job, "runs"), desk_at(answer, "runs")));
    ck_assert_str_eq(json_string_value(desk_at(desk_at(job, "spec"), "name")), "steps=4");
    json_decref(job);
    json_decref(answer);
    ck_assert_int_eq(desk.api.job_get(desk.api.self, id, &job, &err), ODE_ENOENT);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_bad_spec_is_refused_with_its_places)
{
    json_t *spec = desk_spec("strokes"), *answer = NULL, *complaints = NULL;
    struct desk desk;
    struct ode_err err;
    char *runs;

    desk_open(&desk, 1);
    json_object_set_new(json_array_get(json_object_get(spec, "levels"), 0), "epochs",
                        json_integer(-3));
    ck_assert_int_eq(
        desk.api.job_submit(desk.api.self, spec, NULL, &answer, &complaints, &err),
        ODE_ESPEC);
    ck_assert_str_eq(json_string_value(desk_at(json_array_get(complaints, 0), "pointer")),
                     "/levels/0/epochs");
    ck_assert_ptr_null(answer);
    runs = world_ask(&desk.world, "SELECT count(*) FROM runs");
    ck_assert_str_eq(runs, "0");
    free(runs);
    json_decref(complaints);
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

/* Refused at `pointer`, with this word, and nothing is stored. */
static void
warm_refused(struct desk *desk, const json_t *spec, const char *pointer, const char *word)
{
    json_t *answer = NULL, *complaints = NULL;
    struct ode_err err = { 0 };
    char *runs = world_ask(&desk->world, "SELECT count(*) FROM runs"), *after;

    ck_assert_int_eq(
        desk->api.job_submit(desk->api.self, spec, NULL, &answer, &complaints, &err),
        ODE_ESPEC);
    ck_assert_str_eq(err.at, pointer);
    ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
    ck_assert_ptr_null(answer);
    after = world_ask(&desk->world, "SELECT count(*) FROM runs");
    ck_assert_str_eq(runs, after);
    json_decref(complaints);
    free(runs);
    free(after);
}

START_TEST(a_warm_start_wants_a_run_with_a_finished_level)
{
    static const char *const names[] = { "01hzzzzzzzzzzzzzzzzzzzzzzz", "nobody", "x y",
                                         "01HZZZZZZZZZZZZZZZZZZZZZZZ" };
    json_t *spec = desk_spec("strokes"), *warm = json_object();
    char id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    struct run row;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    json_object_set_new(spec, "warm_start", warm);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_object_set_new(warm, "run", json_string(names[i]));
        warm_refused(&desk, spec, "/warm_start/run", "there is no run");
    }
    json_object_set_new(warm, "run", json_string(id));
    warm_refused(&desk, spec, "/warm_start/run", "is queued and has finished no level");
    desk.world.sup.rules.room.slots = 1;
    test_ok(run_load(&desk.world.store, id, &row, &err), &err);
    world_wait(&desk.world, row.number, RUN_SUCCEEDED);
    json_object_set_new(warm, "level", json_integer(5));
    warm_refused(&desk, spec, "/warm_start/level", "its newest is 1");
    json_object_del(warm, "level");
    json_object_set_new(json_object_get(spec, "model"), "block", json_string("leapfrog"));
    warm_refused(&desk, spec, "/model/block", "hamiltonian");
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_warm_start_means_the_same_level_whenever_it_begins)
{
    json_t *spec = desk_spec("strokes"), *answer = NULL, *complaints = NULL, *run;
    char id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    struct run row;

    desk_open(&desk, 1);
    json_decref(desk_submit(&desk, id));
    test_ok(run_load(&desk.world.store, id, &row, &err), &err);
    world_wait(&desk.world, row.number, RUN_SUCCEEDED);
    json_object_set_new(spec, "warm_start", json_pack("{ss}", "run", id));
    test_ok(desk.api.job_submit(desk.api.self, spec, NULL, &answer, &complaints, &err),
            &err);
    ck_assert_ptr_null(json_object_get(json_object_get(spec, "warm_start"), "level"));
    desk_first_run(answer, id);
    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    ck_assert_int_eq(
        json_integer_value(desk_at(desk_at(desk_at(run, "spec"), "warm_start"), "level")),
        1);
    json_decref(run);
    json_decref(answer);
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_data_set_that_is_not_there_is_refused)
{
    json_t *spec = desk_spec("mnist"), *answer = NULL, *complaints = NULL;
    struct desk desk;
    struct ode_err err;

    desk_open(&desk, 1);
    desk.world.sup.rules.data_dir = "/nowhere";
    json_array_remove(json_object_get(spec, "levels"), 1);
    json_object_set_new(json_array_get(json_object_get(spec, "levels"), 0), "resolution",
                        json_integer(28));
    json_object_del(json_array_get(json_object_get(spec, "levels"), 0), "blocks");
    ck_assert_int_eq(
        desk.api.job_submit(desk.api.self, spec, NULL, &answer, &complaints, &err),
        ODE_EDATA);
    ck_assert_str_eq(err.at, "/data/set");
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/mnist"));
    json_decref(complaints);
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_failed_run_says_why)
{
    struct desk desk;
    struct ode_err err;
    struct run row;
    json_t *run;

    desk_open(&desk, 1);
    row = world_submit(&desk.world, &(struct world_order){ .name = "fail=4" });
    world_wait(&desk.world, row.number, RUN_FAILED);
    test_ok(desk.api.run_get(desk.api.self, row.id, &run, &err), &err);
    ck_assert_str_eq(json_string_value(desk_at(desk_at(run, "error"), "code")),
                     "EDIVERGE");
    ck_assert_str_eq(json_string_value(desk_at(desk_at(run, "error"), "at")),
                     "/levels/0");
    json_decref(run);
    world_close(&desk.world);
}
END_TEST

START_TEST(files_are_opened_only_where_they_exist)
{
    char id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    size_t bytes;
    char text[1] = "";
    int fd;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    test_ok(desk.api.run_artifact(desk.api.self, id, "spec.json", &fd, &bytes, &err),
            &err);
    ck_assert_int_eq(read(fd, text, 1), 1);
    ck_assert_int_eq(text[0], '{');
    close(fd);
    ck_assert_int_eq(
        desk.api.run_artifact(desk.api.self, id, "model.safetensors", &fd, &bytes, &err),
        ODE_ENOENT);
    ck_assert_int_eq(
        desk.api.run_artifact(desk.api.self, id, "../../odenet.db", &fd, &bytes, &err),
        ODE_ENOENT);
    ck_assert_int_eq(desk.api.run_log(desk.api.self, id, &fd, &bytes, &err), ODE_ENOENT);
    world_close(&desk.world);
}
END_TEST

/* A worker writes what it likes into its folder: links, too. */
START_TEST(links_out_of_the_runs_are_not_followed)
{
    static const char *const targets[] = {
        "../../odenet.db",    "/etc/passwd", "/proc/self/mem",
        "../../odenetd.lock", ".",           "model.safetensors"
    };
    char id[ULID_LENGTH + 1], path[512];
    struct desk desk;
    struct ode_err err;
    size_t bytes;
    int fd = -7;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    ck_assert(
        supervise_path(&desk.world.sup, id, "model.safetensors", path, sizeof path));
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        ck_assert_int_eq(symlink(targets[i], path), 0);
        ck_assert_msg(desk.api.run_artifact(desk.api.self, id, "model.safetensors", &fd,
                                            &bytes, &err)
                          == ODE_EIO,
                      "%s", targets[i]);
        ck_assert_int_eq(fd, -7);
        ck_assert_int_eq(unlink(path), 0);
    }
    world_close(&desk.world);
}
END_TEST

START_TEST(is_ready_while_the_database_can_be_written)
{
    struct desk desk;
    struct ode_err err;
    json_t *sets;

    desk_open(&desk, 1);
    test_ok(desk.api.ready(desk.api.self, &err), &err);
    test_ok(desk.api.datasets(desk.api.self, &sets, &err), &err);
    ck_assert_uint_ge(json_array_size(desk_at(sets, "datasets")), 4);
    json_decref(sets);
    sqlite3_exec(desk.world.store.db, "PRAGMA query_only = ON", NULL, NULL, NULL);
    ck_assert_int_eq(desk.api.ready(desk.api.self, &err), ODE_EIO);
    sqlite3_exec(desk.world.store.db, "PRAGMA query_only = OFF", NULL, NULL, NULL);
    world_close(&desk.world);
}
END_TEST

static json_t *
system_of(struct desk *desk)
{
    struct ode_err err;
    json_t *facts;

    test_ok(desk->api.system(desk->api.self, &facts, &err), &err);
    return facts;
}

START_TEST(the_system_is_what_the_worker_says_of_it)
{
    struct desk desk;
    json_t *facts, *none;

    desk_open(&desk, 0);
    facts = system_of(&desk);
    none = json_pack("{ss sn sn sn sn}", "version", PACKAGE_VERSION, "cores",
                     "memory_bytes", "kernels", "blas");
    ck_assert(json_equal(facts, none));
    json_decref(facts);
    desk.probe.facts = json_pack("{ss si s{ss}}", "version", "of another build", "cores",
                                 3, "blas", "core", "SkylakeX");
    facts = system_of(&desk);
    ck_assert_uint_eq(json_object_size(facts), json_object_size(none));
    ck_assert_str_eq(json_string_value(desk_at(facts, "version")), PACKAGE_VERSION);
    ck_assert_int_eq(json_integer_value(desk_at(facts, "cores")), 3);
    ck_assert_str_eq(json_string_value(desk_at(desk_at(facts, "blas"), "core")),
                     "SkylakeX");
    ck_assert(json_is_null(desk_at(facts, "kernels")));
    json_decref(facts);
    json_decref(none);
    probe_release(&desk.probe);
    world_close(&desk.world);
}
END_TEST

TEST_SUITE(backend, 30, a_run_has_every_member_that_the_contract_names,
           a_forecast_runs_down_with_the_time_of_training,
           a_ladder_that_is_still_to_be_made_is_empty, a_queued_run_shows_its_ladder,
           a_finished_run_tells_its_story, runs_are_compared_from_the_database,
           lists_are_paged_from_the_newest, lists_are_filtered_by_state,
           lists_are_filtered_by_what_runs_are, a_job_has_its_spec_and_its_runs,
           a_bad_spec_is_refused_with_its_places,
           a_warm_start_wants_a_run_with_a_finished_level,
           a_warm_start_means_the_same_level_whenever_it_begins,
           a_data_set_that_is_not_there_is_refused, a_failed_run_says_why,
           files_are_opened_only_where_they_exist, links_out_of_the_runs_are_not_followed,
           is_ready_while_the_database_can_be_written,
           the_system_is_what_the_worker_says_of_it)
