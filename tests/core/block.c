/* block.c - tests core/blocks/: the integrators' own properties. */
#include "core/blocks/block.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/layers/connect.h"
#include "tests/core/toy.h"
#include "tests/test.h"

enum { C = 16, SIZE = 16 };

#define IMAGE ode_image(C, SIZE, SIZE)

/* A chain of Hamiltonian blocks with He-scaled weights on one image. */
struct chain {
    int n;
    bool constant; /* the same weights in every block */
    real *k, *kt, *b, *dk, *db, *u, *a;
    struct ode_step step;
};

static void *
taken(size_t n)
{
    void *at = aligned_alloc(64, (n * sizeof(real) + 63) / 64 * 64);

    ck_assert_ptr_nonnull(at);
    memset(at, 0, n * sizeof(real));
    return at;
}

static void
chain_init(struct chain *c, int n, enum ode_act act, double dt, double grid,
           bool constant)
{
    const size_t packed = ode_packed(C, C);

    *c = (struct chain){ .n = n, .constant = constant };
    c->k = taken(2 * (size_t)n * packed);
    c->kt = taken(2 * (size_t)n * packed);
    c->b = taken(2 * (size_t)n * C);
    c->dk = taken(packed);
    c->db = taken(C);
    c->u = taken(IMAGE);
    c->a = taken(IMAGE);
    for (int j = 0; j < 2 * n; j++) {
        real *k = c->k + (size_t)j * packed, *kt = c->kt + (size_t)j * packed;

        toy_noise((uint64_t)(constant ? j % 2 : j), k, packed);
        for (size_t i = 0; i < packed; i++)
            k[i] *= (real)sqrt(2.0 / (9 * C));
        for (int out = 0; out < C; out++)
            for (int in = 0; in < C; in++)
                for (int t = 0; t < 9; t++)
                    kt[((8 - t) * C + out) * C + in] = k[(t * C + in) * C + out];
        toy_noise((uint64_t)(100 + (constant ? j % 2 : j)), c->b + j * C, C);
        for (int i = 0; i < C; i++)
            c->b[j * C + i] *= (real)0.1;
    }
    c->step = (struct ode_step){
        .kernels = ode_kernels_best(ODE_ISA_ALL),
        .conv = {C, C, SIZE, SIZE},
        .act = act,
        .dt = (real)dt,
        .grid = (real)grid,
        .u = c->u,
        .a = c->a
    };
}

static void
chain_release(struct chain *c)
{
    free(c->k);
    free(c->kt);
    free(c->b);
    free(c->dk);
    free(c->db);
    free(c->u);
    free(c->a);
}

static const struct ode_step *
block(struct chain *c, int j)
{
    for (int i = 0; i < 2; i++) {
        const size_t at = (size_t)(2 * j + i);

        c->step.layer[i] = (struct ode_layer){ .k = c->k + at * ode_packed(C, C),
                                               .kt = c->kt + at * ode_packed(C, C),
                                               .b = c->b + at * C,
                                               .dk = c->dk,
                                               .db = c->db };
    }
    return &c->step;
}

static struct ode_pair
pair_noise(uint64_t seed, double grid)
{
    struct ode_pair p = { taken(IMAGE), taken(IMAGE) };

    toy_noise_image(seed, C, SIZE, SIZE, p.y);
    toy_noise_image(seed + 1, C, SIZE, SIZE, p.z);
    for (size_t i = 0; i < IMAGE; i++) {
        p.y[i] = ode_to_grid(p.y[i], (real)grid);
        p.z[i] = ode_to_grid(p.z[i], (real)grid);
    }
    return p;
}

static struct ode_pair
pair_copy(struct ode_pair from)
{
    struct ode_pair p = { taken(IMAGE), taken(IMAGE) };

    memcpy(p.y, from.y, IMAGE * sizeof(real));
    memcpy(p.z, from.z, IMAGE * sizeof(real));
    return p;
}

static void
pair_free(struct ode_pair p)
{
    free(p.y);
    free(p.z);
}

static double
pair_distance(struct ode_pair p, struct ode_pair q)
{
    double d = 0, norm = 0;

    for (size_t i = 0; i < IMAGE; i++) {
        d += pow((double)p.y[i] - (double)q.y[i], 2)
             + pow((double)p.z[i] - (double)q.z[i], 2);
        norm += pow((double)q.y[i], 2) + pow((double)q.z[i], 2);
    }
    return sqrt(d / norm);
}

/* There and back again through n blocks: the relative distance from the start. */
static double
round_trip(int n, enum ode_act act, double dt, double grid, bool constant)
{
    struct ode_pair start = pair_noise(7, grid), x = pair_copy(start);
    struct chain c;
    double d;

    chain_init(&c, n, act, dt, grid, constant);
    for (int j = 0; j < n; j++)
        ode_hamiltonian_ops.forward(block(&c, j), x, x, NULL);
    ck_assert_double_gt(pair_distance(x, start), 0.01); /* it went somewhere */
    for (int j = n - 1; j >= 0; j--)
        ode_hamiltonian_ops.inverse(block(&c, j), x);
    d = pair_distance(x, start);
    if (grid > 0) {
        ck_assert_mem_eq(x.y, start.y, IMAGE * sizeof(real));
        ck_assert_mem_eq(x.z, start.z, IMAGE * sizeof(real));
    }
    chain_release(&c);
    pair_free(start);
    pair_free(x);
    return d;
}

/* On the grid the inverse is exact at depth 10, 100 and 1000. */
START_TEST(inverse_is_exact_on_the_grid)
{
#ifdef ODE_DOUBLE
    const double grid = 0x1p-40;
#else
    const double grid = 0x1p-16;
#endif

    round_trip(10, ODE_ACT_RELU, 0.1, grid, false);
    round_trip(100, ODE_ACT_RELU, 0.1, grid, false);
    round_trip(1000, ODE_ACT_TANH, 0.05, grid, true);
}
END_TEST

/* Oracles E 6 and G 5: the budget of fp32 and of double. */
START_TEST(inverse_without_grid_is_within_the_budget)
{
#ifdef ODE_DOUBLE
    ck_assert_double_le(round_trip(6, ODE_ACT_RELU, 0.1, 0, false), 1e-15);
    ck_assert_double_le(round_trip(18, ODE_ACT_RELU, 0.1, 0, false), 1e-14);
    ck_assert_double_le(round_trip(100, ODE_ACT_RELU, 0.1, 0, false), 1e-13);
#else
    ck_assert_double_le(round_trip(6, ODE_ACT_RELU, 0.1, 0, false), 1e-6);
    ck_assert_double_le(round_trip(18, ODE_ACT_RELU, 0.1, 0, false), 1e-6);
    ck_assert_double_le(round_trip(100, ODE_ACT_RELU, 0.1, 0, false), 1e-5);
#endif
}
END_TEST

/* Oracle E 7: doubling the depth does not much more than double the error. */
START_TEST(inverse_error_grows_linearly)
{
    const double short_way = round_trip(50, ODE_ACT_TANH, 0.05, 0, true);
    const double long_way = round_trip(200, ODE_ACT_TANH, 0.05, 0, true);

    ck_assert_double_gt(short_way, 0);
    ck_assert_double_lt(long_way, 8 * short_way);
}
END_TEST

/* <J v, w> = <v, J' w>, with J v by central differences: a block alone. */
START_TEST(adjoint_is_the_transposed_derivative)
{
#ifdef ODE_DOUBLE
    const double e = 1e-6, tolerance = 1e-8;
#else
    const double e = 1e-2, tolerance = 2e-4;
#endif
    struct ode_pair x = pair_noise(1, 0), v = pair_noise(3, 0), w = pair_noise(5, 0);
    struct ode_pair out[2], end = pair_copy(x), d = pair_copy(w);
    struct chain c;
    double left = 0, right;

    chain_init(&c, 1, ODE_ACT_TANH, 0.3, 0, false);
    for (int k = 0; k < 2; k++) {
        struct ode_pair moved = pair_copy(x);

        for (size_t i = 0; i < IMAGE; i++) {
            moved.y[i] += (real)((k ? -e : e) * (double)v.y[i]);
            moved.z[i] += (real)((k ? -e : e) * (double)v.z[i]);
        }
        ode_hamiltonian_ops.forward(block(&c, 0), moved, moved, NULL);
        out[k] = moved;
    }
    for (size_t i = 0; i < IMAGE; i++)
        left += ((double)out[0].y[i] - (double)out[1].y[i]) / (2 * e) * (double)w.y[i]
                + ((double)out[0].z[i] - (double)out[1].z[i]) / (2 * e) * (double)w.z[i];
    ode_hamiltonian_ops.forward(block(&c, 0), end, end, NULL);
    ode_hamiltonian_ops.adjoint(block(&c, 0), x, end, NULL, d);
    right = toy_dot(v.y, d.y, IMAGE) + toy_dot(v.z, d.z, IMAGE);
    ck_assert_double_eq_tol(
        left, right,
        tolerance * sqrt(toy_dot(w.y, w.y, IMAGE) * toy_dot(v.y, v.y, IMAGE)));
    pair_free(x);
    pair_free(v);
    pair_free(w);
    pair_free(out[0]);
    pair_free(out[1]);
    pair_free(end);
    pair_free(d);
    chain_release(&c);
}
END_TEST

/* The same call twice gives the same, and leaves its input alone. */
START_TEST(forward_is_pure)
{
    struct ode_pair x = pair_noise(1, 0), kept = pair_copy(x);
    struct ode_pair a = pair_copy(x), b = pair_copy(x);
    struct chain c;

    chain_init(&c, 1, ODE_ACT_RELU, 0.1, 0, false);
    ode_hamiltonian_ops.forward(block(&c, 0), x, a, NULL);
    ode_hamiltonian_ops.forward(block(&c, 0), x, b, NULL);
    ck_assert_mem_eq(a.y, b.y, IMAGE * sizeof(real));
    ck_assert_mem_eq(a.z, b.z, IMAGE * sizeof(real));
    ck_assert_mem_eq(x.y, kept.y, IMAGE * sizeof(real));
    ck_assert_mem_eq(x.z, kept.z, IMAGE * sizeof(real));
    pair_free(x);
    pair_free(kept);
    pair_free(a);
    pair_free(b);
    chain_release(&c);
}
END_TEST

TEST_SUITE(block, 300, inverse_is_exact_on_the_grid,
           inverse_without_grid_is_within_the_budget, inverse_error_grows_linearly,
           adjoint_is_the_transposed_derivative, forward_is_pure)
