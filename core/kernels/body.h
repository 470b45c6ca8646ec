/*
 * body.h - the kernels, written once on the vectors of vector.h.
 *
 * Included by portable.c, avx2.c and avx512.c, each compiled with the flags of its set.
 * They say how much is held in registers: see direct.h and winograd.h.
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

#include "core/kernels/finish.h"

#include "core/kernels/outer.h"

#include "core/kernels/direct.h"
#include "core/kernels/winograd.h"

static void
conv_prepare(const struct ode_conv *c, const real *w, real *prepared)
{
    if (c->winograd)
        winograd_prepare(c, w, prepared);
    else
        for (size_t i = 0; i < ode_packed(c->in, c->out); i += VW)
            v_store(prepared + i, v_load(w + i));
}

static void
conv(const struct ode_conv *c, int n, const real *x, const real *prepared,
     struct ode_finish *f)
{
    if (c->winograd)
        winograd_conv(c, n, x, prepared, f);
    else
        direct_conv(c, n, x, prepared, f);
}

static void
conv_weights(const struct ode_conv *c, int n, int pairs, const real *const *p,
             const real *const *x, real *dw)
{
    if (c->winograd)
        winograd_weights(c, n, pairs, p, x, dw);
    else
        direct_weights(c, n, pairs, p, x, dw);
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
            const real *p, real *q, real *db)
{
#define CALL(constant) act_adjoint_rows(constant, scale, blocks, h, w, u, p, q, db)
    FOR_EACH_ACT(CALL)
#undef CALL
}

static real
step(int c, int h, int w, const real *x, real sign, real grid, const real *y0, real *y)
{
    const real magic = grid_magic(grid);
    vec mask[VN], most = v_all(0);
    real top = 0;

    for (int b = 0; b < ode_blocks(c); b++) {
        channel_mask(c, b, mask);
        for (int r = 0; r < h; r++) {
            const ptrdiff_t at = (b * (h + 2) + r + 1) * ROW(w) + ODE_VEC;

            for (ptrdiff_t i = at; i < at + (ptrdiff_t)w * ODE_VEC; i += VW) {
                vec z = v_load(x + i) * mask[(i - at) / VW % VN];

                z = v_load(y0 + i) + v_all(sign) * v_to_grid(z, magic);
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
#include "core/kernels/peak.h"

#define KERNELS(set_name, bit)                                                      \
    {                                                                               \
        .name = set_name, .isa = bit, .conv_prepare = conv_prepare, .conv = conv,   \
        .conv_weights = conv_weights, .act = act, .act_adjoint = act_adjoint,       \
        .step = step, .combine = combine, .moments = moments, .norm_act = norm_act, \
        .norm_act_sums = norm_act_sums, .norm_pull = norm_pull,                     \
        .pixel_norm = pixel_norm, .pixel_norm_adjoint = pixel_norm_adjoint,         \
        .peak = peak, .traffic = traffic                                            \
    }
