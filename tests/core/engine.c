/* engine.c - tests core/train/engine.c and with it core/net/exec.c, blocks and layers:
 * losses and gradients against the naive reference, and the contracts on bits. */
#include "core/train/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "tests/core/toy.h"
#include "tests/test.h"

#ifdef ODE_DOUBLE
#define LOSS_TOLERANCE     1e-12
#define GRADIENT_TOLERANCE 2e-8 /* of central differences with step 1e-5 */
#else
#define LOSS_TOLERANCE     2e-6
#define GRADIENT_TOLERANCE 2e-4 /* fp32 against double */
#endif

/* Three units, ragged halves of 3, 5 and 9 channels, 4-1-2 blocks. */
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

/* Halves of more than a block of 16, relu, one unit. */
static const struct toy_options wide = { .units = 1,
                                         .channels = { 40 },
                                         .blocks = { 2 },
                                         .resolution = 6,
                                         .in = 1,
                                         .classes = 10,
                                         .step = 0.1 };

/* As ragged, but the classifier sees 9 maps of 3x3 pixels from each half. */
static const struct toy_options flat = {
    .units = 3,
    .channels = {6,  10, 18},
    .blocks = { 3, 1,  3 },
    .resolution = 12,
    .in = 3,
    .classes = 7,
    .step = 0.1,
    .tanh = true,
    .head = ODE_READOUT_FLAT
};

enum { NETWORKS = 3 };
static const struct toy_options *const networks[NETWORKS] = { &ragged, &wide, &flat };

/* Depth 1000 is for the engine itself: not in double, and not under sanitizers. */
#if defined ODE_DOUBLE || defined __SANITIZE_ADDRESS__
#define SLOW true
#else
#define SLOW false
#endif

static uint64_t seed = 11;

/* Images of a single micro-batch, so that the reference sees the same moments. */
static int
one_micro(const struct ode_net *net)
{
    int n = 3;

    ck_assert_int_ge(ode_exec_micro(net), n);
    ck_assert_int_eq(ode_exec_micros(net, (size_t)n), 1);
    return n;
}

/* What toy_fetch() has, left to right. */
static int
mirrored_fetch(void *context, size_t i, float *scratch, float *pixels)
{
    const int label = toy_fetch(context, i, scratch, pixels), n = flat.resolution;

    for (float *row = pixels; row < pixels + flat.in * n * n; row += n)
        for (int x = 0; x < n / 2; x++) {
            const float left = row[x];

            row[x] = row[n - 1 - x];
            row[n - 1 - x] = left;
        }
    return label;
}

static double *
theta_doubled(const struct toy *t)
{
    double *x = malloc(t->net.params.theta_n * sizeof *x);

    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < t->net.params.theta_n; i++)
        x[i] = (double)t->engine.theta[i];
    return x;
}

START_TEST(loss_is_the_reference_s)
{
    for (int i = 0; i < NETWORKS; i++)
        for (int reverse = 0; reverse < 2; reverse++) {
            struct ode_batch_report report;
            struct toy t;
            double *theta, want;
            int n;

            toy_init(&t, networks[i], ODE_ISA_ALL, 1, 3, reverse);
            n = one_micro(&t.net);
            theta = theta_doubled(&t);
            want = reference_loss(&t.net, theta, NULL, &seed, 0, n);
            ode_engine_gradient(&t.engine, toy_fetch, &seed, n, NULL, &report);
            ck_assert_double_eq_tol(report.loss / n, want, LOSS_TOLERANCE * want);
            ck_assert_int_eq(report.n, n);
            free(theta);
            toy_release(&t);
        }
}
END_TEST

/* A random direction within one tensor. */
static double *
direction(const struct toy *t, int tensor)
{
    const struct ode_tensor *x = &t->net.params.tensor[tensor];
    double *v = calloc(t->net.params.theta_n, sizeof *v), norm = 0;
    struct ode_rng rng = ode_rng_at(8, ODE_STREAM_TEST, 5, (uint64_t)tensor);

    for (size_t j = 0; j < x->n; j++) {
        v[x->offset + j] = ode_rng_normal(&rng);
        norm += v[x->offset + j] * v[x->offset + j];
    }
    for (size_t j = 0; j < x->n; j++)
        v[x->offset + j] /= sqrt(norm);
    return v;
}

static double
shifted_loss(const struct toy *t, const double *theta, const double *v, double e, int n)
{
    const size_t count = t->net.params.theta_n;
    double *x = malloc(count * sizeof *x), loss;

    for (size_t i = 0; i < count; i++)
        x[i] = theta[i] + e * v[i];
    loss = reference_loss(&t->net, x, NULL, &seed, 0, n);
    free(x);
    return loss;
}

/* Oracle E 11: for every tensor, the engine's gradient in a random direction against the
 * central difference of the reference's loss. */
START_TEST(gradient_of_every_tensor_is_the_derivative)
{
    for (int i = 0; i < NETWORKS; i++) {
        struct ode_batch_report report;
        struct toy t;
        double *theta, scale = 0;
        int n;

        toy_init(&t, networks[i], ODE_ISA_ALL, 2, 3, true);
        n = one_micro(&t.net);
        theta = theta_doubled(&t);
        ode_engine_gradient(&t.engine, toy_fetch, &seed, n, NULL, &report);
        for (size_t j = 0; j < t.net.params.theta_n; j++)
            scale += pow((double)t.engine.gradient[j], 2);
        scale = sqrt(scale);
        ck_assert_double_gt(scale, 0.01);
        for (int k = 0; k < t.net.params.trained_n; k++) {
            const double e = 1e-5;
            double *v = direction(&t, k), got = 0, want;

            want = (shifted_loss(&t, theta, v, e, n) - shifted_loss(&t, theta, v, -e, n))
                   / (2 * e);
            for (size_t j = 0; j < t.net.params.theta_n; j++)
                got += v[j] * (double)t.engine.gradient[j];
            ck_assert_msg(fabs(got - want) <= GRADIENT_TOLERANCE * scale,
                          "%s: %.9g, central difference %.9g",
                          t.net.params.tensor[k].name, got, want);
            free(v);
        }
        free(theta);
        toy_release(&t);
    }
}
END_TEST

/* Oracle E 12: the gradients of inner K and outer K^T, untied, sum to the tied one. */
START_TEST(tied_gradient_is_the_sum_of_the_untied)
{
    const double e = 1e-5;
    struct ode_batch_report report;
    struct toy t;
    double *theta, *v, *moved, inner, outer, got = 0, scale = 0;
    int n, k;

    toy_init(&t, &ragged, ODE_ISA_ALL, 1, 3, false);
    n = one_micro(&t.net);
    k = t.net
            .slot[t.net.point[t.net.segment[1].slot * t.net.role_n
                              + t.net.role[0][ODE_PART_KERNEL]]]
            .tensor;
    theta = theta_doubled(&t);
    moved = theta_doubled(&t);
    v = direction(&t, k);
    ode_engine_gradient(&t.engine, toy_fetch, &seed, n, NULL, &report);
    for (size_t j = 0; j < t.net.params.theta_n; j++) {
        got += v[j] * (double)t.engine.gradient[j];
        scale += pow((double)t.engine.gradient[j], 2);
    }
    inner = outer = 0;
    for (int sign = -1; sign <= 1; sign += 2) {
        for (size_t j = 0; j < t.net.params.theta_n; j++)
            moved[j] = theta[j] + sign * e * v[j];
        inner += sign * reference_loss(&t.net, moved, theta, &seed, 0, n) / (2 * e);
        outer += sign * reference_loss(&t.net, theta, moved, &seed, 0, n) / (2 * e);
    }
    ck_assert_double_gt(fabs(inner), 1e-6);
    ck_assert_double_gt(fabs(outer), 1e-6);
    ck_assert_double_eq_tol(got, inner + outer, GRADIENT_TOLERANCE * sqrt(scale));
    free(theta);
    free(moved);
    free(v);
    toy_release(&t);
}
END_TEST

static double
engine_loss(struct toy *t, const real *theta, const double *v, double e, int n)
{
    struct ode_batch_report report;

    for (size_t i = 0; i < t->net.params.theta_n; i++)
        t->engine.theta[i] = (real)((double)theta[i] + e * v[i]);
    ode_engine_pack(&t->engine);
    ode_engine_gradient(&t->engine, toy_fetch, &seed, n, NULL, &report);
    return report.loss / n;
}

/* Oracle E 10: |J(t + e v) - J| is of order 1 and |J(t + e v) - J - e <g, v>| of order 2,
 * over all parameters at once, several micro-batches and both memory modes. */
START_TEST(taylor_orders_are_one_and_two)
{
    enum { N = 16, HALVINGS = 12 };

    for (int reverse = 0; reverse < 2; reverse++) {
        struct ode_batch_report report;
        struct toy t;
        real *theta;
        double *v, slope = 0, loss, first[HALVINGS], second[HALVINGS];
        int good = 0, most = 0;

        toy_init(&t, &ragged, ODE_ISA_ALL, 2, N, reverse);
        ck_assert_int_gt(ode_exec_micros(&t.net, N), 1);
        theta = malloc(t.net.params.theta_n * sizeof *theta);
        v = malloc(t.net.params.theta_n * sizeof *v);
        memcpy(theta, t.engine.theta, t.net.params.theta_n * sizeof *theta);
        for (size_t i = 0; i < t.net.params.theta_n; i++) {
            struct ode_rng rng = ode_rng_at(4, ODE_STREAM_TEST, 6, i);

            v[i] = 0.2 * ode_rng_normal(&rng);
        }
        ode_engine_gradient(&t.engine, toy_fetch, &seed, N, NULL, &report);
        loss = report.loss / N;
        for (size_t i = 0; i < t.net.params.theta_n; i++)
            slope += v[i] * (double)t.engine.gradient[i];
        for (int j = 0; j < HALVINGS; j++) {
            const double e = ldexp(1, -j - 2);
            const double moved = engine_loss(&t, theta, v, e, N);

            first[j] = fabs(moved - loss);
            second[j] = fabs(moved - loss - e * slope);
        }
        for (int j = 1; j < HALVINGS; j++) {
            const double one = log2(first[j - 1] / first[j]);
            const double two = log2(second[j - 1] / second[j]);

            good = two > 1.9 && two < 2.2 && one > 0.8 && one < 1.3 ? good + 1 : 0;
            most = good > most ? good : most;
        }
        ck_assert_int_ge(most, 4);
        free(theta);
        free(v);
        toy_release(&t);
    }
}
END_TEST

/* The gradient of a batch of n by the given engine set-up; the caller frees it. */
static real *
gradient_of(const struct toy_options *o, unsigned isa, int threads, bool reverse, int n,
            size_t *bytes)
{
    struct ode_batch_report report;
    struct ode_penalty penalty = { .decay = 1e-3, .smoothness = 1e-3, .step = o->step };
    struct toy t;
    real *g;

    toy_init(&t, o, isa, threads, n, reverse);
    ode_engine_gradient(&t.engine, toy_fetch, &seed, n, &penalty, &report);
    *bytes = t.net.params.theta_n * sizeof *g;
    g = malloc(*bytes);
    memcpy(g, t.engine.gradient, *bytes);
    toy_release(&t);
    return g;
}

/* Depth n of one unit at rest: steps so small that states stay in range. */
static struct toy_options
deep(enum ode_block block, enum ode_norm norm, int n)
{
    return (struct toy_options){ .units = 1,
                                 .channels = { 6 },
                                 .blocks = { n },
                                 .resolution = 3,
                                 .in = 2,
                                 .classes = 4,
                                 .step = n > 100 ? 0.01 : 0.05,
                                 .tanh = true,
                                 .rounded = true,
                                 .block = block,
                                 .norm = norm,
                                 .before = norm != ODE_NORM_NONE };
}

/* The same with halves, or wholes, of 16 channels and an even size. */
static struct toy_options
even(enum ode_block block, int n)
{
    struct toy_options o = deep(block, ODE_NORM_NONE, n);

    o.channels[0] = ode_block_table[block]->layout == ODE_HALVES ? 32 : 16;
    o.resolution = 4;
    return o;
}

/* Checkpoints and, where it can be reversed, reversal give what storing gives. */
static void
same_gradients(const struct toy_options *stored, unsigned isa)
{
    const bool reversible = ode_block_table[stored->block]->reach > 0;
    struct toy_options other = *stored;
    size_t n, m;
    real *a = gradient_of(stored, isa, 1, false, 5, &n);
    double norm = 0;

    for (size_t i = 0; i < n / sizeof *a; i++)
        norm += (double)a[i] * (double)a[i];
    ck_assert(norm > 0 && isfinite(norm));
    for (int memory = ODE_MEMORY_CHECKPOINT; memory <= ODE_MEMORY_CHECKPOINT + reversible;
         memory++) {
        real *b;

        other.memory = (enum ode_memory)memory;
        b = gradient_of(&other, isa, 2, false, 5, &m);
        ck_assert_uint_eq(n, m);
        ck_assert_msg(memcmp(a, b, n) == 0,
                      "block %s, norm %d, %d blocks, isa %u, memory %d",
                      ode_block_choices[stored->block].name, (int)stored->norm,
                      stored->blocks[0], isa, memory);
        free(b);
    }
    free(a);
}

/* What is reversed or done again from checkpoints gives the gradients of what was stored,
 * bit for bit: for every integrator and normalisation, at depth 10, 100 and 1000, by
 * every table of kernels. */
START_TEST(reversed_gradients_equal_stored_ones_bit_for_bit)
{
    static const unsigned isa[] = { ODE_ISA_PORTABLE, ODE_ISA_AVX2, ODE_ISA_AVX512 };
    static const int depths[] = { 10, 100, 1000 };
    int tried = 0;

    for (int b = 0; ode_block_choices[b].name; b++)
        for (int norm = ODE_NORM_NONE; norm <= ODE_NORM_TV; norm++)
            for (int d = 0; d < 3; d++)
                for (int i = 0; i < 3; i++) {
                    const struct toy_options o =
                        deep((enum ode_block)b, (enum ode_norm)norm, depths[d]);

                    if (!(isa[i] & ode_isa_available()) || (SLOW && (i || d == 2))
                        || (d && norm != ODE_NORM_NONE && norm != ODE_NORM_BATCH)
                        || (d == 2 && (norm || !ode_block_table[b]->reach)))
                        continue;
                    same_gradients(&o, isa[i]);
                    tried += i == 0;
                }
    ck_assert_int_ge(tried, SLOW ? 40 : 44);
}
END_TEST

/* The same where convolutions go the Winograd way. */
START_TEST(reversal_is_exact_the_winograd_way)
{
    static const unsigned isa[] = { ODE_ISA_PORTABLE, ODE_ISA_AVX2, ODE_ISA_AVX512 };
    static const int depths[] = { 10, 100, 1000 };
    int tried = 0;

    for (int b = 0; ode_block_choices[b].name; b++)
        for (int d = 0; d < (SLOW ? 1 : 3); d++)
            for (int i = 0; i < 3; i++) {
                struct toy_options o = even((enum ode_block)b, depths[d]);

                if (!ode_block_table[b]->reach || !(isa[i] & ode_isa_available())
                    || (d == 2 && i < 2))
                    continue;
                same_gradients(&o, isa[i]);
                o.norm = ODE_NORM_BATCH;
                if (d == 0)
                    same_gradients(&o, isa[i]);
                tried++;
            }
    ck_assert_int_ge(tried, SLOW ? 4 : 8);
}
END_TEST

/* Prepared kernels of a thousand blocks are not kept. Direct ones are smaller. */
START_TEST(weights_that_are_prepared_when_needed_are_the_same)
{
    struct toy_options o = even(ODE_BLOCK_HAMILTONIAN, 1000);
    double difference = 0, norm = 0;
    size_t n, m;
    struct toy t;
    real *a, *b;

    o.memory = ODE_MEMORY_REVERSE;
    toy_init(&t, &o, ODE_ISA_ALL, 1, 2, false);
    ck_assert(t.net.streams && t.net.segment[0].conv.winograd);
    toy_release(&t);
    a = gradient_of(&o, ODE_ISA_ALL, 2, false, 5, &n);
    o.convolution = ODE_CONVOLUTION_DIRECT;
    toy_init(&t, &o, ODE_ISA_ALL, 1, 2, false);
    ck_assert(sizeof(real) == 8 || !t.net.streams);
    ck_assert(!t.net.segment[0].conv.winograd);
    toy_release(&t);
    b = gradient_of(&o, ODE_ISA_ALL, 2, false, 5, &m);
    ck_assert_uint_eq(n, m);
    for (size_t i = 0; i < n / sizeof *a; i++) {
        difference += pow((double)a[i] - (double)b[i], 2);
        norm += pow((double)b[i], 2);
    }
    ck_assert_double_gt(norm, 0);
    ck_assert_double_le(sqrt(difference), 1e-3 * sqrt(norm));
    free(a);
    free(b);
}
END_TEST

/* The same for whole networks: several units, connectors, ragged and wide halves. */
START_TEST(memory_modes_agree_in_every_kind_of_network)
{
    static const enum ode_link links[] = { ODE_LINK_ZERO, ODE_LINK_POINTWISE,
                                           ODE_LINK_RESIDUAL };

    for (int b = 0; ode_block_choices[b].name; b++)
        for (int l = 0; l < 3; l++) {
            struct toy_options o = ragged;

            o.rounded = true;
            o.block = (enum ode_block)b;
            o.connector = links[l];
            o.norm = l ? ODE_NORM_BATCH : ODE_NORM_NONE;
            o.closing = l == 1 ? 14 : 0;
            o.head = l == 2 ? ODE_READOUT_AVERAGE : ODE_READOUT_FLAT;
            o.placement = l ? ODE_PLACEMENT_BETWEEN : ODE_PLACEMENT_CODE;
            o.blocks[1] = 2;
            same_gradients(&o, ODE_ISA_ALL);
        }
}
END_TEST

/* Oracle E 8, without rounding to the grid: nearly equal. */
START_TEST(inexact_reversal_is_close)
{
    for (int net = 0; net < NETWORKS; net++) {
        struct toy_options o = *networks[net];
        size_t n, m;
        real *stored, *reversed;
        double difference = 0, norm = 0;

        o.blocks[0] = 18;
        stored = gradient_of(&o, ODE_ISA_ALL, 1, false, 8, &n);
        reversed = gradient_of(&o, ODE_ISA_ALL, 1, true, 8, &m);
        for (size_t i = 0; i < n / sizeof *stored; i++) {
            difference += pow((double)stored[i] - (double)reversed[i], 2);
            norm += pow((double)stored[i], 2);
        }
        ck_assert_double_le(sqrt(difference), 2e-6 * sqrt(norm));
        free(stored);
        free(reversed);
    }
}
END_TEST

/* The recipe's word for it: no grid, and gradients that are close, but not the same. */
START_TEST(inexact_memory_is_reversal_without_the_grid)
{
    struct toy_options exact = ragged, inexact;
    size_t n, m;
    real *stored, *reversed;
    double difference = 0, norm = 0;
    struct toy t;

    exact.rounded = true;
    exact.blocks[0] = 18;
    inexact = exact;
    inexact.memory = ODE_MEMORY_REVERSE_INEXACT;
    toy_init(&t, &inexact, ODE_ISA_ALL, 1, 8, false);
    ck_assert(t.net.segment[0].grid == 0);
    ck_assert_int_eq(t.net.segment[0].memory, ODE_MEMORY_REVERSE);
    toy_release(&t);
    stored = gradient_of(&exact, ODE_ISA_ALL, 1, false, 8, &n);
    reversed = gradient_of(&inexact, ODE_ISA_ALL, 1, false, 8, &m);
    for (size_t i = 0; i < n / sizeof *stored; i++) {
        difference += pow((double)stored[i] - (double)reversed[i], 2);
        norm += pow((double)stored[i], 2);
    }
    ck_assert_double_gt(difference, 0);
    /* 36 half-steps of 2^-17 at most: 1e-4, and chance has a share in it. */
    ck_assert_double_le(sqrt(difference), 2e-4 * sqrt(norm));
    free(stored);
    free(reversed);
}
END_TEST

START_TEST(threads_do_not_change_a_bit)
{
    for (int head = ODE_READOUT_AVERAGE; head <= ODE_READOUT_FLAT; head++) {
        struct toy_options o = ragged;
        size_t n, m;
        real *one;

        o.rounded = true;
        o.head = (enum ode_readout)head;
        one = gradient_of(&o, ODE_ISA_ALL, 1, true, 37, &n);
        for (int threads = 2; threads <= 5; threads++)
            for (int again = 0; again < 3; again++) {
                real *many = gradient_of(&o, ODE_ISA_ALL, threads, true, 37, &m);

                ck_assert_mem_eq(one, many, n);
                free(many);
            }
        free(one);
    }
}
END_TEST

/* Whether micro-batches share lanes or not, and then wait for each other. */
START_TEST(waiting_for_turns_changes_no_bit)
{
    struct ode_batch_report report;
    struct toy t;

    for (int lanes = 1; lanes <= 2; lanes++) {
        real *first = NULL;

        for (int threads = 1; threads <= 4; threads++)
            for (int again = 0; again < 4; again++) {
                size_t bytes;

                toy_init(&t, &ragged, ODE_ISA_ALL, threads, 37, false);
                bytes = t.net.params.theta_n * sizeof *first;
                t.engine.lanes = lanes;
                ode_engine_gradient(&t.engine, toy_fetch, &seed, 37, NULL, &report);
                ck_assert_int_gt(t.engine.micros, lanes);
                if (!first) {
                    first = malloc(bytes);
                    memcpy(first, t.engine.gradient, bytes);
                }
                ck_assert_mem_eq(t.engine.gradient, first, bytes);
                toy_release(&t);
            }
        ck_assert_double_gt(toy_dot(first, first, 10), 0);
        free(first);
    }
}
END_TEST

/* The logits with test_flip are the mean of those of an image and of its mirror image,
 * which for a flat head differ. */
START_TEST(a_flat_head_sees_mirrored_maps)
{
    enum { N = 5, ALL = N * 7 };
    real one[ALL], other[ALL], both[ALL];
    double difference = 0;
    struct toy t;

    toy_init(&t, &flat, ODE_ISA_ALL, 1, N, false);
    ode_engine_logits(&t.engine, toy_fetch, &seed, N, one);
    ode_engine_logits(&t.engine, mirrored_fetch, &seed, N, other);
    t.engine.exec.flip = true;
    ode_engine_logits(&t.engine, toy_fetch, &seed, N, both);
    for (int i = 0; i < ALL; i++) {
        difference += fabs((double)(one[i] - other[i]));
        ck_assert_double_eq_tol((double)both[i], (double)(one[i] + other[i]) / 2, 1e-5);
    }
    ck_assert_double_gt(difference, 0.1);
    toy_release(&t);
}
END_TEST

/* On a coarse level a flat head's part of the gradient is multiplied by 4^L: metric.h. */
START_TEST(the_metric_reaches_a_flat_head)
{
    const struct ode_metric metric = ode_metric_make(ODE_SPACE_NONE, 2);
    struct ode_batch_report report;
    struct toy t;
    real *own;

    toy_init(&t, &flat, ODE_ISA_ALL, 1, 8, false);
    own = malloc(t.net.params.theta_n * sizeof *own);
    ode_engine_gradient(&t.engine, toy_fetch, &seed, 8, NULL, &report);
    memcpy(own, t.engine.gradient, t.net.params.theta_n * sizeof *own);
    t.engine.metric = &metric;
    ode_engine_gradient(&t.engine, toy_fetch, &seed, 8, NULL, &report);
    for (int i = 0; i < t.net.params.trained_n; i++) {
        const struct ode_tensor *x = &t.net.params.tensor[i];
        const real by = strcmp(x->name, "head.weight") == 0 ? 16 : 1;

        for (size_t j = x->offset; j < x->offset + x->n; j++)
            ck_assert(t.engine.gradient[j] == by * own[j]);
    }
    free(own);
    toy_release(&t);
}
END_TEST

START_TEST(tables_agree_to_rounding)
{
    static const unsigned isa[] = { ODE_ISA_AVX2, ODE_ISA_AVX512 };

    for (int i = 0; i < 2; i++) {
        size_t n, m;
        real *plain, *fast;
        double difference = 0, norm = 0;

        if (!(isa[i] & ode_isa_available()))
            continue;
        plain = gradient_of(&ragged, ODE_ISA_PORTABLE, 1, true, 8, &n);
        fast = gradient_of(&ragged, isa[i], 1, true, 8, &m);
        for (size_t j = 0; j < n / sizeof *plain; j++) {
            difference += pow((double)plain[j] - (double)fast[j], 2);
            norm += pow((double)plain[j], 2);
        }
        ck_assert_double_le(sqrt(difference), 5e-6 * sqrt(norm));
        free(plain);
        free(fast);
    }
}
END_TEST

/* Oracle E 9: with reversal the thread's buffers do not grow with depth. */
START_TEST(reversal_takes_the_same_memory_at_any_depth)
{
    size_t work[2][2];

    for (int reverse = 0; reverse < 2; reverse++)
        for (int deep = 0; deep < 2; deep++) {
            struct toy_options o = wide;
            struct ode_arena count = { 0 };
            struct ode_work buffers;
            struct toy t;

            o.blocks[0] = deep ? 60 : 6;
            toy_init(&t, &o, ODE_ISA_ALL, 1, 8, reverse);
            ode_work_place(&buffers, &t.engine.exec, &count);
            work[reverse][deep] = count.used;
            toy_release(&t);
        }
    ck_assert_uint_eq(work[1][0], work[1][1]);
    ck_assert_uint_gt(work[0][1], 5 * work[0][0]);
}
END_TEST

/* Reestimated moments make evaluation agree with what training saw of the same images. */
START_TEST(evaluation_uses_the_running_moments)
{
    struct ode_batch_report trained, evaluated;
    struct toy t;
    const int n = 3;

    toy_init(&t, &ragged, ODE_ISA_ALL, 1, n, true);
    ode_engine_gradient(&t.engine, toy_fetch, &seed, n, NULL, &trained);
    ode_engine_follow(&t.engine, 0);
    ck_assert_int_eq(ode_engine_evaluate(&t.engine, toy_fetch, &seed, (size_t)n, NULL,
                                         NULL, &evaluated),
                     ODE_OK);
    ck_assert_double_eq_tol(trained.loss, evaluated.loss, 1e-4);
    ck_assert_int_eq(trained.correct, evaluated.correct);
    ode_engine_follow(&t.engine, 0.5);
    ode_engine_reestimate(&t.engine, toy_fetch, &seed, (size_t)n);
    ode_engine_evaluate(&t.engine, toy_fetch, &seed, (size_t)n, NULL, NULL, &evaluated);
    ck_assert_double_eq_tol(trained.loss, evaluated.loss, 1e-4);
    /* nothing stays of moments that were no numbers */
    for (size_t i = 0; i < t.net.params.statistic_n; i++)
        t.engine.statistics[i] = i % 2 ? (real)NAN : (real)INFINITY;
    ode_engine_reestimate(&t.engine, toy_fetch, &seed, (size_t)n);
    ode_engine_evaluate(&t.engine, toy_fetch, &seed, (size_t)n, NULL, NULL, &evaluated);
    ck_assert_double_eq_tol(trained.loss, evaluated.loss, 1e-4);
    toy_release(&t);
}
END_TEST

static bool
always(void *context)
{
    (void)context;
    return true;
}

START_TEST(evaluation_covers_each_image_and_can_be_stopped)
{
    struct ode_batch_report all, none = { .n = -1 };
    struct toy t;

    toy_init(&t, &ragged, ODE_ISA_ALL, 2, 4, true);
    ode_engine_evaluate(&t.engine, toy_fetch, &seed, 1203, NULL, NULL, &all);
    ck_assert_int_eq(all.n, 1203);
    ck_assert_int_eq(
        ode_engine_evaluate(&t.engine, toy_fetch, &seed, 1203, always, NULL, &none),
        ODE_ESTOPPED);
    ck_assert_int_eq(none.n, -1);
    toy_release(&t);
}
END_TEST

/* Some steps of SGD on one batch bring its loss down. */
START_TEST(training_lowers_the_loss)
{
    struct ode_batch_report report;
    const struct ode_optimizer_spec sgd = { .momentum = 0.9, .nesterov = true };
    const struct ode_update update = { .optimizer = &sgd, .rate = 0.02, .scale = 1 };
    double before, after = 0;
    struct toy t;

    toy_init(&t, &ragged, ODE_ISA_ALL, 2, 16, true);
    ode_engine_gradient(&t.engine, toy_fetch, &seed, 16, NULL, &report);
    before = report.loss;
    for (int i = 0; i < 80; i++) {
        ode_engine_update(&t.engine, &update);
        ode_engine_gradient(&t.engine, toy_fetch, &seed, 16, NULL, &report);
        after = report.loss;
    }
    ck_assert_double_lt(after, 0.5 * before);
    toy_release(&t);
}
END_TEST

/* Micro-batches are dealt evenly and cover the batch. */
START_TEST(micro_batches_are_even)
{
    struct toy t;

    toy_init(&t, &ragged, ODE_ISA_ALL, 1, 1, true);
    for (int n = 1; n < 300; n++) {
        const int k = ode_exec_micros(&t.net, (size_t)n);
        const int size = (n + k - 1) / k;

        ck_assert_int_le(k, n);
        ck_assert_int_le(size, ode_exec_micro(&t.net));
        ck_assert(n < 4 || k % 4 == 0 || k == n);
    }
    toy_release(&t);
}
END_TEST

TEST_SUITE(engine, 300, loss_is_the_reference_s,
           gradient_of_every_tensor_is_the_derivative,
           tied_gradient_is_the_sum_of_the_untied, taylor_orders_are_one_and_two,
           reversed_gradients_equal_stored_ones_bit_for_bit,
           reversal_is_exact_the_winograd_way,
           weights_that_are_prepared_when_needed_are_the_same,
           memory_modes_agree_in_every_kind_of_network, inexact_reversal_is_close,
           inexact_memory_is_reversal_without_the_grid, threads_do_not_change_a_bit,
           waiting_for_turns_changes_no_bit, a_flat_head_sees_mirrored_maps,
           the_metric_reaches_a_flat_head, tables_agree_to_rounding,
           reversal_takes_the_same_memory_at_any_depth,
           evaluation_uses_the_running_moments,
           evaluation_covers_each_image_and_can_be_stopped, training_lowers_the_loss,
           micro_batches_are_even)
