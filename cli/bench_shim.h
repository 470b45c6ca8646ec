/*
 * bench_shim.h - convolutions of several images, until the kernels have them.
 *
 * To be deleted, with the line that includes it, once core/kernels/kernels.h has
 * ode_finish: bench_kernels.c is written against that.
 */
#ifndef ODE_CLI_BENCH_SHIM_H
#define ODE_CLI_BENCH_SHIM_H

#include <string.h>

#include "core/kernels/kernels.h"

struct shim_conv {
    int in, out, h, w;
    bool point, winograd;
};

enum { ODE_FINISH_SUM };

struct ode_finish {
    int kind;
    real *y;
    const real *b;
};

static inline struct ode_conv
shim_plain(const struct shim_conv *c)
{
    return (struct ode_conv){ c->in, c->out, c->h, c->w, c->point };
}

static inline size_t
shim_prepared(const struct shim_conv *c)
{
    return ode_packed(c->in, c->out);
}

static inline void
shim_prepare(const struct ode_kernels *k, const struct shim_conv *c, const real *w,
             real *prepared)
{
    (void)k;
    memcpy(prepared, w, ode_packed(c->in, c->out) * sizeof *w);
}

static inline void
shim_forward(const struct ode_kernels *k, const struct shim_conv *c, int n, const real *x,
             const real *prepared, struct ode_finish *f)
{
    const struct ode_conv plain = shim_plain(c);

    for (int i = 0; i < n; i++)
        k->conv(&plain, x + (size_t)i * ode_image(c->in, c->h, c->w), prepared, f->b,
                f->y + (size_t)i * ode_image(c->out, c->h, c->w));
}

static inline void
shim_weights(const struct ode_kernels *k, const struct shim_conv *c, int n, int pairs,
             const real *const *p, const real *const *x, real *dw)
{
    const struct ode_conv plain = shim_plain(c);

    for (int j = 0; j < pairs; j++)
        for (int i = 0; i < n; i++)
            k->conv_weights(&plain, p[j] + (size_t)i * ode_image(c->out, c->h, c->w),
                            x[j] + (size_t)i * ode_image(c->in, c->h, c->w), dw);
}

#define ode_conv                    shim_conv
#define ode_prepared(c)             shim_prepared(c)
#define CONV_PREPARE(k, ...)        shim_prepare(k, __VA_ARGS__)
#define CONV(k, ...)                shim_forward(k, __VA_ARGS__)
#define CONV_WEIGHTS(k, ...)        shim_weights(k, __VA_ARGS__)
#define SEGMENT_IS_WINOGRAD(net, s) ((void)(net), (void)(s), false)
#define HAS_WINOGRAD                false

#endif
