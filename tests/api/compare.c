/* compare.c - tests api/compare.c */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define PATH   "/v1/compare"
#define TWO    PATH "?runs=" FAKE_RUN "," FAKE_RUN
#define NOBODY "01hzzzzzzzzzzzzzzzzzzzzzzz"

static void
asks(struct fake *fake, const char *target, const char *expected)
{
    struct client_answer answer = { 0 };
    char asked[256];

    ck_assert_int_eq(client_get(fake_port(fake), target, &answer), 200);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"control\":\"" FAKE_RUN "\""));
    fake_asked(fake, asked);
    ck_assert_str_eq(asked, expected);
    client_release(&answer);
}

START_TEST(runs_and_accuracies_reach_the_backend)
{
    struct fake fake;

    fake_open(&fake, NULL);
    asks(&fake, TWO, "runs=2");
    asks(&fake, TWO "," FAKE_RUN "&accuracy=0.6", "runs=3 0.6");
    asks(&fake, TWO "&accuracy=0.25,1,5e-1", "runs=2 0.25 1 0.5");
    fake_close(&fake);
}
END_TEST

static void
fails(struct fake *fake, const char *target, int status, const char *word)
{
    struct client_answer answer = { 0 };

    ck_assert_msg(client_get(fake_port(fake), target, &answer) == status, "%s: %d",
                  target, answer.status);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/problem+json");
    ck_assert_msg(strstr(answer.body, word) != NULL, "%s: %s", target, answer.body);
    client_release(&answer);
}

START_TEST(malformed_comparisons_are_refused)
{
    static const char *const bad[] = { "",     "0",   "-1",   "60",     "0.5,",
                                       "0.5x", "nan", "1.01", "0x1p-1", "0.5;0.6" };
    char target[256];
    struct fake fake;

    fake_open(&fake, NULL);
    fails(&fake, PATH, 400, "\"parameter\":\"runs\"");
    fails(&fake, PATH "?runs=" FAKE_RUN, 400, "two runs or more");
    fails(&fake, PATH "?runs=" FAKE_RUN ",", 400, "no id of a run");
    fails(&fake, PATH "?runs=" FAKE_RUN ",me", 400, "no id of a run");
    fails(&fake, TWO "&points=2", 400, "points");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(target, sizeof target, TWO "&accuracy=%s", bad[i]);
        fails(&fake, target, 400, "\"parameter\":\"accuracy\"");
    }
    fake_close(&fake);
}
END_TEST

START_TEST(no_more_runs_than_can_be_compared)
{
    char target[600] = TWO;
    struct fake fake;

    fake_open(&fake, NULL);
    for (int i = 2; i < 16; i++)
        strcat(target, "," FAKE_RUN);
    asks(&fake, target, "runs=16");
    strcat(target, "," FAKE_RUN);
    fails(&fake, target, 400, "more than 16 runs");
    fake_close(&fake);
}
END_TEST

START_TEST(unknown_runs_and_runs_without_accuracy_are_problems)
{
    struct fake fake;

    fake_open(&fake, NULL);
    fails(&fake, PATH "?runs=" FAKE_RUN "," NOBODY, 404, NOBODY);
    fake_set_ready(&fake, false);
    fails(&fake, TWO, 409, "no test accuracy");
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_compare, 30, runs_and_accuracies_reach_the_backend,
           malformed_comparisons_are_refused, no_more_runs_than_can_be_compared,
           unknown_runs_and_runs_without_accuracy_are_problems)
