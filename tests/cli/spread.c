/* spread.c - tests cli/spread.c */
#include "cli/spread.h"
#include "tests/test.h"

START_TEST(median_of_an_odd_number_is_the_middle_one)
{
    double x[] = { 5, -1, 3, 100, 4 }, one[] = { 7 };
    const struct spread s = spread_of(x, 5), single = spread_of(one, 1);

    ck_assert_double_eq(s.median, 4);
    ck_assert_double_eq(s.least, -1);
    ck_assert_double_eq(s.most, 100);
    ck_assert_double_eq(single.median, 7);
    ck_assert_double_eq(single.least, 7);
    ck_assert_double_eq(single.most, 7);
}
END_TEST

START_TEST(median_of_an_even_number_is_between_the_middle_two)
{
    double x[] = { 8, 2, 1, 4 }, same[] = { 3, 3 };

    ck_assert_double_eq(spread_of(x, 4).median, 3);
    ck_assert_double_eq(spread_of(same, 2).median, 3);
}
END_TEST

TEST_SUITE(spread, 10, median_of_an_odd_number_is_the_middle_one,
           median_of_an_even_number_is_between_the_middle_two)
