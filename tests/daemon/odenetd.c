/* odenetd.c - the program itself: started, stopped, killed, and started again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/rng.h"
#include "tests/api/client.h"
#include "tests/daemon/house.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

enum { KILLS = 30 };

/* What the database of a daemon that has ended holds of the run; to be freed. */
static char *
tables_of(const struct house *house, const char *id)
{
    struct world world;
    struct ode_err err;
    struct run run;
    char *text;

    world_reopen(&world, house->dir);
    test_ok(run_load(&world.store, id, &run, &err), &err);
    text = world_tables(&world, run.number);
    world_close(&world);
    return text;
}

START_TEST(serves_and_stops_cleanly)
{
    char run[ULID_LENGTH + 1], path[512];
    struct house house;
    struct stat st;

    house_open(&house, NULL);
    house_submit(&house, "steps=5", run);
    house_assert_ends(&house, run, "succeeded");
    json_decref(house_ask(&house, "GET", "/readyz", NULL, 200));
    house_close(&house);
    snprintf(path, sizeof path, "%s/odenetd.address", house.dir);
    ck_assert_int_ne(stat(path, &st), 0);
    ck_assert(house_log_says(&house, "info daemon ready address=http://127.0.0.1:"));
    ck_assert(house_log_says(&house, "info daemon stopped"));
}
END_TEST

START_TEST(a_second_daemon_says_who_is_there)
{
    struct house house;
    char who[64];

    house_open(&house, NULL);
    ck_assert_int_eq(house_exit_code(house.dir, NULL), 1);
    snprintf(who, sizeof who, "another odenetd (process %d)", (int)house.pid);
    ck_assert(house_log_says(&house, who));
    json_decref(house_ask(&house, "GET", "/livez", NULL, 200)); /* the first goes on */
    house_close(&house);
}
END_TEST

START_TEST(wrong_settings_end_it_with_a_word)
{
    static const struct {
        const char *flags[3], *says;
        int code;
    } stories[] = {
        {{ "--listen", "0.0.0.0", NULL },         "only loopback",                          2},
        { { "--port", "none", NULL },             "--port: \"none\" is not a whole number", 2},
        { { "--config", "/nowhere.json", NULL },  "/nowhere.json",                          2},
        { { "--log-format", "xml", NULL },        "none of text, json, journal and auto",   2},
        { { "--no-such-flag", NULL },             "try odenetd --help",                     2},
        { { "extra", NULL },                      "extra: no argument",                     2},
        { { "--state-dir", "/dev/null/x", NULL }, "/dev/null",                              1},
        { { "--check-config", NULL },             "the settings are good",                  0},
        { { "--version", NULL },                  "odenetd " PACKAGE_VERSION,               0},
        { { "--help", NULL },                     "--data-dir DIR",                         0},
    };

    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        struct house house;

        snprintf(house.dir, sizeof house.dir, "%s/state", test_dir());
        ck_assert_msg(house_exit_code(house.dir, stories[i].flags) == stories[i].code,
                      "%s", stories[i].says);
        ck_assert_msg(house_log_says(&house, stories[i].says), "%s", stories[i].says);
    }
}
END_TEST

START_TEST(a_port_that_is_taken_costs_no_living_worker)
{
    char run[ULID_LENGTH + 1], port[16];
    const char *const flags[] = { "--port", port, NULL };
    struct house first, other;

    house_open(&other, NULL);
    house_open(&first, NULL);
    house_submit(&first, "steps=20 pause=30", run);
    house_wait_step(&first, run, 3);
    house_end(&first, SIGKILL);
    snprintf(port, sizeof port, "%d", other.port);
    ck_assert_int_eq(house_exit_code(first.dir, flags), 1);
    house_start(&first, NULL);
    house_assert_ends(&first, run, "succeeded");
    ck_assert_int_eq(house_count(&first, run, "attempt"), 1);
    house_close(&first);
    house_close(&other);
}
END_TEST

START_TEST(a_killed_daemon_leaves_its_worker_and_the_next_one_finds_it)
{
    char run[ULID_LENGTH + 1];
    struct house house;
    int status;

    house_open(&house, NULL);
    house_submit(&house, "steps=20 pause=20", run);
    house_wait_step(&house, run, 3);
    status = house_end(&house, SIGKILL);
    ck_assert(WIFSIGNALED(status));
    house_start(&house, NULL);
    house_assert_ends(&house, run, "succeeded");
    ck_assert_int_eq(house_count(&house, run, "attempt"), 1);
    house_close(&house);
}
END_TEST

START_TEST(a_stopped_daemon_stops_its_worker_and_the_next_one_goes_on)
{
    char run[ULID_LENGTH + 1];
    struct house house;
    json_t *json;

    house_open(&house, NULL);
    house_submit(&house, "steps=20 pause=20", run);
    house_wait_step(&house, run, 3);
    house_close(&house);
    house_start(&house, NULL);
    json = house_run(&house, run, "?wait=30");
    ck_assert_str_eq(json_string_value(json_object_get(json, "state")), "succeeded");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "attempt")), 2);
    json_decref(json);
    house_close(&house);
}
END_TEST

START_TEST(a_second_signal_does_not_wait_for_a_deaf_worker)
{
    const char *const patient[] = { "--grace-s", "3000", NULL };
    char run[ULID_LENGTH + 1];
    struct house house;

    house_open(&house, patient);
    house_submit(&house, "steps=20 hang=3 deaf=1", run);
    house_wait_step(&house, run, 3);
    kill(house.pid, SIGTERM);
    while (!house_log_says(&house, "signal=TERM"))
        house_pause(10);
    house_close(&house);
}
END_TEST

/* The worker of the run, as the database knows it; 0: none. */
static pid_t
worker_of(const struct house *house, const char *id)
{
    struct world world;
    struct ode_err err;
    struct run run;

    world_reopen(&world, house->dir);
    test_ok(run_load(&world.store, id, &run, &err), &err);
    world_close(&world);
    return (pid_t)run.pid;
}

/* Whether the number still belongs to a worker of ours. */
static bool
is_worker(pid_t pid)
{
    char path[64], name[256];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    n = readlink(path, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    return strcmp(name, world_worker()) == 0;
}

START_TEST(thirty_kills_leave_the_tables_of_an_undisturbed_run)
{
    struct ode_rng rng = ode_rng_at(7, ODE_STREAM_TEST, 0, 0);
    char calm[ULID_LENGTH + 1], run[ULID_LENGTH + 1];
    struct house house;
    char *expected, *text;
    int kills = 0;

    house_open(&house, NULL);
    house_submit(&house, "steps=300", calm);
    house_assert_ends(&house, calm, "succeeded");
    house_submit(&house, "steps=300 pause=15", run); /* 4.5 s of work at the least */
    while (kills < KILLS) {
        json_t *json = house_run(&house, run, "");
        const char *state = json_string_value(json_object_get(json, "state"));
        bool over = strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0;
        pid_t pid;

        json_decref(json);
        ck_assert_msg(!over, "ended after %d kills", kills);
        house_pause((long)ode_rng_below(&rng, 60));
        if (ode_rng_below(&rng, 2)) {
            house_end(&house, SIGKILL);
            house_pause((long)ode_rng_below(&rng, 30));
            house_start(&house, NULL);
            kills++;
        } else if ((pid = worker_of(&house, run)) > 1 && is_worker(pid)) {
            kill(pid, SIGKILL);
            kills++;
        }
    }
    house_assert_ends(&house, run, "succeeded");
    house_close(&house);
    expected = tables_of(&house, calm);
    text = tables_of(&house, run);
    ck_assert_str_eq(text, expected);
    free(text);
    free(expected);
}
END_TEST

START_TEST(a_bad_spec_is_refused_and_it_serves_on)
{
    struct house house;

    house_open(&house, NULL);
    json_decref(house_ask(&house, "POST", "/v1/jobs", "{\"levels\": []}", 422));
    json_decref(house_ask(&house, "POST", "/v1/jobs", "{\"levels\": ", 400));
    json_decref(house_ask(&house, "GET", "/livez", NULL, 200));
    house_close(&house);
}
END_TEST

#define SPEC_NAMED(name)                                              \
    "{\"name\": \"" name                                              \
    "\", \"model\": {\"units\": [{\"channels\": 8, \"blocks\": 2}]}," \
    " \"levels\": [{\"resolution\": 8, \"epochs\": 1}]}"

START_TEST(a_dry_run_plans_and_creates_nothing)
{
    struct house house;
    json_t *json;

    house_open(&house, NULL);
    json = house_ask(&house, "POST", "/v1/jobs?dry_run=true", SPEC_NAMED("x"), 200);
    ck_assert(json_is_object(json_object_get(json, "plan")));
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(json, "spec"), "name")), "x");
    json_decref(json);
    json_decref(
        house_ask(&house, "POST", "/v1/jobs?dry_run=true", "{\"levels\": []}", 422));
    json = house_ask(&house, "GET", "/v1/jobs", NULL, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "jobs")), 0);
    json_decref(json);
    house_close(&house);
}
END_TEST

/* A client that waits for a plan that never comes. */
static int
ask_in_vain(const struct house *house)
{
    int fd = client_connect(house->port);

    ck_assert_int_ge(fd, 0);
    client_print(fd,
                 "POST /v1/jobs?dry_run=true HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 sizeof SPEC_NAMED("hang") - 1, SPEC_NAMED("hang"));
    return fd;
}

START_TEST(plans_are_few_at_once_and_end_with_the_client_or_the_daemon)
{
    struct house house;
    int64_t until = house_deadline();
    struct client_answer answer = { .status = 0 };
    int first, second, status = 0;

    house_open(&house, NULL);
    first = ask_in_vain(&house);
    second = ask_in_vain(&house);
    ck_assert(!client_closed(second, 100));
    json_decref(house_ask(&house, "POST", "/v1/jobs?dry_run=true", SPEC_NAMED("x"), 503));
    close(first); /* makes room, within a second or so */
    while (status != 200) {
        status =
            client_ask(house.port, "POST", "/v1/jobs?dry_run=true",
                       "Content-Type: application/json\r\n", SPEC_NAMED("x"), &answer);
        ck_assert(status == 200 || status == 503);
        ck_assert_int_lt(store_now_ms(), until);
        house_pause(20);
    }
    house_close(&house); /* does not wait for the other one */
    ck_assert_int_eq(client_read(second, false, &answer), 503);
    client_release(&answer);
    close(second);
}
END_TEST

TEST_SUITE(odenetd, 120, a_dry_run_plans_and_creates_nothing,
           plans_are_few_at_once_and_end_with_the_client_or_the_daemon,
           serves_and_stops_cleanly, a_second_daemon_says_who_is_there,
           wrong_settings_end_it_with_a_word, a_port_that_is_taken_costs_no_living_worker,
           a_killed_daemon_leaves_its_worker_and_the_next_one_finds_it,
           a_stopped_daemon_stops_its_worker_and_the_next_one_goes_on,
           a_second_signal_does_not_wait_for_a_deaf_worker,
           thirty_kills_leave_the_tables_of_an_undisturbed_run,
           a_bad_spec_is_refused_and_it_serves_on)
