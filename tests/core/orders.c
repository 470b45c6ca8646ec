/* orders.c - how fast the integrators of core/blocks/ converge, in time and in depth, and
 * orbits that were worked out elsewhere. */
#include <math.h>
#include <string.h>

#include "core/scales/depth.h"
#include "tests/core/orbit.h"
#include "tests/test.h"

/* --- rotations --------------------------------------------------------------------- */

/* |state N| / |state 0| of y' = [[0, -1], [1, 0]] y, and its distance from the rotation
 * by N h, relative. */
static double
rotation(enum ode_block block, int blocks, double dt, double *growth)
{
    static const double k[] = { 0, -1, 0, 0 }; /* A = K - K^T */
    const struct orbit_options options = { .block = block,
                                           .form = ODE_FORM_ANTISYMMETRIC,
                                           .start = ode_block_table[block]->start,
                                           .act = ODE_ACTIVATION_TANH,
                                           .channels = 2,
                                           .size = 1,
                                           .blocks = blocks,
                                           .dt = dt };
    const double x[] = { ORBIT_TINY, 0 };
    const double want[] = { ORBIT_TINY * cos(blocks * dt),
                            ORBIT_TINY * sin(blocks * dt) };
    struct orbit o;
    double y[2];

    orbit_init(&o, &options);
    orbit_matrix(&o, 0, k, 0);
    orbit_run(&o, x);
    orbit_state(&o, blocks, y);
    orbit_release(&o);
    if (growth)
        *growth = orbit_norm(y, 2) / ORBIT_TINY;
    return orbit_distance(y, want, 2) / ORBIT_TINY;
}

/* Oracle G 3: (1 + h^2)^(n / 2). */
START_TEST(euler_spirals_outwards)
{
    double growth;

    rotation(ODE_BLOCK_EULER, 100, 0.1, &growth);
    ck_assert_double_eq_tol(growth, 1.644632, 1e-6);
}
END_TEST

/* Oracle G 3: orders 1, 2 and 4. */
START_TEST(rotations_have_the_orders_of_their_schemes)
{
    static const struct {
        enum ode_block block;
        double order;
    } schemes[] = {
        {ODE_BLOCK_EULER,     1},
        { ODE_BLOCK_MIDPOINT, 2},
        { ODE_BLOCK_RK4,      4}
    };

    for (int i = 0; i < 3; i++) {
        const double coarse = rotation(schemes[i].block, 8, 0.25, NULL);
        const double fine = rotation(schemes[i].block, 16, 0.125, NULL);

        ck_assert_double_eq_tol(log2(coarse / fine), schemes[i].order, 0.1);
    }
}
END_TEST

/* --- worked examples --------------------------------------------------------------- */

/* Ten steps y <- y + h tanh(y k), y a row, in plain loops. */
static void
rows(const double *k, const double *x, double *y)
{
    memcpy(y, x, 2 * sizeof *y);
    for (int j = 0; j < 10; j++) {
        const double a = y[0], b = y[1];

        y[0] += 0.1 * tanh(a * k[0] + b * k[2]);
        y[1] += 0.1 * tanh(a * k[1] + b * k[3]);
    }
}

/* Oracle E 19: example 1 of Haber and Ruthotto, Inverse Problems (2017); four digits. */
START_TEST(haber_ruthotto_example_1)
{
    static const double k[3][4] = {
        {2,   -2, 0, 2 },
        { -2, 0,  2, -2},
        { 0,  -1, 1, 0 }
    };
    static const double x[] = { 0.1, 0.1, -0.1, -0.1, 0, 0.5 };
    static const double want[3][6] = {
        {0.5383,  -0.2731, -0.5383, 0.2731,  0,      1.4152},
        { 0.0378, 0.0108,  -0.0378, -0.0108, 0.1504, 0.0663},
        { 0.1455, -0.0304, -0.1455, 0.0304,  0.4179, 0.3052}
    };
    const struct orbit_options options = { .block = ODE_BLOCK_EULER,
                                           .form = ODE_FORM_SINGLE,
                                           .act = ODE_ACTIVATION_TANH,
                                           .channels = 2,
                                           .size = 1,
                                           .images = 3,
                                           .blocks = 10,
                                           .dt = 0.1 };

    for (int i = 0; i < 3; i++) {
        const double columns[] = { k[i][0], k[i][2], k[i][1], k[i][3] };
        struct orbit o;
        double y[6], exact[2];

        orbit_init(&o, &options);
        orbit_matrix(&o, 0, columns, 0);
        orbit_run(&o, x);
        orbit_state(&o, 10, y);
        for (int j = 0; j < 6; j++) {
            ck_assert_double_eq_tol(y[j], want[i][j], 5.1e-5);
            rows(k[i], x + j / 2 * 2, exact);
            ck_assert_double_eq_tol(y[j], exact[j % 2], IN_DOUBLE(1e-15, 1e-6));
        }
        orbit_release(&o);
    }
}
END_TEST

/* Oracle G 4: torchbraid's ReLU network by hand. */
START_TEST(torchbraid_relu_by_hand)
{
    static const double states[] = { 12, 38.99, 128.057, 421.9781, 1391.91773 };
    static const double dk[] = { 3234.33, 3184.50825, 3169.41075, 3164.83575 };
    static const double db[] = { 269.5275, 81.675, 24.75, 7.5 };
    static const double k[] = { 2.3, 2.3, 2.3, 2.3 };
    const struct orbit_options options = { .block = ODE_BLOCK_EULER,
                                           .form = ODE_FORM_SINGLE,
                                           .act = ODE_ACTIVATION_RELU,
                                           .channels = 2,
                                           .size = 1,
                                           .images = 5,
                                           .blocks = 4,
                                           .dt = 0.5 };
    const double tolerance = IN_DOUBLE(1e-8, 1e-6);
    struct orbit o;
    double x[10], w[10], y[10];

    orbit_init(&o, &options);
    orbit_matrix(&o, 0, k, -1.22);
    for (int i = 0; i < 10; i++) {
        x[i] = 12;
        w[i] = 3;
    }
    orbit_run(&o, x);
    for (int j = 0; j <= 4; j++) {
        orbit_state(&o, j, y);
        for (int i = 0; i < 10; i++)
            ck_assert_double_eq_tol(y[i], states[j], tolerance * states[j]);
    }
    orbit_adjoint(&o, w, y);
    for (int i = 0; i < 10; i++)
        ck_assert_double_eq_tol(y[i], 355.7763, IN_DOUBLE(1e-6, 4e-4));
    for (int j = 0; j < 4; j++) {
        const real *to = o.gradient;
        const real *gk = to + (orbit_theta(&o, j, 0, ODE_PART_KERNEL) - o.theta);
        const real *gb = to + (orbit_theta(&o, j, 0, ODE_PART_BIAS) - o.theta);

        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol((double)gk[i * 9 + 4], dk[j], tolerance * dk[j]);
        for (int i = 0; i < 2; i++)
            ck_assert_double_eq_tol((double)gb[i], db[j], tolerance * db[j]);
    }
    orbit_release(&o);
}
END_TEST

/* --- orders in depth --------------------------------------------------------------- */

struct scheme {
    enum ode_block block;
    enum ode_form form;
    enum ode_start start;
    double order;
};

static void
depth_init(struct orbit *o, const struct scheme *s, int n)
{
    const struct orbit_options options = { .block = s->block,
                                           .form = s->form,
                                           .start = s->start,
                                           .act = ODE_ACTIVATION_TANH,
                                           .channels = 6,
                                           .size = 5,
                                           .blocks = n,
                                           .dt = 1.0 / n };

    orbit_init(o, &options);
}

/* Smooth functions of time, where the scheme samples them. */
static void
smooth_weights(struct orbit *o)
{
    const double middle = o->net.block->time == ODE_TIME_CELL ? 0.5 : 0;

    for (int i = 0; i < o->net.params.trained_n; i++) {
        const struct ode_tensor *t = &o->net.params.tensor[i];
        const double time = (t->block + middle) / o->blocks;

        for (size_t k = 0; k < t->n && t->segment == 0; k++)
            o->theta[t->offset + k] = (real)(0.15
                                             * (sin(1.7 * (double)k + t->role)
                                                + cos(2 * time + (double)(k * k % 17))));
    }
    orbit_pack(o);
}

static const struct ode_tensor *
tensor_of(const struct orbit *o, int block, int role)
{
    const struct ode_tensor *t = o->net.params.tensor;

    while (t->segment != 0 || t->block != block || t->role != role)
        t++;
    return t;
}

/* The weights of `fine` from those of `coarse`, as a depth transfer makes them. */
static void
weights_prolong(const struct orbit *coarse, struct orbit *fine, enum ode_time time)
{
    for (int i = 0; i < fine->net.params.trained_n; i++) {
        const struct ode_tensor *t = &fine->net.params.tensor[i];
        struct ode_depth_row row;

        if (t->segment != 0)
            continue;
        row = ode_depth_row(time, coarse->blocks, fine->blocks, t->block);
        memset(fine->theta + t->offset, 0, t->n * sizeof *fine->theta);
        for (int j = 0; j < row.count; j++) {
            const struct ode_tensor *f = tensor_of(coarse, row.first + j, t->role);

            for (size_t k = 0; k < t->n; k++)
                fine->theta[t->offset + k] +=
                    (real)ode_depth_weight(&row, j) * coarse->theta[f->offset + k];
        }
    }
    orbit_pack(fine);
}

/* |F_2N - F_N| / |F_N| where the weights of N blocks are prolonged to 2N. */
static double
depth_change(const struct scheme *s, int n)
{
    static double x[ORBIT_MAX], coarse_end[ORBIT_MAX], fine_end[ORBIT_MAX];
    struct orbit coarse, fine;
    double change;

    depth_init(&coarse, s, n);
    depth_init(&fine, s, 2 * n);
    smooth_weights(&coarse);
    weights_prolong(&coarse, &fine, ode_depth_resolve(ODE_TIME_LINEAR, s->block));
    orbit_noise(&coarse, 12, 1, x);
    orbit_run(&coarse, x);
    orbit_state(&coarse, n, coarse_end);
    orbit_run(&fine, x);
    orbit_state(&fine, 2 * n, fine_end);
    change =
        orbit_distance(fine_end, coarse_end, coarse.n) / orbit_norm(coarse_end, coarse.n);
    orbit_release(&coarse);
    orbit_release(&fine);
    return change;
}

/* Oracle E 29, each scheme with the interpolation that is linear for it: nodal for
 * two-step schemes, between cells for the others. In fp32 as long as the change stands
 * out from rounding, which leapfrog adds up twice. */
START_TEST(doubling_the_depth_changes_the_output_in_order)
{
    static const struct scheme schemes[] = {
        {ODE_BLOCK_EULER,        ODE_FORM_ANTISYMMETRIC, ODE_START_AUTO,    1},
        { ODE_BLOCK_HAMILTONIAN, ODE_FORM_SYMMETRIC,     ODE_START_AUTO,    1},
        { ODE_BLOCK_LEAPFROG,    ODE_FORM_SYMMETRIC,     ODE_START_NEUMANN, 1},
        { ODE_BLOCK_LEAPFROG,    ODE_FORM_SYMMETRIC,     ODE_START_TAYLOR,  2},
        { ODE_BLOCK_MIDPOINT,    ODE_FORM_ANTISYMMETRIC, ODE_START_EULER,   2}
    };

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const struct scheme *s = &schemes[i];
        double before = depth_change(s, 8);

        for (int n = 16; n <= 64; n *= 2) {
            const double now = depth_change(s, n);

            if (now < IN_DOUBLE(0, 1e-4))
                break;
            ck_assert_msg(fabs(log2(before / now) - s->order) < 0.2,
                          "%s, start %s, %d blocks: order %g",
                          ode_block_choices[s->block].name,
                          ode_start_choices[s->start].name, n, log2(before / now));
            before = now;
        }
        ck_assert_double_lt(before, 0.02);
    }
}
END_TEST

/* Oracle E 30: as if Y_{-1} were 0 is a velocity of Y_0 / h, which has no limit. */
START_TEST(leapfrog_from_zero_doubles_with_the_depth)
{
    const struct scheme s = { ODE_BLOCK_LEAPFROG, ODE_FORM_SYMMETRIC, ODE_START_ZERO, 0 };
    static double x[ORBIT_MAX];
    double before = 0;

    for (int n = 16; n <= 128; n *= 2) {
        struct orbit o;
        double now;

        depth_init(&o, &s, n);
        smooth_weights(&o);
        orbit_noise(&o, 12, 1, x);
        orbit_run(&o, x);
        orbit_state(&o, n, x);
        now = orbit_norm(x, o.n);
        if (n > 16)
            ck_assert_double_eq_tol(now / before, 2, 0.1);
        before = now;
        orbit_release(&o);
    }
}
END_TEST

TEST_SUITE(orders, 120, euler_spirals_outwards,
           rotations_have_the_orders_of_their_schemes, haber_ruthotto_example_1,
           torchbraid_relu_by_hand, doubling_the_depth_changes_the_output_in_order,
           leapfrog_from_zero_doubles_with_the_depth)
