/* rate.c - tests api/rate.c. */
#include "api/rate.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

START_TEST(a_bucket_empties_and_fills)
{
    struct rate rate;

    rate_init(&rate, 10, 3);
    for (int i = 0; i < 3; i++)
        ck_assert(rate_take(&rate, "a", 1000));
    ck_assert(!rate_take(&rate, "a", 1000));
    ck_assert(!rate_take(&rate, "a", 1099));
    ck_assert(rate_take(&rate, "a", 1100)); /* a tenth of a second: one more */
    ck_assert(!rate_take(&rate, "a", 1100));
    ck_assert_double_eq_tol(rate_left(&rate, "a", 1250), 1.5, 1e-9);
    ck_assert_double_eq_tol(rate_left(&rate, "a", 99000), 3, 1e-9); /* never more */
}
END_TEST

START_TEST(names_have_buckets_of_their_own)
{
    struct rate rate;
    char name[32];

    rate_init(&rate, 1, 1);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "10.0.0.%d", i);
        ck_assert(rate_take(&rate, name, 5));
    }
    for (int i = 150; i < 200; i++) {
        snprintf(name, sizeof name, "10.0.0.%d", i);
        ck_assert_msg(!rate_take(&rate, name, 5), "%s", name);
    }
}
END_TEST

START_TEST(who_is_active_is_not_forgotten_for_a_crowd)
{
    struct rate rate;
    char name[32];

    rate_init(&rate, 0.001, 1);
    ck_assert(rate_take(&rate, "guesser", 0));
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "crowd %d", i);
        rate_take(&rate, name, 1 + (uint64_t)i);
        if (i % 50 == 0)
            ck_assert(!rate_take(&rate, "guesser", 1 + (uint64_t)i));
    }
}
END_TEST

TEST_SUITE(api_rate, 20, a_bucket_empties_and_fills, names_have_buckets_of_their_own,
           who_is_active_is_not_forgotten_for_a_crowd)
