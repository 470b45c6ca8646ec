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
#include "tests/daemon/world.h"
#include "tests/test.h"

enum { DEADLINE_MS = 30000, KILLS = 30 };

struct house {
    char dir[256];
    pid_t pid;
    int port;
};

static void
wait_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&pause, NULL);
}

static int64_t
deadline(void)
{
    return store_now_ms() + DEADLINE_MS;
}

/* Its standard error goes to a file beside the state. Further flags end with NULL. */
static pid_t
spawn(const char *dir, const char *const *flags)
{
    const char *argv[24] = { "./odenetd", "--state-dir", dir, "--port", "0", "--worker",
                             "",          "--poll-ms",   "50" };
    char log[512];
    int n = 9, fd;
    pid_t pid;

    argv[6] = world_worker();
    for (; flags && *flags && n < 23; flags++)
        argv[n++] = *flags;
    snprintf(log, sizeof log, "%s.log", dir);
    pid = fork();
    if (pid == 0) {
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDERR_FILENO);
        dup2(fd, STDOUT_FILENO);
        close(fd);
        execv(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    return pid;
}

/* The port in the address file; 0 while there is none. */
static int
read_port(const char *dir)
{
    char path[512], address[128] = "";
    FILE *file;
    int port = 0;

    snprintf(path, sizeof path, "%s/odenetd.address", dir);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fgets(address, sizeof address, file))
        sscanf(address, "http://127.0.0.1:%d\n", &port);
    fclose(file);
    return port;
}

static void
house_start(struct house *house, const char *const *flags)
{
    char path[512];
    int64_t until = deadline();

    snprintf(path, sizeof path, "%s/odenetd.address", house->dir);
    unlink(path); /* of a daemon that was killed */
    house->pid = spawn(house->dir, flags);
    while (!(house->port = read_port(house->dir))) {
        ck_assert_int_eq(waitpid(house->pid, NULL, WNOHANG), 0);
        ck_assert_int_lt(store_now_ms(), until);
        wait_ms(10);
    }
}

static void
house_open(struct house *house, const char *const *flags)
{
    snprintf(house->dir, sizeof house->dir, "%s/state", test_dir());
    house_start(house, flags);
}

/* Its exit status, as waitpid() tells it. */
static int
house_end(struct house *house, int signal)
{
    int64_t until = deadline();
    int status;

    kill(house->pid, signal);
    while (waitpid(house->pid, &status, WNOHANG) == 0) {
        ck_assert_int_lt(store_now_ms(), until);
        wait_ms(10);
    }
    return status;
}

static void
house_close(struct house *house)
{
    int status = house_end(house, SIGTERM);

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The answer's body as JSON. */
static json_t *
ask(const struct house *house, const char *method, const char *target, const char *body,
    int expected)
{
    struct client_answer answer = { .status = 0 };
    json_t *json;

    client_ask(house->port, method, target,
               body ? "Content-Type: application/json\r\n" : "", body, &answer);
    ck_assert_msg(answer.status == expected, "%s %s: %d %s", method, target,
                  answer.status, answer.body ? answer.body : "");
    json = json_loads(answer.body, 0, NULL);
    ck_assert_ptr_nonnull(json);
    client_release(&answer);
    return json;
}

static void
submit(const struct house *house, const char *orders, char run[ULID_LENGTH + 1])
{
    char spec[512];
    json_t *answer;

    snprintf(
        spec, sizeof spec,
        "{\"name\": \"%s\", \"model\": {\"units\": [{\"channels\": 8, \"blocks\": 2}]},"
        " \"levels\": [{\"resolution\": 8, \"epochs\": 1},"
        " {\"resolution\": 16, \"epochs\": 1}], \"resources\": {\"max_retries\": 500}}",
        orders);
    answer = ask(house, "POST", "/v1/jobs", spec, 201);
    snprintf(run, ULID_LENGTH + 1, "%s",
             json_string_value(json_object_get(
                 json_array_get(json_object_get(answer, "runs"), 0), "id")));
    json_decref(answer);
}

static json_t *
get_run(const struct house *house, const char *run, const char *query)
{
    char target[128];

    snprintf(target, sizeof target, "/v1/runs/%s%s", run, query);
    return ask(house, "GET", target, NULL, 200);
}

static int64_t
count_of(const struct house *house, const char *run, const char *member)
{
    json_t *json = get_run(house, run, "");
    int64_t n = json_integer_value(json_object_get(json, member));

    json_decref(json);
    return n;
}

static void
wait_step(const struct house *house, const char *run, int64_t step)
{
    int64_t until = deadline();

    while (count_of(house, run, "step") < step) {
        ck_assert_int_lt(store_now_ms(), until);
        wait_ms(10);
    }
}

static void
assert_ends(const struct house *house, const char *run, const char *state)
{
    json_t *json = get_run(house, run, "?wait=30");

    ck_assert_str_eq(json_string_value(json_object_get(json, "state")), state);
    json_decref(json);
}

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

static bool
log_says(const struct house *house, const char *what)
{
    static char text[65536];
    char path[512];
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "%s.log", house->dir);
    file = fopen(path, "r");
    n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    return strstr(text, what) != NULL;
}

START_TEST(serves_and_stops_cleanly)
{
    char run[ULID_LENGTH + 1], path[512];
    struct house house;
    struct stat st;

    house_open(&house, NULL);
    submit(&house, "steps=5", run);
    assert_ends(&house, run, "succeeded");
    json_decref(ask(&house, "GET", "/readyz", NULL, 200));
    house_close(&house);
    snprintf(path, sizeof path, "%s/odenetd.address", house.dir);
    ck_assert_int_ne(stat(path, &st), 0);
    ck_assert(log_says(&house, "info daemon ready address=http://127.0.0.1:"));
    ck_assert(log_says(&house, "info daemon stopped"));
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
        wait_ms(50);
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

static int
exit_code_of(const char *dir, const char *const *flags)
{
    int status;
    pid_t pid = spawn(dir, flags);

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(a_second_daemon_says_who_is_there)
{
    struct house house;
    char who[64];

    house_open(&house, NULL);
    ck_assert_int_eq(exit_code_of(house.dir, NULL), 1);
    snprintf(who, sizeof who, "another odenetd (process %d)", (int)house.pid);
    ck_assert(log_says(&house, who));
    json_decref(ask(&house, "GET", "/livez", NULL, 200)); /* the first goes on */
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
        ck_assert_msg(exit_code_of(house.dir, stories[i].flags) == stories[i].code, "%s",
                      stories[i].says);
        ck_assert_msg(log_says(&house, stories[i].says), "%s", stories[i].says);
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
    submit(&first, "steps=20 pause=30", run);
    wait_step(&first, run, 3);
    house_end(&first, SIGKILL);
    snprintf(port, sizeof port, "%d", other.port);
    ck_assert_int_eq(exit_code_of(first.dir, flags), 1);
    house_start(&first, NULL);
    assert_ends(&first, run, "succeeded");
    ck_assert_int_eq(count_of(&first, run, "attempt"), 1);
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
    submit(&house, "steps=20 pause=20", run);
    wait_step(&house, run, 3);
    status = house_end(&house, SIGKILL);
    ck_assert(WIFSIGNALED(status));
    house_start(&house, NULL);
    assert_ends(&house, run, "succeeded");
    ck_assert_int_eq(count_of(&house, run, "attempt"), 1);
    house_close(&house);
}
END_TEST

START_TEST(a_stopped_daemon_stops_its_worker_and_the_next_one_goes_on)
{
    char run[ULID_LENGTH + 1];
    struct house house;
    json_t *json;

    house_open(&house, NULL);
    submit(&house, "steps=20 pause=20", run);
    wait_step(&house, run, 3);
    house_close(&house);
    house_start(&house, NULL);
    json = get_run(&house, run, "?wait=30");
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
    submit(&house, "steps=20 hang=3 deaf=1", run);
    wait_step(&house, run, 3);
    kill(house.pid, SIGTERM);
    while (!log_says(&house, "signal=TERM"))
        wait_ms(10);
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
    submit(&house, "steps=300", calm);
    assert_ends(&house, calm, "succeeded");
    submit(&house, "steps=300 pause=15", run); /* 4.5 s of work at the least */
    while (kills < KILLS) {
        json_t *json = get_run(&house, run, "");
        const char *state = json_string_value(json_object_get(json, "state"));
        bool over = strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0;
        pid_t pid;

        json_decref(json);
        ck_assert_msg(!over, "ended after %d kills", kills);
        wait_ms((long)ode_rng_below(&rng, 60));
        if (ode_rng_below(&rng, 2)) {
            house_end(&house, SIGKILL);
            wait_ms((long)ode_rng_below(&rng, 30));
            house_start(&house, NULL);
            kills++;
        } else if ((pid = worker_of(&house, run)) > 1 && is_worker(pid)) {
            kill(pid, SIGKILL);
            kills++;
        }
    }
    assert_ends(&house, run, "succeeded");
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
    json_decref(ask(&house, "POST", "/v1/jobs", "{\"levels\": []}", 422));
    json_decref(ask(&house, "POST", "/v1/jobs", "{\"levels\": ", 400));
    json_decref(ask(&house, "GET", "/livez", NULL, 200));
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
    json = ask(&house, "POST", "/v1/jobs?dry_run=true", SPEC_NAMED("x"), 200);
    ck_assert(json_is_object(json_object_get(json, "plan")));
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(json, "spec"), "name")), "x");
    json_decref(json);
    json_decref(ask(&house, "POST", "/v1/jobs?dry_run=true", "{\"levels\": []}", 422));
    json = ask(&house, "GET", "/v1/jobs", NULL, 200);
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
        job = ask(&house, "GET", target, NULL, 200);
        ck_assert_str_eq(json_string_value(json_object_get(job, "name")),
                         json_string_value(json_object_get(spec, "name")));
        json_decref(job);
        json_decref(spec);
        kept++;
    }
    ck_assert_int_ge(kept, 10);
    ck_assert_int_ne(access("owned", F_OK), 0);
    ck_assert(!log_says(&house, "\nerror daemon stopped"));
    ck_assert(!log_says(&house, "\x1b"));
    json_decref(ask(&house, "GET", "/v1/runs?state=queued", NULL, 200));
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
    int64_t until = deadline();
    struct client_answer answer = { .status = 0 };
    int first, second, status = 0;

    house_open(&house, NULL);
    first = ask_in_vain(&house);
    second = ask_in_vain(&house);
    ck_assert(!client_closed(second, 100));
    json_decref(ask(&house, "POST", "/v1/jobs?dry_run=true", SPEC_NAMED("x"), 503));
    close(first); /* makes room, within a second or so */
    while (status != 200) {
        status =
            client_ask(house.port, "POST", "/v1/jobs?dry_run=true",
                       "Content-Type: application/json\r\n", SPEC_NAMED("x"), &answer);
        ck_assert(status == 200 || status == 503);
        ck_assert_int_lt(store_now_ms(), until);
        wait_ms(20);
    }
    house_close(&house); /* does not wait for the other one */
    ck_assert_int_eq(client_read(second, false, &answer), 503);
    client_release(&answer);
    close(second);
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
           odd_names_stay_what_they_are_or_are_refused)
