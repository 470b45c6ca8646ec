/* ladder.c - tests core/train/ladder.c: levels made from a budget. */
#include "core/train/ladder.h"

#include <string.h>

#include "tests/test.h"

/* Three units of 6 blocks on CIFAR-10, unless changed. */
static struct ode_recipe_spec
recipe_of(enum ode_set set, size_t units, int64_t blocks)
{
    struct ode_recipe_spec r;

    ode_object_preset(&ode_recipe_object, &r);
    r.data.set = set;
    r.model.units_n = units;
    for (size_t u = 0; u < units; u++) {
        ode_object_preset(&ode_unit_object, &r.model.units[u]);
        r.model.units[u].channels = 32 << u;
        r.model.units[u].blocks = blocks;
    }
    r.levels_auto = true;
    return r;
}

static void
settle(struct ode_recipe_spec *r)
{
    struct ode_err err;

    test_ok(ode_recipe_settle(r, NULL, NULL, &err), &err);
}

static struct ode_ladder
make(struct ode_recipe_spec *r, size_t train_n, const struct ode_cost *costs)
{
    struct ode_ladder ladder;
    struct ode_err err;

    settle(r);
    test_ok(ode_ladder_make(&ladder, r, train_n, 1000, costs, &err), &err);
    return ladder;
}

static void
is_level(const struct ode_ladder *l, size_t k, int64_t resolution, int64_t blocks,
         double peak)
{
    ck_assert_uint_lt(k, l->levels_n);
    ck_assert_int_eq(l->levels[k].resolution, resolution);
    for (size_t u = 0; u < l->levels[k].blocks_n; u++)
        ck_assert_int_eq(l->levels[k].blocks[u], blocks);
    ck_assert_double_eq_tol(l->levels[k].lr.peak, peak, 1e-12);
    ck_assert_int_eq(l->levels[k].lr.schedule, ODE_SCHEDULE_TRIANGULAR);
    ck_assert_int_ge(l->levels[k].epochs, 1);
}

static bool
says(const struct ode_ladder *l, const char *part)
{
    for (size_t i = 0; i < l->reasons_n; i++)
        if (strstr(l->reason[i], part))
            return true;
    return false;
}

/* Units of work of the ladder, in training images at the finest level. */
static double
work_of(const struct ode_recipe_spec *r, const struct ode_ladder *l, size_t train_n)
{
    struct ode_recipe_spec made = *r;
    struct ode_plan plan;
    struct ode_err err;

    ode_ladder_apply(l, &made);
    ck_assert(!made.levels_auto);
    settle(&made);
    test_ok(ode_plan_make(&plan, &made, train_n, 1000, 1, &err), &err);
    return plan.work;
}

START_TEST(small_and_shallow_first)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    struct ode_ladder l;
    double work;

    r.budget.epochs = 20;
    l = make(&r, 50000, NULL);
    ck_assert_uint_eq(l.levels_n, 3);
    is_level(&l, 0, 16, 2, 0.1);
    is_level(&l, 1, 32, 2, 0.1);
    is_level(&l, 2, 32, 6, 0.05);
    ck_assert_int_eq(l.levels[2].epochs, 8);  /* 40% of 20 */
    ck_assert_int_gt(l.levels[1].epochs, 24); /* 45%, at a bit more than a third */
    work = work_of(&r, &l, 50000);
    ck_assert_double_le(work, 20 * 50000);
    ck_assert_double_gt(work, 19.9 * 50000); /* what was left over was used */
    ck_assert(says(&l, "20 epochs of 50000 examples is 1000000 units of work"));
    ck_assert(says(&l, "16x16 pixels with 2-2-2 blocks trains for"));
}
END_TEST

START_TEST(no_budget_is_exceeded_and_little_is_left)
{
    for (int64_t epochs = 1; epochs < 60; epochs++) {
        struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
        struct ode_ladder l;
        double work;

        r.budget.epochs = epochs;
        l = make(&r, 50000, NULL);
        work = work_of(&r, &l, 50000);
        ck_assert_double_le(work, (double)epochs * 50000 * (1 + 1e-9));
        ck_assert_double_gt(work, ((double)epochs - 0.15) * 50000);
        ck_assert_int_eq(l.levels[l.levels_n - 1].resolution, 32);
        ck_assert_int_ge(l.levels[l.levels_n - 1].epochs, 1);
    }
}
END_TEST

START_TEST(a_budget_of_work_is_one_of_epochs)
{
    struct ode_recipe_spec epochs = recipe_of(ODE_SET_CIFAR10, 3, 6), work = epochs;
    struct ode_ladder a, b;

    epochs.budget.epochs = 7;
    work.budget.work = 7 * 50000;
    a = make(&epochs, 50000, NULL);
    b = make(&work, 50000, NULL);
    ck_assert_uint_eq(a.levels_n, b.levels_n);
    ck_assert_mem_eq(a.levels, b.levels, sizeof a.levels);
    ck_assert(says(&b, "350000 units of work, 7.00 epochs"));
}
END_TEST

START_TEST(one_epoch_is_the_finest_levels)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    struct ode_ladder l;

    r.budget.epochs = 1;
    l = make(&r, 50000, NULL);
    ck_assert_uint_eq(l.levels_n, 1);
    is_level(&l, 0, 32, 6, 0.1);
    ck_assert_int_eq(l.levels[0].epochs, 1);
    ck_assert(says(&l, "the finest level needs its share"));
    ck_assert(says(&l, "one epoch") && says(&l, "of 1 epoch of"));
}
END_TEST

START_TEST(the_peak_scales_all_rates)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    struct ode_ladder l;

    r.budget.epochs = 20;
    r.budget.peak = 0.02;
    l = make(&r, 50000, NULL);
    is_level(&l, 0, 16, 2, 0.02);
    is_level(&l, 2, 32, 6, 0.01);
}
END_TEST

START_TEST(images_are_halved_as_often_as_units_allow)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_MNIST, 3, 6);
    struct ode_ladder l;

    r.budget.epochs = 20;
    l = make(&r, 60000, NULL); /* 28 can be halved twice, and the units do */
    ck_assert_uint_eq(l.levels_n, 2);
    is_level(&l, 0, 28, 2, 0.1);
    is_level(&l, 1, 28, 6, 0.05);
    r = recipe_of(ODE_SET_MNIST, 2, 6);
    r.budget.epochs = 20;
    l = make(&r, 60000, NULL);
    ck_assert_uint_eq(l.levels_n, 3);
    is_level(&l, 0, 14, 2, 0.1);
    is_level(&l, 1, 28, 2, 0.1);
    is_level(&l, 2, 28, 6, 0.05);
    r = recipe_of(ODE_SET_STROKES, 2, 6); /* drawn at 32 */
    r.budget.epochs = 20;
    l = make(&r, 10000, NULL);
    is_level(&l, 0, 16, 2, 0.1);
    is_level(&l, l.levels_n - 1, 32, 6, 0.05);
}
END_TEST

START_TEST(depth_stays_where_it_cannot_change)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    struct ode_ladder l;

    r.budget.epochs = 20;
    r.model.block = ODE_BLOCK_LEAPFROG;
    r.model.start = ODE_START_ZERO;
    l = make(&r, 50000, NULL);
    ck_assert_uint_eq(l.levels_n, 2);
    is_level(&l, 0, 16, 6, 0.1);
    is_level(&l, 1, 32, 6, 0.05);
    r = recipe_of(ODE_SET_CIFAR10, 1, 1); /* a third of one block is one */
    r.budget.epochs = 20;
    l = make(&r, 50000, NULL);
    ck_assert_uint_eq(l.levels_n, 2);
    is_level(&l, 0, 16, 1, 0.1);
}
END_TEST

START_TEST(a_level_that_saves_too_little_is_left_out)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 2, 2);
    struct ode_ladder l;

    r.budget.epochs = 20;
    l = make(&r, 50000, NULL); /* the last unit keeps 2 blocks: a quarter is saved */
    ck_assert_uint_eq(l.levels_n, 2);
    ck_assert_int_eq(l.levels[0].resolution, 16);
    ck_assert_int_eq(l.levels[0].blocks[0], 1);
    ck_assert_int_eq(l.levels[0].blocks[1], 2);
    is_level(&l, 1, 32, 2, 0.05);
    ck_assert(says(&l, "32x32 pixels with 1-2 blocks is left out: an epoch costs only"));
    ck_assert_int_ge(l.levels[1].epochs, 17); /* the finest has its share, too: 85% */
}
END_TEST

/* --- a deadline --------------------------------------------------------------------- */

/* Steps of so many seconds; nothing else takes time. */
static struct ode_cost
costs_of(double a, double b, double c)
{
    const double step[] = { a, b, c };
    struct ode_cost cost = { .levels_n = 3 };

    for (int k = 0; k < 3; k++)
        cost.level[k].step.median = step[k];
    return cost;
}

START_TEST(a_deadline_is_divided_by_measured_costs)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    const struct ode_cost costs = costs_of(0.02, 0.04, 0.2);
    struct ode_ladder l;
    double seconds = 0;

    r.budget.deadline_s = 1000; /* of 900 that are planned an epoch takes 10 to 100 */
    l = make(&r, 50000, &costs);
    ck_assert_uint_eq(l.levels_n, 3);
    ck_assert_int_eq(l.levels[2].epochs, 3); /* 40% of 900 s */
    for (int k = 0; k < 3; k++)
        seconds += 500 * costs.level[k].step.median * (double)l.levels[k].epochs;
    ck_assert_double_le(seconds, 900);
    ck_assert_double_gt(seconds, 889); /* the coarsest level's epoch is 10 s */
    ck_assert(says(&l, "Of the deadline of 1000 s, 900 s are planned"));
}
END_TEST

START_TEST(evaluations_and_transfers_are_paid_for)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    struct ode_cost costs = costs_of(0.02, 0.04, 0.2);
    struct ode_ladder l;

    r.budget.deadline_s = 1000;
    for (int k = 0; k < 3; k++)
        costs.level[k].image.median = 0.02; /* 20 s for each test, 82 s of transfers */
    l = make(&r, 50000, &costs);
    ck_assert(says(&l, "818 s are planned"));
    ck_assert_int_le(l.levels[l.levels_n - 1].epochs, 3);
}
END_TEST

START_TEST(measured_costs_say_what_saves_too_little)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    const struct ode_cost costs = costs_of(0.15, 0.16, 0.2);
    struct ode_ladder l;

    r.budget.deadline_s = 1000;
    l = make(&r, 50000, &costs);
    ck_assert_uint_eq(l.levels_n, 1); /* however many FLOPs they have */
    ck_assert_int_eq(l.levels[0].epochs, 9);
}
END_TEST

START_TEST(budgets_that_are_too_small_are_refused)
{
    const struct ode_cost costs = costs_of(0.02, 0.04, 0.2);
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);
    struct ode_ladder l;
    struct ode_err err;

    r.budget.deadline_s = 90;
    settle(&r);
    ck_assert_int_eq(ode_ladder_make(&l, &r, 50000, 1000, &costs, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/budget/deadline_s");
    ck_assert_ptr_nonnull(strstr(err.text, "takes about 100 s"));
    ck_assert_int_eq(ode_ladder_make(&l, &r, 50000, 1000, NULL, &err), ODE_ESPEC);
    ck_assert_ptr_nonnull(strstr(err.text, "measured costs"));
    r.budget.deadline_s = 0;
    r.budget.work = 50000;
    ck_assert_int_eq(ode_ladder_make(&l, &r, 50001, 1000, NULL, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/budget/work");
}
END_TEST

START_TEST(candidates_are_a_recipe_that_can_be_measured)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6), c;
    struct ode_err err;

    r.budget.deadline_s = 100;
    settle(&r);
    test_ok(ode_ladder_candidates(&c, &r, &err), &err);
    ck_assert(!c.levels_auto);
    ck_assert_uint_eq(c.levels_n, 3);
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(c.levels[k].epochs, 1);
    settle(&c);
}
END_TEST

/* --- on the way --------------------------------------------------------------------- */

/* Four levels of 10 epochs, which cost 1, 2, 4 and 10 s each; transfers cost 1 s. */
static const double epoch_s[] = { 1, 2, 4, 10 }, transfer_s[] = { 0, 1, 1, 1 };

static struct ode_recipe_spec
replanned(int level, double seconds_left)
{
    struct ode_recipe_spec r = recipe_of(ODE_SET_CIFAR10, 3, 6);

    r.levels_auto = false;
    r.levels_n = 4;
    for (int k = 0; k < 4; k++)
        r.levels[k].epochs = 10;
    ode_ladder_replan(&r, level, seconds_left, epoch_s, transfer_s);
    return r;
}

START_TEST(what_is_left_is_divided_as_it_was)
{
    struct ode_recipe_spec r = replanned(1, 180.0); /* 162 to use, 3 for transfers */

    ck_assert_int_eq(r.levels[0].epochs, 10); /* done */
    ck_assert_int_eq(r.levels[3].epochs, 10); /* 9 of 159 s, and one that was left */
    ck_assert_int_eq(r.levels[2].epochs, 10);
    ck_assert_int_eq(r.levels[1].epochs, 9);
    r = replanned(3, 1000);
    ck_assert_int_eq(r.levels[3].epochs, 89);
    ck_assert_int_eq(r.levels[2].epochs, 10);
}
END_TEST

START_TEST(the_last_level_has_an_epoch_whatever_is_left)
{
    struct ode_recipe_spec r = replanned(1, 12);

    ck_assert_int_eq(r.levels[1].epochs, 0);
    ck_assert_int_eq(r.levels[2].epochs, 0);
    ck_assert_int_eq(r.levels[3].epochs, 1);
    r = replanned(2, -50);
    ck_assert_int_eq(r.levels[2].epochs, 0);
    ck_assert_int_eq(r.levels[3].epochs, 1);
}
END_TEST

START_TEST(a_new_plan_fits_into_what_is_left)
{
    for (double left = 20; left < 400; left += 7)
        for (int level = 1; level < 4; level++) {
            const struct ode_recipe_spec r = replanned(level, left);
            double needs = 0;

            for (int k = level; k < 4; k++)
                needs += transfer_s[k] + epoch_s[k] * (double)r.levels[k].epochs;
            ck_assert_double_le(needs, left);
            ck_assert_double_gt(needs, 0.9 * left - 10); /* an epoch of the last level */
        }
}
END_TEST

TEST_SUITE(
    ladder, 60, small_and_shallow_first, no_budget_is_exceeded_and_little_is_left,
    a_budget_of_work_is_one_of_epochs, one_epoch_is_the_finest_levels,
    the_peak_scales_all_rates, images_are_halved_as_often_as_units_allow,
    depth_stays_where_it_cannot_change, a_level_that_saves_too_little_is_left_out,
    a_deadline_is_divided_by_measured_costs, evaluations_and_transfers_are_paid_for,
    measured_costs_say_what_saves_too_little, budgets_that_are_too_small_are_refused,
    candidates_are_a_recipe_that_can_be_measured, what_is_left_is_divided_as_it_was,
    the_last_level_has_an_epoch_whatever_is_left, a_new_plan_fits_into_what_is_left)
