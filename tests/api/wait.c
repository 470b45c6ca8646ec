/* wait.c - tests api/wait.c and waiting in api/runs.c. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define RUN "/v1/runs/" FAKE_RUN

static double
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int
ask(struct fake *fake, int wait_s)
{
    int fd = client_connect(fake_port(fake));

    ck_assert_int_ge(fd, 0);
    client_print(fd, "GET " RUN "?wait=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", wait_s);
    return fd;
}

static void
answered(int fd, const char *state)
{
    struct client_answer answer = { 0 };
    char member[64];

    snprintf(member, sizeof member, "\"state\":\"%s\"", state);
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    ck_assert_msg(strstr(answer.body, member) != NULL, "%s", answer.body);
    client_release(&answer);
    close(fd);
}

START_TEST(a_preference_waits_and_says_so)
{
    struct client_answer answer = { 0 };
    double begin = now_s();
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(
        client_ask(fake_port(&fake), "GET", RUN, "Prefer: wait=1\r\n", NULL, &answer),
        200);
    ck_assert_double_ge(now_s() - begin, 0.9);
    ck_assert_str_eq(client_header(&answer, "Preference-Applied"), "wait=1");
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", RUN "?wait=0",
                                "Prefer: wait=60\r\n", NULL, &answer),
                     200); /* the query has the last word */
    ck_assert_ptr_null(client_header(&answer, "Preference-Applied"));
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", "/v1/runs/" FAKE_NOBODY,
                                "Prefer: wait=60\r\n", NULL, &answer),
                     404); /* nothing is waited for */
    ck_assert_ptr_null(client_header(&answer, "Preference-Applied"));
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(the_end_of_a_run_wakes)
{
    double begin = now_s();
    struct fake fake;
    int one, two;

    fake_open(&fake, NULL);
    one = ask(&fake, 60);
    two = ask(&fake, 60);
    fake_await_gets(&fake, 2);
    fake_change(&fake, "succeeded");
    answered(one, "succeeded");
    answered(two, "succeeded");
    ck_assert_double_lt(now_s() - begin, 5);
    fake_close(&fake);
}
END_TEST

START_TEST(another_change_does_not)
{
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake, 60);
    fake_await_gets(&fake, 1);
    fake_change(&fake, "paused");
    fake_await_gets(&fake, 2); /* looked, and waits again */
    ck_assert(!client_closed(fd, 50));
    fake_change(&fake, "failed");
    answered(fd, "failed");
    fake_close(&fake);
}
END_TEST

START_TEST(the_time_is_up)
{
    double begin = now_s();
    struct fake fake;

    fake_open(&fake, NULL);
    answered(ask(&fake, 1), "running");
    ck_assert_double_ge(now_s() - begin, 0.99);
    ck_assert_double_lt(now_s() - begin, 3);
    fake_close(&fake);
}
END_TEST

START_TEST(what_has_ended_is_answered_at_once)
{
    double begin = now_s();
    struct fake fake;

    fake_open(&fake, NULL);
    fake_change(&fake, "cancelled");
    answered(ask(&fake, 60), "cancelled");
    ck_assert_double_lt(now_s() - begin, 5);
    fake_close(&fake);
}
END_TEST

START_TEST(cancelling_wakes)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake, 60);
    fake_await_gets(&fake, 1);
    ck_assert_int_eq(
        client_ask(fake_port(&fake), "POST", RUN "/cancel", "", NULL, &answer), 202);
    answered(fd, "cancelled");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_connection_may_wait_again)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake, 1);
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    client_print(fd, "GET " RUN "?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    fake_await_gets(&fake, 3);
    fake_change(&fake, "succeeded");
    answered(fd, "succeeded");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(bad_times_are_refused)
{
    static const char *const bad[] = { "301", "-1", "soon", "1.5", "30s", "" };
    struct client_answer answer = { 0 };
    char target[96];
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(target, sizeof target, RUN "?wait=%s", bad[i]);
        ck_assert_int_eq(client_get(fake_port(&fake), target, &answer), 400);
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(only_half_of_the_connections_may_wait)
{
    struct server_config config = { .connections = 4 };
    struct client_answer answer = { 0 };
    struct fake fake;
    int one, two;

    fake_open(&fake, &config);
    one = ask(&fake, 60);
    two = ask(&fake, 60);
    fake_await_gets(&fake, 2);
    ck_assert_int_eq(client_get(fake_port(&fake), RUN "?wait=60", &answer), 503);
    ck_assert_ptr_nonnull(client_header(&answer, "Retry-After"));
    ck_assert_int_eq(client_get(fake_port(&fake), RUN, &answer), 200);
    fake_change(&fake, "succeeded");
    answered(one, "succeeded");
    answered(two, "succeeded");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(clients_that_leave_make_room)
{
    struct server_config config = { .connections = 2 };
    struct client_answer answer = { 0 };
    double begin = now_s();
    int status = 503;
    struct fake fake;

    fake_open(&fake, &config);
    close(ask(&fake, 300));
    fake_await_gets(&fake, 1);
    while (status == 503 && now_s() - begin < 8) {
        status = client_get(fake_port(&fake), RUN "?wait=1", &answer);
        usleep(50000);
    }
    ck_assert_int_eq(status, 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_wait_outlives_the_idle_time)
{
    struct server_config config = { .idle_s = 1 };
    double begin = now_s();
    struct fake fake;

    fake_open(&fake, &config);
    answered(ask(&fake, 3), "running");
    ck_assert_double_ge(now_s() - begin, 2.9);
    fake_close(&fake);
}
END_TEST

START_TEST(closing_answers_who_waits)
{
    double begin = now_s();
    struct fake fake;
    int fd[20];

    fake_open(&fake, NULL);
    for (int i = 0; i < 20; i++)
        fd[i] = ask(&fake, 300);
    fake_await_gets(&fake, 20);
    fake_close(&fake);
    for (int i = 0; i < 20; i++)
        answered(fd[i], "running");
    ck_assert_double_lt(now_s() - begin, 8);
}
END_TEST

TEST_SUITE(api_wait, 30, a_preference_waits_and_says_so, the_end_of_a_run_wakes,
           another_change_does_not, the_time_is_up, what_has_ended_is_answered_at_once,
           cancelling_wakes, a_connection_may_wait_again, bad_times_are_refused,
           only_half_of_the_connections_may_wait, clients_that_leave_make_room,
           a_wait_outlives_the_idle_time, closing_answers_who_waits)
