/* house.c - the daemon's program, lived in by tests. */
#include "tests/daemon/house.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

enum { DEADLINE_MS = 30000 };

void
house_pause(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&pause, NULL);
}

int64_t
house_deadline(void)
{
    return store_now_ms() + DEADLINE_MS;
}

/* Its standard error goes to a file beside the state. Further flags end with NULL. */
static pid_t
spawn(const char *dir, const char *const *flags)
{
    const char *argv[24] = { "./odenetd", "--state-dir",      dir, "--port",
                             "0",         "--worker",         "",  "--poll-ms",
                             "50",        "--disk-floor-mib", "0" };
    char log[512];
    int n = 11, fd;
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

void
house_start(struct house *house, const char *const *flags)
{
    char path[512];
    int64_t until = house_deadline();

    snprintf(path, sizeof path, "%s/odenetd.address", house->dir);
    unlink(path); /* of a daemon that was killed */
    house->pid = spawn(house->dir, flags);
    while (!(house->port = read_port(house->dir))) {
        ck_assert_int_eq(waitpid(house->pid, NULL, WNOHANG), 0);
        ck_assert_int_lt(store_now_ms(), until);
        house_pause(10);
    }
}

void
house_open(struct house *house, const char *const *flags)
{
    snprintf(house->dir, sizeof house->dir, "%s/state", test_dir());
    house_start(house, flags);
}

/* Its exit status, as waitpid() tells it. */
int
house_end(struct house *house, int signal)
{
    int64_t until = house_deadline();
    int status;

    kill(house->pid, signal);
    while (waitpid(house->pid, &status, WNOHANG) == 0) {
        ck_assert_int_lt(store_now_ms(), until);
        house_pause(10);
    }
    return status;
}

void
house_close(struct house *house)
{
    int status = house_end(house, SIGTERM);

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The answer's body as JSON. */
json_t *
house_ask(const struct house *house, const char *method, const char *target,
          const char *body, int expected)
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

void
house_submit(const struct house *house, const char *orders, char run[ULID_LENGTH + 1])
{
    char spec[512];
    json_t *answer;

    snprintf(
        spec, sizeof spec,
        "{\"name\": \"%s\", \"model\": {\"units\": [{\"channels\": 8, \"blocks\": 2}]},"
        " \"levels\": [{\"resolution\": 8, \"epochs\": 1},"
        " {\"resolution\": 16, \"epochs\": 1}], \"resources\": {\"max_retries\": 500}}",
        orders);
    answer = house_ask(house, "POST", "/v1/jobs", spec, 201);
    snprintf(run, ULID_LENGTH + 1, "%s",
             json_string_value(json_object_get(
                 json_array_get(json_object_get(answer, "runs"), 0), "id")));
    json_decref(answer);
}

json_t *
house_run(const struct house *house, const char *run, const char *query)
{
    char target[128];

    snprintf(target, sizeof target, "/v1/runs/%s%s", run, query);
    return house_ask(house, "GET", target, NULL, 200);
}

int64_t
house_count(const struct house *house, const char *run, const char *member)
{
    json_t *json = house_run(house, run, "");
    int64_t n = json_integer_value(json_object_get(json, member));

    json_decref(json);
    return n;
}

void
house_wait_step(const struct house *house, const char *run, int64_t step)
{
    int64_t until = house_deadline();

    while (house_count(house, run, "step") < step) {
        ck_assert_int_lt(store_now_ms(), until);
        house_pause(10);
    }
}

void
house_assert_ends(const struct house *house, const char *run, const char *state)
{
    json_t *json = house_run(house, run, "?wait=30");

    ck_assert_str_eq(json_string_value(json_object_get(json, "state")), state);
    json_decref(json);
}

bool
house_log_says(const struct house *house, const char *what)
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

int
house_exit_code(const char *dir, const char *const *flags)
{
    int status;
    pid_t pid = spawn(dir, flags);

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void
house_await_log(const struct house *house, const char *what)
{
    int64_t until = house_deadline();

    while (!house_log_says(house, what)) {
        ck_assert_msg(store_now_ms() < until, "the log does not say \"%s\"", what);
        house_pause(10);
    }
}
