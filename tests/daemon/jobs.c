/* jobs.c - submissions, actions, events and deletions, as the API asks for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/stamp.h"
#include "tests/daemon/desk.h"
#include "tests/test.h"

/* Submits what is never to run, and says where that is seen. */
static void
never_fits(struct desk *desk, const json_t *spec, const char *pointer, const char *word)
{
    json_t *answer = NULL, *complaints = NULL;
    struct ode_err err;

    ck_assert_int_eq(
        desk->api.job_submit(desk->api.self, spec, NULL, &answer, &complaints, &err),
        ODE_ESPEC);
    ck_assert_str_eq(err.at, pointer);
    ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
    ck_assert_ptr_null(answer);
    ck_assert_ptr_null(complaints);
}

/* Submits with a key; the status. *job becomes the job's id. */
static enum ode_status
submit_with(struct desk *desk, const char *key, int seed, char job[ULID_LENGTH + 1])
{
    json_t *spec = desk_spec("strokes"), *answer = NULL, *complaints = NULL;
    struct ode_err err;
    enum ode_status status;

    json_object_set_new(spec, "seed", json_integer(seed));
    status = desk->api.job_submit(desk->api.self, spec, key, &answer, &complaints, &err);
    if (status == ODE_OK)
        snprintf(job, ULID_LENGTH + 1, "%s", json_string_value(desk_at(answer, "id")));
    json_decref(answer);
    json_decref(spec);
    return status;
}

static void
assert_jobs(struct desk *desk, const char *n)
{
    char *jobs = world_ask(&desk->world, "SELECT count(*) FROM jobs");

    ck_assert_str_eq(jobs, n);
    free(jobs);
}

START_TEST(a_key_makes_one_job_however_often_it_is_sent)
{
    char first[ULID_LENGTH + 1], again[ULID_LENGTH + 1], other[ULID_LENGTH + 1];
    struct desk desk, next;

    desk_open(&desk, 0);
    ck_assert_int_eq(submit_with(&desk, "a", 1, first), ODE_OK);
    ck_assert_int_eq(submit_with(&desk, "a", 1, again), ODE_OK);
    ck_assert_str_eq(again, first);
    ck_assert_int_eq(submit_with(&desk, "a", 2, again), ODE_EEXIST);
    ck_assert_int_eq(submit_with(&desk, "b", 1, other), ODE_OK);
    ck_assert_str_ne(other, first);
    assert_jobs(&desk, "2");
    world_close(&desk.world);

    /* the next daemon knows them, for a day */
    desk_reopen(&next, desk.world.dir, 0);
    ck_assert_int_eq(submit_with(&next, "a", 1, again), ODE_OK);
    ck_assert_str_eq(again, first);
    free(world_ask(&next.world, "UPDATE keys SET created_ms = created_ms - 86400001"));
    ck_assert_int_eq(submit_with(&next, "a", 2, again), ODE_OK);
    ck_assert_str_ne(again, first);
    assert_jobs(&next, "3");
    world_close(&next.world);
}
END_TEST

START_TEST(a_refused_submission_keeps_no_key)
{
    char job[ULID_LENGTH + 1];
    struct desk desk;

    desk_open(&desk, 0);
    desk.world.sup.rules.room.memory_bytes = 1;
    ck_assert_int_eq(submit_with(&desk, "a", 1, job), ODE_ESPEC);
    desk.world.sup.rules.room.memory_bytes = 0;
    ck_assert_int_eq(submit_with(&desk, "a", 2, job), ODE_OK);
    world_close(&desk.world);
}
END_TEST

/* An action; the run's state afterwards. */
static const char *
act(struct desk *desk, const char *id, enum backend_action action, bool done)
{
    static char state[16];
    struct ode_err err;
    json_t *run;
    bool is;

    test_ok(desk->api.run_act(desk->api.self, id, action, &run, &is, &err), &err);
    ck_assert_int_eq(is, done);
    snprintf(state, sizeof state, "%s", json_string_value(desk_at(run, "state")));
    json_decref(run);
    return state;
}

/* The kinds and the states that events lead to, from one on, in order. */
static char *
events_of(struct desk *desk, const char *run, int after, int limit, json_t **next)
{
    json_t *list, *event;
    struct ode_err err;
    char *text = NULL;
    size_t i, size;
    FILE *out = open_memstream(&text, &size);

    test_ok(desk->api.events(desk->api.self, run, after, limit, &list, &err), &err);
    json_array_foreach (json_object_get(list, "events"), i, event) {
        const char *to = json_string_value(desk_at(event, "to"));

        ck_assert_int_gt(json_integer_value(desk_at(event, "id")), after);
        ck_assert(stamp_parse(json_string_value(desk_at(event, "at")), &(int64_t){ 0 }));
        fprintf(out, "%s%s ", json_string_value(desk_at(event, "kind")),
                to ? strcmp(to, "queued") == 0 ? ">q" : ">" : "");
    }
    fclose(out);
    *next = json_incref(json_object_get(list, "next"));
    json_decref(list);
    return text;
}

START_TEST(events_tell_what_happened_in_order_and_why)
{
    char first[ULID_LENGTH + 1], second[ULID_LENGTH + 1], *text;
    struct desk desk;
    json_t *next;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, first));
    json_decref(desk_submit(&desk, second));
    act(&desk, first, BACKEND_PAUSE, true);
    act(&desk, first, BACKEND_RESUME, true);
    text = events_of(&desk, first, 0, 9, &next);
    ck_assert_str_eq(text, "state>q state> resume state>q ");
    ck_assert(json_is_null(next));
    free(text);
    text = events_of(&desk, second, 0, 9, &next);
    ck_assert_str_eq(text, "state>q ");
    free(text);
    text = events_of(&desk, NULL, 0, 3, &next);
    ck_assert_str_eq(text, "state>q state>q state> ");
    free(text);
    ck_assert_int_eq(json_integer_value(next), 3);
    json_decref(next);
    text = events_of(&desk, NULL, 3, 3, &next);
    ck_assert_str_eq(text, "resume state>q ");
    free(text);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_deleted_job_leaves_nothing)
{
    static const char *const tables[] = { "jobs",   "runs",    "levels",
                                          "events", "metrics", "newest_metrics" };
    char id[ULID_LENGTH + 1], run[ULID_LENGTH + 1], path[512], sql[96], *n;
    json_t *answer;
    struct desk desk;
    struct ode_err err;
    struct run row;
    struct stat st;

    desk_open(&desk, 0);
    answer = desk_submit(&desk, run);
    snprintf(id, sizeof id, "%s", json_string_value(desk_at(answer, "id")));
    json_decref(answer);
    snprintf(path, sizeof path, "%s/runs/%s", desk.world.dir, run);
    ck_assert_int_eq(desk.api.job_delete(desk.api.self, id, &err), ODE_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.text, "is queued; cancel it"));
    desk.world.sup.rules.room.slots = 1;
    test_ok(run_load(&desk.world.store, run, &row, &err), &err);
    world_wait(&desk.world, row.number, RUN_SUCCEEDED);
    ck_assert_int_eq(stat(path, &st), 0);
    test_ok(desk.api.job_delete(desk.api.self, id, &err), &err);
    ck_assert_int_ne(stat(path, &st), 0);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        n = world_ask(&desk.world, sql);
        ck_assert_msg(strcmp(n, "0") == 0, "%s rows are left in %s", n, tables[i]);
        free(n);
    }
    ck_assert_int_eq(desk.api.job_delete(desk.api.self, id, &err), ODE_ENOENT);
    world_close(&desk.world);
}
END_TEST

START_TEST(what_can_never_fit_is_refused_with_figures)
{
    json_t *spec = desk_spec("strokes"), *run;
    char id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    int64_t bytes;

    desk_open(&desk, 0);
    desk.world.sup.rules.threads = 2;
    json_decref(desk_submit(&desk, id));
    test_ok(desk.api.run_get(desk.api.self, id, &run, &err), &err);
    bytes = json_integer_value(desk_at(run, "memory_bytes"));
    /* 12,000 drawn digits of 16x16 and their labels, and the program, at the least */
    ck_assert_int_gt(bytes, 12000 * 257 + (16 << 20));
    ck_assert_int_lt(bytes, 64 << 20);
    ck_assert_int_eq(json_integer_value(desk_at(run, "threads")), 2);
    ck_assert_str_eq(json_string_value(desk_at(run, "waits")),
                     "waits for a slot; 0 of 0 are taken");
    json_decref(run);
    desk.world.sup.rules.room.memory_bytes = bytes;
    json_decref(desk_submit(&desk, id)); /* just fits */
    desk.world.sup.rules.room.memory_bytes = bytes - (1 << 20);
    never_fits(&desk, spec, "/levels", "odenetd --memory-mib");
    desk.world.sup.rules.room = (struct sched_room){ .threads = 3 };
    json_object_set_new(spec, "resources", json_pack("{si}", "threads", 4));
    never_fits(&desk, spec, "/resources/threads",
               "asks for 4 threads, and all runs of this daemon have 3");
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

START_TEST(a_ladder_to_be_made_counts_as_its_finest)
{
    json_t *spec = desk_spec("strokes"), *answer = NULL, *complaints = NULL, *run;
    char fixed[ULID_LENGTH + 1], id[ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;
    int64_t bytes[2];

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, fixed));
    json_object_set_new(spec, "levels", json_string("auto"));
    json_object_set_new(spec, "budget", json_pack("{si}", "epochs", 3));
    test_ok(desk.api.job_submit(desk.api.self, spec, NULL, &answer, &complaints, &err),
            &err);
    desk_first_run(answer, id);
    for (int i = 0; i < 2; i++) {
        test_ok(desk.api.run_get(desk.api.self, i ? id : fixed, &run, &err), &err);
        bytes[i] = json_integer_value(desk_at(run, "memory_bytes"));
        json_decref(run);
    }
    ck_assert_int_ge(bytes[1], bytes[0]);
    json_decref(answer);
    json_decref(spec);
    world_close(&desk.world);
}
END_TEST

START_TEST(actions_say_whether_they_are_done)
{
    char id[ULID_LENGTH + 1];
    struct desk desk;

    desk_open(&desk, 0);
    json_decref(desk_submit(&desk, id));
    ck_assert_str_eq(act(&desk, id, BACKEND_HOLD, false), "queued");
    ck_assert_str_eq(act(&desk, id, BACKEND_ADVANCE, false), "queued");
    ck_assert_str_eq(act(&desk, id, BACKEND_PAUSE, true), "paused");
    ck_assert_str_eq(act(&desk, id, BACKEND_RESUME, true), "queued");
    ck_assert_str_eq(act(&desk, id, BACKEND_RETRY, true), "queued");
    ck_assert_str_eq(act(&desk, id, BACKEND_CANCEL, true), "cancelled");
    ck_assert_str_eq(act(&desk, id, BACKEND_RETRY, true), "queued");
    world_close(&desk.world);
}
END_TEST

static enum ode_status
change(struct desk *desk, const char *id, const char *changes, struct ode_err *err)
{
    json_t *wanted = json_loads(changes, 0, NULL), *run = NULL;
    enum ode_status status = desk->api.run_change(desk->api.self, id, wanted, &run, err);

    json_decref(run);
    json_decref(wanted);
    return status;
}

START_TEST(a_changed_priority_changes_whose_turn_it_is)
{
    char ids[3][ULID_LENGTH + 1];
    struct desk desk;
    struct ode_err err;

    desk_open(&desk, 0);
    for (int i = 0; i < 3; i++)
        json_decref(desk_submit(&desk, ids[i]));
    test_ok(change(&desk, ids[1], "{\"priority\": 9}", &err), &err);
    test_ok(change(&desk, ids[0], "{\"priority\": -9}", &err), &err);
    test_ok(change(&desk, ids[0], "{\"priority\": -9}", &err), &err); /* again is fine */
    world_slots(&desk.world, 1);
    supervise_dispatch(&desk.world.sup);
    for (int i = 0; i < 3; i++)
        world_wait(&desk.world, i + 1, RUN_SUCCEEDED);
    world_assert(&desk.world,
                 "SELECT group_concat(number) FROM (SELECT number FROM runs ORDER BY "
                 "started_ms)",
                 "2,3,1");
    world_assert(&desk.world,
                 "SELECT group_concat(text, '; ') FROM events WHERE kind = 'priority'",
                 "priority 3 became 9; priority 3 became -9");
    ck_assert_int_eq(change(&desk, ids[0], "{\"priority\": 1}", &err), ODE_ESTATE);
    ck_assert_int_eq(change(&desk, ids[0], "{\"priority\": 1e9}", &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/priority");
    ck_assert_int_eq(change(&desk, ids[0], "{\"priority\": 99999999}", &err), ODE_ESPEC);
    ck_assert_int_eq(change(&desk, ids[0], "{\"name\": \"x\"}", &err), ODE_EARG);
    ck_assert_int_eq(change(&desk, ids[0], "{\"priority\": 1, \"name\": 1}", &err),
                     ODE_EARG);
    ck_assert_int_eq(change(&desk, ids[0], "[]", &err), ODE_EARG);
    world_close(&desk.world);
}
END_TEST

TEST_SUITE(jobs, 30, a_key_makes_one_job_however_often_it_is_sent,
           a_refused_submission_keeps_no_key, events_tell_what_happened_in_order_and_why,
           a_deleted_job_leaves_nothing, what_can_never_fit_is_refused_with_figures,
           a_ladder_to_be_made_counts_as_its_finest, actions_say_whether_they_are_done,
           a_changed_priority_changes_whose_turn_it_is)
