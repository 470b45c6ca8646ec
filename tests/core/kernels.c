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

/* Odd sizes, one pixel, one channel, ragged channels, in != out, several blocks; 1x1; and
 * the Winograd way, with more channels than it takes at once. */
static const struct ode_conv shapes[] = {
    {1,    1,  1,  1,  false, false},
    { 3,   16, 8,  8,  false, false},
    { 16,  16, 5,  7,  false, false},
    { 17,  31, 6,  3,  false, false},
    { 5,   40, 7,  7,  false, false},
    { 56,  56, 4,  4,  false, false},
    { 32,  32, 16, 16, false, false},
    { 33,  48, 9,  33, false, false},
    { 16,  64, 2,  31, false, false},
    { 2,   3,  32, 32, false, false},
    { 7,   9,  3,  70, false, false},
    { 1,   1,  1,  1,  true,  false},
    { 17,  40, 5,  6,  true,  false},
    { 32,  16, 8,  8,  true,  false},
    { 1,   1,  2,  2,  false, true },
    { 3,   5,  2,  6,  false, true },
    { 16,  16, 32, 32, false, true },
    { 17,  31, 6,  8,  false, true },
    { 56,  56, 8,  8,  false, true },
    { 33,  48, 10, 34, false, true },
    { 70,  90, 6,  4,  false, true },
    { 140, 24, 4,  4,  false, true },
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

enum { IMAGES = 3 }; /* most that a test looks at */

/* One image of each: x is IMAGES of them. */
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
    o->x = taken(IMAGES * o->nx, sizeof(real));
    o->y = taken(IMAGES * o->ny, sizeof(real));
    o->w = taken(o->nw, sizeof(real));
    o->flipped = taken(o->nw, sizeof(real));
    o->k = taken(o->nk, sizeof(double));
    o->px = taken((size_t)(c->in * c->h * c->w), sizeof(double));
    o->py = taken((size_t)(c->out * c->h * c->w), sizeof(double));
    noise = taken(o->nk, sizeof(real));
    toy_noise(seed, noise, o->nk);
    for (size_t i = 0; i < IMAGES; i++) {
        toy_noise_image(seed + 100 * i + 1, c->in, c->h, c->w, o->x + i * o->nx);
        toy_noise_image(seed + 100 * i + 2, c->out, c->h, c->w, o->y + i * o->ny);
    }
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

/* Loops over tables and shapes. */
#define EACH(k, o)                                                         \
    for (int table_ = 0; table_ < 3; table_++)                             \
        for (const struct ode_kernels *k = toy_table(table_); k; k = NULL) \
            for (int shape_ = 0; shape_ < SHAPES; shape_++)                \
                for (struct operand o = { 0 }; !o.c; operand_release(&o))  \
                    if (operand_init(&o, &shapes[shape_], (uint64_t)shape_ * 10), true)

/* y = K x + b for n images, K packed. */
static void
convolve(const struct ode_kernels *k, const struct ode_conv *c, int n, const real *x,
         const real *w, struct ode_finish f)
{
    real *prepared = taken(ode_prepared(c), sizeof *prepared);

    k->conv_prepare(c, w, prepared);
    k->conv(c, n, x, prepared, &f);
    free(prepared);
}

static struct ode_finish
sum_in(real *y)
{
    return (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = y };
}

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
        convolve(k, c, 1, o.x, o.w,
                 (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = y, .b = bias });
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

        convolve(k, c, 1, o.x, o.w, sum_in(y));
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
        const struct ode_conv back = ode_conv_back(c);
        real *kx = taken(o.ny, sizeof(real)), *kty = taken(o.nx, sizeof(real));
        double a, b, size;

        convolve(k, c, 1, o.x, o.w, sum_in(kx));
        convolve(k, &back, 1, o.y, o.flipped, sum_in(kty));
        a = toy_dot(kx, o.y, o.ny);
        b = toy_dot(o.x, kty, o.nx);
        size = sqrt(toy_dot(kx, kx, o.ny) * toy_dot(o.y, o.y, o.ny));
        ck_assert_double_le(fabs(a - b), TOLERANCE * size);
        free(kx);
        free(kty);
    }
}
END_TEST

/* dw += G(y, x) of n images from image i on. */
static void
weights_add(const struct ode_kernels *k, const struct operand *o, size_t i, int n,
            real *dw)
{
    const real *p = o->y + i * o->ny, *x = o->x + i * o->nx;

    k->conv_weights(o->c, n, 1, &p, &x, dw);
}

/* Oracle E 2: <G(P, X), dK> = <P, dK x>. */
START_TEST(weight_gradient_is_the_adjoint)
{
    EACH(k, o)
    {
        real *kx = taken(o.ny, sizeof(real)), *g = taken(o.nw, sizeof(real));
        double a, b, size;

        convolve(k, o.c, 1, o.x, o.w, sum_in(kx));
        weights_add(k, &o, 0, 1, g);
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

        weights_add(k, &o, 0, 1, once);
        weights_add(k, &o, 0, 1, twice);
        weights_add(k, &o, 0, 1, twice);
        for (size_t i = 0; i < o.nw; i++) /* a tap may be added in several parts */
            ck_assert_double_eq_tol((double)twice[i], 2 * (double)once[i],
                                    TOLERANCE * (fabs((double)once[i]) + 10));
        free(once);
        free(twice);
    }
}
END_TEST

/* Images beside each other, and a second pair, are sums. */
START_TEST(weight_gradient_sums_over_images_and_pairs)
{
    EACH(k, o)
    {
        real *one = taken(o.nw, sizeof(real)), *all = taken(o.nw, sizeof(real));
        real *two = taken(o.nw, sizeof(real));
        const real *p[] = { o.y, o.y + o.ny }, *x[] = { o.x, o.x + o.nx };
        double d = 0, e = 0, size = 0;

        for (size_t i = 0; i < IMAGES; i++)
            weights_add(k, &o, i, 1, one);
        weights_add(k, &o, 0, IMAGES, all);
        k->conv_weights(o.c, 1, 2, p, x, two);
        weights_add(k, &o, 2, 1, two);
        for (size_t i = 0; i < o.nw; i++) {
            d += pow((double)one[i] - (double)all[i], 2);
            e += pow((double)one[i] - (double)two[i], 2);
            size += pow((double)one[i], 2);
        }
        ck_assert_double_le(sqrt(d), TOLERANCE * sqrt(size));
        ck_assert_double_le(sqrt(e), TOLERANCE * sqrt(size));
        free(one);
        free(all);
        free(two);
    }
}
END_TEST

/* Bit for bit: what stands beside an image does not matter. */
START_TEST(images_are_convolved_as_if_alone)
{
    EACH(k, o)
    {
        real *all = taken(IMAGES * o.ny, sizeof *all);
        real *one = taken(IMAGES * o.ny, sizeof *one);

        convolve(k, o.c, IMAGES, o.x, o.w, sum_in(all));
        for (size_t i = 0; i < IMAGES; i++)
            convolve(k, o.c, 1, o.x + i * o.nx, o.w, sum_in(one + i * o.ny));
        ck_assert_mem_eq(all, one, IMAGES * o.ny * sizeof *all);
        free(all);
        free(one);
    }
}
END_TEST

/* y = y0 + sign * round(K x); returns the largest |y|. */
static real
stepped(const struct ode_kernels *k, const struct operand *o, real sign, real grid,
        const real *y0, real *y)
{
    real *prepared = taken(ode_prepared(o->c), sizeof *prepared);
    struct ode_finish f = {
        .kind = ODE_FINISH_STEP, .y = y, .y0 = y0, .sign = sign, .grid = grid
    };

    k->conv_prepare(o->c, o->w, prepared);
    k->conv(o->c, 1, o->x, prepared, &f);
    free(prepared);
    return f.top;
}

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
        top = stepped(k, &o, 1, grid, y0, y);
        ck_assert_double_gt((double)top, 0);
        for (size_t i = 0; i < o.ny; i++) {
            ck_assert_double_le(fabs((double)y[i]), (double)top);
            ck_assert_double_eq((double)y[i] * 65536, rint((double)y[i] * 65536));
        }
        stepped(k, &o, -1, grid, y, y);
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

        convolve(k, o.c, 1, o.x, o.w, sum_in(a));
        convolve(k, o.c, 1, o.x, o.w, sum_in(b));
        ck_assert_mem_eq(a, b, o.ny * sizeof *a);
        free(a);
        free(b);
    }
}
END_TEST

/* A value does not depend on its place in a row: a shifted image gives shifted values. */
static void
check_places(const struct ode_kernels *k, bool winograd)
{
    enum { W = 38, H = 4, ROW = (W + 2) * 16, PLANE = (H + 2) * ROW };
    const struct ode_conv c = { 16, 32, H, W, false, winograd };
    real *w = taken(ode_packed(16, 32), sizeof *w);
    real *x = taken(PLANE, sizeof *x), *y = taken(2 * PLANE, sizeof *y);

    toy_noise(9, w, ode_packed(16, 32));
    for (int p = 0; p < W; p += 4) /* equal pixels, three apart from others */
        for (int i = 0; i < 16; i++)
            x[2 * ROW + (p + 1) * 16 + i] = (real)(i * 0.37 - 1.1);
    convolve(k, &c, 1, x, w, sum_in(y));
    for (int p = 4; p < W - 2; p += 4)
        for (int b = 0; b < 2; b++)
            ck_assert_mem_eq(y + b * PLANE + 2 * ROW + (p + 1) * 16,
                             y + b * PLANE + 2 * ROW + 5 * 16, 16 * sizeof *y);
    free(w);
    free(x);
    free(y);
}

START_TEST(values_do_not_depend_on_their_place)
{
    for (int t = 0; t < 3; t++)
        if (toy_table(t)) {
            check_places(toy_table(t), false);
            check_places(toy_table(t), true);
        }
}
END_TEST

/* A 1x1 convolution reads the tap in the middle alone. */
START_TEST(one_by_one_ignores_the_other_taps)
{
    const struct ode_conv c = { 20, 18, 4, 5, true, false };
    const size_t nk = ode_packed(20, 18), ny = ode_image(18, 4, 5);
    real *w = taken(nk, sizeof *w), *x = taken(ode_image(20, 4, 5), sizeof *x);

    toy_noise_image(1, 20, 4, 5, x);
    for (int t = 0; t < 3; t++) {
        const struct ode_kernels *k = toy_table(t);
        real *a = taken(ny, sizeof *a), *b = taken(ny, sizeof *b);

        toy_noise(2, w, nk);
        if (k) {
            convolve(k, &c, 1, x, w, sum_in(a));
            for (size_t i = 0; i < nk; i++)
                w[i] = i / 256 % 9 == 4 ? w[i] : 0;
            convolve(k, &c, 1, x, w, sum_in(b));
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
        const struct ode_kernels *k = toy_table(t);
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
        const struct ode_kernels *k = toy_table(t);
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

START_TEST(activations_are_their_formulas_and_slopes)
{
    const int blocks = 3, h = 4, w = 5;
    const size_t n = 3 * ode_plane(4, 5);

    for (int t = 0; t < 3; t++)
        for (int act = ODE_ACT_RELU; act <= ODE_ACT_SOFTPLUS; act++) {
            const struct ode_kernels *k = toy_table(t);
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
                    const double slope = (toy_activation((enum ode_act)act, x + e)
                                          - toy_activation((enum ode_act)act, x - e))
                                         / (2 * e);
                    const bool inside = x != 0; /* not in the halo */
                    const double want = inside ? -0.5 * slope * (double)p[i] : 0;
                    const double value =
                        inside ? -0.5 * toy_activation((enum ode_act)act, x) : 0;

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

/* u = K x + b; what a finish makes of it. */
struct ending {
    const struct ode_kernels *k;
    const struct operand *o;
    size_t n; /* reals in all images */
    real *b, *u, *v;
};

static void
check_act_finish(const struct ending *e, enum ode_act act)
{
    const struct ode_conv *c = e->o->c;
    real *want = taken(e->n, sizeof *want), *y = taken(e->n, sizeof *y);
    real *kept = taken(e->n, sizeof *kept);

    e->k->act(act, (real)0.5, IMAGES * ode_blocks(c->out), c->h, c->w, e->u, want);
    convolve(e->k, c, IMAGES, e->o->x, e->o->w,
             (struct ode_finish){ .kind = ODE_FINISH_ACT,
                                  .y = y,
                                  .b = e->b,
                                  .act = act,
                                  .scale = (real)0.5,
                                  .u = kept });
    ck_assert_mem_eq(y, want, e->n * sizeof *y);
    ck_assert_mem_eq(kept, e->u, e->n * sizeof *y);
    free(want);
    free(y);
    free(kept);
}

static void
check_adjoint_finish(const struct ending *e, enum ode_act act)
{
    const struct ode_conv *c = e->o->c;
    const int blocks = ode_blocks(c->out);
    real *q = taken(e->n, sizeof *q), *y = taken(e->n, sizeof *y);
    real *a = taken(e->n, sizeof *a), *kept = taken(e->n, sizeof *kept);
    real *db = taken((size_t)blocks * 16, sizeof *db);
    real *got = taken((size_t)blocks * 16, sizeof *got);

    for (size_t i = 0; i < IMAGES; i++)
        e->k->act_adjoint(act, 2, blocks, c->h, c->w, e->v + i * e->o->ny,
                          e->u + i * e->o->ny, q + i * e->o->ny, db);
    e->k->act(act, 2, IMAGES * blocks, c->h, c->w, e->v, a);
    convolve(e->k, c, IMAGES, e->o->x, e->o->w,
             (struct ode_finish){ .kind = ODE_FINISH_ADJOINT,
                                  .y = y,
                                  .b = e->b,
                                  .act = act,
                                  .scale = 2,
                                  .v = e->v,
                                  .a = kept,
                                  .db = got });
    ck_assert_mem_eq(y, q, e->n * sizeof *y);
    ck_assert_mem_eq(kept, a, e->n * sizeof *y);
    for (int i = 0; i < blocks * 16; i++) {
        double size = 0;

        for (size_t j = (size_t)(i % 16); j < e->n; j += 16)
            size += fabs((double)q[j]) / blocks;
        ck_assert_double_eq_tol((double)got[i], (double)db[i], TOLERANCE * size + 1e-12);
    }
    free(q);
    free(y);
    free(a);
    free(kept);
    free(db);
    free(got);
}

/* In place, as an integrator does it. */
static void
check_step_finish(const struct ending *e, enum ode_act act)
{
    const struct ode_conv *c = e->o->c;
    const real grid = (real)0x1p-16;
    real *a = taken(e->n, sizeof *a), *want = taken(e->n, sizeof *want);
    real *y = taken(e->n, sizeof *y), top = 0;
    struct ode_finish f = { .kind = ODE_FINISH_ACT_STEP,
                            .y = y,
                            .b = e->b,
                            .act = act,
                            .scale = (real)0.5,
                            .y0 = y,
                            .sign = -1,
                            .grid = grid };
    real *prepared = taken(ode_prepared(c), sizeof *prepared);

    e->k->act(act, (real)0.5, IMAGES * ode_blocks(c->out), c->h, c->w, e->u, a);
    for (size_t i = 0; i < e->n; i++)
        y[i] = ode_to_grid(e->v[i], grid);
    for (size_t i = 0; i < IMAGES; i++) {
        const size_t at = i * e->o->ny;
        const real most =
            e->k->step(c->out, c->h, c->w, a + at, -1, grid, y + at, want + at);

        top = most > top ? most : top;
    }
    e->k->conv_prepare(c, e->o->w, prepared);
    e->k->conv(c, IMAGES, e->o->x, prepared, &f);
    ck_assert_mem_eq(y, want, e->n * sizeof *y);
    ck_assert(f.top == top);
    free(a);
    free(want);
    free(y);
    free(prepared);
}

/* What is done in the same pass is what would be done after it, bit for bit. */
START_TEST(finishes_are_what_comes_after_the_sum)
{
    EACH(k, o)
    {
        struct ending e = { .k = k, .o = &o, .n = IMAGES * o.ny };
        const int blocks = ode_blocks(o.c->out);

        e.b = taken((size_t)blocks * 16, sizeof(real));
        e.u = taken(e.n, sizeof(real));
        e.v = taken(e.n, sizeof(real));
        toy_noise(31, e.b, (size_t)o.c->out);
        for (size_t i = 0; i < IMAGES; i++)
            toy_noise_image(40 + i, o.c->out, o.c->h, o.c->w, e.v + i * o.ny);
        convolve(k, o.c, IMAGES, o.x, o.w,
                 (struct ode_finish){ .kind = ODE_FINISH_SUM, .y = e.u, .b = e.b });
        for (int act = ODE_ACT_RELU; act <= ODE_ACT_SOFTPLUS; act++) {
            check_act_finish(&e, (enum ode_act)act);
            check_adjoint_finish(&e, (enum ode_act)act);
            check_step_finish(&e, (enum ode_act)act);
        }
        free(e.b);
        free(e.u);
        free(e.v);
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
           weight_gradient_adds_to_what_is_there,
           weight_gradient_sums_over_images_and_pairs, images_are_convolved_as_if_alone,
           finishes_are_what_comes_after_the_sum, rounded_step_is_undone_bit_for_bit,
           every_call_gives_the_same_bits, values_do_not_depend_on_their_place,
           one_by_one_ignores_the_other_taps, step_adds_what_is_rounded_to_the_grid,
           combine_is_the_formula_in_place_too, activations_are_their_formulas_and_slopes,
           tables_are_found_by_name)
