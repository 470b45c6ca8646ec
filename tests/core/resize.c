/* resize.c - tests core/data/resize.c */
#include "core/data/resize.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "tests/test.h"

enum { N = 32 };

static void
draw(float *x, size_t n, uint64_t seed)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 310, 0);

    for (size_t i = 0; i < n; i++)
        x[i] = (float)ode_rng_normal(&rng);
}

static void
resize(int channels, int from, const float *x, int to, float *y)
{
    static float room[2 * 64 * 64];

    ck_assert_uint_le(ode_resize_room(from, to), sizeof room / sizeof *room);
    ode_resize_image(channels, from, x, to, room, y);
}

static double
mean(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Along an axis a, b become a, (3a + b) / 4, (a + 3b) / 4, b. */
START_TEST(small_images_give_the_golden_numbers)
{
    const float x[4] = { 0, 4, 8, 12 }, half[1] = { 6 };
    const float twice[16] = { 0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12 };
    float y[16];

    resize(1, 2, x, 4, y);
    ck_assert_mem_eq(y, twice, sizeof twice);
    resize(1, 2, x, 1, y);
    ck_assert_mem_eq(y, half, sizeof half);
    resize(1, 2, x, 2, y);
    ck_assert_mem_eq(y, x, sizeof x);
}
END_TEST

START_TEST(constant_images_stay_bit_for_bit)
{
    static float x[64 * 64], y[64 * 64];

    for (int i = 0; i < N * N; i++)
        x[i] = 0.1f;
    for (int to = 8; to <= 64; to *= 2) {
        resize(1, N, x, to, y);
        for (int i = 0; i < to * to; i++)
            ck_assert(y[i] == 0.1f);
    }
}
END_TEST

START_TEST(means_are_kept)
{
    static float x[N * N], y[64 * 64];

    draw(x, N * N, 1);
    for (int to = 1; to <= 64; to *= 2) {
        resize(1, N, x, to, y);
        ck_assert_double_eq_tol(mean(y, (size_t)(to * to)), mean(x, N * N), 1e-7);
    }
}
END_TEST

/* Between the centres of the outermost pixels; each pixel is half as wide. */
START_TEST(slopes_stay_slopes)
{
    static float x[N * N], y[4 * N * N];

    for (int i = 0; i < N * N; i++)
        x[i] = (float)(3 * (i / N) - 2 * (i % N));
    ode_resize_double(x, N, y);
    for (int i = 1; i < 2 * N - 1; i++)
        for (int j = 1; j < 2 * N - 1; j++)
            ck_assert_float_eq(y[2 * N * i + j],
                               1.5f * ((float)i - 0.5f) - ((float)j - 0.5f));
}
END_TEST

START_TEST(several_steps_are_one_after_another)
{
    static float x[N * N], once[64 * 64], there[64 * 64], twice[64 * 64];

    draw(x, N * N, 2);
    resize(1, 16, x, 32, there);
    resize(1, 32, there, 64, twice);
    resize(1, 16, x, 64, once);
    ck_assert_mem_eq(once, twice, sizeof once);
    resize(1, N, x, 16, there);
    resize(1, 16, there, 8, twice);
    resize(1, N, x, 8, once);
    ck_assert_mem_eq(once, twice, 8 * 8 * sizeof *once);
}
END_TEST

START_TEST(channels_do_not_mix)
{
    static float x[3 * N * N], y[3 * 64 * 64], one[64 * 64];

    draw(x, 3 * N * N, 3);
    for (int to = 16; to <= 64; to *= 2) {
        resize(3, N, x, to, y);
        for (int c = 0; c < 3; c++) {
            resize(1, N, x + c * N * N, to, one);
            ck_assert_mem_eq(y + c * to * to, one, (size_t)(to * to) * sizeof *one);
        }
    }
}
END_TEST

TEST_SUITE(resize, 30, small_images_give_the_golden_numbers,
           constant_images_stay_bit_for_bit, means_are_kept, slopes_stay_slopes,
           several_steps_are_one_after_another, channels_do_not_mix)
