/* kernels.c - tests core/kernels/: every table that this machine runs. */
#include "core/kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/gemm.h"
#include "core/layers/connect.h"
#include "tests/core/toy.h"
#include "tests/test.h"

#ifdef ODE_DOUBLE
#define TOLERANCE 1e-13
#else
#define TOLERANCE 2e-6
#endif

/* Odd sizes, one pixel, one channel, ragged channels, in != out, several blocks; 1x1. */
static const struct ode_conv shapes[] = {
    {1,   1,  1,  1,  false},
    { 3,  16, 8,  8,  false},
    { 16, 16, 5,  7,  false},
    { 17, 31, 6,  3,  false},
    { 5,  40, 7,  7,  false},
    { 56, 56, 4,  4,  false},
    { 32, 32, 16, 16, false},
    { 33, 48, 9,  33, false},
    { 16, 64, 2,  31, false},
    { 2,  3,  32, 32, false},
    { 1,  1,  1,  1,  true },
    { 17, 40, 5,  6,  true },
    { 32, 16, 8,  8,  true },
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

struct operand {
    const struct ode_conv *c;
    size_t nx, ny, nk, nw;
    real *x, *y, *w, *flipped;
    double *k, *px, *py;
};

static void *
taken(size_t n, size_t size)
{
    void *at = aligned_alloc(64, (n * size + 63) / 64 * 64);

    ck_assert_ptr_nonnull(at);
    memset(at, 0, n * size);
    return at;
}

static size_t
packed_at(int in, int out, int tap, int in_blocks)
{
    return (size_t)((((out / 16 * in_blocks + in / 16) * 9 + tap) * 16 + in % 16) * 16
                    + out % 16);
}

static void
operand_init(struct operand *o, const struct ode_conv *c, uint64_t seed)
{
    real *noise;

    *o = (struct operand){ .c = c,
                           .nx = ode_image(c->in, c->h, c->w),
                           .ny = ode_image(c->out, c->h, c->w),
                           .nk = (size_t)(c->in * c->out * 9),
                           .nw = ode_packed(c->in, c->out) };
    o->x = taken(o->nx, sizeof(real));
    o->y = taken(o->ny, sizeof(real));
    o->w = taken(o->nw, sizeof(real));
    o->flipped = taken(o->nw, sizeof(real));
    o->k = taken(o->nk, sizeof(double));
    o->px = taken((size_t)(c->in * c->h * c->w), sizeof(double));
    o->py = taken((size_t)(c->out * c->h * c->w), sizeof(double));
    noise = taken(o->nk, sizeof(real));
    toy_noise(seed, noise, o->nk);
    toy_noise_image(seed + 1, c->in, c->h, c->w, o->x);
    toy_noise_image(seed + 2, c->out, c->h, c->w, o->y);
    for (int out = 0; out < c->out; out++)
        for (int in = 0; in < c->in; in++)
            for (int t = 0; t < 9; t++) {
                const real v = c->point && t != 4 ? 0 : noise[(out * c->in + in) * 9 + t];

                o->k[(out * c->in + in) * 9 + t] = (double)v;
                o->w[packed_at(in, out, t, ode_blocks(c->in))] = v;
                o->flipped[packed_at(out, in, 8 - t, ode_blocks(c->out))] = v;
            }
    toy_planes(c->in, c->h, c->w, o->x, o->px);
    toy_planes(c->out, c->h, c->w, o->y, o->py);
    free(noise);
}

static void
operand_release(struct operand *o)
{
    free(o->x);
    free(o->y);
    free(o->w);
    free(o->flipped);
    free(o->k);
    free(o->px);
    free(o->py);
}

static const struct ode_kernels *
table(int i)
{
    static const unsigned masks[] = { ODE_ISA_PORTABLE, ODE_ISA_AVX2, ODE_ISA_AVX512 };

    return ode_isa_available() & masks[i] ? ode_kernels_best(masks[i]) : NULL;
}

/* Loops over tables and shapes. */
#define EACH(k, o)                                                        \
    for (int table_ = 0; table_ < 3; table_++)                            \
        for (const struct ode_kernels *k = table(table_); k; k = NULL)    \
            for (int shape_ = 0; shape_ < SHAPES; shape_++)               \
                for (struct operand o = { 0 }; !o.c; operand_release(&o)) \
                    if (operand_init(&o, &shapes[shape_], (uint64_t)shape_ * 10), true)

static double
distance(const double *a, const double *b, size_t n, double *norm)
{
    double d = 0, all = 0;

    for (size_t i = 0; i < n; i++) {
        d += (a[i] - b[i]) * (a[i] - b[i]);
        all += b[i] * b[i];
    }
    *norm = sqrt(all);
    return sqrt(d);
}

START_TEST(conv_is_the_formula)
{
    EACH(k, o)
    {
        const struct ode_conv *c = o.c;
        const size_t n = (size_t)(c->out * c->h * c->w);
        double *want = taken(n, sizeof *want), *got = taken(n, sizeof *got), norm;
        real *bias = taken((size_t)ode_blocks(c->out) * 16, sizeof *bias);
        real *y = taken(o.ny, sizeof *y);

        toy_noise(77, bias, (size_t)c->out);
        k->conv(c, o.x, o.w, bias, y);
        reference_conv(c->in, c->out, c->h, c->w, o.px, o.k, want);
        for (size_t i = 0; i < n; i++)
            want[i] += (double)bias[i / (size_t)(c->h * c->w)];
        toy_planes(c->out, c->h, c->w, y, got);
        ck_assert_double_le(distance(got, want, n, &norm), TOLERANCE * norm);
        free(want);
        free(got);
        free(bias);
        free(y);
    }
}
END_TEST

START_TEST(conv_leaves_halo_and_padding_zero)
{
    EACH(k, o)
    {
        const struct ode_conv *c = o.c;
        const size_t n = (size_t)(c->out * c->h * c->w);
        double *planes = taken(n, sizeof *planes);
        real *y = taken(o.ny, sizeof *y), *again = taken(o.ny, sizeof *again);

        k->conv(c, o.x, o.w, NULL, y);
        toy_planes(c->out, c->h, c->w, y, planes);
        toy_blocked(c->out, c->h, c->w, planes, again);
        ck_assert_mem_eq(y, again, o.ny * sizeof *y);
        free(planes);
        free(y);
        free(again);
    }
}
END_TEST

/* Oracle E 1: <K x, y> = <x, K^T y>, K^T being the kernel with flipped taps. */
START_TEST(flipped_kernel_is_the_adjoint)
{
    EACH(k, o)
    {
        const struct ode_conv *c = o.c;
        const struct ode_conv back = { c->out, c->in, c->h, c->w, c->point };
        real *kx = taken(o.ny, sizeof(real)), *kty = taken(o.nx, sizeof(real));
        double a, b, size;

        k->conv(c, o.x, o.w, NULL, kx);
        k->conv(&back, o.y, o.flipped, NULL, kty);
        a = toy_dot(kx, o.y, o.ny);
        b = toy_dot(o.x, kty, o.nx);
        size = sqrt(toy_dot(kx, kx, o.ny) * toy_dot(o.y, o.y, o.ny));
        ck_assert_double_le(fabs(a - b), TOLERANCE * size);
        free(kx);
        free(kty);
    }
}
END_TEST

/* Oracle E 2: <G(P, X), dK> = <P, dK x>. */
START_TEST(weight_gradient_is_the_adjoint)
{
    EACH(k, o)
    {
        real *kx = taken(o.ny, sizeof(real)), *g = taken(o.nw, sizeof(real));
        double a, b, size;

        k->conv(o.c, o.x, o.w, NULL, kx);
        k->conv_weights(o.c, o.y, o.x, g);
        a = toy_dot(g, o.w, o.nw);
        b = toy_dot(o.y, kx, o.ny);
        size = sqrt(toy_dot(kx, kx, o.ny) * toy_dot(o.y, o.y, o.ny));
        ck_assert_double_le(fabs(a - b), TOLERANCE * size);
        free(kx);
        free(g);
    }
}
END_TEST

START_TEST(weight_gradient_adds_to_what_is_there)
{
    EACH(k, o)
    {
        real *once = taken(o.nw, sizeof(real)), *twice = taken(o.nw, sizeof(real));

        k->conv_weights(o.c, o.y, o.x, once);
        k->conv_weights(o.c, o.y, o.x, twice);
        k->conv_weights(o.c, o.y, o.x, twice);
        for (size_t i = 0; i < o.nw; i++)
            ck_assert(twice[i] == 2 * once[i]);
        free(once);
        free(twice);
    }
}
END_TEST

/* The contract of exact reversal, on the kernel: what is added on the grid can be
 * subtracted again bit for bit. */
START_TEST(rounded_step_is_undone_bit_for_bit)
{
    const real grid = (real)0x1p-16;

    EACH(k, o)
    {
        real *y0 = taken(o.ny, sizeof(real)), *y = taken(o.ny, sizeof(real));
        real top;

        for (size_t i = 0; i < o.ny; i++)
            y0[i] = ode_to_grid(o.y[i], grid);
        top = k->conv_add(o.c, o.x, o.w, 1, grid, y0, y);
        ck_assert_double_gt((double)top, 0);
        for (size_t i = 0; i < o.ny; i++) {
            ck_assert_double_le(fabs((double)y[i]), (double)top);
            ck_assert_double_eq((double)y[i] * 65536, rint((double)y[i] * 65536));
        }
        k->conv_add(o.c, o.x, o.w, -1, grid, y, y);
        ck_assert_mem_eq(y, y0, o.ny * sizeof *y);
        free(y0);
        free(y);
    }
}
END_TEST

START_TEST(every_call_gives_the_same_bits)
{
    EACH(k, o)
    {
        real *a = taken(o.ny, sizeof(real)), *b = taken(o.ny, sizeof(real));

        k->conv(o.c, o.x, o.w, NULL, a);
        k->conv(o.c, o.x, o.w, NULL, b);
        ck_assert_mem_eq(a, b, o.ny * sizeof *a);
        free(a);
        free(b);
    }
}
END_TEST

/* A value does not depend on its place in a row: a shifted image gives shifted values. */
START_TEST(values_do_not_depend_on_their_place)
{
    const struct ode_conv c = { 16, 32, 3, 37, false };
    const size_t nx = ode_image(16, 3, 37), ny = ode_image(32, 3, 37);
    real *w = taken(ode_packed(16, 32), sizeof *w);

    toy_noise(9, w, ode_packed(16, 32));
    for (int t = 0; t < 3; t++) {
        const struct ode_kernels *k = table(t);
        real *x = taken(nx, sizeof *x), *y = taken(ny, sizeof *y);

        if (k) {
            for (int p = 0; p < 37; p += 4) /* equal pixels, three apart from others */
                for (int i = 0; i < 16; i++)
                    x[(2 * 39 + p + 1) * 16 + i] = (real)(i * 0.37 - 1.1);
            k->conv(&c, x, w, NULL, y);
            for (int p = 4; p < 36; p += 4)
                for (int b = 0; b < 2; b++)
                    ck_assert_mem_eq(
                        y + ((size_t)b * 5 * 39 + 2 * 39 + (size_t)p + 1) * 16,
                        y + ((size_t)b * 5 * 39 + 2 * 39 + 5) * 16, 16 * sizeof *y);
        }
        free(x);
        free(y);
    }
    free(w);
}
END_TEST

/* A 1x1 convolution reads the tap in the middle alone. */
START_TEST(one_by_one_ignores_the_other_taps)
{
    const struct ode_conv c = { 20, 18, 4, 5, true };
    const size_t nk = ode_packed(20, 18), ny = ode_image(18, 4, 5);
    real *w = taken(nk, sizeof *w), *x = taken(ode_image(20, 4, 5), sizeof *x);

    toy_noise_image(1, 20, 4, 5, x);
    for (int t = 0; t < 3; t++) {
        const struct ode_kernels *k = table(t);
        real *a = taken(ny, sizeof *a), *b = taken(ny, sizeof *b);

        toy_noise(2, w, nk);
        if (k) {
            k->conv(&c, x, w, NULL, a);
            for (size_t i = 0; i < nk; i++)
                w[i] = i / 256 % 9 == 4 ? w[i] : 0;
            k->conv(&c, x, w, NULL, b);
            ck_assert_mem_eq(a, b, ny * sizeof *a);
            ck_assert_double_gt(toy_dot(a, a, ny), 1);
        }
        free(a);
        free(b);
    }
    free(w);
    free(x);
}
END_TEST

/* y = y0 + sign * round(x), within the channels alone, and undone bit for bit. */
START_TEST(step_adds_what_is_rounded_to_the_grid)
{
    const int c = 21, h = 3, w = 5;
    const size_t n = ode_image(c, h, w);
    const real grid = (real)0x1p-16;

    for (int t = 0; t < 3; t++) {
        const struct ode_kernels *k = table(t);
        real *x = taken(n, sizeof *x), *y0 = taken(n, sizeof *x),
             *y = taken(n, sizeof *x);

        toy_noise_image(1, 32, h, w, x); /* also beyond the 21 channels */
        toy_noise_image(2, c, h, w, y0);
        for (size_t i = 0; i < n; i++)
            y0[i] = ode_to_grid(y0[i], grid);
        if (k) {
            real top = k->step(c, h, w, x, -1, grid, y0, y), most = 0;

            for (size_t i = 0; i < n; i++) {
                const bool inside = i / ode_plane(h, w) == 0 || i % 16 < 5;
                const real want = y0[i] - (inside ? ode_to_grid(x[i], grid) : 0);

                ck_assert(y[i] == (y0[i] == 0 && x[i] == 0 ? 0 : want));
                most = y[i] > most ? y[i] : -y[i] > most ? -y[i] : most;
            }
            ck_assert(top == most);
            k->step(c, h, w, x, 1, grid, y, y);
            ck_assert_mem_eq(y, y0, n * sizeof *y);
            k->step(c, h, w, x, 1, 0, y0, y);
            ck_assert(y[ode_plane(h, w) * 0 + (7 + 1) * 16] == y0[128] + x[128]);
        }
        free(x);
        free(y0);
        free(y);
    }
}
END_TEST

START_TEST(combine_is_the_formula_in_place_too)
{
    enum { N = 160 };

    for (int t = 0; t < 3; t++) {
        const struct ode_kernels *k = table(t);
        real *x = taken(N, sizeof *x), *y = taken(N, sizeof *x), *z = taken(N, sizeof *x);

        toy_noise(1, x, N);
        toy_noise(2, y, N);
        if (k) {
            k->combine(N, 2, x, -1, y, z);
            for (int i = 0; i < N; i++)
                ck_assert(z[i] == 2 * x[i] - y[i]);
            k->combine(N, 2, x, -1, y, y);
            ck_assert_mem_eq(y, z, N * sizeof *y);
        }
        free(x);
        free(y);
        free(z);
    }
}
END_TEST

static double
activation(enum ode_act act, double x)
{
    switch (act) {
    case ODE_ACT_TANH:
        return tanh(x);
    case ODE_ACT_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    case ODE_ACT_GELU:
        return x * 0.5 * erfc(-x / sqrt(2));
    case ODE_ACT_CELU:
        return x > 0 ? x : exp(x) - 1;
    case ODE_ACT_SOFTPLUS:
        return log(1 + exp(x));
    default:
        return fmax(x, 0);
    }
}

START_TEST(activations_are_their_formulas_and_slopes)
{
    const int blocks = 3, h = 4, w = 5;
    const size_t n = 3 * ode_plane(4, 5);

    for (int t = 0; t < 3; t++)
        for (int act = ODE_ACT_RELU; act <= ODE_ACT_SOFTPLUS; act++) {
            const struct ode_kernels *k = table(t);
            real *u = taken(n, sizeof *u), *p = taken(n, sizeof *p);
            real *a = taken(n, sizeof *a), *q = taken(n, sizeof *q), db[48] = { 0 };
            double sums[48] = { 0 };

            toy_noise_image(1, 48, h, w, u);
            toy_noise_image(2, 48, h, w, p);
            if (k) {
                real *aligned = taken(48, sizeof(real));

                k->act((enum ode_act)act, (real)-0.5, blocks, h, w, u, a);
                k->act_adjoint((enum ode_act)act, (real)-0.5, blocks, h, w, u, p, q,
                               aligned);
                memcpy(db, aligned, sizeof db);
                free(aligned);
                for (size_t i = 0; i < n; i++) {
                    const double x = (double)u[i], e = 1e-6;
                    const double slope = (activation((enum ode_act)act, x + e)
                                          - activation((enum ode_act)act, x - e))
                                         / (2 * e);
                    const bool inside = x != 0; /* not in the halo */
                    const double want = inside ? -0.5 * slope * (double)p[i] : 0;
                    const double value =
                        inside ? -0.5 * activation((enum ode_act)act, x) : 0;

                    ck_assert_double_eq_tol((double)a[i], value, 1e-6);
                    ck_assert_double_eq_tol((double)q[i], want, 1e-5);
                    sums[i / ode_plane(h, w) * 16 + i % 16] += (double)q[i];
                }
                for (int c = 0; c < 48; c++)
                    ck_assert_double_eq_tol((double)db[c], sums[c], 1e-5);
            }
            free(u);
            free(p);
            free(a);
            free(q);
        }
}
END_TEST

START_TEST(tables_are_found_by_name)
{
    ck_assert_str_eq(ode_kernels_named("portable")->name, "portable");
    ck_assert_ptr_null(ode_kernels_named("sse9"));
    ck_assert_str_eq(ode_kernels_best(0)->name, "portable");
    ck_assert_str_eq(ode_kernels_best(ODE_ISA_PORTABLE)->name, "portable");
    ck_assert_uint_ne(ode_isa_available() & ode_kernels_best(ODE_ISA_ALL)->isa, 0);
}
END_TEST

TEST_SUITE(kernels, 120, conv_is_the_formula, conv_leaves_halo_and_padding_zero,
           flipped_kernel_is_the_adjoint, weight_gradient_is_the_adjoint,
           weight_gradient_adds_to_what_is_there, rounded_step_is_undone_bit_for_bit,
           every_call_gives_the_same_bits, values_do_not_depend_on_their_place,
           one_by_one_ignores_the_other_taps, step_adds_what_is_rounded_to_the_grid,
           combine_is_the_formula_in_place_too, activations_are_their_formulas_and_slopes,
           tables_are_found_by_name)
