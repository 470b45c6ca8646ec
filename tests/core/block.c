/* block.c - tests core/blocks/ through core/net/segment.c: what every integrator, layer
 * and normalisation promises. */
#include "core/blocks/block.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/layers/connect.h"
#include "core/net/segment.h"
#include "tests/core/toy.h"
#include "tests/test.h"

enum { C = 16, SIZE = 8, IMAGES = 3 };

/* Every kind is tried, or, where code is slow, every fifth. */
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 5 };
#else
enum { STRIDE = 1 };
#endif

#ifdef ODE_DOUBLE
#define GRID 0x1p-40
#else
#define GRID 0x1p-16
#endif

/* Every integrator with each layer that it can do with, and every normalisation. */
struct kind {
    enum ode_block block;
    enum ode_form form;
    enum ode_start start;
    enum ode_norm norm;
    bool before;
};

enum {
    KINDS_MAX = 256,
    BLOCKS = 0
#define BLOCK(NAME, name, doc) +1
#include "core/blocks/blocks.def"
#undef BLOCK
};

static int
kinds_list(struct kind *kind)
{
    int n = 0;

    for (int b = 0; b < BLOCKS; b++)
        for (int form = ODE_FORM_SINGLE; form <= ODE_FORM_RESIDUAL; form++)
            for (int start = ODE_START_AUTO; start <= ODE_START_EULER; start++)
                for (int norm = ODE_NORM_NONE; norm <= ODE_NORM_TV; norm++) {
                    const struct ode_block_ops *ops = ode_block_table[b];

                    if (!(ops->forms >> form & 1)
                        || !((ops->starts ? ops->starts : 1u) >> start & 1))
                        continue;
                    ck_assert_int_lt(n, KINDS_MAX);
                    kind[n] = (struct kind){ .block = (enum ode_block)b,
                                             .form = (enum ode_form)form,
                                             .start = (enum ode_start)start,
                                             .norm = (enum ode_norm)norm,
                                             .before = norm && n % 2 };
                    n++;
                }
    return n;
}

static const char *
kind_text(const struct kind *k)
{
    static char text[120];

    snprintf(text, sizeof text, "%s, layer %s, start %s, norm %s%s",
             ode_block_choices[k->block].name, ode_form_choices[k->form].name,
             ode_start_choices[k->start].name, ode_norm_choices[k->norm].name,
             k->before ? " twice" : "");
    return text;
}

/* A segment of n blocks of C channels. */
static int chain_nodes; /* points in time with weights; 0: one per block */

static void
chain_init(struct toy *t, const struct kind *k, int n, double dt, enum ode_activation act,
           bool grid, enum ode_memory memory, unsigned isa)
{
    const struct toy_options o = { .units = 1,
                                   .channels = { C },
                                   .blocks = { n },
                                   .resolution = SIZE,
                                   .in = 1,
                                   .classes = 3,
                                   .step = dt,
                                   .rounded = grid,
                                   .block = k->block,
                                   .layer = k->form,
                                   .start = k->start,
                                   .norm = k->norm,
                                   .before = k->before,
                                   .activation = act,
                                   .weights = chain_nodes,
                                   .memory = memory };

    toy_init(t, &o, isa, 1, IMAGES, false);
}

static struct ode_work *
work_of(struct toy *t)
{
    return &t->engine.work[0];
}

static real *
moment_of(struct toy *t)
{
    return t->engine.result[0].moment;
}

static real
forward(struct toy *t)
{
    return ode_segment_forward(&t->engine.exec, work_of(t), 0, IMAGES, ODE_TRAIN,
                               moment_of(t));
}

/* --- states as vectors ------------------------------------------------------------- */

static size_t
part_n(const struct toy *t)
{
    return IMAGES * t->net.segment[0].image;
}

static size_t
state_n(const struct toy *t)
{
    return (size_t)t->net.parts * part_n(t);
}

/* Copies of y and z one after the other. */
static real *
state_get(const struct toy *t, struct ode_pair p)
{
    real *x = malloc(state_n(t) * sizeof *x);

    ck_assert_ptr_nonnull(x);
    memcpy(x, p.y, part_n(t) * sizeof *x);
    if (t->net.parts == 2)
        memcpy(x + part_n(t), p.z, part_n(t) * sizeof *x);
    return x;
}

static void
state_put(const struct toy *t, const real *x, struct ode_pair p)
{
    memcpy(p.y, x, part_n(t) * sizeof *x);
    if (t->net.parts == 2)
        memcpy(p.z, x + part_n(t), part_n(t) * sizeof *x);
}

static struct ode_pair
begin(struct toy *t)
{
    return ode_segment_begin(&t->engine.exec, work_of(t), 0);
}

static struct ode_pair
end(struct toy *t)
{
    return ode_segment_end(&t->engine.exec, work_of(t), 0);
}

/* Noise inside halo and channels, multiples of the grid. */
static real *
noise(const struct toy *t, uint64_t seed, double grid)
{
    const struct ode_stretch *g = &t->net.segment[0];
    real *x = malloc(state_n(t) * sizeof *x);

    for (size_t i = 0; i * g->image < state_n(t); i++)
        toy_noise_image(seed * 100 + i, g->width, SIZE, SIZE, x + i * g->image);
    for (size_t i = 0; i < state_n(t); i++)
        x[i] = ode_to_grid(x[i], (real)grid);
    return x;
}

static double
distance(const real *x, const real *y, size_t n)
{
    double d = 0, norm = 0;

    for (size_t i = 0; i < n; i++) {
        d += pow((double)x[i] - (double)y[i], 2);
        norm += pow((double)y[i], 2);
    }
    return sqrt(d / norm);
}

/* --- there and back ---------------------------------------------------------------- */

/* The relative distance from the start after n blocks there and back. */
static double
round_trip(const struct kind *k, int n, enum ode_activation act, double dt, bool grid,
           unsigned isa)
{
    struct toy t;
    real *start, *moved, *back;
    double d;

    chain_init(&t, k, n, dt, act, grid, ODE_MEMORY_REVERSE, isa);
    start = noise(&t, 7, grid ? GRID : 0);
    state_put(&t, start, begin(&t));
    forward(&t);
    moved = state_get(&t, end(&t));
    ck_assert_double_gt(distance(moved, start, state_n(&t)), 0.01);
    ode_segment_inverse(&t.engine.exec, work_of(&t), 0, IMAGES, ODE_REPLAY,
                        moment_of(&t));
    back = state_get(&t, begin(&t));
    d = distance(back, start, state_n(&t));
    ck_assert_msg(!grid || memcmp(back, start, state_n(&t) * sizeof *start) == 0,
                  "%s, %d blocks, %s: the inverse is off by %g", kind_text(k), n,
                  t.kernels->name, d);
    free(start);
    free(moved);
    free(back);
    toy_release(&t);
    return d;
}

/* On the grid the inverse is exact, whatever reversible integrator, layer, normalisation
 * and table of kernels. */
START_TEST(inverse_is_exact_on_the_grid)
{
    static const unsigned isa[] = { ODE_ISA_PORTABLE, ODE_ISA_AVX2, ODE_ISA_AVX512 };
    struct kind kind[KINDS_MAX];
    const int n = kinds_list(kind);
    int tried = 0;

    for (int k = 0; k < n; k += STRIDE)
        for (int i = 0; i < 3; i++) {
            if (!ode_block_table[kind[k].block]->reach || !(isa[i] & ode_isa_available()))
                continue;
            round_trip(&kind[k], 10, ODE_ACTIVATION_RELU, 0.1, true, isa[i]);
            tried++;
        }
    ck_assert_int_ge(tried, 24 / STRIDE);
}
END_TEST

/* The integrators of Chang et al. at depth 100 and 1000. */
START_TEST(inverse_is_exact_at_any_depth)
{
    static const enum ode_block blocks[] = { ODE_BLOCK_HAMILTONIAN, ODE_BLOCK_MIDPOINT,
                                             ODE_BLOCK_LEAPFROG, ODE_BLOCK_REVNET };

    for (int i = 0; i < 4; i++) {
        const struct kind k = { .block = blocks[i],
                                .form = ode_block_table[blocks[i]]->form,
                                .start = ode_block_table[blocks[i]]->start };

        round_trip(&k, 100, ODE_ACTIVATION_TANH, 0.05, true, ODE_ISA_ALL);
        round_trip(&k, 1000, ODE_ACTIVATION_TANH, 0.01, true, ODE_ISA_ALL);
    }
}
END_TEST

/* Oracles E 6 and G 5: the budget of fp32 and of double. */
START_TEST(inverse_without_grid_is_within_the_budget)
{
#ifdef ODE_DOUBLE
    const double six = 1e-15, deep = 1e-14, hundred = 1e-13;
#else
    const double six = 1e-6, deep = 1e-6, hundred = 1e-5;
#endif
    const struct kind ham = { .block = ODE_BLOCK_HAMILTONIAN,
                              .form = ODE_FORM_SYMMETRIC };
    const struct kind leap = { .block = ODE_BLOCK_LEAPFROG,
                               .form = ODE_FORM_SYMMETRIC,
                               .start = ODE_START_TAYLOR };
    const struct kind *const both[] = { &ham, &leap };

    for (int i = 0; i < 2; i++) {
        ck_assert_double_le(
            round_trip(both[i], 6, ODE_ACTIVATION_RELU, 0.1, false, ODE_ISA_ALL), six);
        ck_assert_double_le(
            round_trip(both[i], 18, ODE_ACTIVATION_RELU, 0.1, false, ODE_ISA_ALL), deep);
        ck_assert_double_le(
            round_trip(both[i], 100, ODE_ACTIVATION_RELU, 0.1, false, ODE_ISA_ALL),
            hundred);
    }
}
END_TEST

/* Oracle E 7: four times the depth does not much more than quadruple the error. */
START_TEST(inverse_error_grows_linearly)
{
    const struct kind k = { .block = ODE_BLOCK_HAMILTONIAN, .form = ODE_FORM_SYMMETRIC };
    const double short_way =
        round_trip(&k, 50, ODE_ACTIVATION_TANH, 0.05, false, ODE_ISA_ALL);
    const double long_way =
        round_trip(&k, 200, ODE_ACTIVATION_TANH, 0.05, false, ODE_ISA_ALL);

    ck_assert_double_gt(short_way, 0);
    ck_assert_double_lt(long_way, 8 * short_way);
}
END_TEST

/* --- derivatives ------------------------------------------------------------------- */

/* The end of the chain that began at x. */
static real *
image_of(struct toy *t, const real *x)
{
    state_put(t, x, begin(t));
    forward(t);
    return state_get(t, end(t));
}

/* J'w at the state that forward() just left behind; gradients into the engine's. */
static real *
adjoint_of(struct toy *t, const real *w)
{
    struct ode_pair d = work_of(t)->cotangent[0];
    struct ode_lane lane = { .gradient = t->engine.gradient, .room = work_of(t)->share };

    state_put(t, w, d);
    memset(lane.gradient, 0, t->net.params.theta_n * sizeof(real));
    ode_segment_backward(&t->engine.exec, work_of(t), 0, IMAGES, moment_of(t), &lane, &d);
    return state_get(t, d);
}

/* <(F(x + e v) - F(x - e v)) / 2e, w>, moving the state or the weights along v. */
static double
difference(struct toy *t, const real *x, const real *theta, const real *v, const real *w,
           double e, bool weights)
{
    const size_t n = weights ? t->net.params.theta_n : state_n(t);
    real *moved = malloc((state_n(t) + n) * sizeof *moved), *at[2];
    double sum = 0;

    for (int k = 0; k < 2; k++) {
        const double step = k ? -e : e;

        for (size_t i = 0; i < n; i++)
            moved[i] = (real)((double)(weights ? theta : x)[i] + step * (double)v[i]);
        if (weights) {
            memcpy(t->engine.theta, moved, n * sizeof *moved);
            ode_engine_pack(&t->engine);
        }
        at[k] = image_of(t, weights ? x : moved);
    }
    for (size_t i = 0; i < state_n(t); i++)
        sum += ((double)at[0][i] - (double)at[1][i]) / (2 * e) * (double)w[i];
    if (weights) {
        memcpy(t->engine.theta, theta, n * sizeof *theta);
        ode_engine_pack(&t->engine);
    }
    free(moved);
    free(at[0]);
    free(at[1]);
    return sum;
}

/* A direction in all weights of blocks; the rest stays. */
static real *
weights_noise(const struct toy *t)
{
    real *v = malloc(t->net.params.theta_n * sizeof *v);

    toy_noise(17, v, t->net.params.theta_n);
    for (int i = 0; i < t->net.params.trained_n; i++) {
        const struct ode_tensor *x = &t->net.params.tensor[i];

        for (size_t j = 0; j < x->n; j++)
            v[x->offset + j] *= x->segment < 0 ? 0 : (real)0.2;
    }
    return v;
}

/* <J v, w> = <v, J' w> for the state and for the weights. */
static void
adjoint_check(const struct kind *k, enum ode_memory memory)
{
#ifdef ODE_DOUBLE
    const double e = 1e-5, tolerance = 2e-8, curved = 0;
#else
    const double e = 1e-2, tolerance = 1e-3, curved = 0.03; /* of the difference */
#endif
    struct toy t;
    real *x, *v, *w, *theta, *u, *d, *end_state;
    double state, weights, got, size;

    chain_init(&t, k, 3, 0.3, ODE_ACTIVATION_TANH, false, memory, ODE_ISA_ALL);
    x = noise(&t, 1, 0);
    v = noise(&t, 2, 0);
    w = noise(&t, 3, 0);
    u = weights_noise(&t);
    theta = malloc(t.net.params.theta_n * sizeof *theta);
    memcpy(theta, t.engine.theta, t.net.params.theta_n * sizeof *theta);
    state = difference(&t, x, theta, v, w, e, false);
    weights = difference(&t, x, theta, u, w, e, true);
    end_state = image_of(&t, x);
    d = adjoint_of(&t, w);
    size = sqrt(toy_dot(w, w, state_n(&t)) * toy_dot(v, v, state_n(&t)));
    got = toy_dot(v, d, state_n(&t));
    ck_assert_msg(fabs(got - state) <= tolerance * size + curved * fabs(state),
                  "%s, memory %d: <v, J'w> = %.9g, <Jv, w> = %.9g", kind_text(k),
                  (int)memory, got, state);
    got = toy_dot(u, t.engine.gradient, t.net.params.theta_n);
    ck_assert_double_gt(fabs(weights), 1e-3);
    ck_assert_msg(fabs(got - weights) <= tolerance * size + curved * fabs(weights),
                  "%s, memory %d: weights <v, J'w> = %.9g, <Jv, w> = %.9g", kind_text(k),
                  (int)memory, got, weights);
    free(x);
    free(v);
    free(w);
    free(u);
    free(theta);
    free(d);
    free(end_state);
    toy_release(&t);
}

START_TEST(adjoint_is_the_transposed_derivative)
{
    struct kind kind[KINDS_MAX];
    const int n = kinds_list(kind);

    for (int k = 0; k < n; k += STRIDE) {
        adjoint_check(&kind[k], ODE_MEMORY_STORE);
        adjoint_check(&kind[k], ODE_MEMORY_CHECKPOINT);
        if (ode_block_table[kind[k].block]->reach)
            adjoint_check(&kind[k], ODE_MEMORY_REVERSE);
    }
}
END_TEST

/* Weights at fewer or more points in time than there are blocks. */
START_TEST(interpolated_weights_have_exact_adjoints)
{
    static const int nodes[] = { 1, 2, 5 };
    struct kind kind[KINDS_MAX];
    const int n = kinds_list(kind);

    for (int k = 0; k < n; k += STRIDE)
        for (int i = 0; i < 3; i++) {
            struct kind with = kind[k];

            if (with.norm != ODE_NORM_NONE && with.norm != ODE_NORM_BATCH)
                continue;
            chain_nodes = nodes[i];
            adjoint_check(&with, ODE_MEMORY_STORE);
            chain_nodes = 0;
        }
}
END_TEST

/* The same call twice gives the same. */
START_TEST(forward_is_pure)
{
    struct kind kind[KINDS_MAX];
    const int n = kinds_list(kind);

    for (int k = 0; k < n; k++) {
        struct toy t;
        real *x, *a, *b;

        chain_init(&t, &kind[k], 2, 0.1, ODE_ACTIVATION_RELU, false, ODE_MEMORY_STORE,
                   ODE_ISA_ALL);
        x = noise(&t, 1, 0);
        a = image_of(&t, x);
        b = image_of(&t, x);
        ck_assert_mem_eq(a, b, state_n(&t) * sizeof *a);
        free(x);
        free(a);
        free(b);
        toy_release(&t);
    }
}
END_TEST

/* A table says what its functions need. */
START_TEST(tables_are_complete)
{
    for (int b = 0; b < BLOCKS; b++) {
        const struct ode_block_ops *ops = ode_block_table[b];

        ck_assert_str_eq(ops->name, ode_block_choices[b].name);
        ck_assert(ops->forward && ops->adjoint && ops->stability);
        ck_assert((ops->inverse != NULL) == (ops->reach > 0));
        ck_assert(ops->forms >> ops->form & 1);
        ck_assert(ops->starts == 0 || ops->starts >> ops->start & 1);
        ck_assert_int_le(ops->points, ODE_POINTS_MAX);
        ck_assert_int_le(ops->spare, ODE_BLOCK_SCRATCH_MAX);
        ck_assert(ops->time == ODE_TIME_CELL || ops->time == ODE_TIME_NODAL);
    }
}
END_TEST

TEST_SUITE(block, 300, inverse_is_exact_on_the_grid, inverse_is_exact_at_any_depth,
           inverse_without_grid_is_within_the_budget, inverse_error_grows_linearly,
           adjoint_is_the_transposed_derivative, interpolated_weights_have_exact_adjoints,
           forward_is_pure, tables_are_complete)
