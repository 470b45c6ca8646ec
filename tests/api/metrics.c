/* metrics.c - tests api/metrics.c. */
#include "api/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define PATH "/v1/runs/" FAKE_RUN "/metrics"

static void
asks(struct fake *fake, const char *target, const char *expected)
{
    struct client_answer answer = { 0 };
    char asked[256];

    ck_assert_int_eq(client_get(fake_port(fake), target, &answer), 200);
    fake_asked(fake, asked);
    ck_assert_str_eq(asked, expected);
    client_release(&answer);
}

START_TEST(names_and_points_reach_the_backend)
{
    struct fake fake;

    fake_open(&fake, NULL);
    asks(&fake, PATH, "points=500");
    asks(&fake, PATH "?points=all", "points=0");
    asks(&fake, PATH "?points=20&name=lr,train.loss", "points=20 lr train.loss");
    fake_close(&fake);
}
END_TEST

START_TEST(null_values_stay_null)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), PATH, &answer), 200);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"value\":null"));
    ck_assert_int_eq(client_get(fake_port(&fake), PATH "?format=csv", &answer), 200);
    ck_assert_ptr_nonnull(strstr(answer.body, "train.loss,1,20,7.5,1,\r\n"));
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "text/csv; charset=utf-8");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(bad_queries_are_refused)
{
    static const char *const bad[] = { "points=0", "points=",   "points=-1", "points=ALL",
                                       "name=",    "name=a,",   "name=A",    "name=a%20b",
                                       "name=%27", "format=xml" };
    struct client_answer answer = { 0 };
    char target[160];
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(target, sizeof target, PATH "?%s", bad[i]);
        ck_assert_msg(client_get(fake_port(&fake), target, &answer) == 400, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(answer.body, "\"parameter\""));
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(numbers_survive_the_table)
{
    double value = 0.1 + 0.2;
    json_t *series = json_pack("{s:[{s:s, s:[{s:f}]}]}", "series", "name", "lr", "points",
                               "value", value);
    size_t n = 0;
    char *text = metrics_csv(series, &n), *row;

    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(strlen(text), n);
    row = strstr(text, "\r\nlr,,,,,");
    ck_assert_ptr_nonnull(row);
    ck_assert(strtod(row + 9, NULL) == value);
    free(text);
    json_decref(series);
}
END_TEST

TEST_SUITE(api_metrics, 30, names_and_points_reach_the_backend, null_values_stay_null,
           bad_queries_are_refused, numbers_survive_the_table)
