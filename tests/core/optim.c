/* optim.c - tests core/optim/: schedules, penalties, momentum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/net/net.h"
#include "core/optim/penalty.h"
#include "core/optim/schedule.h"
#include "core/optim/sgd.h"
#include "tests/core/toy.h"
#include "tests/test.h"

START_TEST(schedules_are_their_formulas)
{
    struct ode_lr_spec lr = { .schedule = ODE_SCHEDULE_CONSTANT, .peak = 0.2 };

    ck_assert_double_eq(ode_schedule_rate(&lr, 77, 100, 10), 0.2);
    lr = (struct ode_lr_spec){
        .schedule = ODE_SCHEDULE_STEP,
        .peak = 0.1,
        .factor = 0.1,
        .at_n = 2,
        .at = {2, 5}
    };
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 19, 100, 10), 0.1, 1e-15);
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 20, 100, 10), 0.01, 1e-15);
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 50, 100, 10), 0.001, 1e-15);
    lr = (struct ode_lr_spec){ .schedule = ODE_SCHEDULE_COSINE,
                               .peak = 0.5,
                               .floor = 0.1 };
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 0, 100, 10), 0.5, 1e-15);
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 50, 100, 10), 0.3, 1e-15);
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 100, 100, 10), 0.1, 1e-15);
    lr = (struct ode_lr_spec){ .schedule = ODE_SCHEDULE_TRIANGULAR,
                               .peak = 1,
                               .warmup = 0.25 };
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 0, 100, 10), 0.02, 1e-15);
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 99, 100, 10), 0.005 / 0.75, 1e-15);
    for (int i = 0; i < 100; i++)
        ck_assert_double_lt(ode_schedule_rate(&lr, i, 100, 10), 1);
    lr.warmup = 0;
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 0, 100, 10), 0.995, 1e-15);
    lr.warmup = 1;
    ck_assert_double_eq_tol(ode_schedule_rate(&lr, 99, 100, 10), 0.995, 1e-15);
}
END_TEST

START_TEST(momentum_follows_both_formulas)
{
    const real g[2] = { 1, -2 };
    real v[2] = { 4, 0 }, x[2] = { 10, 20 };
    struct ode_sgd sgd = { .rate = 0.5, .momentum = 0.5, .nesterov = false };

    ode_sgd_update(&sgd, 2, g, v, x); /* v = 3, -2 */
    ck_assert_double_eq((double)x[0], 8.5);
    ck_assert_double_eq((double)x[1], 21);
    sgd.nesterov = true;
    ode_sgd_update(&sgd, 2, g, v, x); /* v = 2.5, -3; step 2.25, -3.5 */
    ck_assert_double_eq((double)v[1], -3);
    ck_assert_double_eq((double)x[0], 7.375);
    ck_assert_double_eq((double)x[1], 22.75);
}
END_TEST

START_TEST(decoupled_decay_shrinks_weights_but_not_momentum)
{
    const real g[2] = { 1, -2 };

    for (int nesterov = 0; nesterov < 2; nesterov++) {
        struct ode_sgd sgd = { .rate = 0.5, .momentum = 0.5, .nesterov = nesterov };
        real v[2] = { 4, 0 }, x[2] = { 10, 20 }, v_free[2] = { 4, 0 }, x_free[2];

        memcpy(x_free, x, sizeof x);
        ode_sgd_update(&sgd, 2, g, v_free, x_free);
        sgd.decay = 0.25;
        ode_sgd_update(&sgd, 2, g, v, x); /* shrinks what was there before the step */
        ck_assert_mem_eq(v, v_free, sizeof v);
        ck_assert_double_eq((double)x[0], (double)x_free[0] - 0.5 * 0.25 * 10);
        ck_assert_double_eq((double)x[1], (double)x_free[1] - 0.5 * 0.25 * 20);
    }
}
END_TEST

/* Negative zeros included. */
START_TEST(no_decay_changes_no_bit)
{
    enum { N = 257 };
    const struct ode_sgd sgd = { .rate = 0.1, .momentum = 0.9, .nesterov = true };
    const real rate = (real)0.1, mu = (real)0.9;
    struct ode_rng rng = ode_rng_at(3, ODE_STREAM_TEST, 500, 0);
    real g[N], v[N], x[N], want_v[N], want_x[N];

    for (int i = 0; i < N; i++) {
        g[i] = i % 3 ? (real)ode_rng_normal(&rng) : 0;
        v[i] = want_v[i] = i % 3 ? (real)ode_rng_normal(&rng) : 0;
        x[i] = want_x[i] = i % 2 ? (real)ode_rng_normal(&rng) : -(real)0;
    }
    ode_sgd_update(&sgd, N, g, v, x);
    for (int i = 0; i < N; i++) {
        want_v[i] = mu * want_v[i] + g[i];
        want_x[i] -= rate * (g[i] + mu * want_v[i]);
    }
    ck_assert_mem_eq(v, want_v, sizeof v);
    ck_assert_mem_eq(x, want_x, sizeof x);
}
END_TEST

static const struct toy_options deep = {
    .units = 2,
    .channels = {4,  6},
    .blocks = { 3, 4},
    .resolution = 4,
    .in = 1,
    .classes = 3,
    .step = 0.25
};

START_TEST(penalty_gradient_is_its_derivative)
{
    const struct ode_penalty p = { .decay = 0.3, .smoothness = 0.07, .step = 0.25 };
    struct toy t;
    real *g;

    toy_init(&t, &deep, ODE_ISA_ALL, 1, 1, true);
    g = calloc(t.net.params.theta_n, sizeof *g);
    for (int i = 0; i < t.net.params.trained_n; i++)
        ode_penalty_gradient(&p, &t.net.params, i, t.engine.theta, g);
    for (size_t j = 0; j < t.net.params.theta_n; j += 7) {
        const real kept = t.engine.theta[j];
        const double e = 0x1p-7; /* the penalty is quadratic: no truncation error */
        double up, down;

        t.engine.theta[j] = kept + (real)e;
        up = ode_penalty_value(&p, &t.net.params, t.engine.theta);
        t.engine.theta[j] = kept - (real)e;
        down = ode_penalty_value(&p, &t.net.params, t.engine.theta);
        t.engine.theta[j] = kept;
        ck_assert_double_eq_tol((double)g[j], (up - down) / (2 * e), 1e-5);
    }
    free(g);
    toy_release(&t);
}
END_TEST

START_TEST(constant_weights_are_smooth)
{
    const struct ode_penalty p = { .smoothness = 1, .step = 0.25 };
    struct toy t;

    toy_init(&t, &deep, ODE_ISA_ALL, 1, 1, true);
    ck_assert_double_gt(ode_penalty_value(&p, &t.net.params, t.engine.theta), 1);
    for (size_t j = 0; j < t.net.params.theta_n; j++)
        t.engine.theta[j] = 2;
    ck_assert_double_eq(ode_penalty_value(&p, &t.net.params, t.engine.theta), 0);
    toy_release(&t);
}
END_TEST

/* Decay leaves biases and normalisation alone, and is an integral over time. */
START_TEST(decay_is_of_kernels_and_independent_of_depth)
{
    const struct ode_penalty p = { .decay = 2, .step = 0.25 };
    double value[2];

    for (int fine = 0; fine < 2; fine++) {
        struct toy_options o = deep;
        struct toy t;

        toy_init(&t, &o, ODE_ISA_ALL, 1, 1, true);
        ode_net_release(&t.net);
        for (int u = 0; u < 2; u++) /* segments of 4, 3 or, coarser, 2, 1 blocks */
            t.recipe.levels[0].blocks[u] = fine ? deep.blocks[u] : 2 - (u == 0);
        {
            struct ode_err err;
            real *theta;

            test_ok(ode_net_init(&t.net, &t.recipe, 0, 1, 3, &err), &err);
            theta = calloc(t.net.params.theta_n, sizeof *theta);
            for (int i = 0; i < t.net.params.trained_n; i++) {
                const struct ode_tensor *x = &t.net.params.tensor[i];

                for (size_t j = 0; j < x->n; j++)
                    theta[x->offset + j] = x->segment >= 0 ? 1 : 0;
            }
            value[fine] = ode_penalty_value(&p, &t.net.params, theta);
            free(theta);
        }
        toy_release(&t);
    }
    ck_assert_double_eq_tol(value[0], value[1], 1e-9);
    /* four blocks of two 2x2x3x3 kernels, three of two 3x3x3x3 ones */
    ck_assert_double_eq_tol(value[1], 4 * 2 * 36 + 3 * 2 * 81, 1e-9);
}
END_TEST

TEST_SUITE(optim, 60, schedules_are_their_formulas, momentum_follows_both_formulas,
           decoupled_decay_shrinks_weights_but_not_momentum, no_decay_changes_no_bit,
           penalty_gradient_is_its_derivative, constant_weights_are_smooth,
           decay_is_of_kernels_and_independent_of_depth)
