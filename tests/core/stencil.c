/* stencil.c - tests core/scales/stencil.c */
#include "core/scales/stencil.h"
#include "tests/test.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "core/base/rng.h"

#define BILINEAR     ODE_SPACE_BILINEAR
#define CONSTANT     ODE_SPACE_CONSTANT
#define REDISCRETISE ODE_SPACE_REDISCRETISE

enum { SPACES = 3 };

static const enum ode_space spaces[SPACES] = { BILINEAR, CONSTANT, REDISCRETISE };

static struct ode_rng
rng_of(uint64_t test)
{
    return ode_rng_at(1, ODE_STREAM_TEST, 100, test);
}

static void
draw(struct ode_rng *rng, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)ode_rng_normal(rng);
}

static double
norm(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

static double
distance(const float *x, const float *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    return sqrt(sum);
}

static void
assert_maps(enum ode_space space, int halvings, const float *from, const float *want,
            double tolerance)
{
    float got[9];

    ode_stencil_apply(space, halvings, 1, from, got);
    for (int i = 0; i < 9; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= tolerance,
                      "tap %d is %.9g, should be %.9g", i, got[i], want[i]);
}

/* --- golden numbers, computed by hand from M S M'
 * --------------------------------------- */

START_TEST(counting_stencil_gives_the_golden_numbers)
{
    const float s[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const float constant[2][9] = {
        {.25f, 2,  .75f, 4,  20, 6,   1.75f, 8,   2.25f},
        { 4,   -4, 12,   -8, 5,  -12, 28,    -16, 36   }
    };
    const float bilinear[2][9] = {
        {.703125f, 2.84375f, 1.328125f, 4.59375f, 15.3125f, 6.34375f, 2.578125f,
         8.09375f,                                                                    3.203125f},
        { 11.25f,  -13,      21.25f,    -21,      20,       -29,      41.25f,    -37, 51.25f   }
    };

    const float rediscretise[2][9] = {
        {1.67578125f, 3.5234375f, 2.48828125f, 4.8984375f, 9.453125f, 6.2734375f,
         4.11328125f,                                                                       7.6484375f, 4.92578125f},
        { 1.3125f,    -1.375f,    8.3125f,     -3.375f,    1.25f,     -5.375f,    22.3125f, -7.375f,
         29.3125f                                                                                                  }
    };

    for (int fine = 0; fine < 2; fine++) {
        assert_maps(REDISCRETISE, fine ? -1 : 1, s, rediscretise[fine], 0);
        assert_maps(CONSTANT, fine ? -1 : 1, s, constant[fine], 0);
        assert_maps(BILINEAR, fine ? -1 : 1, s, bilinear[fine], 0);
        assert_maps(ODE_SPACE_NONE, fine ? -1 : 1, s, s, 0);
    }
    assert_maps(BILINEAR, 0, s, s, 0);
    assert_maps(CONSTANT, 0, s, s, 0);
    assert_maps(REDISCRETISE, 0, s, s, 0);
}
END_TEST

START_TEST(laplacian_is_halved_by_constant_and_smoothed_by_bilinear)
{
    const float s[9] = { 0, -1, 0, -1, 4, -1, 0, -1, 0 };
    const float constant[9] = { 0, -.5f, 0, -.5f, 2, -.5f, 0, -.5f, 0 };
    const float bilinear[9] = { -.0625f, -.125f,  -.0625f, -.125f, .75f,
                                -.125f,  -.0625f, -.125f,  -.0625f };

    assert_maps(CONSTANT, 1, s, constant, 0);
    assert_maps(BILINEAR, 1, s, bilinear, 0);
}
END_TEST

/* The example of Haber et al. 2018, as rounded there. */
START_TEST(worked_example_of_the_paper_is_bilinear)
{
    const float fine[9] = {
        -.89f, -2.03f, 4.30f, -2.07f, 0, -2.07f, 4.39f, -2.03f, 1.28f
    };
    const float coarse[9] = { -.48f, -.17f, .82f, -.15f, -.80f, .37f, .84f, .40f, .07f };

    assert_maps(BILINEAR, 1, fine, coarse, 0.01);
}
END_TEST

/* Column j of the 9x9 map is what the unit stencil e_j becomes. */
static void
assert_matrix(enum ode_space space, int halvings, double unit,
              const signed char want[9][9])
{
    for (int j = 0; j < 9; j++) {
        float e[9] = { 0 };

        e[j] = 1;
        ode_stencil_apply(space, halvings, 1, e, e);
        for (int i = 0; i < 9; i++)
            ck_assert_msg(e[i] * unit == want[i][j], "entry %d,%d is %g, not %d", i, j,
                          e[i] * unit, want[i][j]);
    }
}

START_TEST(unit_stencils_give_the_printed_matrices)
{
    /* clang-format off */
    static const signed char constant[9][9] = { /* / 4 */
        { 1, 0, 0, 0, 0, 0, 0, 0, 0 }, { 1, 2, 1, 0, 0, 0, 0, 0, 0 },
        { 0, 0, 1, 0, 0, 0, 0, 0, 0 }, { 1, 0, 0, 2, 0, 0, 1, 0, 0 },
        { 1, 2, 1, 2, 4, 2, 1, 2, 1 }, { 0, 0, 1, 0, 0, 2, 0, 0, 1 },
        { 0, 0, 0, 0, 0, 0, 1, 0, 0 }, { 0, 0, 0, 0, 0, 0, 1, 2, 1 },
        { 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
    static const signed char constant_inverse[9][9] = {
        {  4, 0,  0,  0, 0,  0,  0, 0,  0 }, { -2,  2, -2, 0,  0, 0,  0,  0,  0 },
        {  0, 0,  4,  0, 0,  0,  0, 0,  0 }, { -2,  0,  0, 2,  0, 0, -2,  0,  0 },
        {  1, -1, 1, -1, 1, -1,  1, -1, 1 }, {  0,  0, -2, 0,  0, 2,  0,  0, -2 },
        {  0, 0,  0,  0, 0,  0,  4, 0,  0 }, {  0,  0,  0, 0,  0, 0, -2,  2, -2 },
        {  0, 0,  0,  0, 0,  0,  0, 0,  4 } };
    static const signed char bilinear[9][9] = { /* / 64 */
        { 16,  4,  0,  4,  1,  0,  0,  0,  0 }, { 16, 24, 16,  4,  6,  4,  0,  0,  0 },
        {  0,  4, 16,  0,  1,  4,  0,  0,  0 }, { 16,  4,  0, 24,  6,  0, 16,  4,  0 },
        { 16, 24, 16, 24, 36, 24, 16, 24, 16 }, {  0,  4, 16,  0,  6, 24,  0,  4, 16 },
        {  0,  0,  0,  4,  1,  0, 16,  4,  0 }, {  0,  0,  0,  4,  6,  4, 16, 24, 16 },
        {  0,  0,  0,  0,  1,  4,  0,  4, 16 } };
    static const signed char bilinear_inverse[9][9] = { /* / 4 */
        {  25,  -5,   5,  -5,  1,  -1,   5,  -1,   1 },
        { -20,  20, -20,   4, -4,   4,  -4,   4,  -4 },
        {   5,  -5,  25,  -1,  1,  -5,   1,  -1,   5 },
        { -20,   4,  -4,  20, -4,   4, -20,   4,  -4 },
        {  16, -16,  16, -16, 16, -16,  16, -16,  16 },
        {  -4,   4, -20,   4, -4,  20,  -4,   4, -20 },
        {   5,  -1,   1,  -5,  1,  -1,  25,  -5,   5 },
        {  -4,   4,  -4,   4, -4,   4, -20,  20, -20 },
        {   1,  -1,   5,  -1,  1,  -5,   5,  -5,  25 } };
    static const signed char rediscretise[9][9] = { /* / 256 */
        { 81, 27,  9, 27,   9,  3,  9,  3,  1 }, { 54, 90, 54, 18,  30, 18,  6, 10,  6 },
        {  9, 27, 81,  3,   9, 27,  1,  3,  9 }, { 54, 18,  6, 90,  30, 10, 54, 18,  6 },
        { 36, 60, 36, 60, 100, 60, 36, 60, 36 }, {  6, 18, 54, 10,  30, 90,  6, 18, 54 },
        {  9,  3,  1, 27,   9,  3, 81, 27,  9 }, {  6, 10,  6, 18,  30, 18, 54, 90, 54 },
        {  1,  3,  9,  3,   9, 27,  9, 27, 81 } };
    static const signed char rediscretise_inverse[9][9] = { /* / 16 */
        {  81, -27,   9, -27,   9,  -3,   9,  -3,   1 },
        { -54,  90, -54,  18, -30,  18,  -6,  10,  -6 },
        {   9, -27,  81,  -3,   9, -27,   1,  -3,   9 },
        { -54,  18,  -6,  90, -30,  10, -54,  18,  -6 },
        {  36, -60,  36, -60, 100, -60,  36, -60,  36 },
        {  -6,  18, -54,  10, -30,  90,  -6,  18, -54 },
        {   9,  -3,   1, -27,   9,  -3,  81, -27,   9 },
        {  -6,  10,  -6,  18, -30,  18, -54,  90, -54 },
        {   1,  -3,   9,  -3,   9, -27,   9, -27,  81 } };
    /* clang-format on */

    assert_matrix(REDISCRETISE, 1, 256, rediscretise);
    assert_matrix(REDISCRETISE, -1, 16, rediscretise_inverse);
    assert_matrix(CONSTANT, 1, 4, constant);
    assert_matrix(CONSTANT, -1, 1, constant_inverse);
    assert_matrix(BILINEAR, 1, 64, bilinear);
    assert_matrix(BILINEAR, -1, 4, bilinear_inverse);
}
END_TEST

START_TEST(matrices_of_an_axis_are_inverse)
{
    for (int k = 0; k < SPACES; k++) {
        const struct ode_stencil_axis *axis = ode_stencil_axis(spaces[k]);

        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) {
                double sum = 0;

                for (int l = 0; l < 3; l++)
                    sum += axis->coarsen[i][l] * axis->refine[l][j];
                ck_assert(sum == (i == j));
            }
    }
}
END_TEST

/* --- identities ------------------------------------------------------------------------
 */

/* Relative to the taps asked back: rounding the other stencil to float costs at most u
 * times its norm, which the way back amplifies by at most the condition number. */
static double
worst_round_trip(enum ode_space space, int halvings)
{
    struct ode_rng rng = rng_of(1);
    double worst = 0;
    float s[9], t[9];

    for (int n = 0; n < 20000; n++) {
        draw(&rng, s, 9);
        ode_stencil_apply(space, halvings, 1, s, t);
        ode_stencil_apply(space, -halvings, 1, t, t);
        worst = fmax(worst, distance(s, t, 9) / norm(s, 9));
    }
    return worst;
}

START_TEST(there_and_back_is_the_identity)
{
    for (int way = -1; way <= 1; way += 2) {
        ck_assert_double_lt(worst_round_trip(CONSTANT, way), 1e-6);
        ck_assert_double_lt(worst_round_trip(BILINEAR, way), 4e-6);
        ck_assert_double_lt(worst_round_trip(REDISCRETISE, way), 4e-6);
        ck_assert_double_lt(worst_round_trip(REDISCRETISE, 2 * way), 316 * 6e-8);
        ck_assert_double_lt(worst_round_trip(CONSTANT, 2 * way), 75 * 6e-8);
        ck_assert_double_lt(worst_round_trip(BILINEAR, 2 * way), 531 * 6e-8);
    }
}
END_TEST

START_TEST(levels_one_by_one_give_what_they_give_at_once)
{
    struct ode_rng rng = rng_of(2);
    float s[9], once[9], twice[9];

    for (int k = 0; k < SPACES; k++)
        for (int way = -1; way <= 1; way += 2) {
            draw(&rng, s, 9);
            ode_stencil_apply(spaces[k], 2 * way, 1, s, once);
            ode_stencil_apply(spaces[k], way, 1, s, twice);
            ode_stencil_apply(spaces[k], way, 1, twice, twice);
            ck_assert_double_le(distance(once, twice, 9), 4e-6 * norm(once, 9));
        }
}
END_TEST

START_TEST(tensors_are_mapped_slice_by_slice)
{
    enum { OUT = 3, IN = 5 };
    struct ode_rng rng = rng_of(3);
    float x[OUT][IN][9], y[OUT][IN][9], s[9];

    draw(&rng, x[0][0], sizeof x / sizeof(float));
    ode_stencil_apply(BILINEAR, 1, (size_t)OUT * IN, x[0][0], y[0][0]);
    for (int o = 0; o < OUT; o++)
        for (int i = 0; i < IN; i++) {
            ode_stencil_apply(BILINEAR, 1, 1, x[o][i], s);
            ck_assert_mem_eq(s, y[o][i], sizeof s);
        }
    ode_stencil_apply(BILINEAR, 1, (size_t)OUT * IN, x[0][0], x[0][0]); /* in place */
    ck_assert_mem_eq(x, y, sizeof x);
}
END_TEST

/* Per axis [1 m 1], [-1 0 1], [1 -2 1] are discretised derivatives of order 0, 1, 2, and
 * an image of twice the pixel width wants them times 1, 1/2, 1/4. */
static void
assert_derivatives(enum ode_space space, float middle)
{
    const float derivative[3][3] = {
        {1,   middle, 1},
        { -1, 0,      1},
        { 1,  -2,     1}
    };

    for (int p = 0; p < 9; p++)
        for (int halvings = -3; halvings <= 3; halvings++) {
            float s[9], want[9];

            for (int i = 0; i < 9; i++) {
                s[i] = derivative[p / 3][i / 3] * derivative[p % 3][i % 3];
                want[i] = ldexpf(s[i], -halvings * (p / 3 + p % 3));
            }
            assert_maps(space, halvings, s, want, 0);
        }
}

START_TEST(bilinear_and_rediscretise_scale_every_derivative_exactly)
{
    assert_derivatives(BILINEAR, 4);
    assert_derivatives(REDISCRETISE, 2);
}
END_TEST

START_TEST(constant_halves_derivatives_and_keeps_the_identity)
{
    static const float line[3][3] = {
        {0,   1,  0},
        { -1, 0,  1},
        { 1,  -2, 1}
    };

    for (int p = 0; p < 9; p++)
        for (int halvings = -3; halvings <= 3; halvings++) {
            float s[9], want[9];

            for (int i = 0; i < 9; i++) {
                s[i] = line[p / 3][i / 3] * line[p % 3][i % 3];
                want[i] = ldexpf(s[i], -halvings * ((p / 3 > 0) + (p % 3 > 0)));
            }
            assert_maps(CONSTANT, halvings, s, want, 0);
        }
}
END_TEST

START_TEST(sum_of_taps_is_kept)
{
    struct ode_rng rng = rng_of(4);

    for (int n = 0; n < 2000; n++) {
        double before = 0, after = 0, size = 0;
        float s[9], t[9];

        draw(&rng, s, 9);
        ode_stencil_apply(spaces[n % SPACES], n % 2 ? 1 : -1, 1, s, t);
        for (int i = 0; i < 9; i++) {
            before += s[i];
            after += t[i];
            size += fabs((double)t[i]);
        }
        ck_assert_double_le(fabs(before - after), 1e-7 * size);
    }
}
END_TEST

/* The transpose of a convolution: channels swapped, kernel turned by 180 degrees. */
static void
transpose(int c, const float *k, float *t)
{
    for (int o = 0; o < c; o++)
        for (int i = 0; i < c; i++)
            for (int tap = 0; tap < 9; tap++)
                t[(i * c + o) * 9 + 8 - tap] = k[(o * c + i) * 9 + tap];
}

/* Taps of very different sizes, so that sums in another order would round differently. */
static void
draw_wide(struct ode_rng *rng, float *k, int n)
{
    for (int i = 0; i < n; i++)
        k[i] = ldexpf((float)ode_rng_normal(rng), (int)ode_rng_below(rng, 40));
}

START_TEST(transposition_commutes_bit_for_bit)
{
    enum { C = 16, N = C * C * 9 };
    struct ode_rng rng = rng_of(5);
    static float k[N], kt[N], mapped[N], want[N];

    for (int halvings = -4; halvings <= 4; halvings++)
        for (int s = 0; s < SPACES; s++) {
            draw_wide(&rng, k, N);
            transpose(C, k, kt);
            ode_stencil_apply(spaces[s], halvings, (size_t)C * C, kt, kt);
            ode_stencil_apply(spaces[s], halvings, (size_t)C * C, k, mapped);
            transpose(C, mapped, want);
            ck_assert_mem_eq(kt, want, sizeof want);
        }
}
END_TEST

START_TEST(antisymmetric_kernels_stay_antisymmetric)
{
    enum { C = 16, N = C * C * 9 };
    struct ode_rng rng = rng_of(6);
    static float k[N], kt[N];

    for (int halvings = -4; halvings <= 4; halvings++)
        for (int s = 0; s < SPACES; s++) {
            draw_wide(&rng, k, N);
            transpose(C, k, kt);
            for (int i = 0; i < N; i++)
                k[i] -= kt[i];
            ode_stencil_apply(spaces[s], halvings, (size_t)C * C, k, k);
            transpose(C, k, kt);
            for (int i = 0; i < N; i++)
                ck_assert(k[i] == -kt[i]);
        }
}
END_TEST

/* --- the Galerkin product itself: R K P y = K_H y, in double, written out --------------
 */

enum { COARSE = 6, FINE = 2 * COARSE };

enum edge { ZERO, REPLICATE };

static double
pixel(const double *y, int n, int i, int j, enum edge edge)
{
    int r = i < 0 ? 0 : i >= n ? n - 1 : i, c = j < 0 ? 0 : j >= n ? n - 1 : j;

    return edge == ZERO && (r != i || c != j) ? 0 : y[r * n + c];
}

static void
convolve(const float *s, const double *y, int n, enum edge edge, double *z)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            z[i * n + j] = 0;
            for (int t = 0; t < 9; t++)
                z[i * n + j] += s[t] * pixel(y, n, i + t / 3 - 1, j + t % 3 - 1, edge);
        }
}

static void
restrict_image(const double *fine, double *coarse)
{
    for (int i = 0; i < COARSE; i++)
        for (int j = 0; j < COARSE; j++) {
            const double *y = &fine[2 * i * FINE + 2 * j];

            coarse[i * COARSE + j] = (y[0] + y[1] + y[FINE] + y[FINE + 1]) / 4;
        }
}

/* A fine pixel lies a quarter of a coarse pixel off its centre, on the side `near`. */
static void
prolong_image(enum ode_space space, const double *coarse, double *fine)
{
    double w = space == BILINEAR ? 0.25 : 0;

    for (int i = 0; i < FINE; i++)
        for (int j = 0; j < FINE; j++) {
            int r = i / 2, c = j / 2, r2 = i % 2 ? r + 1 : r - 1,
                c2 = j % 2 ? c + 1 : c - 1;

            fine[i * FINE + j] =
                (1 - w)
                    * ((1 - w) * pixel(coarse, COARSE, r, c, REPLICATE)
                       + w * pixel(coarse, COARSE, r, c2, REPLICATE))
                + w
                      * ((1 - w) * pixel(coarse, COARSE, r2, c, REPLICATE)
                         + w * pixel(coarse, COARSE, r2, c2, REPLICATE));
        }
}

/* The largest |R K P y - K_H y| / |R K P y| over random y, a ring of pixels left out. */
static double
galerkin_error(enum ode_space space, enum edge edge, int ring)
{
    struct ode_rng rng = rng_of(7);
    double coarse[COARSE * COARSE], fine[FINE * FINE], image[FINE * FINE];
    double product[COARSE * COARSE], mapped[COARSE * COARSE], worst = 0;
    float s[9];

    for (int n = 0; n < 50; n++) {
        double error = 0, size = 0;

        for (int i = 0; i < COARSE * COARSE; i++)
            coarse[i] = ode_rng_normal(&rng);
        draw(&rng, s, 9);
        prolong_image(space, coarse, fine);
        convolve(s, fine, FINE, edge, image);
        restrict_image(image, product);
        ode_stencil_apply(space, 1, 1, s, s);
        convolve(s, coarse, COARSE, edge, mapped);
        for (int i = ring; i < COARSE - ring; i++)
            for (int j = ring; j < COARSE - ring; j++) {
                error =
                    fmax(error, fabs(product[i * COARSE + j] - mapped[i * COARSE + j]));
                size = fmax(size, fabs(product[i * COARSE + j]));
            }
        worst = fmax(worst, error / size);
    }
    return worst;
}

START_TEST(mapped_stencil_is_the_galerkin_product)
{
    ck_assert_double_lt(galerkin_error(CONSTANT, ZERO, 0), 1e-6);
    ck_assert_double_lt(galerkin_error(CONSTANT, REPLICATE, 0), 1e-6);
    ck_assert_double_lt(galerkin_error(BILINEAR, REPLICATE, 0), 1e-6);
    ck_assert_double_lt(galerkin_error(BILINEAR, ZERO, 1), 1e-6);
}
END_TEST

/* It keeps an operator's coefficients, not its Galerkin product. */
START_TEST(rediscretise_is_no_galerkin_product)
{
    ck_assert_double_gt(galerkin_error(REDISCRETISE, REPLICATE, 1), 0.01);
}
END_TEST

START_TEST(bilinear_with_zero_padding_differs_at_the_outer_ring_only)
{
    ck_assert_double_gt(galerkin_error(BILINEAR, ZERO, 0), 0.01);
}
END_TEST

/* --- norms
 * ------------------------------------------------------------------------------ */

/* The largest |K^(xi)| over a grid of `points` squared frequencies. */
static double
symbol_norm(const float *s, int points)
{
    double worst = 0;

    for (int a = 0; a < points; a++)
        for (int b = 0; b < points; b++) {
            double complex sum = 0;

            for (int t = 0; t < 9; t++)
                sum +=
                    s[t]
                    * cexp(2 * M_PI * I * ((t / 3 - 1) * a + (t % 3 - 1) * b) / points);
            worst = fmax(worst, cabs(sum));
        }
    return worst;
}

/* The coarse symbol at 2 xi is a mean of the fine one at xi and its aliases xi + pi with
 * weights of sum at most 1; a fine grid of twice the points holds all of these. */
START_TEST(coarsening_never_increases_the_symbol)
{
    struct ode_rng rng = rng_of(8);
    float s[9], t[9];

    for (int n = 0; n < 500; n++) {
        draw(&rng, s, 9);
        ode_stencil_apply(spaces[n % SPACES], 1, 1, s, t);
        ck_assert_double_le(symbol_norm(t, 8), symbol_norm(s, 16) * (1 + 1e-6));
    }
}
END_TEST

/* K^ at these frequencies along the two axes. */
static double complex
symbol(double s[3][3], double a, double b)
{
    double complex sum = 0;

    for (int t = 0; t < 9; t++)
        sum += s[t / 3][t % 3] * cexp(I * ((t / 3 - 1) * a + (t % 3 - 1) * b));
    return sum;
}

/* Of rediscretise: per axis (5 + 3 cos xi) / 8 times the fine symbol at the frequency
 * whose tangent of half is half of xi's. */
START_TEST(rediscretise_moves_and_shrinks_the_symbol)
{
    struct ode_rng rng = rng_of(11);
    double fine[3][3], coarse[3][3];

    for (int i = 0; i < 9; i++)
        fine[i / 3][i % 3] = ode_rng_normal(&rng);
    memcpy(coarse, fine, sizeof fine);
    ode_stencil_map(REDISCRETISE, 1, coarse);
    for (int k = 0; k < 49; k++) {
        const double a = k / 7 - 3, b = k % 7 - 3; /* within -pi to pi */
        const double shrink = (5 + 3 * cos(a)) / 8 * (5 + 3 * cos(b)) / 8;
        const double complex want =
            shrink * symbol(fine, 2 * atan(tan(a / 2) / 2), 2 * atan(tan(b / 2) / 2));

        ck_assert_double_lt(cabs(symbol(coarse, a, b) - want), 1e-13);
    }
}
END_TEST

START_TEST(refining_random_stencils_increases_the_symbol_as_known)
{
    struct ode_rng rng = rng_of(9);
    double growth[SPACES] = { 0 };
    float s[9], t[9];

    for (int n = 0; n < 500; n++)
        for (int k = 0; k < SPACES; k++) {
            draw(&rng, s, 9);
            ode_stencil_apply(spaces[k], -1, 1, s, t);
            growth[k] += symbol_norm(t, 16) / symbol_norm(s, 16) / 500;
        }
    ck_assert_double_eq_tol(growth[0], 10.4, 0.7); /* 3 or more standard errors */
    ck_assert_double_eq_tol(growth[1], 4.0, 0.3);
    ck_assert_double_eq_tol(growth[2], 8.9, 0.6);
}
END_TEST

START_TEST(gain_and_condition_are_the_known_ones)
{
    const double bilinear[] = { 26.85, 531, 9027 }, constant[] = { 10.15, 75, 413 };
    const double rediscretise[] = { 18.48, 315.6, 5148.6 };

    for (int k = 0; k < 3; k++) {
        double b = ode_stencil_condition(BILINEAR, k + 1);
        double c = ode_stencil_condition(CONSTANT, k + 1);
        double d = ode_stencil_condition(REDISCRETISE, k + 1);

        ck_assert_double_eq_tol(b, bilinear[k], k ? 0.5 : 0.005);
        ck_assert_double_eq_tol(c, constant[k], k ? 0.5 : 0.005);
        ck_assert_double_eq_tol(d, rediscretise[k], k ? 0.5 : 0.005);
        ck_assert_double_eq_tol(ode_stencil_condition(BILINEAR, -k - 1), b, 1e-9 * b);
        ck_assert_double_eq_tol(ode_stencil_condition(ODE_SPACE_NONE, k), 1, 1e-12);
    }
    ck_assert_double_eq_tol(ode_stencil_gain(BILINEAR, -1), 20.7, 0.05);
    ck_assert_double_eq_tol(ode_stencil_gain(CONSTANT, -1), 6.37, 0.005);
    ck_assert_double_eq_tol(ode_stencil_condition(BILINEAR, 0), 1, 1e-12);
}
END_TEST

START_TEST(gain_bounds_every_stencil)
{
    struct ode_rng rng = rng_of(10);
    float s[9], t[9];

    for (int n = 0; n < 4000; n++) {
        const enum ode_space space = spaces[n % SPACES];
        int halvings = n / SPACES % 5 - 2;

        draw(&rng, s, 9);
        ode_stencil_apply(space, halvings, 1, s, t);
        ck_assert_double_le(norm(t, 9),
                            norm(s, 9) * (1 + 1e-6) * ode_stencil_gain(space, halvings));
    }
}
END_TEST

/* --- resolutions
 * ------------------------------------------------------------------------ */

START_TEST(powers_of_two_between_resolutions_are_counted)
{
    static const int cases[][3] = {
        {32,  16, 1 },
        { 16, 32, -1},
        { 28, 7,  2 },
        { 7,  28, -2},
        { 96, 12, 3 },
        { 5,  5,  0 }
    };
    struct ode_err err;
    int halvings;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_ok(ode_stencil_halvings(cases[i][0], cases[i][1], &halvings, &err), &err);
        ck_assert_int_eq(halvings, cases[i][2]);
    }
}
END_TEST

START_TEST(other_ratios_of_resolutions_are_refused)
{
    static const int cases[][2] = {
        {32,  24},
        { 24, 32},
        { 7,  15},
        { 0,  8 },
        { 8,  0 },
        { -4, 8 },
        { -4, -4}
    };
    struct ode_err err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int halvings = 77;

        ck_assert_int_eq(ode_stencil_halvings(cases[i][0], cases[i][1], &halvings, &err),
                         ODE_ESHAPE);
        ck_assert_int_eq(err.code, ODE_ESHAPE);
        ck_assert_int_eq(halvings, 77);
    }
    ode_stencil_halvings(32, 24, &(int){ 0 }, &err);
    ck_assert_ptr_nonnull(strstr(err.text, "32 to 24"));
}
END_TEST

/* Of a unit impulse, level by level, and squared: what one tap's variance becomes. */
START_TEST(variances_go_through_the_squared_entries)
{
    for (int halvings = -3; halvings <= 3; halvings++)
        for (int space = 0; space < SPACES; space++)
            for (int j = 0; j < 9; j++) {
                double tap[9] = { 0 }, variance[9] = { 0 };

                tap[j] = 1, variance[j] = 3;
                ode_stencil_map(spaces[space], halvings, (double(*)[3])tap);
                ode_stencil_map_squares(spaces[space], halvings, (double(*)[3])variance);
                for (int i = 0; i < 9; i++)
                    ck_assert_double_eq_tol(variance[i], 3 * tap[i] * tap[i],
                                            1e-12 * (1 + tap[i] * tap[i]));
            }
}
END_TEST

/* Sums over impulses: linear, and nothing where there is nothing to do. */
START_TEST(variances_add_up_and_stay_without_a_step)
{
    double a[9], b[9], sum[9], kept[9];

    for (int i = 0; i < 9; i++) {
        a[i] = i + 1, b[i] = 1. / (i + 1);
        kept[i] = sum[i] = a[i] + b[i];
    }
    ode_stencil_map_squares(BILINEAR, 0, (double(*)[3])sum);
    ode_stencil_map_squares(ODE_SPACE_NONE, 2, (double(*)[3])sum);
    ck_assert_mem_eq(sum, kept, sizeof sum);
    ode_stencil_map_squares(BILINEAR, -2, (double(*)[3])sum);
    ode_stencil_map_squares(BILINEAR, -2, (double(*)[3])a);
    ode_stencil_map_squares(BILINEAR, -2, (double(*)[3])b);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol(sum[i], a[i] + b[i], 1e-12 * sum[i]);
}
END_TEST

/* --- refining with damping -------------------------------------------------------------
 */

enum { CAPS = 4 };

static const double caps[CAPS] = { 1, 2, 4, 8 };

/* Column j of the 9x9 map, one doubling. */
static void
damped_column(double cap, int j, double s[3][3])
{
    memset(s, 0, 9 * sizeof(double));
    s[j / 3][j % 3] = 1;
    ode_stencil_refine(cap, 1, s);
}

/* White noise has the rms of the columns: what becomes of it, and of the way back. */
START_TEST(damping_limits_noise_and_loses_what_is_known)
{
    const double growth[CAPS] = { 1, 1.951, 3.655, 5.871 };
    const double lost[CAPS] = { 0.776, 0.632, 0.473, 0.25 };

    for (int k = 0; k < CAPS; k++) {
        double grown = 0, left = 0, s[3][3];

        for (int j = 0; j < 9; j++) {
            damped_column(caps[k], j, s);
            for (int i = 0; i < 9; i++)
                grown += s[i / 3][i % 3] * s[i / 3][i % 3];
            ode_stencil_map(BILINEAR, 1, s);
            s[j / 3][j % 3] -= 1;
            for (int i = 0; i < 9; i++)
                left += s[i / 3][i % 3] * s[i / 3][i % 3];
        }
        ck_assert_double_eq_tol(sqrt(grown) / 3, growth[k], 6e-4);
        ck_assert_double_eq_tol(sqrt(left) / 3, lost[k], 6e-4);
    }
}
END_TEST

/* Taken down from cap to cap, a stencil is what the last one alone would have left; below
 * 1 all of it shrinks; and without terms above the cap it keeps its bits. */
START_TEST(damping_goes_from_cap_to_cap)
{
    double was = ode_stencil_undamped(1), once[3][3], steps[3][3];

    damped_column(was, 5, steps);
    for (int k = CAPS - 1; k >= 0; k--) {
        ode_stencil_damp(1, was, caps[k], steps);
        was = caps[k];
        damped_column(caps[k], 5, once);
        for (int i = 0; i < 9; i++)
            ck_assert_double_eq_tol(steps[i / 3][i % 3], once[i / 3][i % 3], 1e-14);
    }
    ode_stencil_damp(1, 1, 0.25, steps);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol(steps[i / 3][i % 3], once[i / 3][i % 3] / 4, 1e-14);
    for (int i = 0; i < 9; i++) /* [1 4 1] x [1 4 1], the term of order 0 */
        steps[i / 3][i % 3] = (i / 3 == 1 ? 4 : 1) * (i % 3 == 1 ? 4 : 1);
    memcpy(once, steps, sizeof once);
    ode_stencil_damp(1, ode_stencil_undamped(1), 1, steps);
    ck_assert_mem_eq(steps, once, sizeof steps);
}
END_TEST

/* Refined by any number of doublings and damped to 1, a stencil is what it was. */
START_TEST(a_cap_of_one_takes_all_of_a_refinement_back)
{
    for (int doublings = 1; doublings <= 3; doublings++)
        for (int j = 0; j < 9; j++) {
            double s[3][3] = { { 0 } };

            s[j / 3][j % 3] = 1;
            ode_stencil_map(BILINEAR, -doublings, s);
            ode_stencil_damp(doublings, ode_stencil_undamped(doublings), 1, s);
            for (int i = 0; i < 9; i++)
                ck_assert_double_eq_tol(s[i / 3][i % 3], i == j, 1e-12);
        }
}
END_TEST

/* Whole numbers, so that nothing is rounded below the cap. */
START_TEST(damping_caps_the_factor_of_each_term)
{
    static const double line[3][3] = {
        {1,   4,  1},
        { -1, 0,  1},
        { 1,  -2, 1}
    };

    for (int k = 0; k < CAPS * 9; k++)
        for (int doublings = 0; doublings <= 3; doublings++) {
            const double cap = caps[k / 9], undamped = 1 << (k % 9 / 3 + k % 3);
            const double factor = pow(fmin(undamped, cap), doublings);
            double s[3][3];

            for (int i = 0; i < 9; i++)
                s[i / 3][i % 3] = line[k % 9 / 3][i / 3] * line[k % 3][i % 3];
            ode_stencil_refine(cap, doublings, s);
            for (int i = 0; i < 9; i++) {
                const double want =
                    factor * (line[k % 9 / 3][i / 3] * line[k % 3][i % 3]);

                ck_assert_double_le(fabs(s[i / 3][i % 3] - want),
                                    undamped > cap ? 1e-11 : 0);
            }
        }
}
END_TEST

/* A mass, both first derivatives, both second and the mixed one, in any mixture. */
START_TEST(cap_of_four_is_exact_up_to_second_order)
{
    static const double stencil[6][9] = {
        {1,   4,  1,  4,  16, 4,  1,  4,  1},
        { -1, 0,  1,  -4, 0,  4,  -1, 0,  1},
        { -1, -4, -1, 0,  0,  0,  1,  4,  1},
        { 1,  -2, 1,  4,  -8, 4,  1,  -2, 1},
        { 1,  4,  1,  -2, -8, -2, 1,  4,  1},
        { 1,  0,  -1, 0,  0,  0,  -1, 0,  1}
    };
    struct ode_rng rng = rng_of(12);

    for (int n = 0; n < 200; n++) {
        double damped[9] = { 0 }, plain[9];

        for (int k = 0; k < 6; k++) {
            const double weight = (double)ode_rng_below(&rng, 2001) - 1000;

            for (int i = 0; i < 9; i++)
                damped[i] += weight * stencil[k][i];
        }
        memcpy(plain, damped, sizeof plain);
        ode_stencil_refine(4, 2, (double(*)[3])damped);
        ode_stencil_map(BILINEAR, -2, (double(*)[3])plain);
        for (int i = 0; i < 9; i++)
            ck_assert(damped[i] == plain[i]);
    }
}
END_TEST

START_TEST(cap_of_sixteen_damps_nothing)
{
    struct ode_rng rng = rng_of(13);
    double damped[9], plain[9];

    for (int n = 0; n < 100; n++) {
        for (int i = 0; i < 9; i++)
            plain[i] = damped[i] = ode_rng_normal(&rng);
        ode_stencil_refine(16, 2, (double(*)[3])damped);
        ode_stencil_map(BILINEAR, -2, (double(*)[3])plain);
        ck_assert_mem_eq(damped, plain, sizeof plain);
    }
}
END_TEST

/* Taps to float as transfers do it. */
static void
refine_floats(double cap, int doublings, size_t n, float *k)
{
    double s[9];

    for (size_t m = 0; m < n; m++) {
        for (int i = 0; i < 9; i++)
            s[i] = k[9 * m + (size_t)i];
        ode_stencil_refine(cap, doublings, (double(*)[3])s);
        for (int i = 0; i < 9; i++)
            k[9 * m + (size_t)i] = (float)s[i];
    }
}

START_TEST(damping_commutes_with_transposition_bit_for_bit)
{
    enum { C = 16, N = C * C * 9 };
    struct ode_rng rng = rng_of(14);
    static float k[N], kt[N], want[N];

    for (int n = 0; n < CAPS * 3; n++) {
        draw_wide(&rng, k, N);
        transpose(C, k, kt);
        refine_floats(caps[n / 3], 1 + n % 3, (size_t)C * C, kt);
        refine_floats(caps[n / 3], 1 + n % 3, (size_t)C * C, k);
        transpose(C, k, want);
        ck_assert_mem_eq(kt, want, sizeof want);
    }
}
END_TEST

START_TEST(damping_keeps_the_sum_of_taps)
{
    struct ode_rng rng = rng_of(15);

    for (int n = 0; n < 100 * CAPS; n++) {
        double s[9], before = 0, after = 0, size = 0;

        for (int i = 0; i < 9; i++)
            before += s[i] = ode_rng_normal(&rng);
        ode_stencil_refine(caps[n % CAPS], 1 + n % 3, (double(*)[3])s);
        for (int i = 0; i < 9; i++) {
            after += s[i];
            size += fabs(s[i]);
        }
        ck_assert_double_le(fabs(before - after), 1e-12 * (1 + size));
    }
}
END_TEST

START_TEST(damped_variances_go_through_the_squared_entries)
{
    for (int k = 0; k < CAPS; k++)
        for (int n = 0; n < 27; n++) {
            double tap[9] = { 0 }, variance[9] = { 0 };

            tap[n % 9] = 1, variance[n % 9] = 3;
            ode_stencil_refine(caps[k], n / 9 + 1, (double(*)[3])tap);
            ode_stencil_refine_squares(caps[k], n / 9 + 1, (double(*)[3])variance);
            for (int i = 0; i < 9; i++)
                ck_assert_double_eq_tol(variance[i], 3 * tap[i] * tap[i],
                                        1e-11 * (1 + tap[i] * tap[i]));
        }
}
END_TEST

/* A smooth function of period 1 in both directions. */
static double
smooth_at(double x, double y)
{
    const double two_pi = 6.283185307179586;

    return sin(two_pi * x + 0.3) * cos(two_pi * y) + 0.5 * cos(2 * two_pi * (x + y));
}

/* The stencil, correlated with the function at the cell centres of a mesh of n x n. */
static double
correlate(double stencil[3][3], int n, int row, int column)
{
    double sum = 0;

    for (int a = -1; a <= 1; a++)
        for (int b = -1; b <= 1; b++)
            sum += stencil[a + 1][b + 1]
                   * smooth_at((column + b + 0.5) / n, (row + a + 0.5) / n);
    return sum;
}

/* The largest difference between the coarse stencil's output and the restricted output of
 * the fine one, against the largest output, on a fine mesh of n x n. */
static double
inconsistency(enum ode_space space, const double stencil[3][3], int n)
{
    double fine[3][3], coarse[3][3], worst = 0, most = 0;

    memcpy(fine, stencil, sizeof fine);
    memcpy(coarse, stencil, sizeof coarse);
    ode_stencil_map(space, 1, coarse);
    for (int r = 0; r < n / 2; r++)
        for (int c = 0; c < n / 2; c++) {
            const double restricted =
                (correlate(fine, n, 2 * r, 2 * c) + correlate(fine, n, 2 * r, 2 * c + 1)
                 + correlate(fine, n, 2 * r + 1, 2 * c)
                 + correlate(fine, n, 2 * r + 1, 2 * c + 1))
                / 4;

            worst = fmax(worst, fabs(correlate(coarse, n / 2, r, c) - restricted));
            most = fmax(most, fabs(restricted));
        }
    return worst / most;
}

/* Oracle E 26: on smooth functions a first derivative's coarse stencil gives what the
 * fine one gives, restricted, but for O(h^2). */
START_TEST(derivatives_of_smooth_functions_agree_on_both_meshes)
{
    static const double along_x[3][3] = {
        {0,     0, 0  },
        { -0.5, 0, 0.5},
        { 0,    0, 0  }
    };

    for (int s = 0; s < SPACES; s++)
        for (int n = 32; n <= 128; n *= 2) {
            const double ratio = inconsistency(spaces[s], along_x, n)
                                 / inconsistency(spaces[s], along_x, 2 * n);

            ck_assert_msg(fabs(ratio - 4) < 0.4, "%s, n = %d: %g",
                          ode_space_choices[spaces[s]].name, n, ratio);
        }
}
END_TEST

TEST_SUITE(stencil, 60, derivatives_of_smooth_functions_agree_on_both_meshes,
           counting_stencil_gives_the_golden_numbers,
           laplacian_is_halved_by_constant_and_smoothed_by_bilinear,
           worked_example_of_the_paper_is_bilinear,
           unit_stencils_give_the_printed_matrices, matrices_of_an_axis_are_inverse,
           there_and_back_is_the_identity, levels_one_by_one_give_what_they_give_at_once,
           tensors_are_mapped_slice_by_slice,
           bilinear_and_rediscretise_scale_every_derivative_exactly,
           constant_halves_derivatives_and_keeps_the_identity, sum_of_taps_is_kept,
           transposition_commutes_bit_for_bit, antisymmetric_kernels_stay_antisymmetric,
           mapped_stencil_is_the_galerkin_product, rediscretise_is_no_galerkin_product,
           rediscretise_moves_and_shrinks_the_symbol,
           bilinear_with_zero_padding_differs_at_the_outer_ring_only,
           coarsening_never_increases_the_symbol,
           refining_random_stencils_increases_the_symbol_as_known,
           gain_and_condition_are_the_known_ones, gain_bounds_every_stencil,
           powers_of_two_between_resolutions_are_counted,
           other_ratios_of_resolutions_are_refused,
           variances_go_through_the_squared_entries,
           variances_add_up_and_stay_without_a_step,
           damping_limits_noise_and_loses_what_is_known, damping_goes_from_cap_to_cap,
           a_cap_of_one_takes_all_of_a_refinement_back,
           damping_caps_the_factor_of_each_term, cap_of_four_is_exact_up_to_second_order,
           cap_of_sixteen_damps_nothing, damping_commutes_with_transposition_bit_for_bit,
           damping_keeps_the_sum_of_taps, damped_variances_go_through_the_squared_entries)
