/* stamp.c - times in RFC 3339. */
#include "daemon/stamp.h"

#include "tests/test.h"

START_TEST(writes_utc_with_milliseconds)
{
    char text[STAMP_BYTES];

    stamp_format(1000000000007, text); /* 10^9 s is 2001-09-09T01:46:40Z */
    ck_assert_str_eq(text, "2001-09-09T01:46:40.007Z");
}
END_TEST

START_TEST(reads_any_fraction)
{
    int64_t ms = 0;

    ck_assert(stamp_parse("2001-09-09T01:46:40Z", &ms) && ms == 1000000000000);
    ck_assert(stamp_parse("2001-09-09T01:46:40.5Z", &ms) && ms == 1000000000500);
    ck_assert(stamp_parse("2001-09-09T01:46:40.123999Z", &ms) && ms == 1000000000123);
}
END_TEST

START_TEST(refuses_other_forms)
{
    static const char *const wrong[] = { "",
                                         "now",
                                         "2001-09-09T01:46:40",
                                         "2001-09-09T01:46:40.Z",
                                         "2001-09-09T01:46:40+01:00",
                                         "2001-09-09T01:46:40Z ",
                                         "2001-13-09T01:46:40Z" };
    int64_t ms = 42;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!stamp_parse(wrong[i], &ms), "%s", wrong[i]);
    ck_assert_int_eq(ms, 42);
}
END_TEST

TEST_SUITE(stamp, 10, writes_utc_with_milliseconds, reads_any_fraction,
           refuses_other_forms)
