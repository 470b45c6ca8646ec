/* rng.c - tests core/base/rng.c */
#include "core/base/rng.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

START_TEST(same_place_gives_the_same_numbers)
{
    struct ode_rng a = ode_rng_at(7, ODE_STREAM_INIT, 3, 4);
    struct ode_rng b = ode_rng_at(7, ODE_STREAM_INIT, 3, 4);

    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(ode_rng_bits(&a), ode_rng_bits(&b));
}
END_TEST

START_TEST(other_places_give_other_numbers)
{
    struct ode_rng a = ode_rng_at(7, ODE_STREAM_INIT, 3, 4);
    struct ode_rng others[] = { ode_rng_at(8, ODE_STREAM_INIT, 3, 4),
                                ode_rng_at(7, ODE_STREAM_ORDER, 3, 4),
                                ode_rng_at(7, ODE_STREAM_INIT, 4, 3),
                                ode_rng_at(7, ODE_STREAM_INIT, 3, 5) };
    uint64_t first = ode_rng_bits(&a);

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_uint_ne(first, ode_rng_bits(&others[i]));
}
END_TEST

START_TEST(moments_are_those_of_the_distributions)
{
    enum { N = 200000 };
    struct ode_rng rng = ode_rng_at(1, ODE_STREAM_TEST, 0, 0);
    double uniform = 0, mean = 0, square = 0, largest = 0;

    for (int i = 0; i < N; i++) {
        double z = ode_rng_normal(&rng), t = ode_rng_truncated_normal(&rng);

        uniform += ode_rng_uniform(&rng) / N;
        mean += z / N;
        square += z * z / N;
        largest = fmax(largest, fabs(t));
    }
    ck_assert_double_eq_tol(uniform, 0.5, 0.003); /* 4.6 standard errors */
    ck_assert_double_eq_tol(mean, 0, 0.01);
    ck_assert_double_eq_tol(square, 1, 0.015);
    ck_assert_double_lt(largest, 2);
    ck_assert_double_gt(largest, 1.99);
}
END_TEST

START_TEST(below_is_even_and_in_range)
{
    struct ode_rng rng = ode_rng_at(2, ODE_STREAM_TEST, 0, 0);
    int count[7] = { 0 };

    for (int i = 0; i < 70000; i++)
        count[ode_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        ck_assert_int_lt(abs(count[i] - 10000), 450); /* 4.9 standard deviations */
}
END_TEST

START_TEST(permutation_holds_each_once)
{
    struct ode_rng rng = ode_rng_at(3, ODE_STREAM_TEST, 0, 0);
    uint32_t order[1000];
    int seen[1000] = { 0 }, moved = 0;

    ode_rng_permute(&rng, order, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        seen[order[i]]++;
        moved += order[i] != i;
    }
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_assert_int_gt(moved, 950);
}
END_TEST

TEST_SUITE(rng, 30, same_place_gives_the_same_numbers, other_places_give_other_numbers,
           moments_are_those_of_the_distributions, below_is_even_and_in_range,
           permutation_holds_each_once)
