/* whiten.c - tests core/data/whiten.c */
#include "core/data/whiten.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "tests/test.h"

enum { IN = 3, SIDE = 12, N = 40, IMAGE = IN * SIDE * SIDE, SIZE = 9 * IN };
enum { INSIDE = (SIDE - 2) * (SIDE - 2), PATCHES = N * INSIDE, MOST = 64 };

static float images[N][IMAGE];
static double response[MOST][PATCHES];

/* Smooth images of correlated colours, a little noise, not centred. */
static void
images_draw(void)
{
    struct ode_rng rng = ode_rng_at(5, ODE_STREAM_TEST, 700, 0);

    for (int n = 0; n < N; n++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const double wave = sin(0.4 * x + n) * cos(0.3 * y - 2 * n);

                for (int c = 0; c < IN; c++)
                    images[n][(c * SIDE + y) * SIDE + x] =
                        (float)(wave * (1 - 0.2 * c) + 0.3 + 0.1 * ode_rng_normal(&rng));
            }
}

static void
kernels_make(int from, int to, int c, real *weight)
{
    struct ode_whiten w = { .in = IN };
    struct ode_err err;

    for (int n = from; n < to; n++)
        ode_whiten_add(&w, SIDE, SIDE, images[n]);
    ck_assert_uint_eq(w.patches, (size_t)(to - from) * INSIDE);
    test_ok(ode_whiten_kernels(&w, ODE_WHITEN_EPSILON, c, weight, &err), &err);
}

/* response[k]: kernel k at all places inside the images. */
static void
respond(const real *weight, int kernels)
{
    for (int k = 0; k < kernels; k++)
        for (int p = 0; p < PATCHES; p++) {
            const int y = p % INSIDE / (SIDE - 2), x = p % (SIDE - 2);
            double sum = 0;

            for (int t = 0; t < SIZE; t++)
                sum += (double)weight[k * SIZE + t]
                       * (double)images[p / INSIDE][(t / 9 * SIDE + y + t % 9 / 3) * SIDE
                                                    + x + t % 3];
            response[k][p] = sum;
        }
}

static double
covariance_of(const double *a, const double *b)
{
    double product = 0, mean_a = 0, mean_b = 0;

    for (int p = 0; p < PATCHES; p++) {
        product += a[p] * b[p] / PATCHES;
        mean_a += a[p] / PATCHES, mean_b += b[p] / PATCHES;
    }
    return product - mean_a * mean_b;
}

static double
square(const real *v)
{
    double sum = 0;

    for (int t = 0; t < SIZE; t++)
        sum += (double)v[t] * (double)v[t];
    return sum;
}

/* A unit axis of variance lambda is divided by sqrt(lambda + epsilon), so its kernel's
 * square is 1 / (lambda + epsilon): the response varies by lambda of that. */
START_TEST(responses_are_uncorrelated_and_vary_alike)
{
    real weight[2 * SIZE * SIZE];

    images_draw();
    kernels_make(0, N, 2 * SIZE, weight);
    respond(weight, SIZE);
    for (int i = 0; i < SIZE; i++) {
        const double variance = covariance_of(response[i], response[i]);

        ck_assert_double_eq_tol(variance,
                                1 - ODE_WHITEN_EPSILON * square(weight + i * SIZE), 1e-4);
        ck_assert_double_gt(variance, 0.9);
        for (int j = 0; j < i; j++)
            ck_assert_double_lt(fabs(covariance_of(response[i], response[j])), 1e-4);
    }
}
END_TEST

START_TEST(axes_stand_by_falling_variance)
{
    real weight[2 * SIZE * SIZE];

    images_draw();
    kernels_make(0, N, 2 * SIZE, weight);
    for (int i = 1; i < SIZE; i++) /* a larger variance is a shorter kernel */
        ck_assert_double_gt(square(weight + i * SIZE), square(weight + (i - 1) * SIZE));
    ck_assert_double_gt(square(weight + (SIZE - 1) * SIZE), 20 * square(weight));
}
END_TEST

START_TEST(the_second_half_is_the_negative)
{
    enum { FEW = 16, MANY = 64 };
    real few[FEW * SIZE], many[MANY * SIZE];

    images_draw();
    kernels_make(0, N, FEW, few);
    kernels_make(0, N, MANY, many);
    for (int k = 0; k < FEW / 2 * SIZE; k++) {
        ck_assert_double_eq((double)few[FEW / 2 * SIZE + k], -(double)few[k]);
        ck_assert_double_eq((double)few[k], (double)many[k]); /* the first of all */
    }
    for (int k = 0; k < MANY / 2 * SIZE; k++) {
        ck_assert_double_eq((double)many[MANY / 2 * SIZE + k], -(double)many[k]);
        ck_assert(k / SIZE < SIZE || many[k] == 0); /* 27 axes, 32 kernels of a sign */
    }
    ck_assert_double_gt(square(many + (SIZE - 1) * SIZE), 0);
}
END_TEST

START_TEST(the_largest_entry_is_positive)
{
    real weight[2 * SIZE * SIZE];

    images_draw();
    kernels_make(0, N, 2 * SIZE, weight);
    for (int i = 0; i < SIZE; i++) {
        real most = 0;

        for (int t = 0; t < SIZE; t++)
            if (fabs((double)weight[i * SIZE + t]) > fabs((double)most))
                most = weight[i * SIZE + t];
        ck_assert_double_gt((double)most, 0);
    }
}
END_TEST

START_TEST(the_same_images_give_the_same_bits)
{
    real a[16 * SIZE], b[16 * SIZE], other[16 * SIZE];

    images_draw();
    kernels_make(0, N, 16, a);
    kernels_make(0, N, 16, b);
    kernels_make(0, N - 1, 16, other);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_mem_ne(a, other, sizeof a);
}
END_TEST

/* Two constant halves, grey and 2x2: patches vary in one direction. */
START_TEST(axes_without_variance_are_limited_by_epsilon)
{
    enum { TAPS = 9 };
    struct ode_whiten w = { .in = 1 };
    float flat[2][16];
    real weight[2 * TAPS * TAPS];
    struct ode_err err;

    for (int k = 0; k < 32; k++)
        flat[k / 16][k % 16] = k < 16 ? -1 : 2;
    for (int n = 0; n < 2; n++)
        ode_whiten_add(&w, 4, 4, flat[n]);
    test_ok(ode_whiten_kernels(&w, 0.01, 2 * TAPS, weight, &err), &err);
    for (int t = 0; t < TAPS; t++) /* of variance 9 * 1.5^2 along (1, ..., 1) / 3 */
        ck_assert_double_eq_tol((double)weight[t], 1 / (3 * sqrt(20.25 + 0.01)), 1e-6);
    for (int i = 1; i < TAPS; i++) {
        double sum = 0;

        for (int t = 0; t < TAPS; t++)
            sum += (double)weight[i * TAPS + t] * (double)weight[i * TAPS + t];
        ck_assert_double_eq_tol(sum, 1 / 0.01, 1e-3);
    }
}
END_TEST

START_TEST(images_without_patches_are_refused)
{
    struct ode_whiten w = { .in = IN };
    struct ode_err err = { 0 };
    real weight[4 * SIZE] = { 7 };

    images_draw();
    ode_whiten_add(&w, 2, SIDE, images[0]);
    ode_whiten_add(&w, SIDE, 2, images[0]);
    ck_assert_int_eq(ode_whiten_kernels(&w, 1e-3, 4, weight, &err), ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.text, "at least 3x3"));
    images[0][5] = NAN;
    ode_whiten_add(&w, SIDE, SIDE, images[0]);
    ck_assert_int_eq(ode_whiten_kernels(&w, 1e-3, 4, weight, &err), ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.text, "not finite among 100 patches"));
    ck_assert_double_eq((double)weight[0], 7);
}
END_TEST

TEST_SUITE(whiten, 60, responses_are_uncorrelated_and_vary_alike,
           axes_stand_by_falling_variance, the_second_half_is_the_negative,
           the_largest_entry_is_positive, the_same_images_give_the_same_bits,
           axes_without_variance_are_limited_by_epsilon,
           images_without_patches_are_refused)
