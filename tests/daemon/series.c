/* series.c - series made short. */
#include "daemon/series.h"

#include <math.h>

#include "tests/test.h"

enum { MOST = 4096 };

static struct series_point points[MOST];

/* n points of value = step, of which the first n0 are of level 0. */
static void
ramp(size_t n, size_t n0)
{
    for (size_t i = 0; i < n; i++)
        points[i] = (struct series_point){
            .level = i >= n0, .step = (int64_t)i, .work = (double)i, .value = (double)i
        };
}

START_TEST(a_short_series_is_left_alone)
{
    ramp(10, 5);
    ck_assert_uint_eq(series_reduce(points, 10, 10), 10);
    ck_assert_uint_eq(series_reduce(points, 10, 0), 10);
    ck_assert_double_eq(points[3].value, 3);
}
END_TEST

START_TEST(a_range_becomes_its_mean_at_its_last_point)
{
    /* 9 points and the last: 3 ranges of 3. */
    ramp(10, 10);
    ck_assert_uint_eq(series_reduce(points, 10, 4), 4);
    for (int r = 0; r < 3; r++) {
        ck_assert_int_eq(points[r].step, 3 * r + 2);
        ck_assert_double_eq(points[r].value, 3 * r + 1);
    }
    ck_assert_int_eq(points[3].step, 9);
    ck_assert_double_eq(points[3].value, 9);
}
END_TEST

START_TEST(never_more_than_asked_for_and_the_last_one_stays)
{
    for (size_t n = 1; n < 400; n += 7)
        for (size_t n0 = 0; n0 <= n; n0 += 13)
            for (size_t most = 1; most < 50; most++) {
                size_t left;

                ramp(n, n0);
                left = series_reduce(points, n, most);
                ck_assert_uint_le(left, most < n ? most : n);
                ck_assert_uint_ge(left, 1);
                ck_assert_int_eq(points[left - 1].step, (int64_t)n - 1);
                ck_assert_double_eq(points[left - 1].value, (double)n - 1);
                for (size_t i = 1; i < left; i++)
                    ck_assert_int_gt(points[i].step, points[i - 1].step);
            }
}
END_TEST

START_TEST(no_mean_crosses_a_level)
{
    /* Level 0 is all 1, level 1 all 5: any other value is a mix. */
    ramp(1000, 30);
    for (int i = 0; i < 1000; i++)
        points[i].value = points[i].level ? 5 : 1;
    size_t left = series_reduce(points, 1000, 20);
    ck_assert_int_eq(points[0].level, 0);
    for (size_t i = 0; i < left; i++)
        ck_assert_double_eq(points[i].value, points[i].level ? 5 : 1);
}
END_TEST

START_TEST(what_is_not_finite_is_left_out_of_means)
{
    ramp(9, 9);
    points[0].value = NAN;
    points[2].value = points[3].value = NAN; /* ranges {0, 1} {2, 3} {4, 5} {6, 7} */
    ck_assert_uint_eq(series_reduce(points, 9, 5), 5);
    ck_assert_double_eq(points[0].value, 1);
    ck_assert(isnan(points[1].value));
    ck_assert_double_eq(points[2].value, 4.5);
}
END_TEST

TEST_SUITE(series, 20, a_short_series_is_left_alone,
           a_range_becomes_its_mean_at_its_last_point,
           never_more_than_asked_for_and_the_last_one_stays, no_mean_crosses_a_level,
           what_is_not_finite_is_left_out_of_means)
