/* layers.c - tests core/layers/: connectors, normalisation, head, loss. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/gemm.h"
#include "core/layers/connect.h"
#include "core/layers/head.h"
#include "core/layers/norm.h"
#include "tests/core/toy.h"
#include "tests/test.h"

#ifdef ODE_DOUBLE
#define TOLERANCE 1e-13
#else
#define TOLERANCE 2e-6
#endif

/* Oracle E 5: <P x, y> = <x, P' y>. */
START_TEST(connector_adjoint_is_exact)
{
    const struct ode_connector c = { .from = 18, .to = 33, .h = 6, .w = 10 };
    const size_t n = ode_image(18, 6, 10), m = ode_image(33, 3, 5);
    real *x = malloc(n * sizeof *x), *y = malloc(m * sizeof *y);
    real *px = malloc(m * sizeof *px), *pty = malloc(n * sizeof *pty);

    toy_noise_image(1, 18, 6, 10, x);
    toy_noise_image(2, 33, 3, 5, y);
    memset(px, 0x7f, m * sizeof *px); /* all of it is written */
    memset(pty, 0x7f, n * sizeof *pty);
    ode_connect(&c, x, px);
    ode_connect_adjoint(&c, y, pty);
    ck_assert_double_eq_tol(toy_dot(px, y, m), toy_dot(x, pty, n),
                            TOLERANCE * sqrt(toy_dot(px, px, m) * toy_dot(y, y, m)));
    free(x);
    free(y);
    free(px);
    free(pty);
}
END_TEST

START_TEST(connector_pads_both_sides_of_a_half)
{
    const struct ode_connector c = { .from = 2, .to = 6, .h = 2, .w = 2 };
    const double planes[8] = { 1, 2, 3, 4, 10, 20, 30, 40 };
    real x[16 * 16], y[9 * 16];
    double out[6];

    toy_blocked(2, 2, 2, planes, x);
    ode_connect(&c, x, y);
    toy_planes(6, 1, 1, y, out);
    ck_assert_double_eq(out[0], 0);
    ck_assert_double_eq(out[1], 0);
    ck_assert_double_eq(out[2], 2.5);
    ck_assert_double_eq(out[3], 25);
    ck_assert_double_eq(out[4], 0);
    ck_assert_double_eq(out[5], 0);
}
END_TEST

/* Index of channel c at (y, x). */
static size_t
at(int c, int y, int x, int h, int w)
{
    return (size_t)(c / 16) * ode_plane(h, w) + (size_t)((y + 1) * (w + 2) + x + 1) * 16
           + (size_t)(c % 16);
}

static real *
room(size_t n, int byte)
{
    real *x = aligned_alloc(64, n * sizeof *x);

    ck_assert_ptr_nonnull(x);
    memset(x, byte, n * sizeof *x);
    return x;
}

/* Channel by channel and pixel by pixel; zero channels of every number below and above
 * 16, so that blocks are shifted against each other in every way. */
START_TEST(connector_is_the_formula_bit_for_bit)
{
    for (int from = 1; from <= 40; from += 3)
        for (int to = from; to <= from + 70; to += 3) {
            const struct ode_connector s = {
                .from = from, .to = to, .h = 4, .w = 6, .grid = to % 2 ? (real)0x1p-16 : 0
            };
            const int before = (to - from) / 2;
            const size_t n = ode_image(from, 4, 6), m = ode_image(to, 2, 3);
            real *x = room(n, 0x7f), *y = room(m, 0x7f), *want = room(m, 0);
            real *dy = room(m, 0), *dx = room(n, 0x7f), *back = room(n, 0);

            toy_noise_image(1, from, 4, 6, x);
            toy_noise_image(2, to, 2, 3, dy);
            for (int c = 0; c < from; c++)
                for (int r = 0; r < 4; r++)
                    for (int p = 0; p < 6; p++) {
                        const real *four = x + at(c, r, p, 4, 6);
                        const size_t down = 8 * 16,
                                     j = at(c + before, r / 2, p / 2, 2, 3);

                        back[at(c, r, p, 4, 6)] = dy[j] / 4;
                        if (r % 2 == 0 && p % 2 == 0)
                            want[j] = ode_to_grid(
                                ((four[0] + four[16]) + (four[down] + four[down + 16]))
                                    / 4,
                                s.grid);
                    }
            ode_connect(&s, x, y);
            ode_connect_adjoint(&s, dy, dx);
            ck_assert_mem_eq(y, want, m * sizeof *y);
            ck_assert_mem_eq(dx, back, n * sizeof *dx);
            free(x);
            free(y);
            free(want);
            free(dy);
            free(dx);
            free(back);
        }
}
END_TEST

START_TEST(every_second_pixel_and_back)
{
    const int c = 20, h = 6, w = 4;
    const size_t n = ode_image(c, h, w), m = ode_image(c, h / 2, w / 2);
    real *x = room(n, 0), *y = room(m, 0), *dx = room(n, 0x7f);

    toy_noise_image(1, c, h, w, x);
    ode_subsample(2, h, w, x, y);
    ode_subsample_adjoint(2, h, w, y, dx);
    for (int k = 0; k < c; k++)
        for (int r = 0; r < h; r++)
            for (int p = 0; p < w; p++) {
                const size_t j = at(k, r, p, h, w);
                const bool even = r % 2 == 0 && p % 2 == 0;

                if (even)
                    ck_assert(y[at(k, r / 2, p / 2, h / 2, w / 2)] == x[j]);
                ck_assert(dx[j] == (even ? x[j] : 0));
                dx[j] = 0;
            }
    for (size_t j = 0; j < n; j++)
        ck_assert(dx[j] == 0); /* all else */
    free(x);
    free(y);
    free(dx);
}
END_TEST

START_TEST(grid_rounds_to_the_nearest_even)
{
    const real g = (real)0x1p-16;

    ck_assert(ode_to_grid(3 * g + g / 4, g) == 3 * g);
    ck_assert(ode_to_grid(3 * g + g / 2, g) == 4 * g);
    ck_assert(ode_to_grid(-(3 * g + g / 2), g) == -4 * g);
    ck_assert(ode_to_grid((real)0.3, 0) == (real)0.3);
}
END_TEST

START_TEST(normalised_channels_have_mean_0_and_variance_1)
{
    const struct ode_norm_shape s = { .n = 3, .blocks = 2, .h = 5, .w = 4 };
    const size_t image = 2 * ode_plane(5, 4), n = 3 * image;
    real *x = aligned_alloc(64, n * sizeof *x), *y = aligned_alloc(64, n * sizeof *y);
    real mean[32], variance[32], one[32], zero[32] = { 0 };
    const struct ode_normaliser m = { .kernels = ode_kernels_best(ODE_ISA_ALL),
                                      .kind = ODE_NORM_BATCH,
                                      .scale = one,
                                      .shift = zero,
                                      .seen_mean = mean,
                                      .seen_variance = variance };

    memset(y, 0, n * sizeof *y);
    for (int i = 0; i < 32; i++)
        one[i] = 1;
    for (size_t i = 0; i < 3; i++)
        toy_noise_image(i, 32, 5, 4, x + i * image);
    for (size_t i = 0; i < n; i++)
        x[i] = 3 * x[i] + (x[i] != 0 ? 2 : 0);
    ode_norm_act_forward(&m, &s, ODE_TRAIN, &(struct ode_after){ .active = false }, x, y);
    ode_norm_moments(m.kernels, &s, y, mean, variance);
    for (int i = 0; i < 32; i++) {
        ck_assert_double_eq_tol((double)mean[i], 0, 1e-6);
        ck_assert_double_eq_tol((double)variance[i], 1, 1e-3); /* epsilon's share */
    }
    free(x);
    free(y);
}
END_TEST

/* Sums in double, pixel after pixel; the way back is written everywhere. */
START_TEST(features_are_means_bit_for_bit)
{
    const struct ode_head s = {
        .n = 2, .channels = 34, .parts = 2, .classes = 5, .blocks = 4, .h = 3, .w = 5
    };
    const size_t half = ode_image(17, 3, 5), n = 4 * half;
    real *x = room(n, 0), *dx = room(n, 0x7f), *want = room(n, 0), f[68];

    for (size_t i = 0; i < 4; i++)
        toy_noise_image(i, 17, 3, 5, x + i * half);
    ode_head_features(&s, x, f);
    ode_head_features_adjoint(&s, f, dx);
    for (size_t k = 0; k < 68; k++) {
        double sum = 0;

        for (int r = 0; r < 3; r++)
            for (int p = 0; p < 5; p++) {
                const size_t j = k / 17 * half + at((int)(k % 17), r, p, 3, 5);

                sum += (double)x[j];
                want[j] = f[k] / 15;
            }
        ck_assert(f[k] == (real)(sum / 15));
    }
    ck_assert_mem_eq(dx, want, n * sizeof *dx);
    free(x);
    free(dx);
    free(want);
}
END_TEST

START_TEST(features_adjoint_is_exact)
{
    const struct ode_head s = {
        .n = 2, .channels = 34, .parts = 2, .classes = 5, .blocks = 4, .h = 3, .w = 4
    };
    const size_t image = 2 * ode_image(17, 3, 4), n = 2 * image;
    real *x = calloc(n, sizeof *x), *d = calloc(n, sizeof *d), f[68], df[68];

    for (size_t i = 0; i < 4; i++)
        toy_noise_image(i, 17, 3, 4, x + i * image / 2);
    toy_noise(9, df, 68);
    ode_head_features(&s, x, f);
    ode_head_features_adjoint(&s, df, d);
    ck_assert_double_eq_tol(toy_dot(f, df, 68), toy_dot(x, d, n), 1e-5);
    free(x);
    free(d);
}
END_TEST

/* Flat: pixels of both runs in the standard order, and a way back that is written
 * everywhere, zeros in halo and padding. */
START_TEST(flat_features_are_the_pixels_in_standard_order)
{
    const struct ode_head s = {
        .n = 2, .channels = 34, .parts = 2, .blocks = 4, .h = 3, .w = 5, .flat = true
    };
    enum { ALL = 2 * 34 * 15 };
    const size_t half = ode_image(17, 3, 5), n = 4 * half;
    real *x = room(n, 0), *dx = room(n, 0x7f), *want = room(n, 0);
    static real f[ALL], d[ALL];

    ck_assert_int_eq(2 * ode_head_size(&s), ALL);
    toy_noise(9, d, ALL);
    for (size_t i = 0; i < 4; i++)
        toy_noise_image(i, 17, 3, 5, x + i * half);
    ode_head_features(&s, x, f);
    ode_head_features_adjoint(&s, d, dx);
    for (size_t k = 0; k < ALL; k++) {
        const size_t c = k / 15, p = k % 15;
        const size_t j =
            c / 17 * half + at((int)(c % 17), (int)(p / 5), (int)(p % 5), 3, 5);

        ck_assert(f[k] == x[j]);
        want[j] = d[k];
    }
    ck_assert_mem_eq(dx, want, n * sizeof *dx);
    free(x);
    free(dx);
    free(want);
}
END_TEST

/* Oracle E 13. */
START_TEST(uniform_logits_cost_the_logarithm_of_the_classes)
{
    real ten[10] = { 0 }, hundred[100] = { 0 };
    double sum = 0;
    int hit;

    ck_assert_double_eq_tol(ode_head_loss(10, 3, 0, ten, ten, &hit), 2.302585, 1e-6);
    ck_assert_int_eq(hit, 0);
    for (int i = 0; i < 10; i++)
        sum += (double)ten[i];
    ck_assert_double_eq_tol(sum, 0, 1e-6);
    ck_assert_double_eq_tol((double)ten[3], -0.9, 1e-6);
    ck_assert_double_eq_tol(ode_head_loss(100, 0, 0, hundred, hundred, &hit), 4.605170,
                            1e-6);
    ck_assert_int_eq(hit, 1);
}
END_TEST

/* Neither overflow nor underflow. */
START_TEST(loss_survives_huge_logits)
{
    real sure[3] = { (real)1e4, (real)-1e4, 0 }, wrong[2] = { (real)1e4, (real)-1e4 };
    int hit;

    ck_assert_double_lt(ode_head_loss(3, 0, 0, sure, sure, &hit), 1e-9);
    ck_assert_int_eq(hit, 1);
    ck_assert_double_eq_tol(ode_head_loss(2, 1, 0, wrong, wrong, &hit), 2e4, 1e-3);
    ck_assert_int_eq(hit, 0);
    ck_assert_double_eq((double)wrong[0], 1);
}
END_TEST

/* With and without smoothed labels. */
START_TEST(loss_gradient_is_the_derivative)
{
    const double e = 1e-3;

    for (int k = 0; k < 12; k++) {
        const double smoothing = k < 6 ? 0 : 0.3;
        real g[6], up[6], down[6], none[6];
        int hit;

        for (int i = 0; i < 6; i++)
            g[i] = up[i] = down[i] = (real)(sin(i * 2.1) * 2);
        up[k % 6] += (real)e;
        down[k % 6] -= (real)e;
        ode_head_loss(6, 2, smoothing, g, g, &hit);
        ck_assert_double_eq_tol((double)g[k % 6],
                                (ode_head_loss(6, 2, smoothing, up, none, &hit)
                                 - ode_head_loss(6, 2, smoothing, down, none, &hit))
                                    / (2 * e),
                                4e-4);
    }
}
END_TEST

/* -sum q log p, written down with the probabilities themselves. */
START_TEST(smoothed_labels_cost_their_cross_entropy)
{
    const real logits[3] = { (real)0.5, -1, 2 };
    double p[3], sum = 0, want = 0;
    real d[3];
    int hit;

    for (int k = 0; k < 3; k++)
        sum += exp((double)logits[k]);
    for (int k = 0; k < 3; k++) {
        p[k] = exp((double)logits[k]) / sum;
        want -= (0.3 / 3 + (k == 1 ? 0.7 : 0)) * log(p[k]);
    }
    ck_assert_double_eq_tol(ode_head_loss(3, 1, 0.3, logits, d, &hit), want, 1e-6);
    ck_assert_double_eq_tol((double)d[1], p[1] - 0.8, 1e-6);
    ck_assert_int_eq(hit, 0);
}
END_TEST

START_TEST(gemm_is_the_formula_in_every_form)
{
    enum { M = 3, N = 4, K = 5 };
    real a[M * K], b[K * N], c[M * N], at[K * M], bt[N * K];

    ode_gemm_single_thread();
    toy_noise(1, a, M * K);
    toy_noise(2, b, K * N);
    for (int i = 0; i < M; i++)
        for (int k = 0; k < K; k++)
            at[k * M + i] = a[i * K + k];
    for (int k = 0; k < K; k++)
        for (int j = 0; j < N; j++)
            bt[j * K + k] = b[k * N + j];
    for (int form = 0; form < 4; form++) {
        for (int i = 0; i < M * N; i++)
            c[i] = 1;
        ode_gemm(form & 1, form & 2, M, N, K, form & 1 ? at : a, form & 2 ? bt : b, 1, c);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double want = 1;

                for (int k = 0; k < K; k++)
                    want += (double)a[i * K + k] * (double)b[k * N + j];
                ck_assert_double_eq_tol((double)c[i * N + j], want, 1e-5);
            }
    }
}
END_TEST

TEST_SUITE(layers, 60, connector_adjoint_is_exact, connector_pads_both_sides_of_a_half,
           connector_is_the_formula_bit_for_bit, every_second_pixel_and_back,
           grid_rounds_to_the_nearest_even,
           normalised_channels_have_mean_0_and_variance_1, features_are_means_bit_for_bit,
           features_adjoint_is_exact, flat_features_are_the_pixels_in_standard_order,
           uniform_logits_cost_the_logarithm_of_the_classes, loss_survives_huge_logits,
           loss_gradient_is_the_derivative, smoothed_labels_cost_their_cross_entropy,
           gemm_is_the_formula_in_every_form)
