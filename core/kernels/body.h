/*
 * body.h - the kernels, written once on the vectors of vector.h.
 *
 * Included by portable.c, avx2.c and avx512.c, each compiled with the flags of its set.
 * They say how much a tile holds in registers: TILE1 pixels of one output block, TILE2
 * pixels of two (0: never two at once), TILEG input channels of a weight gradient.
 *
 * A value never depends on its place in a row or a tile: every output is summed over in
 * blocks, taps and channels in the same order with the same operations.
 */
#include <math.h>
#include <stdbool.h>

#include "core/kernels/vector.h"

enum { TAP = ODE_VEC * ODE_VEC, TILE_MAX = 16 };

/* Reals in a row of an image, halo included. */
#define ROW(w) ((ptrdiff_t)((w) + 2) * ODE_VEC)

/* What becomes of K x: bias, or the step of an integrator. */
struct finish {
    const real *bias, *y0;
    real *y;
    bool step;
    real sign, magic; /* adding and subtracting magic rounds to the grid */
    vec top[VN];      /* largest |y| so far */
};

/* acc[o][p] = bias + sum over in blocks, taps, channels; ob and t are constants. */
ALWAYS void
tile_sum(const struct ode_conv *c, const real *x, const real *w, int ob, int t,
         vec acc[2][TILE_MAX][VN])
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const ptrdiff_t next = (ptrdiff_t)ode_blocks(c->in) * 9 * TAP; /* out block */
    const int ibs = ode_blocks(c->in);

    for (int ib = 0; ib < ibs; ib++) {
        const int ics = ib + 1 < ibs ? ODE_VEC : c->in - ib * ODE_VEC;

        for (int tap = c->point ? 4 : 0; tap < (c->point ? 5 : 9); tap++) {
            const real *xt = x + ib * plane + tap / 3 * row + tap % 3 * ODE_VEC;
            const real *wt = w + (ptrdiff_t)(ib * 9 + tap) * TAP;

            for (int ic = 0; ic < ics; ic++) {
                vec k[2][VN];

                UNROLL
                for (int o = 0; o < ob; o++)
                    UNROLL
                for (int v = 0; v < VN; v++)
                    k[o][v] = v_load(wt + o * next + ic * ODE_VEC + v * VW);
                UNROLL
                for (int p = 0; p < t; p++) {
                    const vec one = v_all(xt[p * ODE_VEC + ic]);

                    UNROLL
                    for (int o = 0; o < ob; o++)
                        UNROLL
                    for (int v = 0; v < VN; v++)
                        acc[o][p][v] = v_fma(one, k[o][v], acc[o][p][v]);
                }
            }
        }
    }
}

/* One tile: pixels [0, t) at `at` reals into blocks [first, first + ob). */
ALWAYS void
tile(const struct ode_conv *c, const real *x, const real *w, int first, ptrdiff_t at,
     int ob, int t, struct finish *f)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const ptrdiff_t out = first * plane + at + row + ODE_VEC;
    vec acc[2][TILE_MAX][VN];

    UNROLL
    for (int o = 0; o < ob; o++)
        UNROLL
    for (int p = 0; p < t; p++)
        UNROLL
    for (int v = 0; v < VN; v++)
        acc[o][p][v] =
            f->bias ? v_load(f->bias + (first + o) * ODE_VEC + v * VW) : v_all(0);
    tile_sum(c, x + at, w + first * (ptrdiff_t)ode_blocks(c->in) * 9 * TAP, ob, t, acc);
    UNROLL
    for (int o = 0; o < ob; o++)
        UNROLL
    for (int p = 0; p < t; p++)
        UNROLL
    for (int v = 0; v < VN; v++) {
        const ptrdiff_t i = out + o * plane + p * ODE_VEC + v * VW;
        vec y = acc[o][p][v];

        if (f->step) {
            if (f->magic > 0)
                y = (y + v_all(f->magic)) - v_all(f->magic);
            y = v_load(f->y0 + i) + v_all(f->sign) * y;
            f->top[v] = v_max(v_abs(y), f->top[v]);
        }
        v_store(f->y + i, y);
    }
}

/* A row of one or two output blocks in tiles of at most `most` pixels. */
ALWAYS void
tile_row(const struct ode_conv *c, const real *x, const real *w, int first, ptrdiff_t at,
         int ob, int most, struct finish *f)
{
    int left = c->w;

    for (; most >= 16 && left >= 16; left -= 16, at += 16 * ODE_VEC)
        tile(c, x, w, first, at, ob, 16, f);
    for (; most >= 8 && left >= 8; left -= 8, at += 8 * ODE_VEC)
        tile(c, x, w, first, at, ob, 8, f);
    for (; most >= 4 && left >= 4; left -= 4, at += 4 * ODE_VEC)
        tile(c, x, w, first, at, ob, 4, f);
    for (; most >= 2 && left >= 2; left -= 2, at += 2 * ODE_VEC)
        tile(c, x, w, first, at, ob, 2, f);
    for (; left > 0; left--, at += ODE_VEC)
        tile(c, x, w, first, at, ob, 1, f);
}

ALWAYS void
tile_image(const struct ode_conv *c, const real *x, const real *w, struct finish *f)
{
    const int obs = ode_blocks(c->out);
    int first = 0;

#if TILE2
    for (; first + 2 <= obs; first += 2)
        for (int y = 0; y < c->h; y++)
            tile_row(c, x, w, first, y * ROW(c->w), 2, TILE2, f);
#endif
    for (; first < obs; first++)
        for (int y = 0; y < c->h; y++)
            tile_row(c, x, w, first, y * ROW(c->w), 1, TILE1, f);
}

static void
conv(const struct ode_conv *c, const real *x, const real *w, const real *b, real *y)
{
    struct finish f = { .bias = b, .y = y, .step = false };

    if (b)
        tile_image(c, x, w, &f);
    else {
        f.bias = NULL;
        tile_image(c, x, w, &f);
    }
}

static real
conv_add(const struct ode_conv *c, const real *x, const real *w, real sign, real grid,
         const real *y0, real *y)
{
    /* 1.5 * 2^(bits - 1) grid: there the spacing of floating point numbers is the grid.
     */
    const real magic = grid * (real)1.5 * (real)(1ull << (ODE_REAL_BITS - 1));
    struct finish f = { .y0 = y0, .y = y, .step = true, .sign = sign, .magic = magic };
    real top = 0;

    tile_image(c, x, w, &f);
    for (int v = 0; v < VN; v++)
        for (int i = 0; i < VW; i++)
            top = f.top[v][i] > top ? f.top[v][i] : top;
    return top;
}

/* One row of taps, TILEG input channels: sums over the whole image in registers. */
ALWAYS void
weights_tile(const struct ode_conv *c, const real *p, const real *x, real *dw)
{
    const ptrdiff_t row = ROW(c->w);
    vec acc[3][TILEG][VN];

    UNROLL
    for (int k = 0; k < 3; k++)
        UNROLL
    for (int g = 0; g < TILEG; g++)
        UNROLL
    for (int v = 0; v < VN; v++)
        acc[k][g][v] = v_all(0);
    for (int y = 0; y < c->h; y++)
        for (int i = 0; i < c->w; i++) {
            const real *pi = p + (y + 1) * row + (i + 1) * ODE_VEC;
            const real *xi = x + y * row + i * ODE_VEC;
            vec one[VN];

            UNROLL
            for (int v = 0; v < VN; v++)
                one[v] = v_load(pi + v * VW);
            UNROLL
            for (int k = 0; k < 3; k++)
                UNROLL
            for (int g = 0; g < TILEG; g++) {
                const vec s = v_all(xi[k * ODE_VEC + g]);

                UNROLL
                for (int v = 0; v < VN; v++)
                    acc[k][g][v] = v_fma(one[v], s, acc[k][g][v]);
            }
        }
    UNROLL
    for (int k = 0; k < 3; k++)
        UNROLL
    for (int g = 0; g < TILEG; g++)
        UNROLL
    for (int v = 0; v < VN; v++) {
        real *d = dw + k * TAP + g * ODE_VEC + v * VW;

        v_store(d, v_load(d) + acc[k][g][v]);
    }
}

static void
conv_weights(const struct ode_conv *c, const real *p, const real *x, real *dw)
{
    const ptrdiff_t row = ROW(c->w), plane = row * (c->h + 2);
    const int obs = ode_blocks(c->out), ibs = ode_blocks(c->in);

    for (int ob = 0; ob < obs; ob++)
        for (int ib = 0; ib < ibs; ib++) {
            const int ics = ib + 1 < ibs ? ODE_VEC : c->in - ib * ODE_VEC;
            real *block = dw + (ptrdiff_t)(ob * ibs + ib) * 9 * TAP;

            for (int ky = c->point; ky < 3 - c->point; ky++)
                for (int ic = 0; ic < ics; ic += TILEG)
                    weights_tile(c, p + ob * plane, x + ib * plane + ky * row + ic,
                                 block + ky * 3 * TAP + ic * ODE_VEC);
        }
}

/* A function of libm, lane by lane: the same bits in every table. */
#define LIBM(name, x) \
    (sizeof(real) == 4 ? (real)name##f((float)(x)) : (real)name((double)(x)))

#define LEAK ((real)0.01)

/* Phi(x), the normal distribution function. */
ALWAYS real
normal(real x)
{
    return (1 + LIBM(erf, x * (real)0.70710678118654752)) / 2;
}

/* log(1 + e^x) without overflow. */
ALWAYS real
softplus(real x)
{
    return (x > 0 ? x : 0) + LIBM(log1p, LIBM(exp, x > 0 ? -x : x));
}

ALWAYS real
lane_value(enum ode_act act, real x)
{
    switch (act) {
    case ODE_ACT_TANH:
        return LIBM(tanh, x);
    case ODE_ACT_GELU:
        return x * normal(x);
    case ODE_ACT_CELU:
        return x > 0 ? x : LIBM(expm1, x);
    default:
        return softplus(x);
    }
}

ALWAYS real
lane_slope(enum ode_act act, real x)
{
    const real t = act == ODE_ACT_TANH ? LIBM(tanh, x) : 0;

    switch (act) {
    case ODE_ACT_TANH:
        return 1 - t * t;
    case ODE_ACT_GELU:
        return normal(x) + x * LIBM(exp, -x * x / 2) * (real)0.39894228040143268;
    case ODE_ACT_CELU:
        return x > 0 ? 1 : LIBM(exp, x);
    default:
        return 1 / (1 + LIBM(exp, -x));
    }
}

ALWAYS vec
act_value(enum ode_act act, vec u)
{
    if (act == ODE_ACT_RELU)
        return v_where_positive(u, u);
    if (act == ODE_ACT_LEAKY_RELU)
        return v_max(u, v_all(LEAK) * u);
    for (int i = 0; i < VW; i++)
        u[i] = lane_value(act, u[i]);
    return u;
}

/* s'(u) * times. */
ALWAYS vec
act_slope(enum ode_act act, vec u, vec times)
{
    if (act == ODE_ACT_RELU)
        return v_where_positive(u, times);
    if (act == ODE_ACT_LEAKY_RELU)
        return v_where_positive(u, v_all(1 - LEAK) * times) + v_all(LEAK) * times;
    for (int i = 0; i < VW; i++)
        u[i] = lane_slope(act, u[i]);
    return u * times;
}

ALWAYS void
act_rows(enum ode_act act, real scale, int blocks, int h, int w, const real *u, real *a)
{
    for (int b = 0; b < blocks; b++)
        for (int y = 0; y < h; y++) {
            const ptrdiff_t at = (b * (h + 2) + y + 1) * ROW(w) + ODE_VEC;

            for (ptrdiff_t i = at; i < at + (ptrdiff_t)w * ODE_VEC; i += VW)
                v_store(a + i, v_all(scale) * act_value(act, v_load(u + i)));
        }
}

/* Calls a function of (act, ...) with a constant act, so that each is compiled apart. */
#define FOR_EACH_ACT(call)        \
    switch (act) {                \
    case ODE_ACT_RELU:            \
        call(ODE_ACT_RELU);       \
        break;                    \
    case ODE_ACT_TANH:            \
        call(ODE_ACT_TANH);       \
        break;                    \
    case ODE_ACT_LEAKY_RELU:      \
        call(ODE_ACT_LEAKY_RELU); \
        break;                    \
    case ODE_ACT_GELU:            \
        call(ODE_ACT_GELU);       \
        break;                    \
    case ODE_ACT_CELU:            \
        call(ODE_ACT_CELU);       \
        break;                    \
    case ODE_ACT_SOFTPLUS:        \
        call(ODE_ACT_SOFTPLUS);   \
    }

static void
act(enum ode_act act, real scale, int blocks, int h, int w, const real *u, real *a){
#define CALL(constant) act_rows(constant, scale, blocks, h, w, u, a)
    FOR_EACH_ACT(CALL)
#undef CALL
}

ALWAYS void act_adjoint_rows(enum ode_act act, real scale, int blocks, int h, int w,
                             const real *u, const real *p, real *q, real *db)
{
    for (int b = 0; b < blocks; b++) {
        vec sum[VN];

        UNROLL
        for (int v = 0; v < VN; v++)
            sum[v] = v_all(0);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const ptrdiff_t at = (b * (h + 2) + y + 1) * ROW(w) + (x + 1) * ODE_VEC;

                UNROLL
                for (int v = 0; v < VN; v++) {
                    const ptrdiff_t i = at + v * VW;
                    const vec qi =
                        act_slope(act, v_load(u + i), v_all(scale) * v_load(p + i));

                    v_store(q + i, qi);
                    sum[v] += qi;
                }
            }
        for (int v = 0; db && v < VN; v++) {
            real *d = db + b * ODE_VEC + v * VW;

            v_store(d, v_load(d) + sum[v]);
        }
    }
}

static void
act_adjoint(enum ode_act act, real scale, int blocks, int h, int w, const real *u,
            const real *p, real *q, real *db){
#define CALL(constant) act_adjoint_rows(constant, scale, blocks, h, w, u, p, q, db)
    FOR_EACH_ACT(CALL)
#undef CALL
}

/* All ones in lanes of channels below c of block b, else 0. */
ALWAYS void channel_mask(int c, int b, vec mask[VN])
{
    for (int v = 0; v < VN; v++)
        for (int i = 0; i < VW; i++)
            mask[v][i] = b * ODE_VEC + v * VW + i < c;
}

static real
step(int c, int h, int w, const real *x, real sign, real grid, const real *y0, real *y)
{
    const real magic = grid * (real)1.5 * (real)(1ull << (ODE_REAL_BITS - 1));
    vec mask[VN], most = v_all(0);
    real top = 0;

    for (int b = 0; b < ode_blocks(c); b++) {
        channel_mask(c, b, mask);
        for (int r = 0; r < h; r++) {
            const ptrdiff_t at = (b * (h + 2) + r + 1) * ROW(w) + ODE_VEC;

            for (ptrdiff_t i = at; i < at + (ptrdiff_t)w * ODE_VEC; i += VW) {
                vec z = v_load(x + i) * mask[(i - at) / VW % VN];

                if (magic > 0)
                    z = (z + v_all(magic)) - v_all(magic);
                z = v_load(y0 + i) + v_all(sign) * z;
                most = v_max(v_abs(z), most);
                v_store(y + i, z);
            }
        }
    }
    for (int i = 0; i < VW; i++)
        top = most[i] > top ? most[i] : top;
    return top;
}

static void
combine(size_t n, real a, const real *x, real b, const real *y, real *z)
{
    for (size_t i = 0; i < n; i += VW)
        v_store(z + i, v_all(a) * v_load(x + i) + v_all(b) * v_load(y + i));
}

#include "core/kernels/norms.h"

#define KERNELS(set_name, bit)                                                      \
    {                                                                               \
        .name = set_name, .isa = bit, .conv = conv, .conv_add = conv_add,           \
        .conv_weights = conv_weights, .act = act, .act_adjoint = act_adjoint,       \
        .step = step, .combine = combine, .moments = moments, .norm_act = norm_act, \
        .norm_act_sums = norm_act_sums, .norm_pull = norm_pull,                     \
        .pixel_norm = pixel_norm, .pixel_norm_adjoint = pixel_norm_adjoint          \
    }
