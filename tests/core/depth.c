/* depth.c - tests core/scales/depth.c */
#include "core/scales/depth.h"
#include "tests/test.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"

#define NODAL    ODE_TIME_NODAL
#define CELL     ODE_TIME_CELL
#define CONSTANT ODE_TIME_CONSTANT

enum { MOST = 12 }; /* steps; every pair up to here is tried */

static const enum ode_time times[] = { NODAL, CELL, CONSTANT };

static struct ode_rng
rng_of(uint64_t test)
{
    return ode_rng_at(1, ODE_STREAM_TEST, 200, test);
}

static void
draw(struct ode_rng *rng, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)ode_rng_normal(rng);
}

/* Of one float a block; all values in these tests are dyadic and small, so exact. */
static void
assert_maps(enum ode_time time, int n, const float *from, int m, const float *want)
{
    float got[MOST];

    ode_depth_apply(time, n, m, 1, from, got);
    for (int i = 0; i < m; i++)
        ck_assert_msg(got[i] == want[i], "block %d is %g, should be %g", i, got[i],
                      want[i]);
}

START_TEST(doubling_gives_the_golden_numbers)
{
    const float a[] = { 1, 3, 2, 5 };

    assert_maps(NODAL, 4, a, 8, (float[]){ 1, 2, 3, 2.5f, 2, 3.5f, 5, 5 });
    assert_maps(CONSTANT, 4, a, 8, (float[]){ 1, 1, 3, 3, 2, 2, 5, 5 });
    assert_maps(CELL, 4, a, 8, (float[]){ 1, 1.5f, 2.5f, 2.75f, 2.25f, 2.75f, 4.25f, 5 });
}
END_TEST

START_TEST(halving_takes_every_second_block_or_means_of_pairs)
{
    const float a[] = { 1, 3, 2, 5, 8, 4 };

    assert_maps(NODAL, 6, a, 3, (float[]){ 1, 2, 8 });
    assert_maps(CELL, 6, a, 3, (float[]){ 2, 3.5f, 6 });
    assert_maps(CONSTANT, 6, a, 3, (float[]){ 2, 3.5f, 6 });
}
END_TEST

START_TEST(uneven_counts_follow_the_formulas)
{
    const float a[] = { 4, 8, 16 };

    /* what a first segment becomes when units of 2 blocks become units of 4 */
    assert_maps(CONSTANT, 3, a, 5, (float[]){ 4, 16 / 3.f, 8, 40 / 3.f, 16 });
    assert_maps(NODAL, 3, a, 4, (float[]){ 4, 7, 12, 16 }); /* at 0, 3/4, 3/2, 9/4 */
    assert_maps(CONSTANT, 3, a, 2, (float[]){ (4 * 2 + 8) / 3.f, (8 + 16 * 2) / 3.f });
    assert_maps(CELL, 3, a, 2, (float[]){ 5, 14 }); /* at 1/4 and 7/4 between centres */
    assert_maps(CELL, 1, a, 3, (float[]){ 4, 4, 4 });
    assert_maps(NODAL, 3, a, 1, (float[]){ 4 });
    assert_maps(CELL, 3, a, 1, (float[]){ 8 });
    assert_maps(CONSTANT, 3, a, 1, (float[]){ 28 / 3.f });
}
END_TEST

START_TEST(equal_counts_are_the_identity)
{
    struct ode_rng rng = rng_of(1);
    float a[MOST * 7], b[MOST * 7];

    for (int n = 1; n <= MOST; n++)
        for (int t = 0; t < 3; t++) {
            draw(&rng, a, (size_t)n * 7);
            a[0] = -0.f;
            ode_depth_apply(times[t], n, n, 7, a, b);
            ck_assert_mem_eq(a, b, (size_t)n * 7 * sizeof *a);
        }
}
END_TEST

START_TEST(rows_are_positive_sum_to_one_and_stay_inside)
{
    for (int n = 1; n <= MOST; n++)
        for (int m = 1; m <= MOST; m++)
            for (int i = 0; i < m * 3; i++) {
                struct ode_depth_row row = ode_depth_row(times[i % 3], n, m, i / 3);
                double sum = 0;

                ck_assert(row.first >= 0 && row.count >= 1 && row.first + row.count <= n);
                for (int k = 0; k < row.count; k++) {
                    ck_assert_double_gt(ode_depth_weight(&row, k), 0);
                    sum += ode_depth_weight(&row, k);
                }
                ck_assert_double_eq_tol(sum, 1, 1e-15);
            }
}
END_TEST

START_TEST(constants_in_time_come_out_bit_for_bit)
{
    struct ode_rng rng = rng_of(2);

    for (int n = 1; n <= MOST; n++)
        for (int m = 1; m <= MOST; m++)
            for (int k = 0; k < 20; k++) {
                float special[] = { -0.f, 1e-42f, 3.4e38f }, a[MOST], b[MOST];
                float value = k < 3 ? special[k] : (float)ode_rng_normal(&rng);

                for (int i = 0; i < n; i++)
                    a[i] = value;
                for (int t = 0; t < 3; t++) {
                    ode_depth_apply(times[t], n, m, 1, a, b);
                    for (int i = 0; i < m; i++)
                        ck_assert_mem_eq(&b[i], &value, sizeof value);
                }
            }
}
END_TEST

/* a(t) = 3 - 2t at the samples; the result likewise wherever samples lie on both sides.
 */
static void
assert_linear(enum ode_time time, double shift, int n, int m)
{
    float a[MOST], b[MOST];

    for (int i = 0; i < n; i++)
        a[i] = (float)(3 - 2 * (i + shift) / n);
    ode_depth_apply(time, n, m, 1, a, b);
    for (int i = 0; i < m; i++) {
        double t = (i + shift) / m;

        if (t >= shift / n && t <= (n - 1 + shift) / n)
            ck_assert_double_eq_tol(b[i], 3 - 2 * t, 4e-7);
        else
            ck_assert(b[i] == (t < shift / n ? a[0] : a[n - 1]));
    }
}

START_TEST(linear_functions_of_time_are_exact_between_the_ends)
{
    for (int n = 1; n <= MOST; n++)
        for (int m = 1; m <= MOST; m++) {
            assert_linear(NODAL, 0, n, m);
            assert_linear(CELL, 0.5, n, m);
        }
}
END_TEST

static double
mean(const float *a, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (double)a[i] / n;
    return sum;
}

START_TEST(mean_over_time_is_kept)
{
    struct ode_rng rng = rng_of(3);
    float a[MOST], b[2 * MOST];

    for (int n = 1; n <= MOST; n++) {
        draw(&rng, a, MOST);
        for (int m = 1; m <= 2 * MOST; m++) {
            ode_depth_apply(CONSTANT, n, m, 1, a, b);
            ck_assert_double_eq_tol(mean(b, m), mean(a, n), 3e-7);
        }
        ode_depth_apply(CELL, n, 2 * n, 1, a, b);
        ck_assert_double_eq_tol(mean(b, 2 * n), mean(a, n), 3e-7);
    }
}
END_TEST

START_TEST(nodal_weighs_the_first_block_three_and_the_last_five_quarters)
{
    float a[8] = { 1 }, b[16];

    ode_depth_apply(NODAL, 8, 16, 1, a, b);
    ck_assert(mean(b, 16) * 8 == 0.75);
    a[0] = 0, a[7] = 1;
    ode_depth_apply(NODAL, 8, 16, 1, a, b);
    ck_assert(mean(b, 16) * 8 == 1.25);
}
END_TEST

/* 1/2 sum h |(a_{j+1} - a_j) / h|^2, h = 1 / n */
static double
roughness(const float *a, int n)
{
    double sum = 0;

    for (int i = 0; i + 1 < n; i++)
        sum += 0.5 * n * ((double)a[i + 1] - a[i]) * ((double)a[i + 1] - a[i]);
    return sum;
}

START_TEST(doubling_multiplies_the_smoothness_penalty_as_known)
{
    struct ode_rng rng = rng_of(4);
    float a[MOST], b[2 * MOST];

    for (int n = 2; n <= MOST; n++) {
        draw(&rng, a, (size_t)n);
        ode_depth_apply(NODAL, n, 2 * n, 1, a, b);
        ck_assert_double_eq_tol(roughness(b, 2 * n) / roughness(a, n), 1, 1e-6);
        ode_depth_apply(CONSTANT, n, 2 * n, 1, a, b);
        ck_assert_double_eq_tol(roughness(b, 2 * n) / roughness(a, n), 2, 1e-6);
        ode_depth_apply(CELL, n, 2 * n, 1, a, b);
        ck_assert_double_lt(roughness(b, 2 * n) / roughness(a, n), 1);
    }
}
END_TEST

START_TEST(adjoint_is_exact)
{
    enum { SIZE = 5 };
    struct ode_rng rng = rng_of(5);
    float x[MOST * SIZE], y[MOST * SIZE], px[MOST * SIZE], pty[MOST * SIZE];

    for (int n = 1; n <= MOST; n++)
        for (int m = 1; m <= MOST; m++)
            for (int t = 0; t < 3; t++) {
                double left = 0, right = 0, size = 0;

                draw(&rng, x, MOST * SIZE);
                draw(&rng, y, MOST * SIZE);
                ode_depth_apply(times[t], n, m, SIZE, x, px);
                ode_depth_adjoint(times[t], n, m, SIZE, y, pty);
                for (int i = 0; i < m * SIZE; i++) {
                    left += (double)px[i] * y[i];
                    size += fabs((double)px[i] * y[i]);
                }
                for (int i = 0; i < n * SIZE; i++)
                    right += (double)x[i] * pty[i];
                ck_assert_double_le(fabs(left - right), 3e-7 * size);
            }
}
END_TEST

START_TEST(blocks_of_many_floats_are_mapped_float_by_float)
{
    enum { N = 3, M = 7, SIZE = 11 };
    struct ode_rng rng = rng_of(6);
    float x[N][SIZE], y[M][SIZE], line[N], got[M];

    draw(&rng, x[0], sizeof x / sizeof(float));
    for (int t = 0; t < 3; t++) {
        ode_depth_apply(times[t], N, M, SIZE, x[0], y[0]);
        for (int s = 0; s < SIZE; s++) {
            for (int i = 0; i < N; i++)
                line[i] = x[i][s];
            ode_depth_apply(times[t], N, M, 1, line, got);
            for (int i = 0; i < M; i++)
                ck_assert(y[i][s] == got[i]);
        }
    }
}
END_TEST

START_TEST(halving_undoes_what_doubling_did)
{
    struct ode_rng rng = rng_of(7);
    float a[MOST], b[2 * MOST], c[MOST];

    for (int n = 1; n <= MOST; n++) {
        draw(&rng, a, (size_t)n);
        for (int t = 0; t < 3; t += 2) { /* not cell: it smooths */
            ode_depth_apply(times[t], n, 2 * n, 1, a, b);
            ode_depth_apply(times[t], 2 * n, n, 1, b, c);
            ck_assert_mem_eq(a, c, (size_t)n * sizeof *a);
        }
    }
}
END_TEST

START_TEST(linear_means_cells_for_one_step_schemes)
{
    ck_assert_int_eq(ode_depth_resolve(ODE_TIME_LINEAR, ODE_BLOCK_HAMILTONIAN), CELL);
    for (int t = 0; t < 3; t++)
        ck_assert_int_eq(ode_depth_resolve(times[t], ODE_BLOCK_HAMILTONIAN), times[t]);
}
END_TEST

TEST_SUITE(depth, 30, doubling_gives_the_golden_numbers,
           halving_takes_every_second_block_or_means_of_pairs,
           uneven_counts_follow_the_formulas, equal_counts_are_the_identity,
           rows_are_positive_sum_to_one_and_stay_inside,
           constants_in_time_come_out_bit_for_bit,
           linear_functions_of_time_are_exact_between_the_ends, mean_over_time_is_kept,
           nodal_weighs_the_first_block_three_and_the_last_five_quarters,
           doubling_multiplies_the_smoothness_penalty_as_known, adjoint_is_exact,
           blocks_of_many_floats_are_mapped_float_by_float,
           halving_undoes_what_doubling_did, linear_means_cells_for_one_step_schemes)
