/* passage.c - tests core/train/passage.c and steps.c: when levels end, and what becomes
 * of transfers that do harm. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/scales/stencil.h"
#include "tests/core/diary.h"
#include "tests/test.h"

#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 80 }; /* of the places where runs are stopped */
#else
enum { STRIDE = 1 };
#endif

/* The k-th event of a kind. */
static const struct record *
find(const struct diary *d, char kind, int k)
{
    for (int i = 0; i < d->n; i++)
        if (d->event[i].kind == kind && k-- == 0)
            return &d->event[i];
    ck_abort_msg("there is no event %c number %d", kind, k);
}

static int
count(const struct diary *d, char kind)
{
    int n = 0;

    for (int i = 0; i < d->n; i++)
        n += d->event[i].kind == kind;
    return n;
}

/* --- when levels end */

/* The second level's rate is 0, so its loss only flickers, and it may take six epochs. */
static struct ode_recipe_spec
stale_ladder(void)
{
    struct ode_recipe_spec r = diary_ladder();

    r.levels[1].epochs = 6;
    r.levels[1].lr.peak = 0;
    r.levels[1].plateau = (struct ode_plateau_spec){ .epochs = 2, .improvement = 0.2 };
    return r;
}

START_TEST(a_plateau_ends_the_level)
{
    const struct ode_recipe_spec r = stale_ladder();
    struct diary d = { 0 };
    struct ode_plan plan;
    struct ode_err err;
    char kinds[64];

    test_ok(ode_plan_make(&plan, &r, 230, 70, 2, &err), &err);
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldtldtld");
    ck_assert_int_eq(find(&d, 'd', 0)->end, ODE_END_BUDGET);
    ck_assert_int_eq(find(&d, 'd', 1)->end, ODE_END_PLATEAU);
    ck_assert_int_eq(find(&d, 'd', 1)->at.step, 10 + 15); /* the first and two more */
    ck_assert_int_eq(find(&d, 'd', 2)->end, ODE_END_BUDGET);
    ck_assert_int_eq(find(&d, 'd', 2)->at.step, 10 + 15 + 10);
    ck_assert_double_eq_tol(
        find(&d, 'd', 2)->at.work,
        230 * (2 * plan.levels[0].work_image + 3 * plan.levels[1].work_image + 2), 1e-9);
    diary_free(&d);
}
END_TEST

START_TEST(a_falling_loss_is_no_plateau)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { 0 };
    struct ode_err err;

    for (int k = 0; k < 3; k++) {
        r.levels[k].epochs = 4;
        r.levels[k].plateau = (struct ode_plateau_spec){ .epochs = 4 };
    }
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(find(&d, 'd', k)->end, ODE_END_BUDGET);
    diary_free(&d);
}
END_TEST

START_TEST(a_plateau_is_found_again_by_a_resumed_run)
{
    const struct ode_recipe_spec r = stale_ladder();

    diary_resumes(&r, 11, STRIDE);
}
END_TEST

/* In the middle of an epoch, the level owes a record of its training and a score. */
START_TEST(a_level_ends_on_request)
{
    const struct ode_recipe_spec r = diary_ladder();
    struct diary d = { .advance_from = 2, .advance_step = 13 };
    const struct record *last = NULL;
    struct ode_err err;

    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    ck_assert_int_eq(find(&d, 'd', 0)->at.step, 10);
    ck_assert_int_eq(find(&d, 'd', 1)->end, ODE_END_REQUEST);
    ck_assert_int_eq(find(&d, 'd', 1)->at.step, 13);
    ck_assert_int_eq(find(&d, 'd', 2)->at.step, 23);
    for (int i = 0; i < d.n; i++)
        if (d.event[i].kind == 'm' && d.event[i].at.level == 1)
            last = &d.event[i];
    ck_assert_ptr_nonnull(last);
    ck_assert_int_eq(last->at.step, 13);
    ck_assert_double_eq(last->m.test_accuracy, find(&d, 'd', 1)->m.test_accuracy);
    diary_free(&d);
}
END_TEST

/* Asked before its first step, it ends with the score of the transferred weights. */
START_TEST(a_level_can_end_before_it_begins)
{
    const struct ode_recipe_spec r = diary_ladder();
    struct diary d = { .advance_from = 2 };
    struct ode_err err;

    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    ck_assert_int_eq(find(&d, 'd', 1)->at.step, 10);
    ck_assert_double_ne(find(&d, 'd', 1)->m.test_loss, find(&d, 'd', 0)->m.test_loss);
    ck_assert_int_eq(find(&d, 'd', 2)->at.step, 20);
    diary_free(&d);
}
END_TEST

/* Held at each level's end and let go, a run makes the bits of one that was not. */
START_TEST(a_held_run_goes_on_where_it_was)
{
    const struct ode_recipe_spec r = diary_ladder();
    struct diary whole = { 0 }, d = { 0 };
    struct ode_err err;
    float *want, *got;
    char kinds[64];

    test_ok(diary_run(&r, 2, false, &whole, &want, &err), &err);
    for (int level = 0; level < 2; level++) {
        d.hold_at = level + 1;
        ck_assert_int_eq(diary_run(&r, 2, level > 0, &d, NULL, &err), ODE_ESTOPPED);
        ck_assert_ptr_nonnull(strstr(err.text, "held"));
        ck_assert_int_eq(d.kept.at.level, level);
        ck_assert_int_eq(d.kept.end, ODE_END_BUDGET);
    }
    d.hold_at = 3; /* the last level's end is the run's */
    test_ok(diary_run(&r, 2, true, &d, &got, &err), &err);
    ck_assert_mem_eq(got, want, whole.theta_n * sizeof *want);
    diary_same_metrics(&whole, &d);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "lddtlddtld"); /* a resumed worker says "done" once more */
    free(want);
    free(got);
    diary_free(&whole);
    diary_free(&d);
}
END_TEST

/* --- tests in between */

START_TEST(tests_are_as_often_as_asked_for)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { 0 }, often = { 0 };
    struct ode_err err;
    float *some, *all;
    int64_t at[16];
    int n = 0;

    r.levels[0].epochs = 5;
    test_ok(diary_run(&r, 2, false, &often, &all, &err), &err);
    r.train.test_every = 2;
    test_ok(diary_run(&r, 2, false, &d, &some, &err), &err);
    for (int i = 0; i < d.n; i++)
        if (d.event[i].kind == 'm' && isfinite(d.event[i].m.test_accuracy))
            at[n++] = d.event[i].at.step;
    ck_assert_int_eq(n, 5);
    ck_assert_int_eq(at[0], 10);
    ck_assert_int_eq(at[1], 20);
    ck_assert_int_eq(at[2], 25); /* the level's end */
    ck_assert_int_eq(at[3], 35);
    ck_assert_int_eq(at[4], 45);
    ck_assert_mem_eq(some, all, d.theta_n * sizeof *some);
    free(some);
    free(all);
    diary_free(&d);
    diary_free(&often);
}
END_TEST

/* --- deadlines */

/* Time is up in the middle of the last level: it ends there, with a score, and the run
 * with it. */
START_TEST(a_deadline_ends_the_run)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { .deadline_step = 27 };
    struct ode_err err;
    char kinds[64];

    r.levels[2].epochs = 100;
    r.levels[2].lr.schedule =
        ODE_SCHEDULE_CONSTANT; /* soon better than the level before */
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldtldtld");
    ck_assert_int_eq(find(&d, 'd', 2)->end, ODE_END_DEADLINE);
    ck_assert_int_eq(find(&d, 'd', 2)->at.step, 27);
    diary_free(&d);
}
END_TEST

/* Time is up just after a transfer that did harm: the model stays that of the level
 * before, and so do its scores; for the last level there is no time at all. */
START_TEST(a_level_that_time_made_worse_is_dropped)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { .deadline_step = 11 };
    struct ode_err err;
    char kinds[64];

    r.levels[0].epochs = 2;
    r.levels[1].epochs = 50;
    r.levels[1].lr = (struct ode_lr_spec){ .schedule = ODE_SCHEDULE_CONSTANT };
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldtlss");
    ck_assert_double_gt(find(&d, 't', 0)->t.after.loss, find(&d, 't', 0)->t.before.loss);
    ck_assert_int_eq(d.kept.at.level, 0); /* the last checkpoint */
    diary_free(&d);
}
END_TEST

/* The plan follows what the caller makes of the levels to come. */
START_TEST(levels_to_come_can_be_planned_again)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { .shrinks = &r, .shrink_at = 2 };
    struct ode_err err;

    r.levels[1].epochs = r.levels[2].epochs = 4;
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    ck_assert_int_eq(find(&d, 'd', 1)->at.step, 10 + 20);
    ck_assert_int_eq(find(&d, 'd', 2)->at.step, 10 + 20 + 10);
    ck_assert_int_eq(find(&d, 'd', 2)->end, ODE_END_BUDGET);
    diary_free(&d);
}
END_TEST

/* --- the gate */

/* Nothing may rise: so any transfer of this ladder, whose losses do rise, is too much. */
static struct ode_recipe_spec
gated_ladder(enum ode_on_jump on_jump)
{
    struct ode_recipe_spec r = diary_ladder();

    r.transfer.max_jump = 1e-9;
    r.transfer.on_jump = on_jump;
    return r;
}

START_TEST(a_jump_fails_the_run)
{
    const struct ode_recipe_spec r = gated_ladder(ODE_ON_JUMP_FAIL);
    struct diary d = { 0 };
    struct ode_err err;
    char kinds[64];

    ck_assert_int_eq(diary_run(&r, 2, false, &d, NULL, &err), ODE_EDIVERGE);
    ck_assert_str_eq(err.at, "/levels/1");
    ck_assert_ptr_nonnull(strstr(err.text, "max_jump"));
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldt");
    ck_assert(find(&d, 't', 0)->t.jumped);
    ck_assert_double_gt(find(&d, 't', 0)->t.after.loss, find(&d, 't', 0)->t.before.loss);
    diary_free(&d);
}
END_TEST

START_TEST(a_jump_is_warned_of)
{
    struct ode_recipe_spec r = gated_ladder(ODE_ON_JUMP_WARN);
    struct diary d = { 0 }, calm = { 0 };
    struct ode_err err;
    char kinds[64];

    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldtldtld");
    r.transfer.max_jump = 1000;
    test_ok(diary_run(&r, 2, false, &calm, NULL, &err), &err);
    ck_assert(!find(&calm, 't', 0)->t.jumped);
    ck_assert(find(&d, 't', 0)->t.jumped);
    ck_assert_int_eq(count(&d, 'w'), count(&calm, 'w') + 1 + find(&d, 't', 1)->t.jumped);
    diary_free(&d);
    diary_free(&calm);
}
END_TEST

/* The levels behind the gate are skipped, and the run ends with the first one's model. */
START_TEST(a_jump_is_rolled_back)
{
    struct ode_recipe_spec r = gated_ladder(ODE_ON_JUMP_ROLLBACK);
    struct diary d = { 0 }, alone = { 0 };
    struct ode_err err;
    float *got, *want;
    char kinds[64];

    test_ok(diary_run(&r, 2, false, &d, &got, &err), &err);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldtsts");
    ck_assert_int_eq(find(&d, 's', 0)->level, 1);
    ck_assert_int_eq(find(&d, 's', 1)->level, 2);
    ck_assert_int_eq(find(&d, 's', 1)->at.level, 0);
    ck_assert_int_eq(find(&d, 't', 1)->t.blocks[0][0], 2); /* from the first level */
    ck_assert_int_eq(find(&d, 't', 1)->t.resolution[0], 8);
    r.transfer.max_jump = 0;
    r.transfer.on_jump = ODE_ON_JUMP_WARN;
    alone.hold_at = 1;
    ck_assert_int_eq(diary_run(&r, 2, false, &alone, NULL, &err), ODE_ESTOPPED);
    want = alone.room;
    ck_assert_uint_eq(d.theta_n, alone.theta_n);
    ck_assert_mem_eq(got, want, d.theta_n * sizeof *want);
    free(got);
    diary_free(&d);
    diary_free(&alone);
}
END_TEST

/* --- adjustment */

/* Kernels that are trained as they are at 8x8, by long steps: their noise is amplified
 * by the transfer to 16x16. */
static struct ode_recipe_spec
rough_ladder(enum ode_adjust adjust)
{
    struct ode_recipe_spec r = diary_ladder();

    r.transfer.gradient = ODE_GRADIENT_OWN;
    r.transfer.adjust = adjust;
    r.train.memory = ODE_MEMORY_STORE;
    r.model.step = 0.4;
    r.levels_n = 2;
    r.levels[0].epochs = 6;
    r.levels[0].lr.peak = 0.1;
    r.levels[1].epochs = 0;
    return r;
}

START_TEST(a_unit_that_became_unstable_is_damped)
{
    const struct ode_recipe_spec rough[] = { rough_ladder(ODE_ADJUST_NONE),
                                             rough_ladder(ODE_ADJUST_DAMP) };
    struct diary d[2] = { { 0 }, { 0 } };
    const struct ode_transfer_record *plain, *damped;
    struct ode_err err;
    int unstable = 0;

    for (int i = 0; i < 2; i++)
        test_ok(diary_run(&rough[i], 2, false, &d[i], NULL, &err), &err);
    plain = &find(&d[0], 't', 0)->t;
    damped = &find(&d[1], 't', 0)->t;
    ck_assert_int_eq(plain->adjusted, 0);
    ck_assert_int_gt(damped->adjusted, 0);
    for (int i = 0; i < damped->adjusted; i++) {
        const struct ode_adjustment *a = &damped->adjustment[i];

        ck_assert_double_lt(a->cap, ode_stencil_undamped(1));
        if (a->unit < 0)
            continue;
        const struct ode_gauge_segment *was = &plain->gauge[1].segment[a->unit];

        unstable += was->growth > 10 && was->stability > 1;
        ck_assert_double_lt(a->stability[1], a->stability[0]);
        ck_assert(a->growth[1] <= 10 || a->stability[1] <= 1);
    }
    ck_assert_int_gt(unstable, 0);
    ck_assert_double_lt(damped->after.loss, plain->after.loss);
    ck_assert_int_ge(count(&d[1], 'w'), unstable);
    diary_free(&d[0]);
    diary_free(&d[1]);
}
END_TEST

/* A residual network that is normalised inside: however large noise makes kernels, the
 * layers' scale stays, and with it the units' stability. */
static struct ode_recipe_spec
normalised_ladder(enum ode_adjust adjust)
{
    struct ode_recipe_spec r = rough_ladder(adjust);

    r.model.block = ODE_BLOCK_EULER;
    r.model.layer = ODE_FORM_RESIDUAL;
    r.model.norm = ODE_NORM_BATCH;
    r.model.connector = ODE_LINK_RESIDUAL;
    r.model.placement = ODE_PLACEMENT_BETWEEN;
    r.model.step = 0.2;
    r.levels[0].epochs = 20;
    return r;
}

START_TEST(kernels_whose_noise_costs_much_loss_are_damped)
{
    const struct ode_recipe_spec recipe[] = { normalised_ladder(ODE_ADJUST_NONE),
                                              normalised_ladder(ODE_ADJUST_DAMP) };
    struct diary d[2] = { { 0 }, { 0 } };
    const struct ode_transfer_record *plain, *damped;
    struct ode_err err;

    for (int i = 0; i < 2; i++)
        test_ok(diary_run(&recipe[i], 2, false, &d[i], NULL, &err), &err);
    plain = &find(&d[0], 't', 0)->t;
    damped = &find(&d[1], 't', 0)->t;
    ck_assert_double_gt(plain->after.loss, 1.5 * plain->before.loss);
    ck_assert_double_eq(plain->after.loss, plain->undamped.loss);
    ck_assert_double_eq(damped->undamped.loss, plain->undamped.loss);
    ck_assert_int_gt(damped->adjusted, 0);
    ck_assert_double_lt(damped->after.loss, damped->undamped.loss);
    ck_assert_double_lt(damped->norm_after, plain->norm_after);
    for (int s = 0; s < plain->gauge[1].segments; s++) {
        const struct ode_gauge_segment *now = &plain->gauge[1].segment[s];

        ck_assert_msg(now->growth <= 10 || now->stability <= 1,
                      "unit %d grows %g-fold, by %g of its longest step", s, now->growth,
                      now->stability);
    }
    diary_free(&d[0]);
    diary_free(&d[1]);
}
END_TEST

START_TEST(a_stable_unit_stays_as_the_transfer_made_it)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d[2] = { { 0 }, { 0 } };
    struct ode_err err;
    float *theta[2];

    for (int i = 0; i < 2; i++) {
        r.transfer.adjust = i ? ODE_ADJUST_NONE : ODE_ADJUST_DAMP;
        test_ok(diary_run(&r, 2, false, &d[i], &theta[i], &err), &err);
    }
    ck_assert_int_eq(find(&d[0], 't', 0)->t.adjusted, 0);
    ck_assert_int_eq(find(&d[0], 't', 0)->t.gauge[1].segments, 2);
    ck_assert_mem_eq(theta[0], theta[1], d[0].theta_n * sizeof *theta[0]);
    for (int i = 0; i < 2; i++) {
        free(theta[i]);
        diary_free(&d[i]);
    }
}
END_TEST

/* --- the rate of blocks */

/* The weights after one step of the first level, which has half of the blocks; `moved`
 * false: before it. */
static float *
one_step(enum ode_block_rate rate, bool moved, size_t *n)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { .advance_from = 1, .advance_step = 1 };
    struct ode_err err;
    float *theta;

    r.levels_n = 1;
    r.levels[0].lr = (struct ode_lr_spec){ .schedule = ODE_SCHEDULE_CONSTANT,
                                           .peak = moved ? 0.1 : 0 };
    r.model.placement = ODE_PLACEMENT_BETWEEN;
    r.transfer.block_rate = rate;
    test_ok(diary_run(&r, 1, false, &d, &theta, &err), &err);
    *n = d.theta_n;
    diary_free(&d);
    return theta;
}

/* Steps of the coarse level are twice as long, so its blocks move half as far; opening
 * and head move as ever. */
START_TEST(blocks_move_by_the_gradient_in_time)
{
    size_t n, halves = 0, wholes = 0, still = 0;
    float *begin = one_step(ODE_BLOCK_RATE_SAME, false, &n);
    float *same = one_step(ODE_BLOCK_RATE_SAME, true, &n);
    float *time = one_step(ODE_BLOCK_RATE_TIME, true, &n);

    for (size_t i = 0; i < n; i++) {
        const double a = (double)same[i] - (double)begin[i];
        const double b = (double)time[i] - (double)begin[i];
        const double rounding = 3e-7 * fmax(1, fabs((double)begin[i]));

        if (fabs(a) < 8 * rounding)
            still++;
        else if (fabs(b - a / 2) <= rounding)
            halves++;
        else if (fabs(b - a) <= rounding)
            wholes++;
        else
            ck_abort_msg("weight %zu moves by %g, and by %g in time", i, a, b);
    }
    /* 2 blocks of 2 layers of 4x4 and 6x6 kernels; opening, head and normalisations */
    ck_assert_uint_ge(halves, n / 2);
    ck_assert_uint_ge(wholes, 100);
    ck_assert_uint_le(still, n / 10);
    free(begin);
    free(same);
    free(time);
}
END_TEST

TEST_SUITE(passage, 900, a_plateau_ends_the_level, a_falling_loss_is_no_plateau,
           a_plateau_is_found_again_by_a_resumed_run, a_level_ends_on_request,
           a_level_can_end_before_it_begins, a_held_run_goes_on_where_it_was,
           tests_are_as_often_as_asked_for, a_deadline_ends_the_run,
           a_level_that_time_made_worse_is_dropped, levels_to_come_can_be_planned_again,
           a_jump_fails_the_run, a_jump_is_warned_of, a_jump_is_rolled_back,
           a_unit_that_became_unstable_is_damped,
           kernels_whose_noise_costs_much_loss_are_damped,
           a_stable_unit_stays_as_the_transfer_made_it,
           blocks_move_by_the_gradient_in_time)
