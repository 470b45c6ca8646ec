/* metric.c - tests core/scales/metric.c */
#include "core/scales/metric.h"

#include <math.h>

#include "core/base/rng.h"
#include "core/scales/stencil.h"
#include "tests/test.h"

static void
noise(double s[9], uint64_t seed)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 9, 0);

    for (int i = 0; i < 9; i++)
        s[i] = ode_rng_normal(&rng);
}

/* A of L halvings as a 9x9 matrix, column by column, by the transfer's own operator. */
static void
matrix(enum ode_space space, int halvings, double a[9][9])
{
    for (int j = 0; j < 9; j++) {
        double unit[3][3] = { { 0 } };

        unit[j / 3][j % 3] = 1;
        ode_stencil_map(space, halvings, unit);
        for (int i = 0; i < 9; i++)
            a[i][j] = unit[i / 3][i % 3];
    }
}

START_TEST(metric_is_a_times_its_transpose)
{
    for (int space = ODE_SPACE_BILINEAR; space < ODE_SPACE_NONE; space++)
        for (int halvings = 1; halvings <= 3; halvings++) {
            const struct ode_metric m = ode_metric_make((enum ode_space)space, halvings);
            double a[9][9], g[9], want[9] = { 0 }, ratio;
            real got[9];

            matrix((enum ode_space)space, halvings, a);
            noise(g, 1);
            for (int i = 0; i < 9; i++)
                got[i] = (real)g[i];
            ode_metric_apply(&m, 1, got);
            for (int i = 0; i < 9; i++)
                for (int j = 0; j < 9; j++)
                    for (int k = 0; k < 9; k++)
                        want[i] += a[i][k] * a[j][k] * g[j];
            ratio = (double)got[4] / want[4];
            ck_assert_double_gt(ratio, 1); /* scaled up, by one factor */
            for (int i = 0; i < 9; i++)
                ck_assert_double_eq_tol((double)got[i], ratio * want[i], 1e-5);
        }
}
END_TEST

START_TEST(nothing_to_do_is_the_identity)
{
    const enum ode_space spaces[] = { ODE_SPACE_BILINEAR, ODE_SPACE_NONE };

    for (int k = 0; k < 2; k++) {
        const struct ode_metric m = ode_metric_make(spaces[k], k); /* 0 halvings, none */

        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                ck_assert_double_eq((double)m.axis[i][j], i == j);
    }
}
END_TEST

/* The point of it: a step along the metric's gradient is not amplified by going finer,
 * as a plain step is. */
static void
assert_no_amplification(enum ode_space space)
{
    const struct ode_metric m = ode_metric_make(space, 2);
    double plain = 0, measured = 0, start = 0;

    for (int n = 0; n < 200; n++) {
        double g[9], step[3][3], raw[3][3];
        real s[9];

        noise(g, (uint64_t)n);
        for (int i = 0; i < 9; i++)
            s[i] = (real)g[i];
        ode_metric_apply(&m, 1, s);
        for (int i = 0; i < 9; i++) {
            step[i / 3][i % 3] = (double)s[i];
            raw[i / 3][i % 3] = g[i];
            start += g[i] * g[i];
        }
        ode_stencil_map(space, -2, step);
        ode_stencil_map(space, -2, raw);
        for (int i = 0; i < 9; i++) {
            measured += step[i / 3][i % 3] * step[i / 3][i % 3];
            plain += raw[i / 3][i % 3] * raw[i / 3][i % 3];
        }
    }
    ck_assert_double_lt(sqrt(measured / start), 2);
    ck_assert_double_gt(sqrt(plain / start), space == ODE_SPACE_CONSTANT ? 10 : 50);
}

START_TEST(going_finer_does_not_amplify_a_step)
{
    for (int space = ODE_SPACE_BILINEAR; space < ODE_SPACE_NONE; space++)
        assert_no_amplification((enum ode_space)space);
}
END_TEST

TEST_SUITE(metric, 30, metric_is_a_times_its_transpose, nothing_to_do_is_the_identity,
           going_finer_does_not_amplify_a_step)
