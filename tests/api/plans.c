/* plans.c - tests ?dry_run= in api/jobs.c, and how it waits. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static const char json[] = "Content-Type: application/json\r\n";

static void
answers(struct fake *fake, const char *query, const char *name, int status,
        const char *part)
{
    struct client_answer answer = { 0 };
    char target[64], body[64];

    snprintf(target, sizeof target, "/v1/jobs%s", query);
    snprintf(body, sizeof body, "{\"name\": \"%s\"}", name);
    ck_assert_int_eq(client_ask(fake_port(fake), "POST", target, json, body, &answer),
                     status);
    ck_assert_msg(strstr(answer.body, part) != NULL, "%s", answer.body);
    if (status == 503)
        ck_assert_ptr_nonnull(client_header(&answer, "Retry-After"));
    ck_assert_ptr_null(client_header(&answer, "Location"));
    client_release(&answer);
}

/* A client that waits for a plan. */
static int
ask(struct fake *fake)
{
    static const char body[] = "{\"name\": \"slow\"}";
    int fd = client_connect(fake_port(fake));

    ck_assert_int_ge(fd, 0);
    client_print(fd,
                 "POST /v1/jobs?dry_run=true HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: %zu\r\n\r\n%s",
                 json, strlen(body), body);
    return fd;
}

START_TEST(a_dry_run_answers_with_the_plan)
{
    struct fake fake;

    fake_open(&fake, NULL);
    answers(&fake, "?dry_run=true", "x", 200,
            "{\"plan\":{\"measured\":true},\"spec\":{}}");
    answers(&fake, "?dry_run=true&measure=false", "x", 200, "\"measured\":false");
    fake_close(&fake);
    ck_assert_int_eq(fake.takes, 2);
    ck_assert_int_eq(fake.drops, 0);
}
END_TEST

START_TEST(other_queries_are_refused_or_submit)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    answers(&fake, "?dry_run=1", "x", 400, "dry_run");
    answers(&fake, "?dry_run=true&measure=no", "x", 400, "measure");
    answers(&fake, "?measure=false", "x", 400, "only goes with dry_run=true");
    answers(&fake, "?dryrun=true", "x", 400, "dryrun");
    ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/jobs?dry_run=false", json,
                                "{\"name\": \"x\"}", &answer),
                     201);
    client_release(&answer);
    fake_close(&fake);
    ck_assert_int_eq(fake.takes, 0);
}
END_TEST

START_TEST(refusals_are_those_of_a_submission)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    answers(&fake, "?dry_run=true", "bad", 422, "\"pointer\":\"/levels/1/epochs\"");
    answers(&fake, "?dry_run=true", "nodata", 422, "/problems/unusable-data");
    answers(&fake, "?dry_run=true", "busy", 503, "2 plans are being made already");
    answers(&fake, "?dry_run=true", "wrong", 422, "\"pointer\":\"/levels/1\"");
    ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/jobs?dry_run=true", json,
                                "{\"name\": ", &answer),
                     400);
    ck_assert_ptr_nonnull(strstr(answer.body, "/problems/bad-json"));
    client_release(&answer);
    fake_close(&fake);
    ck_assert_int_eq(fake.drops, 0);
}
END_TEST

START_TEST(the_connection_waits_for_the_plan)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake);
    fake_await_plans(&fake, 1, 0);
    ck_assert(!client_closed(fd, 50));
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    fake_change(&fake, "paused"); /* of no concern to it */
    ck_assert(!client_closed(fd, 50));
    fake_finish_plan(&fake);
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"plan\""));
    client_release(&answer);
    close(fd);
    fake_close(&fake);
    ck_assert_int_eq(fake.drops, 0);
}
END_TEST

START_TEST(a_plan_that_takes_too_long_is_dropped)
{
    struct server_config config = { .plan_s = 1 };
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, &config);
    fd = ask(&fake);
    ck_assert_int_eq(client_read(fd, false, &answer), 503);
    ck_assert_ptr_nonnull(strstr(answer.body, "not there after 1 s"));
    ck_assert_ptr_nonnull(client_header(&answer, "Retry-After"));
    client_release(&answer);
    close(fd);
    fake_close(&fake);
    ck_assert_int_eq(fake.drops, 1);
}
END_TEST

START_TEST(the_plan_of_a_client_that_left_is_dropped)
{
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake);
    fake_await_plans(&fake, 1, 0);
    close(fd);
    fake_await_plans(&fake, 1, 1);
    fake_close(&fake);
    ck_assert_int_eq(fake.drops, 1);
}
END_TEST

START_TEST(closing_drops_plans)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake);
    fake_await_plans(&fake, 1, 0);
    fake_close(&fake);
    ck_assert_int_eq(client_read(fd, false, &answer), 503);
    ck_assert_int_eq(fake.drops, 1);
    client_release(&answer);
    close(fd);
}
END_TEST

TEST_SUITE(api_plans, 30, a_dry_run_answers_with_the_plan,
           other_queries_are_refused_or_submit, refusals_are_those_of_a_submission,
           the_connection_waits_for_the_plan, a_plan_that_takes_too_long_is_dropped,
           the_plan_of_a_client_that_left_is_dropped, closing_drops_plans)
