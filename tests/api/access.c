/* access.c - tests api/access.c, session.c: every route, asked by everybody. */
#include "api/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define RUN  "/v1/runs/" FAKE_RUN
#define JSON "Content-Type: application/json\r\n"

enum who { NOBODY, STRANGER, LATE, READER, SUBMITTER, ADMIN, WHO };

static const struct {
    const char *name, *role, *end;
} people[WHO] = {
    [LATE] = {"late",       "admin",  "2001-01-01"},
    [READER] = { "reader",    "read",   "2100-01-01"},
    [SUBMITTER] = { "submitter", "submit", NULL        },
    [ADMIN] = { "boss",      "admin",  NULL        },
};

struct gate {
    struct fake fake;
    char path[256];
    char token[WHO][TOKEN_TEXT];
    int number; /* of the address that asks next */
};

static void
tokens_write(struct gate *gate)
{
    char line[TOKEN_LINE];
    struct ode_err err;
    FILE *file = fopen(gate->path, "w");

    ck_assert_ptr_nonnull(file);
    for (enum who who = LATE; who < WHO; who++) {
        test_ok(tokens_make(people[who].name, people[who].role, people[who].end,
                            gate->token[who], line, &err),
                &err);
        fprintf(file, "%s\n", line);
    }
    test_ok(tokens_make("x", "admin", NULL, gate->token[STRANGER], line, &err), &err);
    ck_assert_int_eq(fclose(file), 0);
    chmod(gate->path, 0600);
}

static void
gate_open(struct gate *gate, const struct server_config *config)
{
    struct server_config mine = config ? *config : (struct server_config){ 0 };

    memset(gate, 0, sizeof *gate);
    snprintf(gate->path, sizeof gate->path, "%s/tokens", test_dir());
    tokens_write(gate);
    mine.token_file = gate->path;
    mine.job_schema = "{}";
    gate->number = 2;
    fake_open(&gate->fake, &mine);
}

/* As somebody, from an address that has not asked before. */
static int
ask_as(struct gate *gate, enum who who, const char *method, const char *target,
       struct client_answer *answer)
{
    int fd = client_connect_from(gate->number++, fake_port(&gate->fake));
    char headers[256] = JSON;

    ck_assert_int_ge(fd, 0);
    if (who != NOBODY)
        snprintf(headers, sizeof headers, JSON "Authorization: Bearer %s\r\n",
                 gate->token[who]);
    client_exchange(fd, method, target, headers, strcmp(method, "GET") ? "{}" : NULL,
                    answer);
    close(fd);
    return answer->status;
}

/* --- the matrix ------------------------------------------------------------------------
 */

static const char *
method_of(const struct route *route)
{
    return route->method == ROUTE_GET     ? "GET"
           : route->method == ROUTE_POST  ? "POST"
           : route->method == ROUTE_PATCH ? "PATCH"
                                          : "DELETE";
}

/* 0: whatever the route itself says. */
static int
expected(const struct route *route, enum who who)
{
    static const enum role roles[WHO] = {
        [READER] = ROLE_READ, [SUBMITTER] = ROLE_SUBMIT, [ADMIN] = ROLE_ADMIN
    };

    if (route->role == ROLE_OPEN)
        return 0;
    if (who <= LATE)
        return 401;
    return roles[who] >= route->role ? 0 : 403;
}

static void
cell_holds(struct gate *gate, const struct route *route, enum who who)
{
    struct client_answer answer = { 0 };
    char path[128];
    const int status = expected(route, who);
    const bool login = strcmp(route->pattern, "/v1/session") == 0;

    fake_path(route, path, sizeof path);
    ask_as(gate, who, method_of(route), path, &answer);
    if (status || (login && route->method == ROUTE_POST))
        ck_assert_msg(answer.status == (status ? status : 401), "%s %s as %d: %d",
                      method_of(route), path, who, answer.status);
    else
        ck_assert_msg(answer.status >= 200 && answer.status < 500 && answer.status != 401
                          && answer.status != 403 && answer.status != 429,
                      "%s %s as %d: %d", method_of(route), path, who, answer.status);
    ck_assert_int_eq(client_header(&answer, "WWW-Authenticate") != NULL,
                     answer.status == 401);
    client_release(&answer);
}

START_TEST(every_route_asks_for_its_role)
{
    struct gate gate;
    FILE *log;

    gate_open(&gate, NULL);
    log = fopen(gate.fake.log_path, "w");
    ck_assert_ptr_nonnull(log);
    fclose(log);
    fake_finish_plan(&gate.fake); /* nothing is waited for */
    for (size_t i = 0; i < router_route_n; i++)
        for (enum who who = NOBODY; who < WHO; who++)
            cell_holds(&gate, &router_routes[i], who);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(only_reading_is_for_readers)
{
    for (size_t i = 0; i < router_route_n; i++) {
        const struct route *route = &router_routes[i];

        if (route->role == ROLE_OPEN)
            ck_assert_msg(strncmp(route->pattern, "/v1", 3) != 0
                              || strcmp(route->pattern, "/v1/session") == 0,
                          "%s is open", route->pattern);
        else if (route->method != ROUTE_GET)
            ck_assert_msg(route->role >= ROLE_SUBMIT, "%s", route->pattern);
    }
}
END_TEST

/* --- refusals --------------------------------------------------------------------------
 */

START_TEST(refusals_say_what_is_missing)
{
    struct client_answer answer = { 0 };
    struct gate gate;

    gate_open(&gate, NULL);
    ck_assert_int_eq(ask_as(&gate, NOBODY, "GET", "/v1/runs", &answer), 401);
    ck_assert_str_eq(client_header(&answer, "WWW-Authenticate"),
                     "Bearer realm=\"odenet\"");
    ck_assert_ptr_nonnull(strstr(answer.body, "/problems/unauthorized"));
    ck_assert_int_eq(ask_as(&gate, STRANGER, "GET", "/v1/runs", &answer), 401);
    ck_assert_str_eq(client_header(&answer, "WWW-Authenticate"),
                     "Bearer realm=\"odenet\", error=\"invalid_token\"");
    ck_assert_ptr_null(strstr(answer.body, gate.token[STRANGER]));
    ck_assert_int_eq(ask_as(&gate, LATE, "GET", "/v1/runs", &answer), 401);
    ck_assert_ptr_nonnull(strstr(answer.body, "expired"));
    ck_assert_int_eq(ask_as(&gate, READER, "POST", RUN "/cancel", &answer), 403);
    ck_assert_ptr_nonnull(strstr(answer.body, "role submit; the token reader has read"));
    client_release(&answer);
    fake_close(&gate.fake);
}
END_TEST

static int
with_header(struct gate *gate, const char *header)
{
    struct client_answer answer = { 0 };
    int fd = client_connect_from(gate->number++, fake_port(&gate->fake)), status;

    status = client_exchange(fd, "GET", "/v1/runs", header, NULL, &answer);
    client_release(&answer);
    close(fd);
    return status;
}

START_TEST(a_header_is_taken_to_the_letter)
{
    static const struct {
        const char *format;
        int status;
    } headers[] = {
        {"Authorization: Bearer %s\r\n",        200},
        { "authorization: bearer %s\r\n",       200},
        { "Authorization: Bearer   %s\r\n",     200},
        { "Authorization: Bearer %sx\r\n",      401},
        { "Authorization: Bearer x%s\r\n",      401},
        { "Authorization: Bearer %s,x\r\n",     401},
        { "Authorization: Bearer\r\nX: %s\r\n", 401},
        { "Authorization: Basic %s\r\n",        401},
        { "Authorization: %s\r\n",              401},
        { "Authorization: \r\nX: %s\r\n",       401},
        { "Cookie: odenet=%s\r\n",              401},
        { "X-Authorization: Bearer %s\r\n",     401},
    };
    struct gate gate;
    char header[512];

    gate_open(&gate, NULL);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        snprintf(header, sizeof header, headers[i].format, gate.token[READER]);
        ck_assert_msg(with_header(&gate, header) == headers[i].status, "%s",
                      headers[i].format);
    }
    fake_close(&gate.fake);
}
END_TEST

START_TEST(ten_bad_tokens_are_enough_for_a_second)
{
    struct client_answer answer = { 0 };
    int status[40], fd, refused = 0;
    char header[160];
    struct gate gate;

    gate_open(&gate, NULL);
    fd = client_connect_from(7, fake_port(&gate.fake));
    for (int i = 0; i < 40; i++) {
        snprintf(header, sizeof header, "Authorization: Bearer guess%d\r\n", i);
        status[i] = client_exchange(fd, "GET", "/v1/runs", header, NULL, &answer);
        refused += status[i] == 429;
        ck_assert(status[i] == 401 || status[i] == 429);
    }
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(status[i], 401);
    ck_assert_int_ge(refused, 1);
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", gate.token[READER]);
    do { /* a good one is not told from a bad one then; elsewhere it is good */
        while (client_exchange(fd, "GET", "/v1/runs", "Authorization: Bearer guess\r\n",
                               NULL, &answer)
               != 429)
            ;
        ck_assert_str_eq(client_header(&answer, "Retry-After"), "1");
    } while (client_exchange(fd, "GET", "/v1/runs", header, NULL, &answer) != 429);
    ck_assert_int_eq(with_header(&gate, header), 200);
    ck_assert_int_eq(client_exchange(fd, "GET", "/livez", "", NULL, &answer), 200);
    close(fd);
    client_release(&answer);
    fake_close(&gate.fake);
    ck_assert_str_eq(gate.fake.logged,
                     "many bad tokens come from 127.0.0.7, which has to wait");
}
END_TEST

START_TEST(a_list_that_changes_is_read_again)
{
    struct client_answer answer = { 0 };
    char old[TOKEN_TEXT];
    struct gate gate;
    int status = 200;

    gate_open(&gate, NULL);
    ck_assert_int_eq(ask_as(&gate, ADMIN, "GET", "/v1/runs", &answer), 200);
    strcpy(old, gate.token[ADMIN]);
    tokens_write(&gate); /* with other tokens for the same people */
    for (int i = 0; i < 100 && status == 200; i++) {
        char header[160];

        usleep(50000);
        snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", old);
        status = with_header(&gate, header);
    }
    ck_assert_int_eq(status, 401);
    ck_assert_int_eq(ask_as(&gate, ADMIN, "GET", "/v1/runs", &answer), 200);
    client_release(&answer);
    fake_close(&gate.fake);
}
END_TEST

/* --- sessions --------------------------------------------------------------------------
 */

/* Logs in, and makes a header of the cookie. */
static int
log_in(struct gate *gate, const char *token, const char *origin, char header[256])
{
    struct client_answer answer = { 0 };
    int fd = client_connect_from(gate->number++, fake_port(&gate->fake)), status;
    char body[160], headers[160];
    const char *cookie;

    snprintf(body, sizeof body, "{\"token\": \"%s\"}", token);
    snprintf(headers, sizeof headers, JSON "%s", origin);
    status = client_exchange(fd, "POST", "/v1/session", headers, body, &answer);
    cookie = client_header(&answer, "Set-Cookie");
    ck_assert_int_eq(cookie != NULL, status == 200);
    if (cookie) {
        ck_assert_ptr_nonnull(strstr(cookie, "; Path=/; HttpOnly; SameSite=Strict;"));
        ck_assert_int_eq(strstr(cookie, "; Secure") != NULL, *origin != '\0');
        ck_assert_int_eq(strncmp(cookie, "__Host-", 7) == 0, *origin != '\0');
        snprintf(header, 256, JSON "Cookie: a=b; %.*s\r\n", (int)strcspn(cookie, ";"),
                 cookie);
    }
    client_release(&answer);
    close(fd);
    return status;
}

static int
with_cookie(struct gate *gate, const char *header, const char *method, const char *target)
{
    struct client_answer answer = { 0 };
    int fd = client_connect_from(gate->number++, fake_port(&gate->fake)), status;

    status = client_exchange(fd, method, target, header,
                             strcmp(method, "GET") ? "{}" : NULL, &answer);
    client_release(&answer);
    close(fd);
    return status;
}

START_TEST(a_cookie_stands_for_its_token)
{
    char header[256], other[256];
    struct gate gate;

    gate_open(&gate, NULL);
    ck_assert_int_eq(log_in(&gate, gate.token[READER], "", header), 200);
    ck_assert_int_eq(log_in(&gate, gate.token[ADMIN], "", other), 200);
    ck_assert_int_eq(with_cookie(&gate, header, "GET", "/v1/runs"), 200);
    ck_assert_int_eq(with_cookie(&gate, header, "POST", RUN "/pause"), 403);
    ck_assert_int_eq(with_cookie(&gate, other, "POST", RUN "/pause"), 202);
    ck_assert_int_eq(with_cookie(&gate, header, "DELETE", "/v1/session"), 204);
    ck_assert_int_eq(with_cookie(&gate, header, "GET", "/v1/runs"), 401);
    ck_assert_int_eq(with_cookie(&gate, other, "GET", "/v1/runs"), 200);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(a_cookie_ends_with_its_token)
{
    char header[256];
    struct gate gate;
    int status = 200;

    gate_open(&gate, NULL);
    ck_assert_int_eq(log_in(&gate, gate.token[ADMIN], "", header), 200);
    tokens_write(&gate);
    for (int i = 0; i < 100 && status == 200; i++) {
        usleep(50000);
        status = with_cookie(&gate, header, "GET", "/v1/runs");
    }
    ck_assert_int_eq(status, 401);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(only_a_good_token_begins_a_session)
{
    char header[256];
    struct gate gate;

    gate_open(&gate, NULL);
    ck_assert_int_eq(log_in(&gate, gate.token[STRANGER], "", header), 401);
    ck_assert_int_eq(log_in(&gate, gate.token[LATE], "", header), 401);
    ck_assert_int_eq(log_in(&gate, "", "", header), 401);
    ck_assert_int_eq(log_in(&gate, "\", \"x\": \"", "", header), 401);
    ck_assert_int_eq(
        log_in(&gate, gate.token[ADMIN], "Origin: http://evil.example\r\n", header), 403);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(behind_tls_the_cookie_stays_there)
{
    char header[256];
    struct gate gate;

    gate_open(&gate, NULL);
    ck_assert_int_eq(
        log_in(&gate, gate.token[READER], "Origin: https://localhost\r\n", header), 200);
    ck_assert_int_eq(with_cookie(&gate, header, "GET", "/v1/runs"), 200);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(the_sixty_fifth_session_ends_the_first)
{
    char first[256], second[256], header[256];
    struct gate gate;

    gate_open(&gate, NULL);
    ck_assert_int_eq(log_in(&gate, gate.token[READER], "", first), 200);
    ck_assert_int_eq(log_in(&gate, gate.token[READER], "", second), 200);
    for (int i = 2; i < SESSIONS + 1; i++)
        ck_assert_int_eq(log_in(&gate, gate.token[READER], "", header), 200);
    ck_assert_int_eq(with_cookie(&gate, header, "GET", "/v1/runs"), 200);
    ck_assert_int_eq(with_cookie(&gate, second, "GET", "/v1/runs"), 200);
    ck_assert_int_eq(with_cookie(&gate, first, "GET", "/v1/runs"), 401);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(without_tokens_nobody_logs_in)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/session", JSON,
                                "{\"token\":\"x\"}", &answer),
                     409);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", "/v1/runs",
                                "Authorization: Bearer x\r\n", NULL, &answer),
                     200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

/* --- the Unix socket -------------------------------------------------------------------
 */

/* Submits a job at the socket as a user of this number. An odd status is told as the even
 * one below it, as half of it has to fit into an exit code. */
static int
as_user(const char *path, uid_t uid, gid_t gid, const char *header)
{
    struct client_answer answer = { 0 };
    int status, fd;
    pid_t pid = fork();

    if (pid == 0) {
        if (setgid(gid) != 0 || setuid(uid) != 0)
            _exit(1);
        fd = client_connect_local(path);
        status =
            client_exchange(fd, "POST", "/v1/jobs", header, "{\"name\": \"x\"}", &answer);
        _exit(status / 2);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status) * 2;
}

START_TEST(users_of_the_socket_are_known)
{
    const gid_t group = 4242;
    char path[64], header[256];
    struct server_config config = { .socket = path,
                                    .socket_mode = 0666,
                                    .group = &group };
    struct gate gate;

    snprintf(path, sizeof path, "/tmp/odenet-access-%d", (int)getpid());
    gate_open(&gate, &config);
    ck_assert_int_eq(as_user(path, geteuid(), getegid(), JSON), 200);
    if (geteuid() == 0) {
        ck_assert_int_eq(as_user(path, 4711, 4711, JSON), 400);
        ck_assert_int_eq(as_user(path, 4711, group, JSON), 200);
        snprintf(header, sizeof header, JSON "Authorization: Bearer %s\r\n",
                 gate.token[READER]);
        ck_assert_int_eq(as_user(path, 4711, 4711, header), 402);
        snprintf(header, sizeof header, JSON "Authorization: Bearer %s\r\n",
                 gate.token[SUBMITTER]);
        ck_assert_int_eq(as_user(path, 4711, 4711, header), 200);
    }
    fake_close(&gate.fake);
}
END_TEST

START_TEST(the_socket_does_not_trust_everybody_without_tokens)
{
    char path[64];
    struct server_config config = { .socket = path, .socket_mode = 0666 };
    struct fake fake;

    snprintf(path, sizeof path, "/tmp/odenet-access-%d", (int)getpid());
    fake_open(&fake, &config);
    ck_assert_int_eq(as_user(path, geteuid(), getegid(), JSON), 200);
    if (geteuid() == 0)
        ck_assert_int_eq(as_user(path, 4711, 4711, JSON), 400);
    fake_close(&fake);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------
 */

START_TEST(a_caller_has_a_rate)
{
    struct server_config config = { .peer_requests = 5 };
    struct client_answer answer = { 0 };
    struct gate gate;
    char header[160];
    int ok = 0, fd;

    gate_open(&gate, &config);
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", gate.token[READER]);
    fd = client_connect(fake_port(&gate.fake));
    while (client_exchange(fd, "GET", "/v1/runs", header, NULL, &answer) == 200) {
        ck_assert_str_eq(client_header(&answer, "RateLimit-Policy"),
                         "\"requests\";q=10;w=2");
        ck_assert_ptr_nonnull(client_header(&answer, "RateLimit"));
        ok++;
    }
    ck_assert_int_ge(ok, 10);
    ck_assert_int_eq(answer.status, 429);
    ck_assert_str_eq(client_header(&answer, "Retry-After"), "1");
    ck_assert_ptr_nonnull(strstr(client_header(&answer, "RateLimit"), "r=0;"));
    /* it is the token's, from wherever it asks; others have their own */
    while (with_header(&gate, header) != 429)
        ;
    ck_assert_int_eq(ask_as(&gate, ADMIN, "GET", "/v1/runs", &answer), 200);
    close(fd);
    client_release(&answer);
    fake_close(&gate.fake);
}
END_TEST

START_TEST(a_caller_has_so_many_that_wait)
{
    struct server_config config = { .peer_waits = 3 };
    struct client_answer answer = { 0 };
    struct gate gate;
    int fd[3];

    gate_open(&gate, &config);
    for (int i = 0; i < 3; i++) {
        fd[i] = client_connect_from(gate.number++, fake_port(&gate.fake));
        client_print(fd[i],
                     "GET " RUN "%s HTTP/1.1\r\nHost: localhost\r\n%s"
                     "Authorization: Bearer %s\r\n\r\n",
                     i ? "?wait=60" : "/events", i ? "" : "Accept: text/event-stream\r\n",
                     gate.token[READER]);
    }
    fake_await_gets(&gate.fake, 3);
    ck_assert_int_eq(ask_as(&gate, READER, "GET", RUN "?wait=1", &answer), 429);
    ck_assert_ptr_nonnull(client_header(&answer, "Retry-After"));
    ck_assert_int_eq(ask_as(&gate, READER, "GET", RUN, &answer), 200);
    ck_assert_int_eq(ask_as(&gate, ADMIN, "GET", RUN "?wait=1", &answer), 200);
    fake_change(&gate.fake, "succeeded");
    ck_assert_int_eq(client_read(fd[1], false, &answer), 200);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    client_release(&answer);
    fake_close(&gate.fake);
}
END_TEST

TEST_SUITE(api_access, 60, every_route_asks_for_its_role, only_reading_is_for_readers,
           refusals_say_what_is_missing, a_header_is_taken_to_the_letter,
           ten_bad_tokens_are_enough_for_a_second, a_list_that_changes_is_read_again,
           a_cookie_stands_for_its_token, a_cookie_ends_with_its_token,
           only_a_good_token_begins_a_session, behind_tls_the_cookie_stays_there,
           the_sixty_fifth_session_ends_the_first, without_tokens_nobody_logs_in,
           users_of_the_socket_are_known,
           the_socket_does_not_trust_everybody_without_tokens, a_caller_has_a_rate,
           a_caller_has_so_many_that_wait)
