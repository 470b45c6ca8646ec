/* train.c - tests core/train/train.c and plan.c: whole runs on drawn digits. */
#include "core/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/diary.h"
#include "tests/test.h"

/* Stops are tried at every place, or, where code is slow, at a few; at two places
 * of each variant, or at one of every third. */
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 37, STOPS = 1, VARIANTS_STEP = 5 };
#define LEARNS /* nothing new for a sanitizer */
#else
enum { STRIDE = 1, STOPS = 2, VARIANTS_STEP = 1 };
#define LEARNS every_variant_learns, model_learns_the_digits,
#endif

START_TEST(levels_run_in_order_with_a_transfer_between)
{
    const struct ode_recipe_spec r = diary_ladder();
    struct diary d = { 0 };
    struct ode_err err;
    char kinds[64];

    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    diary_kinds(&d, kinds);
    ck_assert_str_eq(kinds, "ldtldtld");
    ck_assert_int_eq(d.event[d.n - 1].at.step, 30); /* 3 levels of 2 epochs of 5 steps */
    for (int i = 0; i < d.n; i++)
        if (d.event[i].kind == 't') {
            const struct ode_transfer_record *t = &d.event[i].t;
            const bool space = d.event[i].at.level == 1;

            ck_assert_int_eq(t->resolution[0], space ? 8 : 16);
            ck_assert_int_eq(t->resolution[1], 16);
            ck_assert_int_eq(t->blocks[0][1], 2);
            ck_assert_int_eq(t->blocks[1][1], space ? 2 : 4);
            ck_assert_int_eq(t->probe_n, 230);
            ck_assert(isfinite(t->before.loss) && isfinite(t->after.loss));
            ck_assert_double_gt(t->norm_after, 0);
        }
    diary_free(&d);
}
END_TEST

/* The first transfer of the ladder, which goes to finer images. */
static struct ode_transfer_record
first_transfer(double damping)
{
    struct ode_recipe_spec r = diary_ladder();
    struct ode_transfer_record t = { 0 };
    struct diary d = { 0 };
    struct ode_err err;

    r.transfer.damping = damping;
    test_ok(diary_run(&r, 1, false, &d, NULL, &err), &err);
    for (int i = d.n - 1; i >= 0; i--)
        if (d.event[i].kind == 't')
            t = d.event[i].t;
    diary_free(&d);
    return t;
}

START_TEST(damping_holds_kernels_down_on_the_way_to_finer_images)
{
    const struct ode_transfer_record plain = first_transfer(0),
                                     damped = first_transfer(1);

    ck_assert_double_eq(plain.norm_before, damped.norm_before);
    ck_assert_double_lt(damped.norm_after, 0.9 * plain.norm_after);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
START_TEST(model_learns_the_digits)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { 0 };
    struct ode_err err;

    r.data.train_size = 1500;
    r.data.test_size = 300;
    for (int k = 0; k < 3; k++) {
        r.levels[k].epochs = 4;
        r.levels[k].lr.peak = 0.1;
    }
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    ck_assert_int_eq(d.event[d.n - 1].kind, 'd');
    ck_assert_double_gt(d.event[d.n - 1].m.test_accuracy, 0.85);
    diary_free(&d);
}
END_TEST
#endif

START_TEST(threads_and_memory_do_not_change_a_bit)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary a = { 0 }, b = { 0 }, c = { 0 };
    struct ode_err err;
    float *one, *two, *stored;

    test_ok(diary_run(&r, 1, false, &a, &one, &err), &err);
    test_ok(diary_run(&r, 2, false, &b, &two, &err), &err);
    r.train.memory = ODE_MEMORY_STORE;
    test_ok(diary_run(&r, 3, false, &c, &stored, &err), &err);
    ck_assert_mem_eq(one, two, a.theta_n * sizeof *one);
    ck_assert_mem_eq(one, stored, a.theta_n * sizeof *one);
    diary_same_metrics(&a, &b);
    diary_same_metrics(&a, &c);
    free(one);
    free(two);
    free(stored);
    diary_free(&a);
    diary_free(&b);
    diary_free(&c);
}
END_TEST

START_TEST(another_seed_gives_another_model)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary a = { 0 }, b = { 0 };
    struct ode_err err;
    float *one, *two;

    test_ok(diary_run(&r, 2, false, &a, &one, &err), &err);
    r.seed = 6;
    test_ok(diary_run(&r, 2, false, &b, &two, &err), &err);
    ck_assert_mem_ne(one, two, a.theta_n * sizeof *one);
    free(one);
    free(two);
    diary_free(&a);
    diary_free(&b);
}
END_TEST

/* Stopped at every place where it asks, and resumed: the same bits and records. */
START_TEST(a_stopped_run_resumes_to_the_same_bits)
{
    const struct ode_recipe_spec r = diary_ladder();

    /* asked at least after every step */
    ck_assert_int_gt(diary_resumes(&r, 1, STRIDE), 30);
}
END_TEST

/* Whatever a recipe can ask of the optimiser, the classifier, the opening, the images and
 * the blocks. */
enum { VARIANTS = 8 };

static struct ode_recipe_spec
variant(int i)
{
    struct ode_recipe_spec r = diary_ladder();
    struct ode_train_spec *t = &r.train;

    t->classifier =
        (struct ode_classifier_spec){ .examples = 80, .iterations = 2, .cg = 5 };
    switch (i) {
    case 0:
        t->optimizer = (struct ode_optimizer_spec){
            .type = ODE_OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8
        };
        t->ema = 0.9;
        for (int k = 0; k < 3; k++)
            r.levels[k].lr.peak = 0.01;
        break;
    case 1:
        t->optimizer.decoupled = true;
        t->clip = 0.5;
        t->box = 0.4;
        t->label_smoothing = 0.1;
        break;
    case 2:
        t->classifier.solver = ODE_SOLVER_NEWTON;
        t->classifier.every = 3;
        r.data.test_flip = true;
        break;
    case 3:
        r.model.opening = ODE_OPENING_WHITENING;
        r.model.norm = ODE_NORM_BATCH;
        r.model.norm_before = true;
        r.model.init = ODE_INIT_CONSTANT;
        break;
    case 4:
        r.model.block = ODE_BLOCK_RK4;
        r.model.norm = ODE_NORM_BATCH;
        r.model.connector = ODE_LINK_POINTWISE;
        r.model.closing = 10;
        r.data.augment.padding = ODE_PADDING_REFLECT;
        r.data.augment.flip = ODE_FLIP_ALTERNATING;
        break;
    case 5:
        r.model.head = ODE_READOUT_FLAT;
        t->classifier.solver = ODE_SOLVER_NEWTON;
        t->classifier.examples = 500; /* more than features */
        r.data.test_flip = true;
        break;
    case 6:
        r.model.head = ODE_READOUT_FLAT;
        r.transfer.space = ODE_SPACE_NONE;
        t->optimizer = (struct ode_optimizer_spec){
            .type = ODE_OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8
        };
        t->ema = 0.9;
        for (int k = 0; k < 3; k++)
            r.levels[k].lr.peak = 0.01;
        break;
    default:
        r.model.block = ODE_BLOCK_MIDPOINT;
        r.model.norm = ODE_NORM_TV;
        r.model.connector = ODE_LINK_RESIDUAL;
        r.data.augment.cutout = 4;
        t->ema = 0.8;
        break;
    }
    return r;
}

/* Stopped within each level and resumed, with other threads and another memory mode. */
START_TEST(every_variant_resumes_to_the_same_bits)
{
    static const int stops[] = { 17, 4, 29 };

    for (int v = 0; v < VARIANTS; v += VARIANTS_STEP) {
        struct ode_recipe_spec r = variant(v);
        struct diary whole = { 0 };
        struct ode_err err;
        float *want;

        test_ok(diary_run(&r, 1, false, &whole, &want, &err), &err);
        for (int i = 0; i < STOPS; i++) {
            struct diary d = { .stop_after = stops[i] };
            float *got;

            ck_assert_int_eq(diary_run(&r, 2, false, &d, NULL, &err), ODE_ESTOPPED);
            d.stop_after = 0;
            r.train.memory = i % 2 ? ODE_MEMORY_STORE : ODE_MEMORY_CHECKPOINT;
            test_ok(diary_run(&r, 2, true, &d, &got, &err), &err);
            ck_assert_msg(memcmp(got, want, whole.theta_n * sizeof *want) == 0,
                          "variant %d, stopped after %d", v, stops[i]);
            diary_same_metrics(&whole, &d);
            free(got);
            diary_free(&d);
        }
        free(want);
        diary_free(&whole);
    }
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
/* The training loss of the last record is below that of the first. */
START_TEST(every_variant_learns)
{
    for (int v = 0; v < VARIANTS; v++) {
        struct ode_recipe_spec r = variant(v);
        struct diary d = { 0 };
        struct ode_err err;
        double first = NAN, last = NAN;
        float *theta;

        r.data.train_size = 600;
        r.levels_n = 1;
        r.levels[0].epochs = 8;
        test_ok(diary_run(&r, 2, false, &d, &theta, &err), &err);
        for (int i = 0; i < d.n; i++)
            if (d.event[i].kind == 'm' && isfinite(d.event[i].m.train_loss)) {
                first = isnan(first) ? d.event[i].m.train_loss : first;
                last = d.event[i].m.train_loss;
            }
        ck_assert_msg(last < 0.95 * first, "variant %d: %g, then %g", v, first, last);
        for (size_t i = 0; i < d.theta_n && r.train.box > 0; i++)
            ck_assert_double_le(fabs((double)theta[i]), 0.4 + 1e-6);
        free(theta);
        diary_free(&d);
    }
}
END_TEST
#endif

/* A run that was killed goes on from an older checkpoint and repeats its records. */
START_TEST(a_killed_run_repeats_the_same_records)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary whole = { 0 }, d = { .stop_after = 14 };
    struct ode_err err;
    float *want, *got;
    struct ode_state old;

    r.resources.checkpoint_s = 2; /* the clock makes half a second a question */
    test_ok(diary_run(&r, 2, false, &whole, &want, &err), &err);
    ck_assert_int_eq(diary_run(&r, 2, false, &d, NULL, &err), ODE_ESTOPPED);
    old = d.kept;
    ck_assert_int_gt(old.level_step, 0);
    d.stop_after = 0;
    test_ok(diary_run(&r, 2, true, &d, &got, &err), &err);
    ck_assert_mem_eq(got, want, whole.theta_n * sizeof *want);
    diary_same_metrics(&whole, &d);
    free(want);
    free(got);
    diary_free(&whole);
    diary_free(&d);
}
END_TEST

START_TEST(divergence_names_level_and_step)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { 0 };
    struct ode_err err = { 0 };
    enum ode_status status;

    r.levels[1].lr.schedule = ODE_SCHEDULE_CONSTANT;
    r.levels[1].lr.peak = 1e30;
    r.train.memory = ODE_MEMORY_STORE;
    status = diary_run(&r, 2, false, &d, NULL, &err);
    ck_assert_int_eq(status, ODE_EDIVERGE);
    ck_assert_str_eq(err.at, "/levels/1");
    ck_assert_ptr_nonnull(strstr(err.text, "step"));
    r.train.memory = ODE_MEMORY_REVERSE;
    status = diary_run(&r, 2, false, &d, NULL, &err);
    ck_assert(status == ODE_ERANGE || status == ODE_EDIVERGE);
    diary_free(&d);
}
END_TEST

/* Before a loss is no number there is a warning; the error says in which unit, and the
 * last checkpoint is of weights that are numbers. */
START_TEST(divergence_is_warned_of_and_leaves_a_good_checkpoint)
{
    static const enum ode_block blocks[] = { ODE_BLOCK_HAMILTONIAN, ODE_BLOCK_EULER };

    for (int b = 0; b < 2; b++) {
        struct ode_recipe_spec r = diary_ladder();
        struct diary d = { 0 };
        struct ode_err err = { 0 };
        int warnings = 0;

        r.model.block = blocks[b];
        r.model.layer = ODE_FORM_SYMMETRIC;
        r.levels_n = 1;
        r.levels[0].epochs = 40;
        r.levels[0].lr.schedule = ODE_SCHEDULE_CONSTANT;
        r.levels[0].lr.peak = 100;
        r.train.memory = ODE_MEMORY_STORE;
        r.resources.checkpoint_s = 0;
        ck_assert_int_eq(diary_run(&r, 2, false, &d, NULL, &err), ODE_EDIVERGE);
        ck_assert_str_eq(err.at, "/levels/0");
        ck_assert_msg(strstr(err.text, "at step") != NULL, "%s", err.text);
        ck_assert_msg(strstr(err.text, "unit") != NULL
                          || strstr(err.text, "gradient") != NULL,
                      "%s", err.text);
        for (int i = 0; i < d.n; i++)
            warnings += d.event[i].kind == 'w';
        ck_assert_int_ge(warnings, 1);
        ck_assert_ptr_nonnull(d.room);
        for (size_t i = 0; i < d.theta_n; i++)
            ck_assert(isfinite(d.room[i]));
        diary_free(&d);
    }
}
END_TEST

START_TEST(a_level_without_epochs_is_measured)
{
    struct ode_recipe_spec r = diary_ladder();
    struct diary d = { 0 };
    struct ode_err err;
    int measured = 0;

    r.levels[1].epochs = 0;
    test_ok(diary_run(&r, 2, false, &d, NULL, &err), &err);
    for (int i = 0; i < d.n; i++)
        measured += d.event[i].kind == 'm' && d.event[i].at.level == 1
                    && isfinite(d.event[i].m.test_accuracy);
    ck_assert_int_eq(measured, 1);
    diary_free(&d);
}
END_TEST

START_TEST(plan_counts_steps_work_and_memory)
{
    struct ode_recipe_spec r = diary_ladder();
    struct ode_plan plan;
    struct ode_err err;

    test_ok(ode_plan_make(&plan, &r, 230, 70, 2, &err), &err);
    ck_assert_int_eq(plan.levels[0].epoch_steps, 5);
    ck_assert_int_eq(plan.steps, 30);
    ck_assert_int_eq(plan.levels[2].first_step, 20);
    ck_assert_double_eq(plan.levels[2].work_image, 1);
    ck_assert_double_lt(plan.levels[0].work_image, 0.2);
    ck_assert_double_eq_tol(plan.levels[2].work, 460, 1e-9);
    ck_assert_uint_gt(plan.memory_bytes, plan.levels[2].memory_bytes);
    r.model.units[0].channels = 16; /* wider than the next unit's half allows: shapes */
    r.levels[1].resolution = 12;
    ck_assert_int_ne(ode_plan_make(&plan, &r, 230, 70, 2, &err), ODE_OK);
}
END_TEST

/* The ladder's FLOPs by hand: an opening of 1 to 8 channels, units of 8 and 12 channels
 * with two layers K' s(K y) a block on halves, an average and a dense layer of 10
 * classes. A batch of 50 leaves 30 of the 230 images to an epoch's last step. */
START_TEST(work_counts_images_by_their_flops)
{
    struct ode_recipe_spec r = diary_ladder();
    const double size[] = { 8, 16, 16 }, blocks[] = { 2, 2, 4 };
    double flops[3], before = 0;
    struct ode_plan plan;
    struct ode_err err;

    r.model.connector = ODE_LINK_ZERO;
    r.model.placement = ODE_PLACEMENT_BETWEEN;
    for (int k = 0; k < 3; k++) {
        const double area = size[k] * size[k];

        flops[k] = 18 * 1 * 8 * area + blocks[k] * 2 * 2 * 18 * 4 * 4 * area
                   + blocks[k] * 2 * 2 * 18 * 6 * 6 * area / 4 + 2 * 12 * 10;
    }
    test_ok(ode_plan_make(&plan, &r, 230, 70, 2, &err), &err);
    for (int k = 0; k < 3; k++) {
        const double image = flops[k] / flops[2];

        ck_assert_double_eq(plan.levels[k].flops, flops[k]);
        ck_assert_double_eq(plan.levels[k].work_image, image);
        ck_assert_double_eq_tol(plan.levels[k].work, 460 * image, 1e-9);
        ck_assert_double_eq(ode_plan_work(&plan, k, 0), before);
        ck_assert_double_eq_tol(ode_plan_work(&plan, k, 4), before + 200 * image, 1e-9);
        ck_assert_double_eq_tol(ode_plan_work(&plan, k, 5), before + 230 * image, 1e-9);
        ck_assert_double_eq_tol(ode_plan_work(&plan, k, 6), before + 280 * image, 1e-9);
        before += plan.levels[k].work;
        ck_assert_double_eq(ode_plan_work(&plan, k, 10), before);
    }
    ck_assert_double_eq(plan.work, before);
}
END_TEST

/* A ladder that ends coarse: the unit is the level that takes the most, not the last. */
START_TEST(the_finest_level_is_the_unit_wherever_it_stands)
{
    struct ode_recipe_spec r = diary_ladder();
    struct ode_level_spec last = r.levels[2];
    struct ode_plan plan;
    struct ode_err err;

    r.levels[2] = r.levels[0];
    r.levels[0] = last;
    test_ok(ode_plan_make(&plan, &r, 230, 70, 2, &err), &err);
    ck_assert_double_eq(plan.levels[0].work_image, 1);
    ck_assert_double_lt(plan.levels[2].work_image, 0.2);
}
END_TEST

/* What every unit of the plan's last level keeps. */
static const enum ode_memory *
planned(const struct ode_recipe_spec *r, struct ode_plan *plan)
{
    struct ode_err err;

    test_ok(ode_plan_make(plan, r, 230, 70, 2, &err), &err);
    return plan->levels[r->levels_n - 1].memory;
}

/* auto: all is stored where there is room, else as much as fits; what cannot be reversed
 * keeps checkpoints; a unit's own wish is kept. */
START_TEST(auto_keeps_what_fits)
{
    struct ode_recipe_spec r = diary_ladder();
    struct ode_plan plan;
    const enum ode_memory *memory;

    r.train.memory = ODE_MEMORY_AUTO;
    r.model.units[0].channels = 64;
    r.model.units[1].channels = 128;
    r.levels[2].blocks[0] = r.levels[2].blocks[1] = 40;
    r.resources.memory_mib = 4096;
    memory = planned(&r, &plan);
    ck_assert(memory[0] == ODE_MEMORY_STORE && memory[1] == ODE_MEMORY_STORE);
    r.resources.memory_mib = (int64_t)(plan.levels[2].memory_bytes >> 20) - 1;
    memory = planned(&r, &plan);
    ck_assert_int_ne(memory[0], memory[1]);
    ck_assert_uint_le(plan.levels[2].memory_bytes, (size_t)r.resources.memory_mib << 20);
    r.resources.memory_mib = 1;
    memory = planned(&r, &plan);
    ck_assert(memory[0] == ODE_MEMORY_REVERSE && memory[1] == ODE_MEMORY_REVERSE);
    r.model.units[1].memory = ODE_UNIT_MEMORY_STORE;
    memory = planned(&r, &plan);
    ck_assert(memory[0] == ODE_MEMORY_REVERSE && memory[1] == ODE_MEMORY_STORE);
    r.model.block = ODE_BLOCK_EULER;
    memory = planned(&r, &plan);
    ck_assert(memory[0] == ODE_MEMORY_CHECKPOINT && memory[1] == ODE_MEMORY_STORE);
}
END_TEST

TEST_SUITE(train, 900, damping_holds_kernels_down_on_the_way_to_finer_images,
           levels_run_in_order_with_a_transfer_between,
           threads_and_memory_do_not_change_a_bit, another_seed_gives_another_model,
           a_stopped_run_resumes_to_the_same_bits, every_variant_resumes_to_the_same_bits,
           LEARNS a_killed_run_repeats_the_same_records, divergence_names_level_and_step,
           divergence_is_warned_of_and_leaves_a_good_checkpoint,
           a_level_without_epochs_is_measured, plan_counts_steps_work_and_memory,
           work_counts_images_by_their_flops,
           the_finest_level_is_the_unit_wherever_it_stands, auto_keeps_what_fits)
