/* odenetd.c - the program itself: started, stopped, killed, and started again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/socket.h"
#include "core/base/rng.h"
#include "tests/api/client.h"
#include "tests/client/script.h"
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

/* Whether the daemon answers at its Unix socket. */
static bool
answers_locally(const struct house *house)
{
    struct client_answer answer = { 0 };
    char path[512];
    int fd, status;

    snprintf(path, sizeof path, "%s/odenetd.sock", house->dir);
    fd = client_connect_local(path);
    if (fd < 0)
        return false;
    status = client_exchange(fd, "GET", "/v1/runs", "", NULL, &answer);
    close(fd);
    client_release(&answer);
    return status == 200;
}

START_TEST(it_serves_a_socket_in_its_state_directory)
{
    const char *const none[] = { "--socket", "none", NULL };
    struct house house;

    house_open(&house, NULL);
    ck_assert(answers_locally(&house));
    house_end(&house, SIGKILL); /* leaves its file behind */
    house_start(&house, NULL);
    ck_assert(answers_locally(&house));
    house_close(&house);
    ck_assert(!answers_locally(&house));
    house_start(&house, none);
    ck_assert(!answers_locally(&house));
    house_close(&house);
}
END_TEST

/* Starts a daemon as systemd does, with a socket that listens. */
static pid_t
spawn_on(int held, const char *dir)
{
    const char *worker = world_worker();
    char pid_text[32], log[512];
    int fd;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    snprintf(log, sizeof log, "%s.log", dir);
    snprintf(pid_text, sizeof pid_text, "%d", (int)getpid());
    setenv("LISTEN_PID", pid_text, 1);
    setenv("LISTEN_FDS", "1", 1);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDERR_FILENO);
    held = fcntl(held, F_DUPFD, 10); /* whatever its number is */
    dup2(held, 3);
    close(held);
    execl("./odenetd", "odenetd", "--state-dir", dir, "--worker", worker, (char *)NULL);
    _exit(127);
}

/* Asks until it is told to stop; each request on a connection of its own. Exits with 0
 * only if all were answered. */
static pid_t
ask_on(int port, int stop)
{
    struct client_answer answer = { .status = 200 };
    struct pollfd until = { .fd = stop, .events = POLLIN };
    pid_t pid = fork();
    int asked = 0;

    if (pid != 0)
        return pid;
    while (poll(&until, 1, 0) == 0 && answer.status == 200) {
        client_get(port, "/v1/runs", &answer);
        asked++;
    }
    if (answer.status != 200)
        fprintf(stderr, "request %d was answered with %d\n", asked, answer.status);
    _exit(answer.status == 200 && asked > 20 ? 0 : 1);
}

START_TEST(a_socket_that_is_handed_over_loses_no_request_in_ten_restarts)
{
    struct socket_place place;
    struct ode_err err;
    char dir[256];
    int held, stop[2], status;
    pid_t client, daemon;

    snprintf(dir, sizeof dir, "%s/state", test_dir());
    test_ok(socket_tcp("127.0.0.1", 0, &held, &err), &err);
    test_ok(socket_look(held, &place, &err), &err);
    ck_assert_int_eq(pipe(stop), 0);
    client = ask_on(place.port, stop[0]); /* begins before there is a daemon */
    for (int i = 0; i < 10; i++) {
        struct client_answer answer = { 0 };

        daemon = spawn_on(held, dir);
        ck_assert_int_eq(client_get(place.port, "/readyz", &answer), 200);
        client_release(&answer);
        house_pause(50);
        kill(daemon, SIGTERM);
        ck_assert_int_eq(waitpid(daemon, &status, 0), daemon);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    daemon = spawn_on(held, dir); /* answers the last one */
    ck_assert_int_eq((int)write(stop[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(client, &status, 0), client);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    kill(daemon, SIGTERM);
    ck_assert_int_eq(waitpid(daemon, &status, 0), daemon);
    close(held);
    close(stop[0]);
    close(stop[1]);
}
END_TEST

/* How many files a process may open at once. */
static void
limit_files(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = { soft, hard };

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(it_has_as_many_files_as_connections_need)
{
    enum { CROWD = 1100 };
    const char *const flags[] = { "--connections", "1500", NULL };
    struct rlimit limit;
    struct house house;
    static int fd[CROWD];

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2000)
        return; /* nothing to be shown here */
    limit_files(1024, limit.rlim_max);
    house_open(&house, flags);
    limit_files(2000, limit.rlim_max);
    for (int i = 0; i < CROWD; i++) {
        fd[i] = client_connect(house.port);
        ck_assert_int_ge(fd[i], 0);
        client_print(fd[i], "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    for (int i = 0; i < CROWD; i++) { /* all are there, and each is answered */
        struct client_answer answer = { 0 };

        ck_assert_int_eq(client_read(fd[i], false, &answer), 200);
        client_release(&answer);
    }
    for (int i = 0; i < CROWD; i++)
        close(fd[i]);
    house_close(&house);
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
        {{ "--listen", "0.0.0.0", NULL },         "needs tokens (--token-file)",            2},
        { { "--make-token", "ci", NULL },         "--make-token ci submit",                 2},
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

/* What somebody may call a job, as JSON writes it. */
static const char *const odd_names[] = {
    "'; DROP TABLE runs; --",
    "\\\" OR \\\"1\\\"=\\\"1",
    "%s%s%s%n%d",
    "$(touch owned)",
    "`touch owned`",
    "a; touch owned #",
    "| touch owned",
    "--worker",
    "../../../etc/passwd",
    "a/b\\\\c",
    "line\\nerror daemon stopped",
    "carriage\\rreturn",
    "tab\\there",
    "\\u001b[2J\\u001b]0;title\\u0007",
    "\\u202ereversed",
    "<script>alert(1)</script>",
    "{{7*7}}${7*7}",
    "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80",
    "\\u0000",
    "a\\u0000b",
    "",
    " ",
};

/* Unchanged, or refused; and nothing else happens. */
START_TEST(odd_names_stay_what_they_are_or_are_refused)
{
    struct client_answer answer = { 0 };
    struct house house;
    int kept = 0;

    house_open(&house, NULL);
    for (size_t i = 0; i < sizeof odd_names / sizeof *odd_names; i++) {
        char body[512], target[128];
        json_t *spec, *job;

        snprintf(body, sizeof body,
                 "{\"name\": \"%s\", \"model\": {\"units\": [{\"channels\": 8, "
                 "\"blocks\": 2}]}, \"levels\": [{\"resolution\": 8, \"epochs\": 1}]}",
                 odd_names[i]);
        client_ask(house.port, "POST", "/v1/jobs", "Content-Type: application/json\r\n",
                   body, &answer);
        ck_assert_msg(answer.status == 201 || answer.status == 400
                          || answer.status == 422,
                      "%s: %d", odd_names[i], answer.status);
        if (answer.status != 201)
            continue;
        spec = json_loads(body, 0, NULL);
        job = json_loads(answer.body, 0, NULL);
        snprintf(target, sizeof target, "/v1/jobs/%s",
                 json_string_value(json_object_get(job, "id")));
        json_decref(job);
        job = house_ask(&house, "GET", target, NULL, 200);
        ck_assert_str_eq(json_string_value(json_object_get(job, "name")),
                         json_string_value(json_object_get(spec, "name")));
        json_decref(job);
        json_decref(spec);
        kept++;
    }
    ck_assert_int_ge(kept, 10);
    ck_assert_int_ne(access("owned", F_OK), 0);
    ck_assert(!house_log_says(&house, "\nerror daemon stopped"));
    ck_assert(!house_log_says(&house, "\x1b"));
    json_decref(house_ask(&house, "GET", "/v1/runs?state=queued", NULL, 200));
    client_release(&answer);
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

START_TEST(a_receiver_is_told_how_a_run_ended)
{
    char secret[512], run[ULID_LENGTH + 1], named[64];
    struct house house = { .port = 0 };
    struct script server;
    const char *asked;
    FILE *file;

    SCRIPT_START(&server, SCRIPT_JSON("{}"));
    snprintf(secret, sizeof secret, "%s/secret", test_dir());
    file = fopen(secret, "w");
    fputs("0123456789abcdef\n", file);
    fclose(file);
    house_open(&house, (const char *const[]){ "--webhook-url", server.url,
                                              "--webhook-secret-file", secret, NULL });
    house_submit(&house, "steps=4", run);
    house_assert_ends(&house, run, "succeeded");
    asked = script_end(&server);
    snprintf(named, sizeof named, "\"run\":\"%s\"", run);
    ck_assert_int_eq(script_count(asked, named), 1);
    ck_assert_int_eq(script_count(asked, "\"event\":\"run.succeeded\""), 1);
    ck_assert_int_eq(script_count(asked, "\"metrics\":{\""), 1);
    house_close(&house);
}
END_TEST

TEST_SUITE(odenetd, 120, a_dry_run_plans_and_creates_nothing,
           plans_are_few_at_once_and_end_with_the_client_or_the_daemon,
           serves_and_stops_cleanly, it_serves_a_socket_in_its_state_directory,
           it_has_as_many_files_as_connections_need,
           a_socket_that_is_handed_over_loses_no_request_in_ten_restarts,
           a_second_daemon_says_who_is_there, wrong_settings_end_it_with_a_word,
           a_port_that_is_taken_costs_no_living_worker,
           a_killed_daemon_leaves_its_worker_and_the_next_one_finds_it,
           a_stopped_daemon_stops_its_worker_and_the_next_one_goes_on,
           a_second_signal_does_not_wait_for_a_deaf_worker,
           thirty_kills_leave_the_tables_of_an_undisturbed_run,
           a_bad_spec_is_refused_and_it_serves_on,
           odd_names_stay_what_they_are_or_are_refused,
           a_receiver_is_told_how_a_run_ended)
