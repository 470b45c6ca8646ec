/* curve.c - tests core/base/curve.c. */
#include "core/base/curve.h"

#include <math.h>

#include "tests/test.h"

static const struct ode_curve_point points[] = {
    {0,  10, 1, 100, 0.30},
    { 0, 20, 2, 200, 0.50},
    { 1, 30, 4, 400, 0.45},
    { 1, 40, 6, 600, 0.60},
    { 1, 50, 8, 800, 0.60},
    { 1, 60, 9, 900, 0.55},
};
static const struct ode_curve curve = { points, sizeof points / sizeof *points };
static const struct ode_curve nothing = { NULL, 0 };

START_TEST(an_accuracy_met_exactly_is_reached)
{
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.50), 1);
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.500001), 3);
}
END_TEST

START_TEST(the_first_point_may_reach_it)
{
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.1), 0);
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.30), 0);
}
END_TEST

START_TEST(what_is_never_reached_is_past_the_end)
{
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.61), curve.n);
    ck_assert_uint_eq(ode_curve_reach(&curve, NAN), curve.n);
    ck_assert_uint_eq(ode_curve_reach(&nothing, 0), 0);
}
END_TEST

/* 0.5 is left again at step 30, 0.6 is there twice: the first time counts. */
START_TEST(the_first_of_several_times_counts)
{
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.46), 1);
    ck_assert_uint_eq(ode_curve_reach(&curve, 0.60), 3);
    ck_assert_uint_eq(ode_curve_best(&curve), 3);
    ck_assert_uint_eq(ode_curve_best(&nothing), 0);
}
END_TEST

START_TEST(a_speedup_is_control_over_run)
{
    ck_assert_double_eq(ode_curve_speedup(6, 2), 3);
    ck_assert_double_eq(ode_curve_speedup(2, 6), 1.0 / 3);
    ck_assert(isnan(ode_curve_speedup(0, 2)));
    ck_assert(isnan(ode_curve_speedup(2, 0)));
    ck_assert(isnan(ode_curve_speedup(NAN, 2)));
    ck_assert(isnan(ode_curve_speedup(2, INFINITY)));
}
END_TEST

TEST_SUITE(curve, 30, an_accuracy_met_exactly_is_reached, the_first_point_may_reach_it,
           what_is_never_reached_is_past_the_end, the_first_of_several_times_counts,
           a_speedup_is_control_over_run)
