/* transfer.c - tests core/scales/transfer.c on the tables of a small network */
#include "core/scales/transfer.h"
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/scales/depth.h"
#include "core/scales/metric.h"
#include "core/scales/stencil.h"

enum { MOST_TENSORS = 128, MOST_FLOATS = 65536, SEGMENTS = 2, ROLES = 4 };

/* A table with its theta and statistics. */
struct net {
    struct ode_params params;
    struct ode_tensor tensor[MOST_TENSORS];
    struct ode_segment segment[SEGMENTS];
    float theta[MOST_FLOATS], statistics[64];
};

static const struct ode_transfer_op nothing = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, 0, 0 };

static struct ode_tensor *
add(struct net *net, const char *name, enum ode_tensor_kind kind, int a, int b, int width)
{
    struct ode_params *p = &net->params;
    struct ode_tensor *t = &p->tensor[p->tensor_n++];
    bool statistic = kind == ODE_TENSOR_MEAN || kind == ODE_TENSOR_VARIANCE;
    size_t *end = statistic ? &p->statistic_n : &p->theta_n;

    *t = (struct ode_tensor){
        .kind = kind,
        .dims = width ? 4
                : b   ? 2
                      : 1,
        .dim = {a, b, width, width},
        .offset = *end,
        .n = (size_t)a * (b ? b : 1) * (width ? width * width : 1),
        .segment = -1
    };
    snprintf(t->name, sizeof t->name, "%s", name);
    *end += t->n;
    p->trained_n += !statistic;
    ck_assert(p->tensor_n <= MOST_TENSORS && p->theta_n <= MOST_FLOATS);
    return t;
}

static void
add_block(struct net *net, int segment, int block, int c)
{
    static const char *const role[ROLES] = { "k1", "b1", "k2", "b2" };
    char name[48];

    for (int r = 0; r < ROLES; r++) {
        struct ode_tensor *t;

        snprintf(name, sizeof name, "unit.%d.block.%d.%s", segment, block, role[r]);
        t = r % 2 ? add(net, name, ODE_TENSOR_BIAS, c, 0, 0)
                  : add(net, name, ODE_TENSOR_CONV, c, c, 3);
        t->segment = segment, t->block = block, t->role = r;
    }
}

/* Opening, two segments of these blocks with 8 and 10 channels, head; random numbers. */
static struct net *
net_new(int first, int second)
{
    struct net *net = calloc(1, sizeof *net);
    struct ode_rng rng = ode_rng_at(2, ODE_STREAM_TEST, 300, (uint64_t)first);
    const int blocks[SEGMENTS] = { first, second };

    ck_assert_ptr_nonnull(net);
    net->params.tensor = net->tensor, net->params.segment = net->segment;
    net->params.segment_n = SEGMENTS;
    add(net, "opening.weight", ODE_TENSOR_CONV, 8, 3, 3);
    add(net, "opening.norm.scale", ODE_TENSOR_SCALE, 8, 0, 0);
    add(net, "opening.norm.shift", ODE_TENSOR_SHIFT, 8, 0, 0);
    for (int s = 0; s < SEGMENTS; s++) {
        net->segment[s].blocks = blocks[s];
        for (int b = 0; b < blocks[s]; b++)
            add_block(net, s, b, 8 + 2 * s);
    }
    add(net, "head.weight", ODE_TENSOR_DENSE, 10, 12, 0);
    add(net, "head.bias", ODE_TENSOR_BIAS, 10, 0, 0);
    add(net, "opening.norm.mean", ODE_TENSOR_MEAN, 8, 0, 0);
    add(net, "opening.norm.variance", ODE_TENSOR_VARIANCE, 8, 0, 0);
    for (size_t i = 0; i < MOST_FLOATS; i++)
        net->theta[i] = (float)ode_rng_normal(&rng);
    for (size_t i = 0; i < 64; i++)
        net->statistics[i] = (float)ode_rng_normal(&rng);
    return net;
}

static struct ode_tensor *
named(struct net *net, const char *name)
{
    for (int i = 0; i < net->params.tensor_n; i++)
        if (strcmp(net->tensor[i].name, name) == 0)
            return &net->tensor[i];
    ck_abort_msg("no tensor %s", name);
    return NULL;
}

static void
transfer(const struct net *from, struct net *to, struct ode_transfer_op op)
{
    struct ode_err err;

    test_ok(ode_transfer_params(&from->params, from->theta, &to->params, to->theta, &op,
                                &err),
            &err);
}

static size_t
bytes(const struct net *net)
{
    return net->params.theta_n * sizeof(float);
}

static double
norm_of(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* |x - y| / |y| over all trained parameters. */
static double
relative_distance(const struct net *x, const struct net *y)
{
    double sum = 0;

    for (size_t i = 0; i < y->params.theta_n; i++)
        sum += ((double)x->theta[i] - y->theta[i]) * ((double)x->theta[i] - y->theta[i]);
    return sqrt(sum) / norm_of(y->theta, y->params.theta_n);
}

/* --- what becomes of each tensor -------------------------------------------------------
 */

START_TEST(equal_networks_and_no_step_are_a_copy)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    memset(b->theta, 0, sizeof b->theta);
    transfer(a, b, nothing);
    ck_assert_mem_eq(a->theta, b->theta, bytes(a));
    free(a), free(b);
}
END_TEST

START_TEST(space_maps_every_kernel_and_copies_the_rest)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);
    float want[1024];

    for (int k = 0; k < 15; k++) {
        const enum ode_space space = (enum ode_space)(k / 5);
        const int halvings = k % 5 - 2;

        transfer(a, b, (struct ode_transfer_op){ space, ODE_TIME_CELL, halvings, 0 });
        for (int i = 0; i < a->params.trained_n; i++) {
            const struct ode_tensor *t = &a->tensor[i];

            memcpy(want, a->theta + t->offset, t->n * sizeof(float));
            if (t->kind == ODE_TENSOR_CONV)
                ode_stencil_apply(space, halvings, t->n / 9, want, want);
            ck_assert_mem_eq(b->theta + t->offset, want, t->n * sizeof(float));
        }
    }
    free(a), free(b);
}
END_TEST

/* The numbers of one role of a segment, block after block, as depth.h wants them. */
static size_t
gather(struct net *net, int segment, int role, float *x)
{
    size_t n = 0;

    for (int b = 0; b < net->segment[segment].blocks; b++)
        for (int i = 0; i < net->params.trained_n; i++) {
            const struct ode_tensor *t = &net->tensor[i];

            if (t->segment == segment && t->role == role && t->block == b) {
                memcpy(x + n, net->theta + t->offset, t->n * sizeof(float));
                n += t->n;
            }
        }
    return n;
}

static void
assert_depth(enum ode_time time, int first, int second, int first_to, int second_to)
{
    static float x[MOST_FLOATS], want[MOST_FLOATS], got[MOST_FLOATS];
    struct net *a = net_new(first, second), *b = net_new(first_to, second_to);

    transfer(a, b, (struct ode_transfer_op){ ODE_SPACE_BILINEAR, time, 0, 0 });
    for (int s = 0; s < SEGMENTS; s++)
        for (int r = 0; r < ROLES; r++) {
            int n = a->segment[s].blocks, m = b->segment[s].blocks;
            size_t size = gather(a, s, r, x) / (size_t)n, floats = gather(b, s, r, got);

            ck_assert_uint_eq(floats, (size_t)m * size);
            ode_depth_apply(time, n, m, size, x, want);
            ck_assert_mem_eq(got, want, floats * sizeof(float));
        }
    for (int i = 0; i < a->params.trained_n; i++)
        if (a->tensor[i].segment < 0)
            ck_assert_mem_eq(a->theta + a->tensor[i].offset,
                             b->theta + named(b, a->tensor[i].name)->offset,
                             a->tensor[i].n * sizeof(float));
    free(a), free(b);
}

START_TEST(depth_maps_each_role_of_each_segment)
{
    static const enum ode_time times[] = { ODE_TIME_NODAL, ODE_TIME_CELL,
                                           ODE_TIME_CONSTANT };

    for (int t = 0; t < 3; t++) {
        assert_depth(times[t], 3, 1, 5, 3); /* units of 2 blocks to units of 4 */
        assert_depth(times[t], 5, 3, 3, 1); /* and back */
        assert_depth(times[t], 4, 4, 8, 8);
        assert_depth(times[t], 2, 5, 7, 3); /* one deeper, one shallower */
    }
}
END_TEST

START_TEST(space_and_time_commute_and_may_go_at_once)
{
    static const int halvings[] = { 1, -1, -2 };

    for (int k = 0; k < 3; k++) {
        struct ode_transfer_op both = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, halvings[k],
                                        0 };
        struct net *a = net_new(3, 1), *shallow = net_new(3, 1), *deep = net_new(5, 3);
        struct net *space_first = net_new(5, 3), *time_first = net_new(5, 3);
        struct net *once = net_new(5, 3);

        transfer(a, shallow, both); /* of equal depth: space only */
        transfer(shallow, space_first, nothing);
        transfer(a, deep, nothing);
        transfer(deep, time_first, both);
        transfer(a, once, both);
        ck_assert_double_lt(relative_distance(space_first, once), 1e-6);
        ck_assert_double_lt(relative_distance(time_first, once), 1e-6);
        free(a), free(shallow), free(deep);
        free(space_first), free(time_first), free(once);
    }
}
END_TEST

START_TEST(finer_and_deeper_and_back_is_the_identity)
{
    struct ode_transfer_op up = { ODE_SPACE_BILINEAR, ODE_TIME_CONSTANT, -1, 0 };
    struct ode_transfer_op down = { ODE_SPACE_BILINEAR, ODE_TIME_CONSTANT, 1, 0 };
    struct net *a = net_new(3, 2), *fine = net_new(6, 4), *b = net_new(3, 2);

    transfer(a, fine, up);
    transfer(fine, b, down);
    ck_assert_double_lt(relative_distance(b, a), 4e-6);
    free(a), free(fine), free(b);
}
END_TEST

START_TEST(weights_constant_in_time_stay_so_bit_for_bit)
{
    struct net *a = net_new(3, 2), *b = net_new(7, 5);
    struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, -1, 0 };
    char name[48];

    for (int i = 0; i < a->params.trained_n; i++) {
        struct ode_tensor *t = &a->tensor[i];

        if (t->segment < 0)
            continue;
        snprintf(name, sizeof name, "unit.%d.block.0.%s", t->segment,
                 strrchr(t->name, '.') + 1);
        memcpy(a->theta + t->offset, a->theta + named(a, name)->offset,
               t->n * sizeof(float));
    }
    transfer(a, b, op);
    for (int i = 0; i < b->params.trained_n; i++) {
        struct ode_tensor *t = &b->tensor[i];

        if (t->segment < 0)
            continue;
        snprintf(name, sizeof name, "unit.%d.block.0.%s", t->segment,
                 strrchr(t->name, '.') + 1);
        ck_assert_mem_eq(b->theta + t->offset, b->theta + named(b, name)->offset,
                         t->n * sizeof(float));
    }
    free(a), free(b);
}
END_TEST

START_TEST(the_order_of_the_tables_does_not_matter)
{
    struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, -1, 0 };
    struct net *a = net_new(3, 2), *b = net_new(5, 4), *c = net_new(5, 4);
    struct ode_tensor shuffled[MOST_TENSORS];
    uint32_t order[MOST_TENSORS];
    struct ode_rng rng = ode_rng_at(2, ODE_STREAM_TEST, 301, 0);
    int n = a->params.trained_n;

    transfer(a, b, op);
    ode_rng_permute(&rng, order, (size_t)n);
    memcpy(shuffled, a->tensor, sizeof shuffled);
    for (int i = 0; i < n; i++)
        shuffled[i] = a->tensor[order[i]];
    memcpy(a->tensor, shuffled, sizeof shuffled);
    transfer(a, c, op);
    ck_assert_mem_eq(b->theta, c->theta, bytes(b));
    free(a), free(b), free(c);
}
END_TEST

START_TEST(sums_go_to_sums_so_momentum_goes_like_theta)
{
    struct ode_transfer_op op = { ODE_SPACE_CONSTANT, ODE_TIME_NODAL, -1, 0 };
    struct net *a = net_new(3, 2), *v = net_new(3, 2), *sum = net_new(3, 2);
    struct net *a2 = net_new(5, 4), *v2 = net_new(5, 4), *sum2 = net_new(5, 4);

    for (size_t i = 0; i < a->params.theta_n; i++) {
        v->theta[i] = cosf((float)i);
        sum->theta[i] = a->theta[i] + 0.5f * v->theta[i];
    }
    transfer(a, a2, op), transfer(v, v2, op), transfer(sum, sum2, op);
    for (size_t i = 0; i < a2->params.theta_n; i++)
        a2->theta[i] += 0.5f * v2->theta[i];
    ck_assert_double_lt(relative_distance(a2, sum2), 1e-6);
    free(a), free(v), free(sum), free(a2), free(v2), free(sum2);
}
END_TEST

static void
transfer_second(const struct net *from, struct net *to, struct ode_transfer_op op)
{
    struct ode_err err;

    test_ok(ode_transfer_second(&from->params, from->theta, &to->params, to->theta, &op,
                                &err),
            &err);
}

START_TEST(second_moments_of_equal_networks_are_copied)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    memset(b->theta, 0, sizeof b->theta);
    transfer_second(a, b, nothing);
    ck_assert_mem_eq(a->theta, b->theta, bytes(a));
    free(a), free(b);
}
END_TEST

/* One tap of each kernel and all of the other tensors are 1: theta goes to the entries of
 * the operator, and second moments to their squares. */
START_TEST(second_moments_go_through_squared_entries)
{
    for (int k = 0; k < 4 * ODE_SPACE_NONE; k++) {
        const int halvings = (int[]){ -2, -1, 1, 2 }[k % 4];
        struct ode_transfer_op op = { (enum ode_space)(k / 4), ODE_TIME_CELL, halvings,
                                      0 };
        struct net *a = net_new(3, 2), *b = net_new(3, 2), *c = net_new(3, 2);

        for (int i = 0; i < a->params.trained_n; i++) {
            const struct ode_tensor *t = &a->tensor[i];

            for (size_t j = 0; j < t->n; j++)
                a->theta[t->offset + j] =
                    t->kind != ODE_TENSOR_CONV || j % 9 == (j / 9 + (size_t)i) % 9;
        }
        transfer(a, b, op);
        transfer_second(a, c, op);
        for (size_t i = 0; i < a->params.theta_n; i++) {
            const double entry = b->theta[i];

            ck_assert_double_eq_tol(c->theta[i], entry * entry,
                                    1e-6 * (1 + entry * entry));
        }
        free(a), free(b), free(c);
    }
}
END_TEST

START_TEST(second_moments_are_blended_in_time_and_keep_their_size)
{
    struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, 0, 0 };
    struct net *a = net_new(3, 2), *b = net_new(7, 5), *c = net_new(7, 5);

    transfer(a, b, op); /* depth alone: as theta */
    transfer_second(a, c, op);
    ck_assert_mem_eq(b->theta, c->theta, bytes(b));
    free(a), free(b), free(c);
}
END_TEST

START_TEST(second_moments_are_never_negative)
{
    static const int depths[][2] = {
        {7,  5},
        { 1, 1}
    };

    for (int k = 0; k < 12; k++) {
        struct ode_transfer_op op = { (enum ode_space)(k % ODE_SPACE_NONE),
                                      k % 3 ? ODE_TIME_CONSTANT : ODE_TIME_CELL,
                                      k % 4 - 2, 0 };
        struct net *a = net_new(3, 2), *b = net_new(depths[k / 6][0], depths[k / 6][1]);

        for (size_t i = 0; i < MOST_FLOATS; i++) /* of all sizes, and many zeros */
            a->theta[i] = i % 3 ? 0 : expf(8 * a->theta[i]);
        transfer_second(a, b, op);
        for (size_t i = 0; i < b->params.theta_n; i++)
            ck_assert_float_ge(b->theta[i], 0);
        free(a), free(b);
    }
}
END_TEST

/* Kernels, their momentum and second moments: to finer images by the damped operator, to
 * coarser ones by the plain one. */
START_TEST(damping_acts_on_the_way_to_finer_images_only)
{
    for (int halvings = -2; halvings <= 2; halvings++) {
        const struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, halvings,
                                            4 };
        struct net *a = net_new(3, 2), *b = net_new(3, 2), *c = net_new(3, 2);

        transfer(a, b, op);
        transfer_second(a, c, op);
        for (int i = 0; i < a->params.trained_n; i++) {
            const struct ode_tensor *t = &a->tensor[i];
            const bool kernel = t->kind == ODE_TENSOR_CONV;
            double tap[9], square[9];

            for (size_t k = 0; k < t->n; k++) {
                if (kernel && k % 9 == 0) {
                    for (size_t j = 0; j < 9; j++)
                        tap[j] = square[j] = a->theta[t->offset + k + j];
                    if (halvings < 0) {
                        ode_stencil_refine(4, -halvings, (double(*)[3])tap);
                        ode_stencil_refine_squares(4, -halvings, (double(*)[3])square);
                    } else {
                        ode_stencil_map(op.space, halvings, (double(*)[3])tap);
                        ode_stencil_map_squares(op.space, halvings, (double(*)[3])square);
                    }
                }
                ck_assert_float_eq(b->theta[t->offset + k],
                                   kernel ? (float)tap[k % 9] : a->theta[t->offset + k]);
                ck_assert_float_eq(c->theta[t->offset + k],
                                   kernel ? (float)square[k % 9]
                                          : a->theta[t->offset + k]);
            }
        }
        free(a), free(b), free(c);
    }
}
END_TEST

/* --- a classifier that sees pixels ----------------------------------------------------
 */

enum { MAPS = 15, MAP = 8 }; /* 3 classes, 5 channels, 8x8 pixels at most */

/* Only a flat head, of maps of size x size; random numbers. */
static struct net *
head_new(int size)
{
    struct net *net = calloc(1, sizeof *net);
    struct ode_rng rng = ode_rng_at(2, ODE_STREAM_TEST, 302, (uint64_t)size);

    ck_assert_ptr_nonnull(net);
    net->params.tensor = net->tensor, net->params.segment = net->segment;
    add(net, "head.weight", ODE_TENSOR_DENSE, 3, 5, size);
    add(net, "head.bias", ODE_TENSOR_BIAS, 3, 0, 0);
    for (size_t i = 0; i < net->params.theta_n; i++)
        net->theta[i] = (float)ode_rng_normal(&rng);
    return net;
}

static struct ode_transfer_op
head_op(int halvings)
{
    return (struct ode_transfer_op){ ODE_SPACE_NONE, ODE_TIME_CELL, halvings, 0 };
}

/* The pixel of a map of MAP >> halvings that pixel i of MAPS maps of MAP lies in. */
static int
parent(int i, int halvings)
{
    const int y = i / MAP % MAP, x = i % MAP, size = MAP >> halvings;

    return (i / (MAP * MAP) * size + (y >> halvings)) * size + (x >> halvings);
}

/* By every operator: coarse weights are the sums of their children, whatever is kept for
 * the rest; fine ones have each their share. */
START_TEST(a_flat_head_is_summed_up_and_shared_out)
{
    for (int k = 0; k < 4 * (ODE_SPACE_NONE + 1); k++) {
        const int halvings = k % 4;
        struct ode_transfer_op op = head_op(halvings);
        struct net *fine = head_new(MAP), *coarse = head_new(MAP >> halvings);
        double sum[MAPS * MAP * MAP] = { 0 };

        op.space = (enum ode_space)(k / 4);
        transfer(fine, coarse, op);
        for (int i = 0; i < MAPS * MAP * MAP; i++)
            sum[parent(i, halvings)] += fine->theta[i];
        for (int i = 0; i < MAPS * (MAP >> halvings) * (MAP >> halvings); i++)
            ck_assert_float_eq(coarse->theta[i], (float)sum[i]);
        op.halvings = -halvings;
        transfer(coarse, fine, op);
        for (int i = 0; i < MAPS * MAP * MAP; i++)
            ck_assert_float_eq(fine->theta[i],
                               ldexpf(coarse->theta[parent(i, halvings)], -2 * halvings));
        for (int i = 0; i < 3; i++) /* biases */
            ck_assert_float_eq(fine->theta[MAPS * MAP * MAP + i],
                               coarse->theta[coarse->params.theta_n - 3 + (size_t)i]);
        free(fine), free(coarse);
    }
}
END_TEST

START_TEST(a_flat_head_comes_back_from_finer_maps_bit_for_bit)
{
    for (int halvings = 1; halvings <= 3; halvings++) {
        struct net *a = head_new(MAP >> halvings), *b = head_new(MAP >> halvings);
        struct net *fine = head_new(MAP);

        memset(b->theta, 0, sizeof b->theta);
        transfer(a, fine, head_op(-halvings));
        transfer(fine, b, head_op(halvings));
        ck_assert_mem_eq(a->theta, b->theta, bytes(a));
        free(a), free(b), free(fine);
    }
}
END_TEST

/* Constant maps: a logit is the map's value times the sum of its weights. */
START_TEST(constant_maps_keep_their_logits)
{
    for (int halvings = -1; halvings <= 1; halvings++) {
        const int n = halvings > 0 ? MAP / 4 : halvings < 0 ? MAP : MAP / 2;
        struct net *a = head_new(MAP / 2), *b = head_new(n);

        transfer(a, b, head_op(halvings));
        for (int m = 0; m < MAPS; m++) {
            double before = 0, after = 0;

            for (int i = 0; i < MAP * MAP / 4; i++)
                before += a->theta[m * MAP * MAP / 4 + i];
            for (int i = 0; i < n * n; i++)
                after += b->theta[m * n * n + i];
            ck_assert_double_eq_tol(after, before, 1e-5);
        }
        free(a), free(b);
    }
}
END_TEST

/* All weights 1: finer, each entry is its share; coarser, each of the children's is 1. */
START_TEST(second_moments_of_a_flat_head_go_through_squares)
{
    for (int halvings = -2; halvings <= 2; halvings++) {
        struct net *a = head_new(halvings < 0 ? MAP >> -halvings : MAP);
        struct net *b = head_new(halvings < 0 ? MAP : MAP >> halvings);

        for (size_t i = 0; i < a->params.theta_n; i++)
            a->theta[i] = 1;
        transfer_second(a, b, head_op(halvings));
        for (size_t i = 0; i + 3 < b->params.theta_n; i++)
            ck_assert_float_eq(b->theta[i], halvings < 0 ? ldexpf(1, 4 * halvings)
                                                         : ldexpf(1, 2 * halvings));
        free(a), free(b);
    }
}
END_TEST

/* A step of a coarse head by its gradient times the metric's factor, taken to the finest
 * map, is the finest head's own step made constant in coarse pixels. The gradient of a
 * coarse weight, which stands for 4^L fine ones with its share each, is the mean of
 * theirs. */
START_TEST(a_coarse_step_of_a_flat_head_is_the_finest_one_averaged)
{
    for (int halvings = 1; halvings <= 3; halvings++) {
        const struct ode_metric metric = ode_metric_make(ODE_SPACE_NONE, halvings);
        struct net *g = head_new(MAP), *coarse = head_new(MAP >> halvings);
        struct net *step = head_new(MAP);
        double mean[MAPS * MAP * MAP] = { 0 };

        for (int i = 0; i < MAPS * MAP * MAP; i++)
            mean[parent(i, halvings)] += ldexp(g->theta[i], -2 * halvings);
        for (size_t i = 0; i + 3 < coarse->params.theta_n; i++)
            coarse->theta[i] = (float)(metric.map * mean[i]);
        transfer(coarse, step, head_op(-halvings));
        for (int i = 0; i < MAPS * MAP * MAP; i++)
            ck_assert_double_eq_tol(step->theta[i], mean[parent(i, halvings)], 1e-6);
        free(g), free(coarse), free(step);
    }
}
END_TEST

START_TEST(statistics_are_copied)
{
    struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, -1, 0 };
    struct net *a = net_new(3, 2), *b = net_new(5, 4);
    struct ode_err err;

    test_ok(ode_transfer_statistics(&a->params, a->statistics, &b->params, b->statistics,
                                    &op, &err),
            &err);
    ck_assert_mem_eq(a->statistics, b->statistics, 16 * sizeof(float));
    free(a), free(b);
}
END_TEST

/* Replaces the opening by a kernel of another width and as many taps as fit. */
static void
open_with(struct net *net, int width)
{
    struct ode_tensor *t = named(net, "opening.weight");

    t->dim[0] = 1, t->dim[1] = 3, t->dim[2] = t->dim[3] = width;
    t->n = (size_t)3 * width * width;
}

START_TEST(kernels_of_one_pixel_are_copied)
{
    struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, -1, 0 };
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    memset(b->theta, 0, sizeof b->theta);
    open_with(a, 1), open_with(b, 1);
    transfer(a, b, op);
    ck_assert_mem_eq(a->theta, b->theta, 3 * sizeof(float));
    free(a), free(b);
}
END_TEST

START_TEST(norm_is_that_of_all_kernels)
{
    struct net *a = net_new(2, 1), *b = net_new(4, 2);
    struct ode_transfer_op op = { ODE_SPACE_NONE, ODE_TIME_CONSTANT, 0, 0 };
    double blocks, opening;

    for (size_t i = 0; i < a->params.theta_n; i++)
        a->theta[i] = 2;
    opening = 4 * 8 * 3 * 9, blocks = 4 * 9 * (2 * 2 * 64 + 2 * 100);
    ck_assert_double_eq_tol(ode_transfer_norm(&a->params, a->theta),
                            sqrt(opening + blocks), 1e-9);
    transfer(a, b, op);
    ck_assert_double_eq_tol(ode_transfer_norm(&b->params, b->theta),
                            sqrt(opening + 2 * blocks), 1e-9);
    free(a), free(b);
}
END_TEST

/* --- refusals --------------------------------------------------------------------------
 */

/* Fails, names the place and a part of the reason, and writes nothing. */
static void
assert_refused(struct net *from, struct net *to, struct ode_transfer_op op,
               const char *at, const char *text)
{
    static float before[MOST_FLOATS];
    struct ode_err err = { 0 };

    memcpy(before, to->theta, sizeof before);
    ck_assert_int_eq(ode_transfer_params(&from->params, from->theta, &to->params,
                                         to->theta, &op, &err),
                     ODE_ESHAPE);
    ck_assert_int_eq(err.code, ODE_ESHAPE);
    ck_assert_str_eq(err.at, at);
    ck_assert_msg(strstr(err.text, text) != NULL, "'%s' does not say '%s'", err.text,
                  text);
    ck_assert_mem_eq(before, to->theta, sizeof before);
    ck_assert_int_eq(ode_transfer_check(&from->params, &to->params, &op, NULL),
                     ODE_ESHAPE);
    free(from), free(to);
}

START_TEST(other_widths_are_refused)
{
    struct net *a = net_new(3, 2), *b = net_new(5, 4);
    struct ode_tensor *t = named(b, "unit.1.block.3.k2");

    t->dim[0] = 5, t->dim[1] = 20;
    assert_refused(a, b, nothing, t->name, "[5,20,3,3], that of unit.1.block.1.k2");
}
END_TEST

START_TEST(maps_of_other_sizes_are_refused)
{
    assert_refused(head_new(MAP), head_new(MAP), head_op(1), "head.weight",
                   "its shape is [3,5,8,8], that of head.weight in the source [3,5,8,8]");
    assert_refused(head_new(MAP), head_new(MAP / 2), head_op(-1), "head.weight",
                   "widths");
    assert_refused(head_new(7), head_new(3), head_op(1), "head.weight", "widths");
}
END_TEST

START_TEST(other_kinds_are_refused)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    named(b, "head.bias")->kind = ODE_TENSOR_SHIFT;
    assert_refused(a, b, nothing, "head.bias", "of another kind");
}
END_TEST

START_TEST(other_numbers_of_segments_are_refused)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    b->params.segment_n = 1;
    assert_refused(a, b, nothing, "segments", "2 and the target 1");
}
END_TEST

START_TEST(more_or_fewer_parameters_are_refused)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    add(a, "opening.extra", ODE_TENSOR_BIAS, 8, 0, 0);
    assert_refused(a, b, nothing, "tensors outside blocks", "the source has 8");

    a = net_new(3, 2), b = net_new(6, 4);
    for (int i = 0; i < 3; i++) {
        struct ode_tensor *t = add(a, "b3", ODE_TENSOR_BIAS, 4, 0, 0);

        t->segment = 0, t->block = i, t->role = 4;
    }
    assert_refused(a, b, nothing, "segment 0", "those of the source have 5");
}
END_TEST

START_TEST(missing_counterparts_are_refused)
{
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    snprintf(named(a, "head.bias")->name, sizeof a->tensor->name, "tail.bias");
    assert_refused(a, b, nothing, "head.bias", "no counterpart");

    a = net_new(3, 2), b = net_new(6, 4);
    named(a, "unit.1.block.1.b2")->role = 7;
    assert_refused(a, b, nothing, "unit.1.block.1.b2", "no counterpart in a block");
}
END_TEST

START_TEST(blocks_out_of_nothing_are_refused)
{
    assert_refused(net_new(2, 0), net_new(4, 1), nothing, "segment 1", "its 1 blocks");
}
END_TEST

START_TEST(blocks_may_vanish)
{
    struct net *a = net_new(4, 1), *b = net_new(2, 0);

    transfer(a, b, nothing);
    free(a), free(b);
}
END_TEST

START_TEST(large_kernels_change_resolution_only_unchanged)
{
    struct ode_transfer_op op = { ODE_SPACE_BILINEAR, ODE_TIME_CELL, 1, 0 };
    struct net *a = net_new(3, 2), *b = net_new(3, 2);

    open_with(a, 5), open_with(b, 5);
    transfer(a, b, nothing);
    op.space = ODE_SPACE_NONE;
    transfer(a, b, op);
    ck_assert_mem_eq(a->theta, b->theta, 75 * sizeof(float));
    op.space = ODE_SPACE_CONSTANT;
    assert_refused(a, b, op, "opening.weight",
                   "[1,3,5,5] cannot go to another resolution, only 3x3 and 1x1; use "
                   "space \"none\"");
}
END_TEST

TEST_SUITE(
    transfer, 30, equal_networks_and_no_step_are_a_copy,
    space_maps_every_kernel_and_copies_the_rest, depth_maps_each_role_of_each_segment,
    space_and_time_commute_and_may_go_at_once, finer_and_deeper_and_back_is_the_identity,
    weights_constant_in_time_stay_so_bit_for_bit, the_order_of_the_tables_does_not_matter,
    sums_go_to_sums_so_momentum_goes_like_theta,
    second_moments_of_equal_networks_are_copied,
    second_moments_go_through_squared_entries,
    second_moments_are_blended_in_time_and_keep_their_size,
    second_moments_are_never_negative, damping_acts_on_the_way_to_finer_images_only,
    a_flat_head_is_summed_up_and_shared_out,
    a_flat_head_comes_back_from_finer_maps_bit_for_bit, constant_maps_keep_their_logits,
    second_moments_of_a_flat_head_go_through_squares,
    a_coarse_step_of_a_flat_head_is_the_finest_one_averaged, statistics_are_copied,
    kernels_of_one_pixel_are_copied, norm_is_that_of_all_kernels,
    other_widths_are_refused, maps_of_other_sizes_are_refused, other_kinds_are_refused,
    other_numbers_of_segments_are_refused, more_or_fewer_parameters_are_refused,
    missing_counterparts_are_refused, blocks_out_of_nothing_are_refused,
    blocks_may_vanish, large_kernels_change_resolution_only_unchanged)
