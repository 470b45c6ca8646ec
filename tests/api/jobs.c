/* jobs.c - tests api/jobs.c and cancelling in api/runs.c. */
#include <stdio.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static const char json[] = "Content-Type: application/json\r\n";

START_TEST(submitting_creates)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/jobs", json,
                                "{\"name\": \"x\"}", &answer),
                     201);
    ck_assert_str_eq(client_header(&answer, "Location"), "/v1/jobs/" FAKE_JOB);
    ck_assert_str_eq(client_header(&answer, "Cache-Control"), "no-store");
    ck_assert_str_eq(answer.body, "{\"id\":\"" FAKE_JOB "\",\"runs\":[{\"id\":\"" FAKE_RUN
                                  "\",\"state\":\"queued\"}]}");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_key_is_handed_on)
{
    static const struct {
        const char *header;
        int status;
        const char *text;
    } keys[] = {
        {"Idempotency-Key: a 1~\r\n",     201, FAKE_JOB              },
        { "Idempotency-Key: used\r\n",    422, "/problems/key-reused"},
        { "Idempotency-Key:\r\n",         400, "1 to 255 visible"    },
        { "Idempotency-Key: caf\xe9\r\n", 400, "1 to 255 visible"    },
    };
    struct client_answer answer = { 0 };
    char headers[600];
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(headers, sizeof headers, "%s%s", json, keys[i].header);
        ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/jobs", headers,
                                    "{\"name\": \"x\"}", &answer),
                         keys[i].status);
        ck_assert_ptr_nonnull(strstr(answer.body, keys[i].text));
    }
    snprintf(headers, sizeof headers, "%sIdempotency-Key: %0256d\r\n", json, 0);
    ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/jobs", headers,
                                "{\"name\": \"x\"}", &answer),
                     400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

static void
refused(struct fake *fake, const char *body, int status, const char *type,
        const char *detail)
{
    struct client_answer answer = { 0 };

    ck_assert_int_eq(client_ask(fake_port(fake), "POST", "/v1/jobs", json, body, &answer),
                     status);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/problem+json");
    ck_assert_msg(strstr(answer.body, type) != NULL, "%s", answer.body);
    ck_assert_msg(strstr(answer.body, detail) != NULL, "%s", answer.body);
    client_release(&answer);
}

START_TEST(refusals_say_where)
{
    struct fake fake;

    fake_open(&fake, NULL);
    refused(
        &fake, "{\"name\": \"bad\"}", 422, "/problems/invalid-spec",
        "\"errors\":[{\"pointer\":\"/levels/1/epochs\",\"detail\":\"-3 is below 0\"}]");
    refused(&fake, "{\"name\": \"nodata\"}", 422, "/problems/unusable-data",
            "\"errors\":[{\"pointer\":\"/dataset\",\"detail\":\"cifar10 is not here\"}]");
    refused(&fake, "{\"name\": \"broken\"}", 503, "/problems/unavailable",
            "the disk is full, or caf?");
    fake_close(&fake);
    ck_assert_ptr_nonnull(strstr(fake.logged, "POST /v1/jobs: 503: the disk is full"));
}
END_TEST

START_TEST(broken_json_is_refused_with_its_place)
{
    struct fake fake;

    fake_open(&fake, NULL);
    refused(&fake, "{\n  \"name\": nope\n}", 400, "/problems/bad-json", "\"line\":2,");
    refused(&fake, "{\"a\": 1, \"a\": 2}", 400, "/problems/bad-json", "duplicate");
    refused(&fake, "{\"a\": \"\xff\"}", 400, "/problems/bad-json",
            "unable to decode byte 0xff");
    refused(&fake, "{\"a\": NaN}", 400, "/problems/bad-json", "line 1");
    refused(&fake, "{\"a\": 1e999}", 400, "/problems/bad-json", "overflow");
    refused(&fake, "{\"a\": \"\\u0000\"}", 400, "/problems/bad-json", "line 1");
    refused(&fake, "{} {}", 400, "/problems/bad-json", "line 1");
    refused(&fake, "{\"a\": 1", 400, "/problems/bad-json", "line 1");
    refused(&fake, "7", 400, "/problems/bad-json", "line 1");
    fake_close(&fake);
}
END_TEST

START_TEST(deep_json_is_refused)
{
    static char deep[100001];
    struct fake fake;

    fake_open(&fake, NULL);
    memset(deep, '[', sizeof deep - 1);
    refused(&fake, deep, 400, "/problems/bad-json", "nests deeper than 32 levels");
    /* brackets within strings are no nesting: the fake refuses this for its name */
    refused(&fake, "{\"a\": \"\\\\[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\\\\\"}",
            422, "invalid-spec", "pointer");
    fake_close(&fake);
}
END_TEST

START_TEST(an_empty_body_is_refused)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    refused(&fake, "", 400, "/problems/bad-json", "line 1");
    ck_assert_int_eq(client_ask(fake_port(&fake), "POST", "/v1/jobs", "", NULL, &answer),
                     400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(lists_pass_their_query_on)
{
    struct client_answer answer = { 0 };
    char asked[256];
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs", &answer), 200);
    fake_asked(&fake, asked);
    ck_assert_str_eq(asked, "state=- cursor=- limit=50");
    ck_assert_int_eq(client_get(fake_port(&fake),
                                "/v1/runs?limit=7&state=running&cursor=" FAKE_RUN,
                                &answer),
                     200);
    fake_asked(&fake, asked);
    ck_assert_str_eq(asked, "state=running cursor=" FAKE_RUN " limit=7");
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs?state=busy", &answer), 400);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs?limit=0", &answer), 400);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs?cursor=7", &answer), 400);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/jobs?state=running", &answer),
                     400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(unknown_ids_are_not_found)
{
    static const char *const paths[] = {
        "/v1/jobs/" FAKE_NOBODY,
        "/v1/runs/" FAKE_NOBODY,
        "/v1/runs/" FAKE_NOBODY "?wait=5",
        "/v1/runs/" FAKE_NOBODY "/levels",
        "/v1/runs/" FAKE_NOBODY "/events",
        "/v1/runs/" FAKE_NOBODY "/metrics",
        "/v1/runs/" FAKE_NOBODY "/log",
        "/v1/runs/" FAKE_NOBODY "/artifacts/metrics.csv",
        "/v1/runs/" FAKE_NOBODY "/artifacts/model.safetensors",
    };
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ck_assert_int_eq(client_get(fake_port(&fake), paths[i], &answer), 404);
        ck_assert_ptr_nonnull(strstr(answer.body, "/problems/not-found"));
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(events_are_asked_for_from_one_on)
{
    static const struct {
        const char *target, *asked;
    } questions[] = {
        {"/v1/runs/" FAKE_RUN "/events",  "events=run after=0 limit=100"},
        { "/v1/events?after=7&limit=500", "events=all after=7 limit=500"},
    };
    struct client_answer answer = { 0 };
    struct fake fake;
    char asked[sizeof fake.asked];

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        ck_assert_int_eq(client_get(fake_port(&fake), questions[i].target, &answer), 200);
        fake_asked(&fake, asked);
        ck_assert_str_eq(asked, questions[i].asked);
    }
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/events?after=-1", &answer), 400);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/events?limit=501", &answer), 400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_job_that_has_ended_can_be_deleted)
{
    static const char path[] = "/v1/jobs/" FAKE_JOB;
    struct client_answer answer = { 0 };
    struct fake fake;
    int port;

    fake_open(&fake, NULL);
    port = fake_port(&fake);
    ck_assert_int_eq(client_ask(port, "DELETE", path, "", NULL, &answer), 409);
    ck_assert_ptr_nonnull(strstr(answer.body, "a run has not ended"));
    ck_assert_int_eq(client_ask(port, "DELETE", path, json, "{}", &answer), 400);
    ck_assert_int_eq(client_ask(port, "DELETE", path, "Origin: http://evil.example\r\n",
                                NULL, &answer),
                     403);
    fake_change(&fake, "succeeded");
    ck_assert_int_eq(client_ask(port, "DELETE", path, "", NULL, &answer), 204);
    ck_assert_uint_eq(answer.body_n, 0);
    ck_assert_int_eq(client_ask(port, "DELETE", "/v1/jobs/" FAKE_RUN, "", NULL, &answer),
                     404);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(actions_are_idempotent)
{
    static const char *const paths[] = {
        "/v1/runs/" FAKE_RUN "/cancel", "/v1/runs/" FAKE_RUN "/pause",
        "/v1/runs/" FAKE_RUN "/resume", "/v1/runs/" FAKE_RUN "/retry",
        "/v1/runs/" FAKE_RUN "/hold",   "/v1/runs/" FAKE_RUN "/advance"
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct client_answer answer = { 0 };
        struct fake fake;

        fake_open(&fake, NULL);
        ck_assert_int_eq(
            client_ask(fake_port(&fake), "POST", paths[i], json, "{\"a\":1}", &answer),
            400);
        ck_assert_int_eq(
            client_ask(fake_port(&fake), "POST", paths[i], "", NULL, &answer), 202);
        ck_assert_int_eq(
            client_ask(fake_port(&fake), "POST", paths[i], json, "{}", &answer), 200);
        fake_change(&fake, "succeeded");
        ck_assert_int_eq(
            client_ask(fake_port(&fake), "POST", paths[i], "", NULL, &answer), 409);
        ck_assert_ptr_nonnull(strstr(answer.body, "has succeeded already"));
        client_release(&answer);
        fake_close(&fake);
    }
}
END_TEST

START_TEST(readiness_follows_the_backend)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/readyz", &answer), 200);
    fake_set_ready(&fake, false);
    ck_assert_int_eq(client_get(fake_port(&fake), "/readyz", &answer), 503);
    ck_assert_ptr_nonnull(strstr(answer.body, "the database is read-only"));
    ck_assert_ptr_nonnull(client_header(&answer, "Retry-After"));
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_jobs, 30, submitting_creates, a_key_is_handed_on, refusals_say_where,
           broken_json_is_refused_with_its_place, deep_json_is_refused,
           an_empty_body_is_refused, lists_pass_their_query_on, unknown_ids_are_not_found,
           events_are_asked_for_from_one_on, a_job_that_has_ended_can_be_deleted,
           actions_are_idempotent, readiness_follows_the_backend)
