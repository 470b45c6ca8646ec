/* accept.c - tests api/accept.c: what clients will take. */
#include "api/accept.h"

#include "tests/test.h"

START_TEST(types_are_accepted_as_the_closest_range_says)
{
    static const struct {
        const char *header;
        bool json;
    } headers[] = {
        {NULL,                                         true },
        { "",                                          true },
        { " ",                                         true },
        { "application/json",                          true },
        { "Application/JSON ; charset=utf-8",          true },
        { "text/html, */*;q=0.8",                      true },
        { "text/html,application/*;q=0.1",             true },
        { "text/html",                                 false},
        { "application/jsonp",                         false},
        { "application/js",                            false},
        { "text/*",                                    false},
        { "*/*, application/json;q=0",                 false},
        { "*/*;q=0",                                   false},
        { "application/json;q=0.0, application/*;q=1", false},
        { "*/*;q=0, application/json;v=1;q=0.5",       true },
        { ",,, ;q=1",                                  false},
    };

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        ck_assert_msg(accept_type(headers[i].header, "application/json")
                          == headers[i].json,
                      "%s", headers[i].header);
    ck_assert(accept_type("text/csv", "text/csv; charset=utf-8"));
}
END_TEST

START_TEST(gzip_is_for_who_asks)
{
    ck_assert(accept_gzip("gzip"));
    ck_assert(accept_gzip("br, GZIP;q=0.2"));
    ck_assert(accept_gzip("*"));
    ck_assert(!accept_gzip(NULL));
    ck_assert(!accept_gzip("identity"));
    ck_assert(!accept_gzip("gzip;q=0, *"));
    ck_assert(!accept_gzip("xgzip"));
}
END_TEST

START_TEST(a_preferred_wait_is_read)
{
    ck_assert_int_eq(accept_wait("wait=10"), 10);
    ck_assert_int_eq(accept_wait("respond-async, Wait=7;x=y"), 7);
    ck_assert_int_eq(accept_wait(NULL), -1);
    ck_assert_int_eq(accept_wait("wait"), -1);
    ck_assert_int_eq(accept_wait("wait=-1"), -1);
    ck_assert_int_eq(accept_wait("wait=1s"), -1);
    ck_assert_int_eq(accept_wait("wait=99999999999"), -1);
    ck_assert_int_eq(accept_wait("await=3"), -1);
}
END_TEST

TEST_SUITE(api_accept, 20, types_are_accepted_as_the_closest_range_says,
           gzip_is_for_who_asks, a_preferred_wait_is_read)
