/* lists.c - tests api/lists.c: filters, and the way to the next page. */
#include <stdio.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

START_TEST(filters_are_handed_on)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    char asked[256];

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake),
                                "/v1/runs?state=queued,running&job=" FAKE_JOB
                                "&name=a%20b&dataset=mnist",
                                &answer),
                     200);
    fake_asked(&fake, asked);
    ck_assert_str_eq(asked, "state=queued,running cursor=- limit=50 job=" FAKE_JOB
                            " name=a b dataset=mnist");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(filters_that_make_no_sense_are_refused)
{
    static const char *const bad[] = {
        "state=queued,", "state=,",  "state=stuck", "state=queued,runningrunningrunning",
        "job=7",         "name=",    "dataset=",    "limit=0",
        "cursor=newest", "sort=name"
    };
    struct client_answer answer = { 0 };
    struct fake fake;
    char target[128];

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(target, sizeof target, "/v1/runs?%s", bad[i]);
        ck_assert_msg(client_get(fake_port(&fake), target, &answer) == 400, "%s", bad[i]);
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_page_links_to_the_next)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    char asked[256], target[256];
    const char *link;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs?name=a%26b&limit=7", &answer),
                     200);
    link = client_header(&answer, "Link");
    ck_assert_str_eq(link,
                     "</v1/runs?name=a%26b&limit=7&cursor=" FAKE_RUN ">; rel=\"next\"");
    snprintf(target, sizeof target, "%.*s", (int)strcspn(link + 1, ">"), link + 1);
    ck_assert_int_eq(client_get(fake_port(&fake), target, &answer), 200);
    fake_asked(&fake, asked);
    ck_assert_str_eq(asked,
                     "state=- cursor=" FAKE_RUN " limit=7 job=- name=a&b dataset=-");
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs", &answer), 200);
    ck_assert_ptr_null(client_header(&answer, "Link")); /* it is the last */
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_lists, 20, filters_are_handed_on, filters_that_make_no_sense_are_refused,
           a_page_links_to_the_next)
