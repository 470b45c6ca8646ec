/* norms.c - tests core/kernels/norms.h through core/layers/norm.c, on every table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/layers/norm.h"
#include "tests/core/toy.h"
#include "tests/test.h"

#ifdef ODE_DOUBLE
#define TOLERANCE 1e-9 /* of central differences */
#define ROUNDING  1e-12
#else
#define TOLERANCE 1e-5
#define ROUNDING  1e-6
#endif

/* One pixel, one channel, ragged channels, odd sizes, strips of 16 and more, images. */
static const struct shape {
    int n, channels, h, w;
} shapes[] = {
    {1,  1,  1, 1 },
    { 2, 16, 8, 8 },
    { 3, 17, 5, 7 },
    { 5, 33, 3, 1 },
    { 1, 56, 9, 33},
    { 2, 5,  1, 19},
    { 4, 20, 2, 16},
};

enum { SHAPES = sizeof shapes / sizeof *shapes, PAD = 64 /* most channels, padded */ };

/* Loops over tables and shapes. */
#define EACH(k, s)                                                         \
    for (int table_ = 0; table_ < 3; table_++)                             \
        for (const struct ode_kernels *k = toy_table(table_); k; k = NULL) \
            for (const struct shape *s = shapes; s < shapes + SHAPES; s++)

static struct ode_norm_shape
layout(const struct shape *s)
{
    return (struct ode_norm_shape){
        .n = s->n, .blocks = ode_blocks(s->channels), .h = s->h, .w = s->w
    };
}

static size_t
reals(const struct shape *s)
{
    return (size_t)s->n * ode_image(s->channels, s->h, s->w);
}

/* Zeroed images, aligned. */
static real *
images(const struct shape *s)
{
    const size_t bytes = (reals(s) * sizeof(real) + 63) / 64 * 64;
    real *x = aligned_alloc(64, bytes);

    ck_assert_ptr_nonnull(x);
    memset(x, 0, bytes);
    return x;
}

/* Images of noise about the mean. */
static real *
noise(const struct shape *s, uint64_t seed, double mean, double deviation)
{
    const size_t image = ode_image(s->channels, s->h, s->w);
    real *x = images(s);

    for (size_t i = 0; i < (size_t)s->n; i++)
        toy_noise_image(seed + i, s->channels, s->h, s->w, x + i * image);
    for (size_t i = 0; i < reals(s); i++)
        x[i] = x[i] == 0 ? 0 : (real)(mean + deviation * (double)x[i]);
    return x;
}

static size_t
at(const struct shape *s, int i, int c, int y, int x)
{
    return ((size_t)i * (size_t)ode_blocks(s->channels) + (size_t)c / 16)
               * ode_plane(s->h, s->w)
           + ((size_t)(y + 1) * (size_t)(s->w + 2) + (size_t)x + 1) * 16 + (size_t)c % 16;
}

#define EACH_VALUE(s, i, c, y, x)               \
    for (int i = 0; i < (s)->n; i++)            \
        for (int c = 0; c < (s)->channels; c++) \
            for (int y = 0; y < (s)->h; y++)    \
                for (int x = 0; x < (s)->w; x++)

/* Vectors of a normalisation. */
struct vectors {
    _Alignas(64) real scale[PAD];
    _Alignas(64) real shift[PAD], mean[PAD], variance[PAD], seen_mean[PAD],
        seen_variance[PAD], dscale[PAD], dshift[PAD];
};

static struct ode_normaliser
normaliser(const struct ode_kernels *k, enum ode_norm kind, const struct shape *s,
           struct vectors *v)
{
    memset(v, 0, sizeof *v);
    toy_noise(1, v->scale, (size_t)s->channels);
    toy_noise(2, v->shift, (size_t)s->channels);
    toy_noise(3, v->mean, (size_t)s->channels);
    for (int c = 0; c < s->channels; c++)
        v->variance[c] = (real)(0.5 + 0.1 * (c % 7));
    return (struct ode_normaliser){ .kernels = k,
                                    .kind = kind,
                                    .scale = v->scale,
                                    .shift = v->shift,
                                    .mean = v->mean,
                                    .variance = v->variance,
                                    .seen_mean = v->seen_mean,
                                    .seen_variance = v->seen_variance,
                                    .dscale = v->dscale,
                                    .dshift = v->dshift };
}

/* --- the formulas, in double ------------------------------------------------------- */

/* Mean and variance of channel c of images [first, last). */
static void
moments_of(const struct shape *s, const double *x, int c, int first, int last,
           double *mean, double *variance)
{
    const double n = (double)(last - first) * s->h * s->w;

    *mean = *variance = 0;
    for (int i = first; i < last; i++)
        for (int y = 0; y < s->h; y++)
            for (int p = 0; p < s->w; p++)
                *mean += x[at(s, i, c, y, p)] / n;
    for (int i = first; i < last; i++)
        for (int y = 0; y < s->h; y++)
            for (int p = 0; p < s->w; p++) {
                const double d = x[at(s, i, c, y, p)] - *mean;

                *variance += d * d / n;
            }
}

static double
pixel_square(const struct shape *s, const double *x, int i, int y, int p)
{
    double sum = 0;

    for (int c = 0; c < s->channels; c++)
        sum += x[at(s, i, c, y, p)] * x[at(s, i, c, y, p)];
    return sum;
}

/* N(x) without scale and shift. */
static void
normalise(enum ode_norm kind, const struct shape *s, const struct vectors *v,
          bool running, const double *x, double *out)
{
    for (int i = 0; i < s->n; i++)
        for (int c = 0; c < s->channels; c++) {
            double mean = (double)v->mean[c], variance = (double)v->variance[c];

            if (kind == ODE_NORM_INSTANCE)
                moments_of(s, x, c, i, i + 1, &mean, &variance);
            else if (!running)
                moments_of(s, x, c, 0, s->n, &mean, &variance);
            for (int y = 0; y < s->h; y++)
                for (int p = 0; p < s->w; p++) {
                    const size_t j = at(s, i, c, y, p);

                    out[j] =
                        kind == ODE_NORM_NONE ? x[j]
                        : kind == ODE_NORM_TV
                            ? x[j] / sqrt(pixel_square(s, x, i, y, p) + ODE_NORM_EPSILON)
                            : (x[j] - mean) / sqrt(variance + ODE_NORM_EPSILON);
                }
        }
}

/* y = after(N(x)) with scale + t a, shift + t b at x + t v. */
static double *
forward(enum ode_norm kind, const struct shape *s, const struct vectors *m, bool running,
        const struct ode_after *after, const real *x, double t, const real *v,
        const double *a, const double *b)
{
    double *in = calloc(reals(s), sizeof *in), *out = calloc(reals(s), sizeof *out);

    for (size_t j = 0; j < reals(s); j++)
        in[j] = (double)x[j] + (v ? t * (double)v[j] : 0);
    normalise(kind, s, m, running, in, out);
    EACH_VALUE(s, i, c, y, p)
    {
        const size_t j = at(s, i, c, y, p);

        if (kind != ODE_NORM_NONE)
            out[j] = ((double)m->scale[c] + (a ? t * a[c] : 0)) * out[j]
                     + (double)m->shift[c] + (b ? t * b[c] : 0);
        if (after->active)
            out[j] = (double)after->scale * toy_activation(after->act, out[j]);
    }
    free(in);
    return out;
}

/* What may follow: nothing, and each activation. */
static struct ode_after
after(int i)
{
    return (struct ode_after){ .active = i > 0,
                               .act = i > 0 ? (enum ode_act)(i - 1) : ODE_ACT_RELU,
                               .scale = i > 0 ? (real)-0.5 : 1 };
}

enum { AFTERS = ODE_ACT_SOFTPLUS + 2 };

/* Loops over kinds and what follows. */
#define EACH_KIND(kind, then)                                             \
    for (enum ode_norm kind = ODE_NORM_NONE; kind <= ODE_NORM_TV; kind++) \
        for (int then_ = 0; then_ < AFTERS; then_++)                      \
            for (struct ode_after then = after(then_), *one_ = &then; one_; one_ = NULL)

/* --- promises ---------------------------------------------------------------------- */

static void
moments_check(const struct ode_kernels *k, const struct shape *s, const real *x,
              double tolerance)
{
    const struct ode_norm_shape shape = layout(s);
    double *in = malloc(reals(s) * sizeof *in);
    real mean[PAD], variance[PAD];

    for (size_t j = 0; j < reals(s); j++)
        in[j] = (double)x[j];
    ode_norm_moments(k, &shape, x, mean, variance);
    for (int c = 0; c < s->channels; c++) {
        double m, v;

        moments_of(s, in, c, 0, s->n, &m, &v);
        ck_assert_double_le(fabs((double)mean[c] - m),
                            ROUNDING * (fabs(m) / 4 + sqrt(v)));
        ck_assert_double_le(fabs((double)variance[c] - v), tolerance * v);
    }
    for (int c = s->channels; c < shape.blocks * 16; c++)
        ck_assert(mean[c] == 0 && variance[c] == 0);
    free(in);
}

START_TEST(moments_are_the_formulas)
{
    EACH(k, s)
    {
        real *x = noise(s, 1, 0.3, 2);

        moments_check(k, s, x, ROUNDING);
        free(x);
    }
}
END_TEST

/* Neither a mean that is large, nor a first row or a first image unlike the others. */
START_TEST(moments_survive_a_mean_that_is_large_against_the_deviation)
{
    EACH(k, s)
    {
        real *x = noise(s, 2, 100, 0.1);

        moments_check(k, s, x, 10 * ROUNDING);
        for (int c = 0; c < s->channels; c++)
            for (int p = 0; p < s->w; p++)
                x[at(s, 0, c, 0, p)] += 3;
        moments_check(k, s, x, 10 * ROUNDING);
        for (int c = 0; c < s->channels; c++)
            for (int y = 0; y < s->h; y++)
                for (int p = 0; p < s->w; p++)
                    x[at(s, 0, c, y, p)] -= 50;
        moments_check(k, s, x, 10 * ROUNDING);
        free(x);
    }
}
END_TEST

START_TEST(constant_channels_have_variance_0)
{
    EACH(k, s)
    {
        const struct ode_norm_shape shape = layout(s);
        real *x = noise(s, 3, 1, 0), mean[PAD], variance[PAD];

        for (size_t j = 0; j < reals(s); j++)
            x[j] *= (real)0.1;
        ode_norm_moments(k, &shape, x, mean, variance);
        for (int c = 0; c < s->channels; c++) {
            ck_assert_double_eq_tol((double)mean[c], (double)(real)0.1, ROUNDING / 4);
            ck_assert(variance[c] >= 0);
            ck_assert_double_le((double)variance[c], ROUNDING * ROUNDING);
        }
        free(x);
    }
}
END_TEST

START_TEST(forward_is_the_formula)
{
    EACH(k, s)
    EACH_KIND(kind, then)
    {
        for (int running = 0; running < 2; running++) {
            const struct ode_norm_shape shape = layout(s);
            struct vectors v;
            const struct ode_normaliser m = normaliser(k, kind, s, &v);
            real *x = noise(s, 4, 0.2, 1), *y = images(s);
            double *want = forward(kind, s, &v, running, &then, x, 0, NULL, NULL, NULL);

            ode_norm_act_forward(&m, &shape, running ? ODE_EVALUATE : ODE_TRAIN, &then, x,
                                 y);
            EACH_VALUE(s, i, c, r, p)
            {
                const size_t j = at(s, i, c, r, p);

                ck_assert_double_le(fabs((double)y[j] - want[j]),
                                    3 * ROUNDING * (1 + fabs(want[j])));
            }
            free(x);
            free(y);
            free(want);
        }
    }
}
END_TEST

/* <dx, v> + <dscale, a> + <dshift, b> is the derivative of <w, after(N(x))>. */
static void
derivative_check(const struct ode_kernels *k, enum ode_norm kind, const struct shape *s,
                 const struct ode_after *then)
{
    const struct ode_norm_shape shape = layout(s);
    const double e = 1e-6;
    struct vectors v;
    const struct ode_normaliser m = normaliser(k, kind, s, &v);
    real *x = noise(s, 5, 0.2, 1), *w = noise(s, 6, 0, 1), *d = noise(s, 7, 0, 1);
    real *dx = images(s), *y = images(s);
    double a[PAD], b[PAD], want = 0, got = 0, size = 0, *up, *down;

    for (int c = 0; c < s->channels; c++) {
        a[c] = sin(c + 1);
        b[c] = cos(2 * c + 1);
        v.dscale[c] = v.dshift[c] = 1; /* they are added to */
    }
    ode_norm_act_forward(&m, &shape, ODE_TRAIN, then, x, y);
    ode_norm_act_adjoint(&m, &shape, then, x, w, dx);
    up = forward(kind, s, &v, false, then, x, e, d, a, b);
    down = forward(kind, s, &v, false, then, x, -e, d, a, b);
    for (size_t j = 0; j < reals(s); j++) {
        const double slope = (up[j] - down[j]) / (2 * e);

        want += (double)w[j] * slope;
        got += (double)dx[j] * (double)d[j];
        size += fabs((double)w[j] * slope) + fabs((double)dx[j] * (double)d[j]);
    }
    for (int c = 0; c < s->channels && kind != ODE_NORM_NONE; c++)
        got += ((double)v.dscale[c] - 1) * a[c] + ((double)v.dshift[c] - 1) * b[c];
    ck_assert_double_le(fabs(got - want), TOLERANCE * (size + 1));
    free(x);
    free(w);
    free(d);
    free(dx);
    free(y);
    free(up);
    free(down);
}

START_TEST(adjoint_is_the_derivative)
{
    EACH(k, s)
    EACH_KIND(kind, then)
    derivative_check(k, kind, s, &then);
}
END_TEST

/* The fused passes, against the normalisation and the activation one after the other. */
START_TEST(fused_passes_give_the_bits_of_two)
{
    EACH(k, s)
    EACH_KIND(kind, then)
    {
        const struct ode_norm_shape shape = layout(s);
        const int planes = s->n * shape.blocks;
        const struct ode_after plain = { .active = false };
        struct vectors one, two;
        const struct ode_normaliser m = normaliser(k, kind, s, &one);
        const struct ode_normaliser l = normaliser(k, kind, s, &two);
        real *x = noise(s, 8, 0.2, 1), *dy = noise(s, 9, 0, 1);
        real *y = images(s), *z = images(s), *v = images(s);

        if (then.active) {
            ode_norm_act_forward(&m, &shape, ODE_TRAIN, &then, x, y);
            ode_norm_act_forward(&l, &shape, ODE_TRAIN, &plain, x, v);
            k->act(then.act, then.scale, planes, s->h, s->w, v, z);
            ck_assert_mem_eq(y, z, reals(s) * sizeof *y);
            ode_norm_act_adjoint(&m, &shape, &then, x, dy, y);
            k->act_adjoint(then.act, then.scale, planes, s->h, s->w, v, dy, z, NULL);
            ode_norm_act_adjoint(&l, &shape, &plain, x, z, z);
            ck_assert_mem_eq(y, z, reals(s) * sizeof *y);
            ck_assert_mem_eq(&one, &two, sizeof one);
        }
        free(x);
        free(dy);
        free(y);
        free(z);
        free(v);
    }
}
END_TEST

/* Twice, in place, and with other things in the halo of what is written. */
START_TEST(every_call_gives_the_same_bits)
{
    EACH(k, s)
    EACH_KIND(kind, then)
    {
        const struct ode_norm_shape shape = layout(s);
        const size_t bytes = reals(s) * sizeof(real);
        struct vectors one, two;
        const struct ode_normaliser m = normaliser(k, kind, s, &one);
        const struct ode_normaliser l = normaliser(k, kind, s, &two);
        real *x = noise(s, 10, 0.2, 1), *dy = noise(s, 11, 0, 1);
        real *y = images(s), *z = images(s);

        ode_norm_act_forward(&m, &shape, ODE_TRAIN, &then, x, y);
        memcpy(z, x, bytes);
        ode_norm_act_forward(&l, &shape, ODE_TRAIN, &then, z, z);
        ck_assert_mem_eq(y, z, bytes);
        ode_norm_act_forward(&l, &shape, ODE_REPLAY, &then, x, z);
        ck_assert_mem_eq(y, z, bytes);
        ode_norm_act_adjoint(&m, &shape, &then, x, dy, y);
        memcpy(z, dy, bytes);
        ode_norm_act_adjoint(&l, &shape, &then, x, z, z);
        ck_assert_mem_eq(y, z, bytes);
        ck_assert_mem_eq(&one, &two, sizeof one);
        free(x);
        free(dy);
        free(y);
        free(z);
    }
}
END_TEST

START_TEST(halos_are_not_touched)
{
    EACH(k, s)
    EACH_KIND(kind, then)
    {
        const struct ode_norm_shape shape = layout(s);
        struct vectors v;
        const struct ode_normaliser m = normaliser(k, kind, s, &v);
        real *x = noise(s, 12, 0.2, 1), *y = images(s), *mark = images(s);

        if (kind == ODE_NORM_NONE && !then.active) { /* a copy of all */
            free(x);
            free(y);
            free(mark);
            continue;
        }
        for (size_t j = 0; j < reals(s); j++)
            y[j] = mark[j] = 7;
        ode_norm_act_forward(&m, &shape, ODE_TRAIN, &then, x, y);
        ode_norm_act_adjoint(&m, &shape, &then, x, y, y);
        for (int i = 0; i < s->n; i++)
            for (int c = 0; c < shape.blocks * 16; c++)
                for (int r = 0; r < s->h; r++)
                    for (int p = 0; p < s->w; p++)
                        y[at(s, i, c, r, p)] = 7;
        ck_assert_mem_eq(y, mark, reals(s) * sizeof *y);
        free(x);
        free(y);
        free(mark);
    }
}
END_TEST

/* Where moments are those of an image or a pixel, what stands beside does not matter. */
START_TEST(images_do_not_change_each_other)
{
    EACH(k, s)
    EACH_KIND(kind, then)
    {
        const struct ode_norm_shape shape = layout(s);
        const struct ode_norm_shape single = {
            .n = 1, .blocks = shape.blocks, .h = s->h, .w = s->w
        };
        const size_t image = ode_image(s->channels, s->h, s->w);
        struct vectors v;
        const struct ode_normaliser m = normaliser(k, kind, s, &v);
        real *x = noise(s, 13, 0.2, 1), *y = images(s), *z = images(s);
        const enum ode_mode mode = ODE_EVALUATE;

        ode_norm_act_forward(&m, &shape, mode, &then, x, y);
        for (size_t i = 0; i < (size_t)s->n; i++)
            ode_norm_act_forward(&m, &single, mode, &then, x + i * image, z + i * image);
        ck_assert_mem_eq(y, z, reals(s) * sizeof *y);
        free(x);
        free(y);
        free(z);
    }
}
END_TEST

TEST_SUITE(norms, 120, moments_are_the_formulas,
           moments_survive_a_mean_that_is_large_against_the_deviation,
           constant_channels_have_variance_0, forward_is_the_formula,
           adjoint_is_the_derivative, fused_passes_give_the_bits_of_two,
           every_call_gives_the_same_bits, halos_are_not_touched,
           images_do_not_change_each_other)
