/* ulid.c - identifiers. */
#include "daemon/ulid.h"

#include <string.h>

#include "tests/test.h"

START_TEST(has_the_specified_form)
{
    struct ulid ids = { .ms = 0 };
    char id[ULID_LENGTH + 1];

    ulid_next(&ids, 1469918176385, id); /* the time of the specification's example */
    ck_assert_uint_eq(strlen(id), ULID_LENGTH);
    ck_assert_msg(strncmp(id, "01aryz6s41", 10) == 0, "%s", id);
    ck_assert(ulid_valid(id));
}
END_TEST

START_TEST(grows_within_a_millisecond)
{
    struct ulid ids = { .ms = 0 };
    char last[ULID_LENGTH + 1] = "", id[ULID_LENGTH + 1];

    for (int i = 0; i < 1000; i++) {
        ulid_next(&ids, 5000, id);
        ck_assert_int_gt(strcmp(id, last), 0);
        memcpy(last, id, sizeof last);
    }
}
END_TEST

START_TEST(grows_when_the_clock_goes_back)
{
    struct ulid ids = { .ms = 0 };
    char first[ULID_LENGTH + 1], second[ULID_LENGTH + 1];

    ulid_next(&ids, 9000, first);
    ulid_next(&ids, 4000, second);
    ck_assert_int_gt(strcmp(second, first), 0);
}
END_TEST

START_TEST(carries_into_the_time_when_the_random_part_is_full)
{
    struct ulid ids = { .ms = 9 };
    char id[ULID_LENGTH + 1];

    memset(ids.random, 0xff, sizeof ids.random);
    ulid_next(&ids, 9, id);
    ck_assert_str_eq(id, "000000000a0000000000000000");
}
END_TEST

START_TEST(refuses_what_is_no_id)
{
    ck_assert(!ulid_valid(""));
    ck_assert(!ulid_valid(".."));
    ck_assert(!ulid_valid("01arz3ndektsv4rrffq69g5fa"));   /* 25 characters */
    ck_assert(!ulid_valid("01arz3ndektsv4rrffq69g5favx")); /* 27 characters */
    ck_assert(!ulid_valid("01arz3ndektsv4rrffq69g5fau"));  /* u is not in the alphabet */
    ck_assert(!ulid_valid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));  /* capitals */
    ck_assert(!ulid_valid("81arz3ndektsv4rrffq69g5fav"));  /* above 128 bits */
    ck_assert(ulid_valid("01arz3ndektsv4rrffq69g5fav"));
}
END_TEST

TEST_SUITE(ulid, 10, has_the_specified_form, grows_within_a_millisecond,
           grows_when_the_clock_goes_back,
           carries_into_the_time_when_the_random_part_is_full, refuses_what_is_no_id)
