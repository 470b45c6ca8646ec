/* optim.c - tests core/optim/: schedules, penalties, momentum, Adam. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/net/net.h"
#include "core/optim/adamw.h"
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

static const struct ode_adamw adam = {
    .rate = 0.01, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-6, .decay = 0.2, .t = 1
};

/* The definition, by sums over all gradients so far instead of by recursion. */
static void
adamw_of_the_paper(double (*g)[2], int64_t steps, double *x)
{
    for (int64_t t = 1; t <= steps; t++)
        for (int i = 0; i < 2; i++) {
            double mean = 0, square = 0, whole[2] = { 0 };

            for (int64_t s = 1; s <= t; s++) {
                const double w1 = pow(adam.beta1, (double)(t - s));
                const double w2 = pow(adam.beta2, (double)(t - s));

                mean += w1 * g[s - 1][i], whole[0] += w1;
                square += w2 * g[s - 1][i] * g[s - 1][i], whole[1] += w2;
            }
            x[i] -= adam.rate * adam.decay * x[i]
                    + adam.rate * (mean / whole[0])
                          / (sqrt(square / whole[1]) + adam.epsilon);
        }
}

START_TEST(adamw_follows_its_definition)
{
    enum { STEPS = 12 };
    const double tolerance = 16 * ldexp(1, -ODE_REAL_BITS);
    double gradient[STEPS][2], want[2] = { 1, -0.5 };
    real x[2] = { 1, (real)-0.5 }, m[2] = { 0 }, v[2] = { 0 };

    for (int t = 0; t < STEPS; t++)
        for (int i = 0; i < 2; i++)
            gradient[t][i] = i ? cos(t) : 1e-3 * (t % 3 - 0.5);
    for (int t = 0; t < STEPS; t++) {
        const real g[2] = { (real)gradient[t][0], (real)gradient[t][1] };
        struct ode_adamw a = adam;

        a.t = t + 1;
        ode_adamw_update(&a, 2, g, m, v, x);
    }
    adamw_of_the_paper(gradient, STEPS, want);
    for (int i = 0; i < 2; i++) {
        ck_assert_double_eq_tol((double)x[i], want[i], tolerance);
        ck_assert_double_gt(fabs(want[i]), 1e-2); /* and has moved */
        ck_assert_double_gt(fabs(want[i] - (i ? -0.5 : 1)), 1e-3);
    }
}
END_TEST

START_TEST(the_first_step_of_adamw_is_as_long_as_the_rate)
{
    const real g[4] = { (real)1e-4, -1, 1000, 0 };
    const double want[4] = { -0.01, 0.01, -0.01, 0 };
    real m[4] = { 0 }, v[4] = { 0 }, x[4] = { 0 };
    struct ode_adamw a = adam;

    a.epsilon = 1e-12;
    ode_adamw_update(&a, 4, g, m, v, x);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol((double)x[i], want[i], 1e-7);
}
END_TEST

START_TEST(decay_of_adamw_leaves_no_trace_in_its_moments)
{
    const real g[2] = { 1, -2 };
    real m[2] = { 1, 2 }, v[2] = { 3, 4 }, x[2] = { 8, -4 };
    real m_free[2] = { 1, 2 }, v_free[2] = { 3, 4 }, x_free[2] = { 8, -4 };
    struct ode_adamw a = adam, free = adam;

    a.t = free.t = 5, free.decay = 0;
    ode_adamw_update(&a, 2, g, m, v, x);
    ode_adamw_update(&free, 2, g, m_free, v_free, x_free);
    ck_assert_mem_eq(m, m_free, sizeof m);
    ck_assert_mem_eq(v, v_free, sizeof v);
    for (int i = 0; i < 2; i++)
        ck_assert_double_eq_tol((double)(x_free[i] - x[i]), 0.01 * 0.2 * (i ? -4 : 8),
                                1e-6);
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
           adamw_follows_its_definition, the_first_step_of_adamw_is_as_long_as_the_rate,
           decay_of_adamw_leaves_no_trace_in_its_moments,
           penalty_gradient_is_its_derivative, constant_weights_are_smooth,
           decay_is_of_kernels_and_independent_of_depth)
