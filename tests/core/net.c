/* net.c - tests core/net/net.c: counts, names, places. */
#include "core/net/net.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "tests/test.h"

static struct ode_recipe_spec
recipe_of(int c0, int c1, int c2, int n)
{
    struct ode_recipe_spec r = { .levels_n = 1 };
    const int c[] = { c0, c1, c2 };

    r.model.step = 0.1;
    r.model.stem_norm = r.model.head_norm = ODE_NORM_BATCH;
    r.model.units_n = r.levels[0].blocks_n = 3;
    r.levels[0].resolution = 32;
    for (int u = 0; u < 3; u++) {
        r.model.units[u].channels = c[u];
        r.model.units[u].blocks = r.levels[0].blocks[u] = n;
    }
    return r;
}

static size_t
parameters(int c0, int c1, int c2, int n)
{
    const struct ode_recipe_spec r = recipe_of(c0, c1, c2, n);
    struct ode_net net;
    struct ode_err err;
    size_t count;

    test_ok(ode_net_init(&net, &r, 0, 3, 10, &err), &err);
    count = net.params.theta_n;
    ode_net_release(&net);
    return count;
}

/* Oracle E 33: one bias per half-step, code placement. */
START_TEST(weight_counts_are_the_papers)
{
    ck_assert_uint_eq(parameters(32, 64, 112, 6), 428538);    /* Hamiltonian-74   */
    ck_assert_uint_eq(parameters(32, 64, 128, 18), 1679114);  /* Hamiltonian-218  */
    ck_assert_uint_eq(parameters(32, 64, 128, 100), 9632458); /* Hamiltonian-1202 */
}
END_TEST

/* A preset's count; width 0 and the like: as the preset has them. */
static size_t
preset_parameters(enum ode_preset preset, const int *channels, int units, int closing,
                  int classes)
{
    struct ode_recipe_spec r = { .levels_n = 1 };
    struct ode_net net;
    struct ode_err err;
    size_t count;

    ode_object_preset(&ode_model_object, &r.model);
    r.model.preset = preset;
    ode_model_preset(&r.model);
    if (closing)
        r.model.closing = closing;
    for (int u = 0; u < units; u++) {
        r.model.units[u] = r.model.units[0];
        r.model.units[u].channels = channels[u];
    }
    r.model.units_n = units ? (size_t)units : r.model.units_n;
    r.levels[0].resolution = 32;
    r.levels[0].blocks_n = r.model.units_n;
    for (size_t u = 0; u < r.model.units_n; u++)
        r.levels[0].blocks[u] = r.model.units[u].blocks;
    test_ok(ode_net_init(&net, &r, 0, 3, classes, &err), &err);
    count = net.params.theta_n;
    ode_net_release(&net);
    return count;
}

/* Oracle E 33: the counts that the papers' tables or their codes have. */
START_TEST(presets_have_the_papers_weight_counts)
{
    static const int cifar100[] = { 32, 64, 128 }, stl10[] = { 16, 32, 64, 128 };

#define COUNT(preset) preset_parameters(ODE_PRESET_##preset, NULL, 0, 0, 10)
    ck_assert_uint_eq(COUNT(HAMILTONIAN_74), 428538);
    ck_assert_uint_eq(COUNT(HAMILTONIAN_218), 1679114);
    ck_assert_uint_eq(COUNT(HAMILTONIAN_1202), 9699338);
    ck_assert_uint_eq(COUNT(RESNET_32), 466906);
    ck_assert_uint_eq(COUNT(RESNET_110), 1730714);
    ck_assert_uint_eq(COUNT(PDE_PARABOLIC), 502570);
    ck_assert_uint_eq(COUNT(PDE_SECOND_ORDER), 502570);
    ck_assert_uint_eq(COUNT(PDE_HAMILTONIAN), 264106);
#undef COUNT
    ck_assert_uint_eq(preset_parameters(ODE_PRESET_PDE_PARABOLIC, cifar100, 3, 256, 100),
                      652484);
    ck_assert_uint_eq(
        preset_parameters(ODE_PRESET_PDE_HAMILTONIAN, cifar100, 3, 256, 100), 362180);
    ck_assert_uint_eq(preset_parameters(ODE_PRESET_PDE_PARABOLIC, stl10, 4, 128, 10),
                      618554);
    ck_assert_uint_eq(preset_parameters(ODE_PRESET_PDE_HAMILTONIAN, stl10, 4, 128, 10),
                      324794);
}
END_TEST

/* 157.5 million multiply-adds a picture when all blocks of a unit are at its own
 * width; with the code's placement one block of each later unit is at the width before.
 */
START_TEST(flops_count_each_convolution_once)
{
    const struct ode_recipe_spec r = recipe_of(32, 64, 112, 6);
    struct ode_net net;
    struct ode_err err;
    double macs = 3.0 * 32 * 9 * 1024 + 112 * 10;

    test_ok(ode_net_init(&net, &r, 0, 3, 10, &err), &err);
    macs += 7 * 4 * 16.0 * 16 * 9 * 1024 + 6 * 4 * 32.0 * 32 * 9 * 256
            + 5 * 4 * 56.0 * 56 * 9 * 64;
    ck_assert_double_eq(net.flops, 2 * macs);
    ode_net_release(&net);
}
END_TEST

START_TEST(tensors_are_named_by_unit_and_block)
{
    static const char *const names[] = {
        "opening.weight",    "opening.norm.scale", "opening.norm.shift",
        "unit.0.block.0.k1", "unit.0.block.0.b1",  "unit.0.block.0.k2",
        "unit.0.block.0.b2", "unit.0.block.1.k1",  "unit.0.block.1.b1",
        "unit.0.block.1.k2", "unit.0.block.1.b2",  "unit.1.block.0.k1",
    };
    const struct ode_recipe_spec r = recipe_of(32, 64, 112, 2);
    const struct ode_tensor *t;
    struct ode_net net;
    struct ode_err err;

    test_ok(ode_net_init(&net, &r, 0, 3, 10, &err), &err);
    for (int i = 0; i < 12; i++)
        ck_assert_str_eq(net.params.tensor[i].name, names[i]);
    t = &net.params.tensor[11]; /* the next unit's first block is the segment's last */
    ck_assert_int_eq(t->segment, 0);
    ck_assert_int_eq(t->block, 2);
    ck_assert_int_eq(t->dim[0], 16);
    t = &net.params.tensor[net.params.trained_n - 1];
    ck_assert_str_eq(t->name, "head.bias");
    ck_assert_str_eq(net.params.tensor[net.params.tensor_n - 1].name,
                     "head.norm.variance");
    ode_net_release(&net);
}
END_TEST

START_TEST(end_time_is_the_same_at_every_depth)
{
    struct ode_recipe_spec r = recipe_of(8, 16, 24, 6);
    struct ode_net fine, coarse;
    struct ode_err err;

    test_ok(ode_net_init(&fine, &r, 0, 3, 10, &err), &err);
    for (int u = 0; u < 3; u++)
        r.levels[0].blocks[u] = 3;
    test_ok(ode_net_init(&coarse, &r, 0, 3, 10, &err), &err);
    for (int s = 0; s < 3; s++) {
        const struct ode_segment *f = &fine.params.segment[s];
        const struct ode_segment *c = &coarse.params.segment[s];

        ck_assert_int_eq(f->blocks, 7 - s);
        ck_assert_int_eq(c->blocks, 4 - s);
        ck_assert_double_eq_tol(f->dt, 0.1, 1e-15);
        ck_assert_double_eq_tol(f->dt * f->blocks, c->dt * c->blocks, 1e-12);
    }
    ode_net_release(&fine);
    ode_net_release(&coarse);
}
END_TEST

START_TEST(adding_a_share_undoes_packing)
{
    const struct ode_recipe_spec r = recipe_of(6, 10, 40, 3);
    struct ode_net net;
    struct ode_err err;
    real *theta, *statistics, *k, *kt, *sum;

    test_ok(ode_net_init(&net, &r, 0, 3, 7, &err), &err);
    theta = calloc(net.params.theta_n, sizeof *theta);
    statistics = calloc(net.params.statistic_n, sizeof *statistics);
    k = calloc(net.lane_n, sizeof *k);
    kt = calloc(net.lane_n, sizeof *kt);
    sum = calloc(net.params.theta_n, sizeof *sum);
    ode_net_initialise(&net, 1, theta, statistics);
    for (int i = 0; i < net.trained_slots; i++) {
        const size_t at = net.slot[i].lane;

        ode_net_pack(&net, i, theta, statistics, k + at, kt + at);
        ode_net_add(&net, i, k + at, sum);
        ode_net_add(&net, i, k + at, sum);
    }
    for (size_t j = 0; j < net.params.theta_n; j++)
        ck_assert_double_eq((double)sum[j], 2 * (double)theta[j]);
    free(theta);
    free(statistics);
    free(k);
    free(kt);
    free(sum);
    ode_net_release(&net);
}
END_TEST

/* --- packing, weight by weight ----------------------------------------------------- */

/* Weight j of a slot's tensor, or between two of them. */
static real
slot_value(const struct ode_net *net, const struct ode_slot *slot, const real *base,
           int j)
{
    const real x = base[net->params.tensor[slot->tensor].offset + (size_t)j];

    if (slot->next < 0)
        return x;
    return (1 - slot->weight) * x
           + slot->weight * base[net->params.tensor[slot->next].offset + (size_t)j];
}

/* Places of the weight from channel i to channel o in a slot: in tensor and packed. */
struct place {
    int standard, exchanged;
    size_t packed, flipped, back;
};

static struct place
place_of(const struct ode_tensor *t, const struct ode_slot *slot, int o, int i, int tap)
{
    const int taps = t->dim[2] * t->dim[3];
    const int to = ode_position(o, t->dim[0], slot->parts);
    const int from = ode_position(i, t->dim[1], slot->in_parts);
    const int outs = ode_padded(t->dim[0], slot->parts) / 16;
    const int ins = ode_padded(t->dim[1], slot->in_parts) / 16;
    const int at = taps == 1 ? 4 : tap;

    return (struct place){
        .standard = (o * t->dim[1] + i) * taps + tap,
        .exchanged = (i * t->dim[1] + o) * taps + taps - 1 - tap,
        .packed = (size_t)((((to / 16 * ins + from / 16) * 9 + at) * 16 + from % 16) * 16
                           + to % 16),
        .flipped =
            (size_t)((((from / 16 * outs + to / 16) * 9 + 8 - at) * 16 + to % 16) * 16
                     + from % 16),
        .back = (size_t)((((from / 16 * ins + to / 16) * 9 + 8 - at) * 16 + to % 16) * 16
                         + from % 16),
    };
}

#define EACH_WEIGHT(t, o, i, tap)             \
    for (int o = 0; o < (t)->dim[0]; o++)     \
        for (int i = 0; i < (t)->dim[1]; i++) \
            for (int tap = 0; tap < (t)->dim[2] * (t)->dim[3]; tap++)

static void
pack_plainly(const struct ode_net *net, const struct ode_slot *slot, const real *base,
             real *packed)
{
    const struct ode_tensor *t = &net->params.tensor[slot->tensor];

    if (t->kind != ODE_TENSOR_CONV) {
        for (int j = 0; j < (int)t->n; j++) {
            const int c =
                t->kind == ODE_TENSOR_DENSE ? j : ode_position(j, t->dim[0], slot->parts);

            packed[slot->packed + (size_t)c] = slot_value(net, slot, base, j);
        }
        return;
    }
    EACH_WEIGHT(t, o, i, tap)
    {
        const struct place p = place_of(t, slot, o, i, tap);
        real value = slot_value(net, slot, base, p.standard);

        if (slot->antisymmetric)
            value -= slot_value(net, slot, base, p.exchanged);
        packed[slot->packed + p.packed] = value;
        if (slot->flip)
            packed[slot->flipped + p.flipped] = value;
    }
}

static void
add_plainly(const struct ode_net *net, int i, const struct ode_slot *slot, const real *d,
            real *g)
{
    const struct ode_tensor *t = &net->params.tensor[i];
    const real share = slot->next < 0      ? 1
                       : slot->tensor == i ? 1 - slot->weight
                                           : slot->weight;

    if (t->kind != ODE_TENSOR_CONV) {
        for (int j = 0; j < (int)t->n; j++)
            g[j] += share
                    * d[t->kind == ODE_TENSOR_DENSE
                            ? j
                            : ode_position(j, t->dim[0], slot->parts)];
        return;
    }
    EACH_WEIGHT(t, o, in, tap)
    {
        const struct place p = place_of(t, slot, o, in, tap);

        g[p.standard] += share * (d[p.packed] - (slot->antisymmetric ? d[p.back] : 0));
    }
}

static void
noise(uint64_t seed, real *x, size_t n)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_TEST, 0, 0);

    for (size_t j = 0; j < n; j++)
        x[j] = (real)ode_rng_normal(&rng);
}

static void
packing_check(const struct ode_recipe_spec *r)
{
    struct ode_net net;
    struct ode_err err;
    real *theta, *statistics, *packed, *plain, *room, *lane, *sum;

    test_ok(ode_net_init(&net, r, 0, 3, 7, &err), &err);
    theta = calloc(net.params.theta_n, sizeof *theta);
    statistics = calloc(net.params.statistic_n + 1, sizeof *statistics);
    packed = aligned_alloc(64, net.packed_n * sizeof *packed);
    memset(packed, 0, net.packed_n * sizeof *packed);
    plain = calloc(net.packed_n, sizeof *plain);
    room = aligned_alloc(64, net.room_n * sizeof *room);
    sum = calloc(net.params.theta_n, sizeof *sum);
    noise(1, theta, net.params.theta_n);
    noise(2, statistics, net.params.statistic_n);
    for (int i = 0; i < net.slot_n; i++) {
        const struct ode_slot *slot = &net.slot[i];

        ode_net_prepare(&net, ode_kernels_best(ODE_ISA_ALL), i, theta, statistics, room,
                        packed);
        if (slot->tensor >= 0)
            pack_plainly(&net, slot,
                         slot->tensor < net.params.trained_n ? theta : statistics, plain);
    }
    ck_assert_mem_eq(packed, plain, net.packed_n * sizeof *packed);
    lane = calloc(net.lane_n, sizeof *lane);
    noise(3, lane, net.lane_n);
    for (int i = 0; i < net.trained_slots; i++)
        ode_net_add(&net, i, lane + net.slot[i].lane, sum);
    for (int i = 0; i < net.params.trained_n; i++) {
        const struct ode_tensor *t = &net.params.tensor[i];
        const struct ode_uses *u = &net.uses[i];
        real *want = calloc(t->n, sizeof *want);

        for (int k = 0; k < u->count; k++) {
            const struct ode_slot *slot = &net.slot[u->first + k * u->stride];

            add_plainly(&net, i, slot, lane + slot->lane, want);
        }
        ck_assert_mem_eq(sum + t->offset, want, t->n * sizeof *want);
        free(want);
    }
    free(lane);
    free(theta);
    free(statistics);
    free(packed);
    free(plain);
    free(room);
    free(sum);
    ode_net_release(&net);
}

/* Every integrator, layer and connector that a preset has, 1x1 kernels, halves; widths
 * that fill no block; weights between two nodes. */
START_TEST(packing_is_the_formula_bit_for_bit)
{
    const enum ode_preset presets[] = {
        ODE_PRESET_RESNET_32,   ODE_PRESET_REVNET_38,     ODE_PRESET_HAMILTONIAN_74,
        ODE_PRESET_MIDPOINT_26, ODE_PRESET_PDE_PARABOLIC, ODE_PRESET_PDE_HAMILTONIAN
    };
    const int width[] = { 6, 34, 74 };

    for (size_t k = 0; k < sizeof presets / sizeof *presets; k++)
        for (int nodes = 0; nodes < 2; nodes++) {
            struct ode_recipe_spec r = { .levels_n = 1 };

            ode_object_preset(&ode_model_object, &r.model);
            r.model.preset = presets[k];
            ode_model_preset(&r.model);
            r.model.block = nodes && k == 3 ? ODE_BLOCK_RK4 : r.model.block;
            r.model.head = nodes ? ODE_READOUT_FLAT : ODE_READOUT_AVERAGE;
            r.train.convolution = ODE_CONVOLUTION_DIRECT; /* prepared is packed */
            r.levels[0].resolution = 32;
            r.levels[0].blocks_n = r.model.units_n;
            for (size_t u = 0; u < r.model.units_n; u++) {
                r.model.units[u].channels = width[u];
                r.model.units[u].blocks = r.levels[0].blocks[u] = 4;
                r.model.units[u].weights = nodes ? 3 : 0;
            }
            packing_check(&r);
        }
}
END_TEST

START_TEST(initial_values_have_the_stated_spread)
{
    const struct ode_recipe_spec r = recipe_of(32, 64, 112, 6);
    struct ode_net net;
    struct ode_err err;
    real *theta, *statistics;

    test_ok(ode_net_init(&net, &r, 0, 3, 10, &err), &err);
    theta = calloc(net.params.theta_n, sizeof *theta);
    statistics = calloc(net.params.statistic_n, sizeof *statistics);
    ode_net_initialise(&net, 1, theta, statistics);
    for (int i = 0; i < net.params.trained_n; i++) {
        const struct ode_tensor *t = &net.params.tensor[i];
        double square = 0;

        for (size_t j = 0; j < t->n; j++)
            square += (double)theta[t->offset + j] * (double)theta[t->offset + j]
                      / (double)t->n;
        if (t->kind == ODE_TENSOR_CONV) /* cut at 2 deviations: variance times 0.774 */
            ck_assert_double_eq_tol(square * 9 * t->dim[0] / 2, 0.774, 0.12);
        else if (t->kind == ODE_TENSOR_DENSE)
            ck_assert_double_eq_tol(square * t->dim[1], 1, 0.15);
        else
            ck_assert_double_eq_tol(square, t->kind == ODE_TENSOR_SCALE, 1e-9);
    }
    free(theta);
    free(statistics);
    ode_net_release(&net);
}
END_TEST

/* The same recipe, the classifier seeing 8x8 pixels of each channel. */
START_TEST(a_flat_head_has_a_weight_for_each_pixel)
{
    struct ode_recipe_spec r = recipe_of(32, 64, 112, 6);
    struct ode_net mean, flat;
    const struct ode_tensor *t;
    struct ode_err err;

    test_ok(ode_net_init(&mean, &r, 0, 3, 10, &err), &err);
    r.model.head = ODE_READOUT_FLAT;
    test_ok(ode_net_init(&flat, &r, 0, 3, 10, &err), &err);
    ck_assert_uint_eq(flat.params.theta_n - mean.params.theta_n, 63 * 112 * 10);
    ck_assert_double_eq(flat.flops - mean.flops, 2.0 * 63 * 112 * 10);
    t = &flat.params.tensor[flat.params.trained_n - 2];
    ck_assert_str_eq(t->name, "head.weight");
    ck_assert(ode_tensor_is_map(t) && t->dim[0] == 10 && t->dim[1] == 112);
    ck_assert(t->dim[2] == 8 && t->dim[3] == 8);
    ode_net_release(&mean);
    ode_net_release(&flat);
}
END_TEST

/* Initial weights of a level's head, for the caller to free, and its map's size. */
static real *
head_drawn(const struct ode_recipe_spec *r, size_t level, int *size)
{
    struct ode_net net;
    struct ode_err err;
    const struct ode_tensor *t;
    real *theta, *statistics, *head;

    test_ok(ode_net_init(&net, r, level, 3, 10, &err), &err);
    theta = calloc(net.params.theta_n, sizeof *theta);
    statistics = calloc(net.params.statistic_n, sizeof *statistics);
    ode_net_initialise(&net, 1, theta, statistics);
    t = &net.params.tensor[net.params.trained_n - 2];
    head = calloc(t->n, sizeof *head);
    memcpy(head, theta + t->offset, t->n * sizeof *head);
    *size = t->dim[2];
    free(theta);
    free(statistics);
    ode_net_release(&net);
    return head;
}

/* On a coarse level with the gradient of the finest: sums of what the finest draws, which
 * have the spread of weights that are drawn there. */
START_TEST(a_flat_head_is_drawn_at_the_finest_resolution)
{
    enum { PLANES = 10 * 12, FINE = 8, COARSE = 2 };
    struct ode_recipe_spec r = recipe_of(8, 10, 12, 2);
    real *fine, *coarse, *own;
    double square = 0;
    int n[3];

    r.model.head = ODE_READOUT_FLAT;
    r.levels_n = 2;
    r.levels[1] = r.levels[0];
    r.levels[1].resolution = 8;
    fine = head_drawn(&r, 0, &n[0]);
    coarse = head_drawn(&r, 1, &n[1]);
    r.transfer.gradient = ODE_GRADIENT_OWN;
    own = head_drawn(&r, 1, &n[2]);
    ck_assert(n[0] == FINE && n[1] == COARSE && n[2] == COARSE);
    ck_assert_mem_ne(coarse, own, PLANES * COARSE * COARSE * sizeof *own);
    for (int i = 0; i < PLANES * FINE * FINE; i++) {
        const int y = i / FINE % FINE / 4, x = i % FINE / 4;

        coarse[(i / (FINE * FINE) * COARSE + y) * COARSE + x] -= fine[i];
        square += (double)fine[i] * (double)fine[i] / PLANES / (FINE * FINE);
    }
    ck_assert_double_eq_tol(square * 12 * FINE * FINE, 1, 0.05);
    square = 0;
    for (int i = 0; i < PLANES * COARSE * COARSE; i++) {
        ck_assert_double_eq_tol((double)coarse[i], 0, 1e-6);
        square += (double)own[i] * (double)own[i] / PLANES / (COARSE * COARSE);
    }
    ck_assert_double_eq_tol(square * 12 * COARSE * COARSE, 1, 0.15);
    free(fine);
    free(coarse);
    free(own);
}
END_TEST

START_TEST(a_unit_that_vanishes_is_refused)
{
    struct ode_recipe_spec r = recipe_of(8, 8, 8, 1); /* the last keeps 0 blocks */
    struct ode_net net;
    struct ode_err err = { 0 };

    ck_assert_int_eq(ode_net_init(&net, &r, 0, 3, 10, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/levels");
    r = recipe_of(8, 8, 8, 2);
    r.levels[0].resolution = 2;
    ck_assert_int_eq(ode_net_init(&net, &r, 0, 3, 10, &err), ODE_ESPEC);
}
END_TEST

TEST_SUITE(net, 60, weight_counts_are_the_papers, presets_have_the_papers_weight_counts,
           flops_count_each_convolution_once, tensors_are_named_by_unit_and_block,
           end_time_is_the_same_at_every_depth, adding_a_share_undoes_packing,
           packing_is_the_formula_bit_for_bit, initial_values_have_the_stated_spread,
           a_flat_head_has_a_weight_for_each_pixel,
           a_flat_head_is_drawn_at_the_finest_resolution, a_unit_that_vanishes_is_refused)
