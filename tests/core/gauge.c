/* gauge.c - tests core/train/gauge.c: norms that are known, growth and error of networks
 * against the states that the engine stores. */
#include "core/train/gauge.h"

#include <math.h>
#include <string.h>

#include "core/net/segment.h"
#include "tests/core/toy.h"
#include "tests/test.h"

#ifdef ODE_DOUBLE
#define ROUNDING 1e-12
#define INEXACT  1e-12
#else
#define ROUNDING 2e-6
#define INEXACT  1e-4
#endif

enum { IMAGES = 3 };

/* Three units, ragged halves of 3, 5 and 9 channels. */
static const struct toy_options ragged = {
    .units = 3,
    .channels = {6,  10, 18},
    .blocks = { 3, 1,  3 },
    .resolution = 12,
    .in = 3,
    .classes = 7,
    .step = 0.1,
    .tanh = true
};

/* One unit of one block, to put weights into. */
static const struct toy_options single = { .units = 1,
                                           .channels = { 2 },
                                           .blocks = { 1 },
                                           .resolution = 8,
                                           .in = 1,
                                           .classes = 2,
                                           .step = 0.5,
                                           .block = ODE_BLOCK_EULER,
                                           .layer = ODE_FORM_SINGLE };

static uint64_t seed = 11;

/* A gauge and its memory. */
struct probe {
    struct ode_arena arena;
    struct ode_gauge_room room;
};

static void
probe_init(struct probe *p, const struct toy *t)
{
    struct ode_arena count = { 0 };
    struct ode_err err;

    ode_gauge_place(&p->room, &t->engine.exec, IMAGES, &count);
    test_ok(ode_arena_init(&p->arena, count.used, &err), &err);
    ode_gauge_place(&p->room, &t->engine.exec, IMAGES, &p->arena);
    ck_assert_uint_eq(p->arena.used, count.used);
}

/* What the gauge says of a toy. */
static struct ode_gauge
gauge_of(const struct toy *t)
{
    struct ode_gauge gauge;
    struct probe p;

    probe_init(&p, t);
    ode_gauge_measure(&p.room, &t->engine.exec, toy_fetch, &seed, &gauge);
    ode_arena_release(&p.arena);
    return gauge;
}

static double
lipschitz_of(const struct toy *t, int point, int layer)
{
    struct probe p;
    double l;

    probe_init(&p, t);
    l = ode_gauge_lipschitz(&p.room, &t->engine.exec, 0, point, layer);
    ode_arena_release(&p.arena);
    return l;
}

/* Where a vector or kernel of a block begins, among the weights or the statistics. */
static real *
weight_of(const struct toy *t, int block, int layer, enum ode_part part)
{
    for (int i = 0; i < t->net.params.tensor_n; i++) {
        const struct ode_tensor *x = &t->net.params.tensor[i];

        if (x->segment == 0 && x->block == block && x->role == t->net.role[layer][part])
            return (i < t->net.params.trained_n ? t->engine.theta : t->engine.statistics)
                   + x->offset;
    }
    ck_abort_msg("block %d has no such weight", block);
    return NULL;
}

/* A kernel of 2x2 channels becomes the matrix k in the middle tap. */
static void
matrix_put(struct toy *t, int block, int layer, enum ode_part part, const double *k)
{
    real *to = weight_of(t, block, layer, part);

    memset(to, 0, 36 * sizeof *to);
    for (int i = 0; i < 4; i++)
        to[9 * i + 4] = (real)k[i];
    ode_engine_pack(&t->engine);
}

/* --- norms ------------------------------------------------------------------------- */

/* The singular values of [[3, 4], [0, 5]] are 3 sqrt 5 and sqrt 5; its antisymmetric part
 * is 4 times a rotation; [[1, 1], [0, 0]] has norm sqrt 2. */
START_TEST(norms_of_small_matrices_are_known)
{
    static const double k[] = { 3, 4, 0, 5 }, outer[] = { 1, 1, 0, 0 };
    static const double delta[] = { 1, 0, 0, 1 };
    const double want[] = { [ODE_FORM_SINGLE] = sqrt(45),
                            [ODE_FORM_SYMMETRIC] = 45,
                            [ODE_FORM_ANTISYMMETRIC] = 4,
                            [ODE_FORM_RESIDUAL] = sqrt(90) };

    for (int form = ODE_FORM_SINGLE; form <= ODE_FORM_RESIDUAL; form++) {
        struct toy_options o = single;
        struct toy t;

        o.layer = (enum ode_form)form;
        toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
        matrix_put(&t, 0, 0, ODE_PART_KERNEL, k);
        if (form == ODE_FORM_RESIDUAL)
            matrix_put(&t, 0, 0, ODE_PART_OUTER, outer);
        ck_assert_double_eq_tol(lipschitz_of(&t, 0, 0), want[form],
                                ROUNDING * want[form]);
        matrix_put(&t, 0, 0, ODE_PART_KERNEL, delta);
        if (form == ODE_FORM_RESIDUAL)
            matrix_put(&t, 0, 0, ODE_PART_OUTER, delta);
        ck_assert_double_eq_tol(lipschitz_of(&t, 0, 0),
                                form == ODE_FORM_ANTISYMMETRIC ? 0 : 1, ROUNDING);
        toy_release(&t);
    }
}
END_TEST

/*
 * Initial kernels are normal with variance 2 / (9 c), cut off at two deviations, which
 * leaves 0.8796 of the deviation. At each frequency K is a c x c matrix whose entries
 * have variance 2 / c: its norm is near 2 sqrt 2, that of K - K^T near 4 (PAPERS
 * A.2: 2.84 to 2.86, 3.95 to 4.16), times 0.8796.
 */
START_TEST(norms_of_initial_kernels_are_known)
{
    const double cut = 0.87962566;

    for (int form = ODE_FORM_SINGLE; form <= ODE_FORM_ANTISYMMETRIC; form++)
        for (int c = 16; c <= 64; c *= 2) {
            const bool anti = form == ODE_FORM_ANTISYMMETRIC;
            const double want = cut * (anti ? 4 : 2 * sqrt(2));
            struct toy_options o = single;
            struct toy t;
            double norm;

            o.layer = (enum ode_form)form;
            o.channels[0] = c;
            o.resolution = 16;
            toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
            norm = lipschitz_of(&t, 0, 0);
            norm = form == ODE_FORM_SYMMETRIC ? sqrt(norm) : norm;
            ck_assert_double_eq_tol(norm, want, 0.05 * want);
            toy_release(&t);
        }
}
END_TEST

/* Batch: the largest |scale| / sqrt(variance + eps), of both normalisations; with the
 * others there is no bound. */
START_TEST(normalisations_multiply_the_norm)
{
    static const double delta[] = { 1, 0, 0, 1 };
    struct toy_options o = single;
    struct toy t;

    o.norm = ODE_NORM_BATCH;
    o.layer = ODE_FORM_RESIDUAL;
    toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
    for (int i = 0; i < 2; i++) {
        weight_of(&t, 0, 0, ODE_PART_PRE_SCALE)[i] = (real)(i ? -3 : 1);
        weight_of(&t, 0, 0, ODE_PART_PRE_VARIANCE)[i] = 4;
        weight_of(&t, 0, 0, ODE_PART_SCALE)[i] = (real)0.5;
        weight_of(&t, 0, 0, ODE_PART_VARIANCE)[i] = (real)(i ? 9 : 0.25);
    }
    matrix_put(&t, 0, 0, ODE_PART_KERNEL, delta);
    matrix_put(&t, 0, 0, ODE_PART_OUTER, delta);
    ck_assert_double_eq_tol(lipschitz_of(&t, 0, 0), 3 / sqrt(4.001) * 0.5 / sqrt(0.251),
                            10 * ROUNDING);
    toy_release(&t);
    for (int norm = ODE_NORM_INSTANCE; norm <= ODE_NORM_TV; norm++) {
        o.norm = (enum ode_norm)norm;
        toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
        ck_assert(isnan(lipschitz_of(&t, 0, 0)));
        ck_assert(isnan(gauge_of(&t).segment[0].stability));
        ck_assert(isfinite(gauge_of(&t).segment[0].growth));
        toy_release(&t);
    }
}
END_TEST

/* Of a Hamiltonian network, h ||K1|| ||K2|| / 2 of the block where it is largest; the
 * first of a hundred blocks is among those that are looked at. */
START_TEST(stability_is_that_of_the_worst_block)
{
    struct toy_options o = single;
    struct toy t;

    o.block = ODE_BLOCK_HAMILTONIAN;
    o.layer = ODE_FORM_SYMMETRIC;
    o.step = 0.3;
    for (int blocks = 2; blocks <= 100; blocks *= 50) {
        o.blocks[0] = blocks;
        toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
        for (int b = 0; b < blocks; b++)
            for (int layer = 0; layer < 2; layer++) {
                real *k = weight_of(&t, b, layer, ODE_PART_KERNEL);

                memset(k, 0, 9 * sizeof *k);
                k[4] = (real)((b ? 1 : 2) * (layer ? 1.5 : 1));
            }
        ode_engine_pack(&t.engine);
        ck_assert_double_eq_tol(gauge_of(&t).segment[0].stability, 0.3 * 2 * 3 / 2,
                                10 * ROUNDING);
        toy_release(&t);
    }
}
END_TEST

/* --- networks ---------------------------------------------------------------------- */

static double
image_square(const struct toy *t, int s, struct ode_pair p)
{
    const size_t n = IMAGES * t->net.segment[s].image;

    return toy_dot(p.y, p.y, n) + (t->net.parts == 2 ? toy_dot(p.z, p.z, n) : 0);
}

/* Growth from the states that the engine stores. */
static double
stored_growth(struct toy *t, int s)
{
    const struct ode_exec *e = &t->engine.exec;
    struct ode_work *w = &t->engine.work[0];

    ode_exec_forward(e, w, toy_fetch, &seed, 0, IMAGES, ODE_TRAIN, &t->engine.result[0]);
    return sqrt(image_square(t, s, ode_segment_end(e, w, s))
                / image_square(t, s, ode_segment_begin(e, w, s)));
}

/* All integrators, connectors and norms: growth is that of the states that the engine
 * stores; on the grid the way back is exact, without it nearly; NaN where there is none.
 */
START_TEST(growth_and_error_are_those_of_the_engine)
{
    for (int block = 0; ode_block_choices[block].name; block++)
        for (int connector = ODE_LINK_ZERO; connector <= ODE_LINK_RESIDUAL; connector++)
            for (int rounded = 0; rounded < 2; rounded++) {
                struct toy_options o = ragged;
                struct ode_gauge gauge;
                struct toy t;

                o.block = (enum ode_block)block;
                o.connector = (enum ode_link)connector;
                o.norm = connector == ODE_LINK_RESIDUAL ? ODE_NORM_BATCH : ODE_NORM_NONE;
                o.placement = ODE_PLACEMENT_BETWEEN;
                o.blocks[1] = 3;
                o.rounded = rounded;
                toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
                gauge = gauge_of(&t);
                ck_assert_int_eq(gauge.segments, 3);
                for (int s = 0; s < 3; s++) {
                    const struct ode_gauge_segment *g = &gauge.segment[s];
                    const double want = stored_growth(&t, s);

                    ck_assert_double_eq_tol(g->growth, want, ROUNDING * want);
                    ck_assert_double_gt(fabs(want - 1), 1e-6);
                    ck_assert_double_gt(g->stability, 1e-3);
                    if (!t.net.block->reach)
                        ck_assert(isnan(g->error));
                    else if (rounded)
                        ck_assert(g->error == 0);
                    else
                        ck_assert_msg(g->error > 0 && g->error < INEXACT, "%s: error %g",
                                      t.net.block->name, g->error);
                }
                toy_release(&t);
            }
}
END_TEST

/* What a segment keeps in training, and who asks, is no matter. */
START_TEST(memory_modes_and_threads_do_not_change_a_bit)
{
    static const enum ode_memory memory[] = { ODE_MEMORY_STORE, ODE_MEMORY_CHECKPOINT,
                                              ODE_MEMORY_REVERSE };
    struct ode_gauge first;

    for (int i = 0; i < 3; i++) {
        struct toy_options o = ragged;
        struct ode_gauge gauge;
        struct toy t;

        o.memory = memory[i];
        toy_init(&t, &o, ODE_ISA_ALL, i + 1, 10, false);
        gauge = gauge_of(&t);
        if (i == 0)
            first = gauge;
        ck_assert_mem_eq(gauge.segment, first.segment, sizeof gauge.segment);
        toy_release(&t);
    }
}
END_TEST

/* Depth costs the gauge no memory. */
START_TEST(room_does_not_grow_with_the_depth)
{
    size_t used[2];

    for (int i = 0; i < 2; i++) {
        struct toy_options o = ragged;
        struct probe p;
        struct toy t;

        o.blocks[0] = i ? 50 : 3;
        toy_init(&t, &o, ODE_ISA_ALL, 1, IMAGES, false);
        probe_init(&p, &t);
        used[i] = p.arena.used;
        ode_arena_release(&p.arena);
        toy_release(&t);
    }
    ck_assert_uint_eq(used[0], used[1]);
}
END_TEST

TEST_SUITE(gauge, 120, norms_of_small_matrices_are_known,
           norms_of_initial_kernels_are_known, normalisations_multiply_the_norm,
           stability_is_that_of_the_worst_block, growth_and_error_are_those_of_the_engine,
           memory_modes_and_threads_do_not_change_a_bit,
           room_does_not_grow_with_the_depth)
