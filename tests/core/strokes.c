/* strokes.c - tests core/data/strokes.c */
#include "core/data/strokes.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = ODE_STROKES_MAX * ODE_STROKES_MAX };

static uint8_t fine[MOST], coarse[MOST];

START_TEST(threads_do_not_change_the_bits)
{
    enum { N = 103, R = 24, AREA = R * R };
    static uint8_t one[N * AREA], many[N * AREA], one_label[N], many_label[N];
    const int threads[] = { 2, 3, 7, 1000 };

    ode_strokes_draw(5, ODE_STROKES_TRAIN, N, R, 1, one, one_label);
    for (int k = 0; k < 4; k++) {
        memset(many, 1, sizeof many);
        memset(many_label, 99, sizeof many_label);
        ode_strokes_draw(5, ODE_STROKES_TRAIN, N, R, threads[k], many, many_label);
        ck_assert_mem_eq(one, many, sizeof one);
        ck_assert_mem_eq(one_label, many_label, sizeof one_label);
    }
    ode_strokes_image(5, ODE_STROKES_TRAIN, N - 1, R, coarse);
    ck_assert_mem_eq(one + (N - 1) * AREA, coarse, AREA);
}
END_TEST

/* How far the 2x2 means of a drawing are from the drawing at half the resolution, in
 * levels of grey: over the pixels, the mean, and the largest. */
static void
compare(size_t i, int half, double *mean, double *largest)
{
    int full = 2 * half;

    ode_strokes_image(1, ODE_STROKES_TEST, i, full, fine);
    ode_strokes_image(1, ODE_STROKES_TEST, i, half, coarse);
    for (int y = 0; y < half; y++) {
        for (int x = 0; x < half; x++) {
            const uint8_t *p = fine + 2 * y * full + 2 * x;
            double off =
                fabs((p[0] + p[1] + p[full] + p[full + 1]) / 4.0 - coarse[y * half + x]);

            *mean += off / half / half;
            *largest = fmax(*largest, off);
        }
    }
}

/* A pixel of the drawing at half the size sees the pen's edge along one line only, so
 * some at corners and crossings differ more; the rest is rounding. */
START_TEST(a_drawing_is_the_same_at_every_resolution)
{
    enum { N = 200 };

    for (int half = 8; half <= 128; half *= 2) {
        double mean = 0, largest = 0;

        for (size_t i = 0; i < N; i++)
            compare(i, half, &mean, &largest);
        ck_assert_double_lt(mean / N, 32.0 / half);
        ck_assert_double_lt(largest, 128);
    }
}
END_TEST

START_TEST(other_seeds_parts_and_examples_are_other_drawings)
{
    enum { R = 32, AREA = R * R };

    ode_strokes_image(1, ODE_STROKES_TRAIN, 10, R, fine);
    ode_strokes_image(2, ODE_STROKES_TRAIN, 10, R, coarse);
    ck_assert_mem_ne(fine, coarse, AREA);
    ode_strokes_image(1, ODE_STROKES_TEST, 10, R, coarse);
    ck_assert_mem_ne(fine, coarse, AREA);
    ode_strokes_image(1, ODE_STROKES_TRAIN, 20, R, coarse);
    ck_assert_mem_ne(fine, coarse, AREA);
}
END_TEST

START_TEST(labels_are_balanced)
{
    int count[10] = { 0 };

    for (size_t i = 0; i < 1000; i++)
        count[ode_strokes_label(i)]++;
    for (int k = 0; k < 10; k++)
        ck_assert_int_eq(count[k], 100);
}
END_TEST

START_TEST(all_ink_is_inside_and_there_is_enough)
{
    enum { R = 64 };

    for (size_t i = 0; i < 2000; i++) {
        int inked = 0, edge = 0;

        ode_strokes_image(3, ODE_STROKES_TRAIN, i, R, fine);
        for (int y = 0; y < R; y++) {
            for (int x = 0; x < R; x++) {
                int ink = fine[y * R + x];

                inked += ink > 127;
                edge += ink > 0 && (x == 0 || y == 0 || x == R - 1 || y == R - 1);
            }
        }
        ck_assert_int_eq(edge, 0);
        ck_assert_int_gt(inked, R * R / 100);
        ck_assert_int_lt(inked, R * R / 2);
    }
}
END_TEST

/* Digits differ more between classes than within: the nearest class mean is the right one
 * far more often than chance would have it. */
START_TEST(the_label_is_what_is_drawn)
{
    enum { R = 16, AREA = R * R, N = 4000, M = 1000 };
    static double mean[10][AREA];
    int right = 0;

    for (size_t i = 0; i < N; i++) {
        ode_strokes_image(1, ODE_STROKES_TRAIN, i, R, fine);
        for (int k = 0; k < AREA; k++)
            mean[i % 10][k] += 10.0 * fine[k] / N;
    }
    for (size_t i = 0; i < M; i++) {
        double best = 1e300, far;
        int guess = -1;

        ode_strokes_image(1, ODE_STROKES_TEST, i, R, fine);
        for (int c = 0; c < 10; c++) {
            far = 0;
            for (int k = 0; k < AREA; k++)
                far += pow(fine[k] - mean[c][k], 2);
            if (far < best)
                best = far, guess = c;
        }
        right += guess == ode_strokes_label(i);
    }
    ck_assert_int_gt(right, M / 2);
}
END_TEST

TEST_SUITE(strokes, 60, threads_do_not_change_the_bits,
           a_drawing_is_the_same_at_every_resolution,
           other_seeds_parts_and_examples_are_other_drawings, labels_are_balanced,
           all_ink_is_inside_and_there_is_enough, the_label_is_what_is_drawn)
