/* cost.c - tests core/train/cost.c and trial.c: what is measured, by a clock that counts
 * its readings, and what the sums are. How long anything takes, no test says. */
#include "core/train/cost.h"

#include <stdlib.h>
#include <string.h>

#include "core/kernels/gemm.h"
#include "core/train/trial.h"
#include "tests/test.h"

/* Two levels; 25 steps of 10 images an epoch, 50 test images. */
static struct ode_plan
plan_of(void)
{
    struct ode_plan plan = { .levels_n = 2, .train_n = 245, .test_n = 50, .batch = 10 };

    for (int k = 0; k < 2; k++)
        plan.levels[k] =
            (struct ode_level_plan){ .epochs = 2, .epoch_steps = 25, .steps = 50 };
    return plan;
}

static struct ode_cost
cost_of(void)
{
    return (struct ode_cost){
        .levels_n = 2,
        .level = {{ .step = { .median = 1, .least = 0.5, .most = 2, .n = 3 },
                     .image = { .median = 0.1, .least = 0.1, .most = 0.2, .n = 3 },
                     .epoch = 3 },
                  { .step = { .median = 4, .least = 3, .most = 5, .n = 3 },
                     .image = { .median = 0.4, .least = 0.3, .most = 0.5, .n = 3 },
                     .epoch = 7 }}
    };
}

static void
is_span(struct ode_span s, double expected, double low, double high)
{
    ck_assert_double_eq_tol(s.expected, expected, 1e-9);
    ck_assert_double_eq_tol(s.low, low, 1e-9);
    ck_assert_double_eq_tol(s.high, high, 1e-9);
}

START_TEST(a_level_is_steps_tests_gauge_and_its_transfer)
{
    const struct ode_plan plan = plan_of();
    const struct ode_cost cost = cost_of();
    const double slower = 1 + ODE_COST_SLOWER;

    /* 2 epochs of 24.5 batches; the probe and the moments see all 245 examples */
    is_span(ode_cost_level(&cost, &plan, 0, 0, NULL), 49 + 2 * (5 + 3),
            24.5 + 2 * (5 + 3), slower * (98 + 2 * (10 + 3)));
    is_span(ode_cost_level(&cost, &plan, 1, 0, NULL),
            4 * 49 + 2 * (20 + 7) + 245 * 0.1 + 490 * 0.4,
            3 * 49 + 2 * (15 + 7) + 245 * 0.1 + 490 * 0.3,
            slower * (5 * 49 + 2 * (25 + 7) + 245 * 0.2 + 490 * 0.5));
    ck_assert_double_eq_tol(ode_cost_epoch(&cost, &plan, 1), 4 * 24.5 + 20 + 7, 1e-9);
    ck_assert_double_eq_tol(ode_cost_transfer(&cost, &plan, 1), 24.5 + 196, 1e-9);
    ck_assert_double_eq(ode_cost_transfer(&cost, &plan, 0), 0);
}
END_TEST

START_TEST(large_sets_are_probed_in_part)
{
    struct ode_plan plan = plan_of();
    const struct ode_cost cost = cost_of();

    plan.train_n = 50000;
    ck_assert_double_eq_tol(ode_cost_transfer(&cost, &plan, 1),
                            512 * 0.1 + (1024 + 512) * 0.4, 1e-9);
}
END_TEST

START_TEST(within_a_level_only_what_is_left_counts)
{
    const struct ode_plan plan = plan_of();
    const struct ode_cost cost = cost_of();

    /* half an epoch is done: one and a half are left, two tests, and no transfer */
    ck_assert_double_eq_tol(ode_cost_level(&cost, &plan, 1, 12, NULL).expected,
                            4 * 24.5 * 38 / 25 + 2 * 27, 1e-9);
    ck_assert_double_eq_tol(ode_cost_level(&cost, &plan, 1, 25, NULL).expected,
                            4 * 24.5 + 27, 1e-9);
    ck_assert_double_eq_tol(ode_cost_level(&cost, &plan, 1, 50, NULL).expected, 0, 1e-9);
}
END_TEST

START_TEST(a_level_without_epochs_is_one_test)
{
    struct ode_plan plan = plan_of();
    const struct ode_cost cost = cost_of();

    plan.levels[0].epochs = plan.levels[0].steps = 0;
    ck_assert_double_eq_tol(ode_cost_level(&cost, &plan, 0, 0, NULL).expected, 5 + 3,
                            1e-9);
}
END_TEST

START_TEST(the_pace_scales_and_takes_the_allowance_away)
{
    const struct ode_plan plan = plan_of();
    const struct ode_cost cost = cost_of();
    const struct ode_pace twice = { 1000, 2001 }, nothing = { 0, 0 };
    const struct ode_pace brief = { 0.001, 1 };
    const struct ode_span plain = ode_cost_level(&cost, &plan, 1, 0, NULL);
    const struct ode_span slow = ode_cost_level(&cost, &plan, 1, 0, &twice);

    ck_assert_double_eq_tol(slow.expected, 2 * plain.expected, 1e-6 * plain.expected);
    ck_assert_double_eq_tol(slow.low, 2 * plain.low, 1e-3 * plain.low);
    ck_assert_double_eq_tol(slow.high, 2 * plain.high / (1 + ODE_COST_SLOWER),
                            1e-3 * plain.high);
    is_span(ode_cost_level(&cost, &plan, 1, 0, &nothing), plain.expected, plain.low,
            plain.high);
    /* a moment that took a thousand times as long says little */
    ck_assert_double_lt(ode_cost_level(&cost, &plan, 1, 0, &brief).expected,
                        2 * plain.expected);
}
END_TEST

/* --- measuring ---------------------------------------------------------------------- */

struct clock {
    double now, tick;
    int questions, stop_after; /* 0: never */
};

static double
seconds(void *context)
{
    struct clock *c = context;

    return c->now += c->tick;
}

static bool
stop(void *context)
{
    struct clock *c = context;

    return ++c->questions == c->stop_after;
}

/* 2 levels of 16 and 32 pixels. */
static struct ode_recipe_spec
recipe_of(int64_t batch)
{
    struct ode_recipe_spec r;
    struct ode_err err;

    ode_object_preset(&ode_recipe_object, &r);
    r.data.train_size = 1000;
    r.data.test_size = 20;
    r.model.units_n = 1;
    ode_object_preset(&ode_unit_object, &r.model.units[0]);
    r.model.units[0].channels = 4;
    r.model.units[0].blocks = 2;
    r.train.batch = batch;
    r.levels_n = 2;
    for (size_t k = 0; k < 2; k++) {
        ode_object_preset(&ode_level_object, &r.levels[k]);
        r.levels[k].resolution = 16 << k;
        r.levels[k].epochs = 2;
    }
    test_ok(ode_recipe_settle(&r, NULL, NULL, &err), &err);
    return r;
}

static enum ode_status
measure(const struct ode_recipe_spec *r, int first, struct clock *clock, double level_s,
        struct ode_cost *cost)
{
    const struct ode_cost_config config = { .kernels = ode_kernels_best(ODE_ISA_ALL),
                                            .threads = 1,
                                            .level_s = level_s,
                                            .part = 1e9,
                                            .seconds = seconds,
                                            .stop = stop,
                                            .context = clock };
    struct ode_plan plan;
    struct ode_err err;

    ode_gemm_single_thread();
    test_ok(ode_plan_make(&plan, r, 1000, 20, 1, &err), &err);
    return ode_cost_measure(cost, r, &plan, first, &config, NULL);
}

START_TEST(quick_steps_are_measured_ten_times)
{
    const struct ode_recipe_spec r = recipe_of(10);
    struct clock clock = { .tick = 1e-6 };
    struct ode_cost cost;

    ck_assert_int_eq(measure(&r, 0, &clock, 1, &cost), ODE_OK);
    ck_assert_uint_eq(cost.levels_n, 2);
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(cost.level[k].step.n, 10);
        ck_assert_int_eq(cost.level[k].image.n, 3);
        ck_assert_double_gt(cost.level[k].step.median, 0);
        ck_assert_double_le(cost.level[k].step.least, cost.level[k].step.median);
        ck_assert_double_le(cost.level[k].step.median, cost.level[k].step.most);
        ck_assert_double_eq_tol(cost.level[k].epoch, 1e-6, 1e-9); /* one gauge */
    }
}
END_TEST

START_TEST(slow_steps_are_measured_three_times_and_in_part)
{
    /* Four micro-batches, the fewest, are a part of the batch. */
    const struct ode_recipe_spec r = recipe_of(1000);
    struct clock clock = { .tick = 1 };
    struct ode_net net = { 0 };
    struct ode_cost cost;
    double part;

    test_ok(ode_net_init(&net, &r, 1, 1, 10, NULL), &(struct ode_err){ 0 });
    part = ode_exec_micro(&net) * 4 / 1000.0;
    ck_assert_double_lt(part, 0.3);
    ck_assert_int_eq(measure(&r, 0, &clock, 1, &cost), ODE_OK);
    ck_assert_int_eq(cost.level[1].step.n, 3);
    /* a reading before, between and after: the gradient scales, the update does not */
    ck_assert_double_eq_tol(cost.level[1].step.median, 1 / part + 1, 1e-9);
    ode_net_release(&net);
}
END_TEST

START_TEST(levels_that_are_done_are_not_measured)
{
    const struct ode_recipe_spec r = recipe_of(10);
    struct clock clock = { .tick = 1e-6 };
    struct ode_cost cost;

    ck_assert_int_eq(measure(&r, 1, &clock, 1, &cost), ODE_OK);
    ck_assert_int_eq(cost.level[0].step.n, 0);
    ck_assert_double_eq(cost.level[0].step.median, 0);
    ck_assert_int_eq(cost.level[1].step.n, 10);
}
END_TEST

START_TEST(a_stop_is_obeyed_between_samples)
{
    const struct ode_recipe_spec r = recipe_of(10);
    struct ode_cost cost, before;

    memset(&cost, 7, sizeof cost);
    before = cost;
    for (int i = 1; i < 20; i += 6) {
        struct clock clock = { .tick = 1e-6, .stop_after = i };

        ck_assert_int_eq(measure(&r, 0, &clock, 1, &cost), ODE_ESTOPPED);
        ck_assert_int_eq(clock.questions, i);
        ck_assert_int_eq(memcmp(&cost, &before, sizeof cost), 0);
    }
}
END_TEST

START_TEST(a_trial_leaves_weights_alone_at_rate_0)
{
    const struct ode_recipe_spec r = recipe_of(10);
    const float *theta;
    struct ode_batch_report report;
    struct ode_team *team;
    struct ode_trial t;
    struct ode_err err;
    float *before;
    size_t bytes;

    test_ok(ode_team_new(&team, 1, &err), &err);
    test_ok(ode_trial_init(&t, &r, 0, 10, ode_kernels_best(ODE_ISA_ALL), team, &err),
            &err);
    theta = t.stage->engine.theta;
    bytes = t.stage->net.params.theta_n * sizeof *theta;
    before = malloc(bytes);
    memcpy(before, theta, bytes);
    ode_trial_gradient(&t, 10, &report);
    ck_assert_int_eq(report.n, 10);
    ode_trial_update(&t, 0);
    ck_assert_int_eq(memcmp(before, theta, bytes), 0);
    ode_trial_gradient(&t, 10, &report);
    ode_trial_update(&t, 0.1);
    ck_assert_int_ne(memcmp(before, theta, bytes), 0);
    ck_assert_int_eq(t.steps, 2);
    free(before);
    ode_trial_release(&t);
    ode_trial_release(&t);
    ode_team_free(team);
}
END_TEST

TEST_SUITE(cost, 60, a_level_is_steps_tests_gauge_and_its_transfer,
           large_sets_are_probed_in_part, within_a_level_only_what_is_left_counts,
           a_level_without_epochs_is_one_test,
           the_pace_scales_and_takes_the_allowance_away,
           quick_steps_are_measured_ten_times,
           slow_steps_are_measured_three_times_and_in_part,
           levels_that_are_done_are_not_measured, a_stop_is_obeyed_between_samples,
           a_trial_leaves_weights_alone_at_rate_0)
