/* dynamics.c - what the differential equations promise, held by the integrators of
 * core/blocks/: structure of the layers, invariants, limits of stability. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/orbit.h"
#include "tests/core/toy.h"
#include "tests/test.h"

#define ROUNDING IN_DOUBLE(1e-13, 2e-6)

/* Below 2^-55. */
START_TEST(tanh_of_tiny_states_is_the_identity)
{
    const struct ode_kernels *k = ode_kernels_best(ODE_ISA_ALL);
    const size_t n = ode_plane(8, 8);
    real *u = aligned_alloc(64, n * sizeof *u), *a = aligned_alloc(64, n * sizeof *a);

    for (size_t i = 0; i < n; i++)
        u[i] = (real)((i % 2 ? 2e-17 : -2e-17) * pow(10, -0.013 * (double)i));
    k->act(ODE_ACT_TANH, 1, 1, 8, 8, u, a);
    for (int y = 1; y <= 8; y++)
        ck_assert_mem_eq(a + (y * 10 + 1) * ODE_VEC, u + (y * 10 + 1) * ODE_VEC,
                         8 * ODE_VEC * sizeof *u);
    free(u);
    free(a);
}
END_TEST

/* --- layers ------------------------------------------------------------------------ */

/* y = A x with the packed kernel of the first block. */
static void
packed_apply(const struct orbit *o, const double *x, double *y)
{
    const struct ode_stretch *g = &o->net.segment[0];
    const int slot = o->net.point[o->net.role[0][ODE_PART_KERNEL]];
    real *in = aligned_alloc(64, g->image * sizeof *in);
    real *out = aligned_alloc(64, g->image * sizeof *out);
    struct ode_finish f = { .kind = ODE_FINISH_SUM, .y = out };

    toy_blocked(g->width, o->size, o->size, x, in);
    o->exec.kernels->conv(&g->conv, 1, in, o->packed + o->net.slot[slot].packed, &f);
    toy_planes(g->width, o->size, o->size, out, y);
    free(in);
    free(out);
}

/* y = K^T x in plain loops. */
static void
transposed_apply(const struct orbit *o, const double *x, double *y)
{
    const int c = o->channels;
    const real *k = orbit_theta(o, 0, 0, ODE_PART_KERNEL);
    double *kt = malloc((size_t)(c * c * 9) * sizeof *kt);

    for (int out = 0; out < c; out++)
        for (int in = 0; in < c; in++)
            for (int tap = 0; tap < 9; tap++)
                kt[(in * c + out) * 9 + 8 - tap] = (double)k[(out * c + in) * 9 + tap];
    reference_conv(c, c, o->size, o->size, x, kt, y);
    free(kt);
}

/* Oracle E 3: one convolution does what the two with K and K^T do, and <A y, y> = 0. */
START_TEST(antisymmetric_layers_do_no_work)
{
    const struct orbit_options options = { .block = ODE_BLOCK_MIDPOINT,
                                           .form = ODE_FORM_ANTISYMMETRIC,
                                           .channels = 20,
                                           .size = 7,
                                           .blocks = 1,
                                           .dt = 0.1 };
    static double y[ORBIT_MAX], ay[ORBIT_MAX], ky[ORBIT_MAX], kty[ORBIT_MAX];
    struct orbit o;

    orbit_init(&o, &options);
    orbit_noise(&o, 1, 1, y);
    packed_apply(&o, y, ay);
    orbit_apply(&o, 0, 0, y, ky);
    transposed_apply(&o, y, kty);
    for (size_t i = 0; i < o.n; i++)
        ky[i] -= kty[i];
    ck_assert_double_gt(orbit_norm(ay, o.n), orbit_norm(y, o.n));
    ck_assert_double_le(fabs(orbit_dot(ay, y, o.n)), IN_DOUBLE(1e-15, 1e-6)
                                                         * orbit_norm(ay, o.n)
                                                         * orbit_norm(y, o.n));
    ck_assert_double_le(orbit_distance(ay, ky, o.n),
                        IN_DOUBLE(1e-14, 1e-6) * orbit_norm(ky, o.n));
    orbit_release(&o);
}
END_TEST

/* <f(y) - f(z), y - z> / |y - z|^2 for f = K^T s(K . + b), from an Euler step of 1. */
static double
slope_between(struct orbit *o, const double *y, const double *z)
{
    static double fy[ORBIT_MAX], fz[ORBIT_MAX];
    double sum = 0, square = 0;

    orbit_run(o, y);
    orbit_state(o, 1, fy);
    orbit_run(o, z);
    orbit_state(o, 1, fz);
    for (size_t i = 0; i < o->n; i++) {
        const double d = y[i] - z[i];

        sum += (fy[i] - y[i] - fz[i] + z[i]) * d;
        square += d * d;
    }
    return sum / square;
}

/* Oracle E 4, for near and for distant states, and every activation that does not fall:
 * gelu does. */
START_TEST(symmetric_layers_are_monotone)
{
    static const enum ode_activation acts[] = { ODE_ACTIVATION_RELU, ODE_ACTIVATION_TANH,
                                                ODE_ACTIVATION_LEAKY_RELU,
                                                ODE_ACTIVATION_CELU,
                                                ODE_ACTIVATION_SOFTPLUS };
    static double y[ORBIT_MAX], z[ORBIT_MAX];

    for (size_t a = 0; a < sizeof acts / sizeof *acts; a++)
        for (uint64_t pair = 0; pair < 20; pair++) {
            const struct orbit_options options = { .block = ODE_BLOCK_EULER,
                                                   .form = ODE_FORM_SYMMETRIC,
                                                   .act = acts[a],
                                                   .channels = 6,
                                                   .size = 6,
                                                   .blocks = 1,
                                                   .dt = 1 };
            struct orbit o;
            double slope;

            orbit_init(&o, &options);
            for (int c = 0; c < o.channels; c++)
                orbit_theta(&o, 0, 0, ODE_PART_BIAS)[c] = (real)(0.1 * (c - 2));
            orbit_pack(&o);
            orbit_noise(&o, 2 * pair, 1, y);
            orbit_noise(&o, 2 * pair + 1, pair % 2 ? 1 : 0.01, z);
            for (size_t i = 0; i < o.n; i++)
                z[i] += pair % 2 ? 0 : y[i];
            slope = slope_between(&o, y, z);
            ck_assert_msg(slope > 0.1, "%s: slope %g",
                          ode_activation_choices[acts[a]].name, slope);
            orbit_release(&o);
        }
}
END_TEST

/* Oracle E 20: two states come nearer with each step, and the whole way counts. */
START_TEST(parabolic_networks_contract)
{
    static const enum ode_activation acts[] = { ODE_ACTIVATION_RELU,
                                                ODE_ACTIVATION_TANH };
    static double y[21][ORBIT_MAX], z[ORBIT_MAX];
    const int blocks = 20;

    for (int a = 0; a < 2; a++) {
        const struct orbit_options options = { .block = ODE_BLOCK_PARABOLIC,
                                               .form = ODE_FORM_SYMMETRIC,
                                               .act = acts[a],
                                               .channels = 8,
                                               .size = 6,
                                               .blocks = blocks,
                                               .dt = 0.1 };
        struct orbit o;
        double before, first;

        orbit_init(&o, &options);
        orbit_noise(&o, 3, 1, y[0]);
        orbit_noise(&o, 4, 1, z);
        before = first = orbit_distance(y[0], z, o.n);
        orbit_run(&o, y[0]);
        for (int j = 1; j <= blocks; j++)
            orbit_state(&o, j, y[j]);
        orbit_run(&o, z);
        for (int j = 1; j <= blocks; j++) {
            orbit_state(&o, j, z);
            ck_assert_double_lt(orbit_distance(y[j], z, o.n), before);
            before = orbit_distance(y[j], z, o.n);
        }
        ck_assert_double_lt(before, 0.7 * first);
        orbit_release(&o);
    }
}
END_TEST

/* --- Hamiltonian structure --------------------------------------------------------- */

static const struct orbit_options hamiltonian = { .block = ODE_BLOCK_HAMILTONIAN,
                                                  .form = ODE_FORM_SYMMETRIC,
                                                  .act = ODE_ACTIVATION_TANH,
                                                  .channels = 8,
                                                  .size = 6,
                                                  .blocks = 25,
                                                  .dt = 0.1 };

/* u' W v with W = [[0, I], [-I, 0]] on the two halves of one image. */
static double
area(const double *u, const double *v, size_t n)
{
    return orbit_dot(u, v + n / 2, n / 2) - orbit_dot(u + n / 2, v, n / 2);
}

/* Oracle E 14: with J the Jacobian of 50 layers, J' keeps W; so J does. */
START_TEST(hamiltonian_steps_are_symplectic)
{
    static double x[ORBIT_MAX], u[ORBIT_MAX], v[ORBIT_MAX], ju[ORBIT_MAX], jv[ORBIT_MAX];

    for (int relu = 0; relu < 2; relu++) {
        struct orbit_options options = hamiltonian;
        struct orbit o;
        double before;

        options.act = relu ? ODE_ACTIVATION_RELU : ODE_ACTIVATION_TANH;
        orbit_init(&o, &options);
        orbit_noise(&o, 5, 1, x);
        orbit_noise(&o, 6, 1, u);
        orbit_noise(&o, 7, 1, v);
        for (size_t i = 0; i < o.n / 2; i++) { /* lest the area be small by chance */
            v[i] -= u[i + o.n / 2];
            v[i + o.n / 2] += u[i];
        }
        before = area(u, v, o.n);
        orbit_run(&o, x);
        orbit_adjoint(&o, u, ju);
        orbit_adjoint(&o, v, jv);
        ck_assert_double_gt(orbit_distance(u, ju, o.n), 0.1 * orbit_norm(u, o.n));
        ck_assert_double_eq_tol(area(ju, jv, o.n), before, ROUNDING / 2 * before);
        orbit_release(&o);
    }
}
END_TEST

/* By elimination with pivots; a is lost. */
static double
determinant(int n, double *a)
{
    double product = 1;

    for (int k = 0; k < n; k++) {
        int pivot = k;

        for (int r = k; r < n; r++)
            if (fabs(a[r * n + k]) > fabs(a[pivot * n + k]))
                pivot = r;
        for (int c = 0; c < n && pivot != k; c++) {
            const double swap = a[k * n + c];

            a[k * n + c] = -a[pivot * n + c];
            a[pivot * n + c] = swap;
        }
        product *= a[k * n + k];
        for (int r = k + 1; r < n; r++)
            for (int c = n - 1; c >= k; c--)
                a[r * n + c] -= a[r * n + k] / a[k * n + k] * a[k * n + c];
    }
    return product;
}

/* Oracle E 14 again: the Jacobian of 50 layers on six numbers has determinant 1. */
START_TEST(hamiltonian_steps_keep_volume)
{
    static const double k1[] = { 1, -2, 0.5, 0.3, 1, 1, -1, 0, 2 };
    static const double k2[] = { 2, 0.1, -1, 1, 1, 0, 0.2, -0.7, 1 };
    struct orbit_options options = hamiltonian;
    double x[6], w[6], jacobian[36];
    struct orbit o;

    options.channels = 6;
    options.size = 1;
    orbit_init(&o, &options);
    orbit_matrix(&o, 0, k1, 0.1);
    orbit_matrix(&o, 1, k2, -0.2);
    orbit_noise(&o, 8, 0.5, x);
    orbit_run(&o, x);
    for (int i = 0; i < 6; i++) {
        memset(w, 0, sizeof w);
        w[i] = 1;
        orbit_adjoint(&o, w, jacobian + 6 * i);
    }
    ck_assert_double_gt(fabs(jacobian[0] - 1), 0.1);
    ck_assert_double_eq_tol(determinant(6, jacobian), 1, IN_DOUBLE(1e-12, 1e-5));
    orbit_release(&o);
}
END_TEST

/* The sum of log cosh: its derivative is tanh. */
static double
potential(const double *u, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += log(cosh(u[i]));
    return sum;
}

/* H = sum Phi(K1 Z + b1) + sum Phi(K2 Y + b2) of state j. */
static double
energy(struct orbit *o, int j)
{
    static double x[ORBIT_MAX], u[ORBIT_MAX];
    double sum;

    orbit_state(o, j, x);
    orbit_apply(o, 0, 0, x + o->n / 2, u);
    sum = potential(u, o->n / 2);
    orbit_apply(o, 0, 1, x, u);
    return sum + potential(u, o->n / 2);
}

/* Weights that do not change in time, with some bias. */
static void
biased(struct orbit *o)
{
    for (int layer = 0; layer < o->net.block->layers; layer++)
        for (int c = 0; c < o->net.segment[0].width; c++)
            orbit_theta(o, 0, layer, ODE_PART_BIAS)[c] = (real)(0.2 * cos(c + layer));
    orbit_freeze(o);
}

/* The largest |H - H_0| / H_0 of steps first..last of an orbit of step dt. */
static double
energy_deviation(double dt, int first, int last)
{
    static double x[ORBIT_MAX];
    struct orbit_options options = hamiltonian;
    struct orbit o;
    double start, most = 0;

    options.dt = dt;
    options.blocks = last;
    orbit_init(&o, &options);
    biased(&o);
    orbit_noise(&o, 9, 1, x);
    orbit_run(&o, x);
    start = energy(&o, 0);
    for (int j = first; j <= last; j++)
        most = fmax(most, fabs(energy(&o, j) - start) / start);
    orbit_release(&o);
    return most;
}

/* Oracle E 15: energy oscillates within a band that is proportional to h. */
START_TEST(energy_deviates_in_proportion_to_the_step)
{
    double before = energy_deviation(0.2, 0, 25);

    ck_assert_double_lt(before, 0.1);
    for (int i = 1; i < 4; i++) {
        const double now = energy_deviation(0.2 / (1 << i), 0, 25 << i);

        ck_assert_double_eq_tol(before / now, 2, 0.25);
        before = now;
    }
}
END_TEST

/* Oracle E 15: and does not drift out of it. */
START_TEST(energy_does_not_drift)
{
    const double early = energy_deviation(0.1, 0, 100);
    const double late = energy_deviation(0.1, 900, 1000);

    ck_assert_double_gt(early, 1e-4);
    ck_assert_double_lt(late, 1.5 * early);
}
END_TEST

/* Of an orbit Y: |v|^2 / 2 + sum Phi(K Y + b), v the central difference. */
static double
second_order_energy(struct orbit *o, int j)
{
    static double before[ORBIT_MAX], y[ORBIT_MAX], after[ORBIT_MAX];
    const double dt = (double)o->net.segment[0].dt;
    const double *u = before;
    double v;

    orbit_state(o, j - 1, before);
    orbit_state(o, j, y);
    orbit_state(o, j + 1, after);
    v = orbit_distance(after, before, o->n) / (2 * dt);
    orbit_apply(o, 0, 0, y, before);
    return v * v / 2 + potential(u, o->n);
}

/* Oracle E 16: with the Taylor start leapfrog's energy deviates as h^2. */
START_TEST(leapfrog_energy_deviates_as_the_step_squared)
{
    static double x[ORBIT_MAX], u[ORBIT_MAX];
    double before = 0;

    for (int i = 0; i < 4; i++) {
        const struct orbit_options options = { .block = ODE_BLOCK_LEAPFROG,
                                               .form = ODE_FORM_SYMMETRIC,
                                               .start = ODE_START_TAYLOR,
                                               .act = ODE_ACTIVATION_TANH,
                                               .channels = 6,
                                               .size = 6,
                                               .blocks = 25 << i,
                                               .dt = 0.2 / (1 << i) };
        struct orbit o;
        double start, most = 0;

        orbit_init(&o, &options);
        biased(&o);
        orbit_noise(&o, 10, 1, x);
        orbit_run(&o, x);
        orbit_apply(&o, 0, 0, x, u);
        start = potential(u, o.n); /* at rest */
        for (int j = 1; j < o.blocks; j++)
            most = fmax(most, fabs(second_order_energy(&o, j) - start) / start);
        if (i > 0)
            ck_assert_double_eq_tol(before / most, 4, 0.5);
        ck_assert_double_lt(most, 0.03);
        before = most;
        orbit_release(&o);
    }
}
END_TEST

/* --- linear problems --------------------------------------------------------------- */

/* |(Y_{j+1} - Y_j) / h|^2 / 2 + <K Y_{j+1}, K Y_j> / 2 */
static double
leapfrog_invariant(const struct orbit *o, const double *y, const double *next)
{
    static double ky[ORBIT_MAX], kn[ORBIT_MAX];
    const double v = orbit_distance(next, y, o->n) / (double)o->net.segment[0].dt;

    orbit_apply(o, 0, 0, y, ky);
    orbit_apply(o, 0, 0, next, kn);
    return (v * v + orbit_dot(ky, kn, o->n)) / 2;
}

static double
midpoint_invariant(const struct orbit *o, const double *y, const double *next)
{
    return orbit_dot(y, next, o->n);
}

/* The largest drift of an invariant over 200 steps. */
static double
drift(enum ode_block block,
      double (*invariant)(const struct orbit *o, const double *y, const double *next))
{
    static double y[ORBIT_MAX], next[ORBIT_MAX];
    const struct orbit_options options = { .block = block,
                                           .form = ode_block_table[block]->form,
                                           .start = ode_block_table[block]->start,
                                           .act = ODE_ACTIVATION_TANH,
                                           .channels = 6,
                                           .size = 5,
                                           .blocks = 200,
                                           .dt = 0.1 };
    struct orbit o;
    double start, most = 0;

    orbit_init(&o, &options);
    orbit_freeze(&o);
    orbit_noise(&o, 11, ORBIT_TINY, y);
    orbit_run(&o, y);
    orbit_state(&o, 1, next);
    ck_assert_double_gt(orbit_distance(y, next, o.n), 1e-3 * orbit_norm(y, o.n));
    start = invariant(&o, y, next);
    for (int j = 1; j < 200; j++) {
        orbit_state(&o, j, y);
        orbit_state(&o, j + 1, next);
        most = fmax(most, fabs(invariant(&o, y, next) - start) / start);
    }
    orbit_release(&o);
    return most;
}

/* Oracle E 17. */
START_TEST(linear_invariants_are_exact)
{
    ck_assert_double_lt(drift(ODE_BLOCK_LEAPFROG, leapfrog_invariant), ROUNDING);
    ck_assert_double_lt(drift(ODE_BLOCK_MIDPOINT, midpoint_invariant), ROUNDING);
}
END_TEST

/* Oracle G 3: y += h z, z -= h y keeps y^2 + z^2 + h y z. */
START_TEST(pair_keeps_its_quadratic_form)
{
    struct orbit_options options = hamiltonian;
    const double one = 1, h = 0.25, x[] = { ORBIT_TINY, ORBIT_TINY / 2 };
    const double start = ORBIT_TINY * ORBIT_TINY * (1.25 + h / 2);
    struct orbit o;
    double s[2];

    options.channels = 2;
    options.size = 1;
    options.blocks = 1000;
    options.dt = h;
    orbit_init(&o, &options);
    orbit_matrix(&o, 0, &one, 0);
    orbit_matrix(&o, 1, &one, 0);
    orbit_run(&o, x);
    for (int j = 1; j <= 1000; j++) {
        orbit_state(&o, j, s);
        ck_assert_double_eq_tol((s[0] * s[0] + s[1] * s[1] + h * s[0] * s[1]) / start, 1,
                                IN_DOUBLE(1e-13, 1e-5));
    }
    orbit_release(&o);
}
END_TEST

/* Oracle G 3: on frequency w, cos(n acos(1 - h^2 w^2 / 2)). */
START_TEST(leapfrog_is_the_cosine_of_its_own_frequency)
{
    const double w = 1.5, h = 0.5, x = ORBIT_TINY;
    const struct orbit_options options = { .block = ODE_BLOCK_LEAPFROG,
                                           .form = ODE_FORM_SYMMETRIC,
                                           .start = ODE_START_TAYLOR,
                                           .act = ODE_ACTIVATION_TANH,
                                           .channels = 1,
                                           .size = 1,
                                           .blocks = 100,
                                           .dt = h };
    struct orbit o;
    double y;

    orbit_init(&o, &options);
    orbit_matrix(&o, 0, &w, 0);
    orbit_run(&o, &x);
    for (int j = 0; j <= 100; j++) {
        orbit_state(&o, j, &y);
        ck_assert_double_eq_tol(y / x, cos(j * acos(1 - h * h * w * w / 2)),
                                IN_DOUBLE(1e-13, 1e-5));
    }
    orbit_release(&o);
}
END_TEST

/* --- limits of stability ----------------------------------------------------------- */

/* A worst linear case for each integrator: matrices of its layers on 1x1 images, the
 * norms of their Jacobians, the largest stable step. */
struct limit {
    enum ode_block block;
    enum ode_form form;
    int channels;
    double k[2][4], norm[2], dt;
};

static const struct limit limits[] = {
    {ODE_BLOCK_HAMILTONIAN, ODE_FORM_SYMMETRIC,     2, { { 2 }, { 0.5 } },  { 4, 0.25 }, 2           },
    { ODE_BLOCK_REVNET,     ODE_FORM_SINGLE,        2, { { 2 }, { -0.5 } }, { 2, 0.5 },  2           },
    { ODE_BLOCK_MIDPOINT,   ODE_FORM_ANTISYMMETRIC, 2, { { 0, -2, 0, 0 } }, { 2 },       0.5         },
    { ODE_BLOCK_LEAPFROG,   ODE_FORM_SYMMETRIC,     1, { { 2 } },           { 4 },       1           },
    { ODE_BLOCK_EULER,      ODE_FORM_SINGLE,        1, { { -2 } },          { 2 },       1           },
    { ODE_BLOCK_PARABOLIC,  ODE_FORM_SYMMETRIC,     1, { { 2 } },           { 4 },       0.5         },
    { ODE_BLOCK_RK4,        ODE_FORM_SINGLE,        1, { { -2 } },          { 2 },       2.785293 / 2}
};

/* The largest |state| of 600 steps of dt, over the first. */
static double
largest_growth(const struct limit *l, double dt)
{
    const struct orbit_options options = { .block = l->block,
                                           .form = l->form,
                                           .start = ode_block_table[l->block]->start,
                                           .act = ODE_ACTIVATION_TANH,
                                           .channels = l->channels,
                                           .size = 1,
                                           .blocks = 600,
                                           .dt = dt };
    const double x[] = { 1e-120, 0.5e-120 };
    struct orbit o;
    double y[2], most = 0;

    orbit_init(&o, &options);
    for (int layer = 0; layer < o.net.block->layers; layer++)
        orbit_matrix(&o, layer, l->k[layer], 0);
    orbit_run(&o, x);
    for (int j = 0; j <= 600; j++) {
        orbit_state(&o, j, y);
        most = fmax(most, orbit_norm(y, o.n));
    }
    orbit_release(&o);
    return most / orbit_norm(x, (size_t)l->channels);
}

/* Oracle E 18, in double, where 600 growing steps still begin and end tiny: bounded just
 * below the limit, growing just above it, and each table's stability() says which. */
START_TEST(stability_has_sharp_limits)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const struct limit *l = &limits[i];
        const struct ode_block_ops *ops = ode_block_table[l->block];

        ck_assert_double_eq_tol(ops->stability(0.99 * l->dt, l->norm), 0.99, 1e-3);
        ck_assert_double_eq_tol(ops->stability(1.01 * l->dt, l->norm), 1.01, 1e-3);
#ifdef ODE_DOUBLE
        ck_assert_msg(largest_growth(l, 0.99 * l->dt) < 20, "%s grows below its limit",
                      ops->name);
        ck_assert_msg(largest_growth(l, 1.01 * l->dt) > 1000,
                      "%s is bounded above its limit", ops->name);
        ck_assert_msg(largest_growth(l, 1.01 * l->dt) < 1e100, "%s is not linear",
                      ops->name);
#else
        (void)largest_growth;
#endif
    }
}
END_TEST

TEST_SUITE(dynamics, 120, tanh_of_tiny_states_is_the_identity,
           antisymmetric_layers_do_no_work, symmetric_layers_are_monotone,
           parabolic_networks_contract, hamiltonian_steps_are_symplectic,
           hamiltonian_steps_keep_volume, energy_deviates_in_proportion_to_the_step,
           energy_does_not_drift, leapfrog_energy_deviates_as_the_step_squared,
           linear_invariants_are_exact, pair_keeps_its_quadratic_form,
           leapfrog_is_the_cosine_of_its_own_frequency, stability_has_sharp_limits)
