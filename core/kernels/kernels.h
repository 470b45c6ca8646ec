/*
 * kernels.h - the inner loops, as a table of functions per instruction set.
 *
 * Layout of an image with c channels, "NCHWc16 with halo": [blocks][h + 2][w + 2][16]
 * with blocks = ceil(c / 16). The halo of one pixel is zero and never written, so a 3x3
 * convolution with zero padding has no edge cases. Channels beyond c in the last block
 * are zero. n images follow one another. All pointers are aligned to 64 bytes.
 *
 * Layout of packed 3x3 kernels: [out block][in block][ky][kx][16 in][16 out]. This is
 * what gradients of kernels are added to; convolutions read what conv_prepare() makes
 * of it, once for each change of the weights.
 *
 * A convolution is done in one of two ways (struct ode_conv, winograd):
 *
 *   directly    as the sum over taps and channels
 *   winograd    F(2x2, 3x3): four outputs from a tile of 4x4 inputs with 16 products a
 *               pair of channels instead of 36. Even h and w only. Rounding errors are
 *               of the same size. Lavin and Gray (CVPR 2016); the gradient of the weights
 *               is the exact adjoint of that algorithm.
 *
 * No function allocates; any thread may call any of them. Each table gives the same bits
 * for the same input, whatever images stand beside it; different tables agree to
 * rounding.
 */
#ifndef ODE_CORE_KERNELS_KERNELS_H
#define ODE_CORE_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/real.h"

enum { ODE_VEC = 16 }; /* channels in a block */

enum ode_isa {
    ODE_ISA_PORTABLE = 1,
    ODE_ISA_AVX2 = 2,
    ODE_ISA_AVX512 = 4,
    ODE_ISA_ALL = 7
};

/* In the order of enum ode_activation, which describes them. */
enum ode_act {
    ODE_ACT_RELU,
    ODE_ACT_TANH,
    ODE_ACT_LEAKY_RELU,
    ODE_ACT_GELU,
    ODE_ACT_CELU,
    ODE_ACT_SOFTPLUS
};

/* Extents of a convolution. */
struct ode_conv {
    int in, out; /* channels; the blocks follow */
    int h, w;
    bool point;    /* 1x1: only the tap in the middle counts, the others are not read */
    bool winograd; /* how it is done: see above */
};

/* The extents of K^T. */
static inline struct ode_conv
ode_conv_back(const struct ode_conv *c)
{
    struct ode_conv back = *c;

    back.in = c->out;
    back.out = c->in;
    return back;
}

/* Whether the Winograd way pays for 3x3 kernels of these extents. */
bool ode_conv_prefers_winograd(int in, int out, int h, int w);

/* Blocks that hold c channels. */
static inline int
ode_blocks(int c)
{
    return (c + ODE_VEC - 1) / ODE_VEC;
}

/* Reals in one channel block of an h x w image, halo included. */
static inline size_t
ode_plane(int h, int w)
{
    return (size_t)(h + 2) * (size_t)(w + 2) * ODE_VEC;
}

/* Reals in an image of c channels. */
static inline size_t
ode_image(int c, int h, int w)
{
    return (size_t)ode_blocks(c) * ode_plane(h, w);
}

/* Reals in packed 3x3 kernels. */
static inline size_t
ode_packed(int in, int out)
{
    return (size_t)ode_blocks(in) * (size_t)ode_blocks(out) * 9 * ODE_VEC * ODE_VEC;
}

/* Reals in prepared weights. */
static inline size_t
ode_prepared(const struct ode_conv *c)
{
    return ode_packed(c->in, c->out) / 9 * (c->winograd ? 16 : 9);
}

/* What becomes of the sums u = K x + b of a convolution. */
enum ode_finish_kind {
    ODE_FINISH_SUM,     /* y = u                                                    */
    ODE_FINISH_ACT,     /* y = scale * s(u), and u itself is kept if wanted         */
    ODE_FINISH_ADJOINT, /* y = scale * s'(v) * u; sums of y; scale * s(v) if wanted */
    ODE_FINISH_STEP,    /* y = y0 + sign * round(u)                                 */
    ODE_FINISH_ACT_STEP /* y = y0 + sign * round(scale * s(u)), likewise            */
};

/* Images are those of c->out channels, per-channel vectors have [out blocks * 16]. */
struct ode_finish {
    enum ode_finish_kind kind;
    real *y;
    const real *b;    /* NULL: 0 */
    enum ode_act act; /* ACT, ADJOINT */
    real scale;
    real *u;        /* ACT: receives u; NULL: not wanted */
    const real *v;  /* ADJOINT: where s' is taken */
    real *a;        /* ADJOINT: receives scale * s(v); NULL: not wanted */
    real *db;       /* ADJOINT: += sum of y over pixels and images; NULL: not wanted */
    const real *y0; /* STEP: may be y. Channels beyond c->out stay those of y0. */
    real sign;      /* STEP: 1 or -1 */
    real grid;      /* STEP: rounded to multiples of it; 0: not rounded */
    real top;       /* STEP: raised to the largest |y|; a NaN may or may not show */
};

/* A channel block of n images: planes of h x w, `apart` reals from one to the next. */
struct ode_planes {
    int n, h, w;
    size_t apart;
};

/* What may follow a normalisation: y = scale * s(v); not active: y = v. */
struct ode_after {
    bool active;
    enum ode_act act;
    real scale;
};

/* v = slope x + level in the channels of a block, and what follows it. */
struct ode_norm_map {
    _Alignas(64) real slope[ODE_VEC];
    real level[ODE_VEC];
    struct ode_after after;
};

/* dx = slope q + tilt (x - mean) + level in the channels of a block. */
struct ode_norm_pull {
    _Alignas(64) real mean[ODE_VEC];
    real slope[ODE_VEC], tilt[ODE_VEC], level[ODE_VEC];
};

/* An image in which every pixel is normalised alone: v = gain x r + shift with
 * r = 1 / sqrt(sum of the squares of its channels + epsilon), and what follows it. */
struct ode_pixel_norm {
    int blocks, h, w;
    const real *gain, *shift; /* [blocks * 16] */
    real epsilon;
    struct ode_after after;
};

enum ode_traffic { ODE_TRAFFIC_READ, ODE_TRAFFIC_WRITE, ODE_TRAFFIC_COPY };

struct ode_kernels {
    const char *name;
    enum ode_isa isa;

    /* prepared = what conv() reads, of packed kernels w. */
    void (*conv_prepare)(const struct ode_conv *c, const real *w, real *prepared);

    /* u = K x + b for n images, finished as f says. x: images of c->in; y may be none of
     * the images that are read, but for y0. 18 in out h w FLOP an image, if direct. */
    void (*conv)(const struct ode_conv *c, int n, const real *x, const real *prepared,
                 struct ode_finish *f);

    /* dw[o][i][ky][kx] += sum over pairs, images, pixels of
     * p[o](y, x) * x[i](y + ky - 1, x + kx - 1): the gradient of <p, K x>, for one or two
     * pairs (p, x). p: images of c->out, x: images of c->in, dw: packed. */
    void (*conv_weights)(const struct ode_conv *c, int n, int pairs, const real *const *p,
                         const real *const *x, real *dw);

    /* a = scale * s(u), inside the halo. */
    void (*act)(enum ode_act act, real scale, int blocks, int h, int w, const real *u,
                real *a);

    /* q = scale * s'(u) * p inside the halo; db[blocks * 16] += sum over pixels of q.
     * q may be p; db may be NULL. */
    void (*act_adjoint)(enum ode_act act, real scale, int blocks, int h, int w,
                        const real *u, const real *p, real *q, real *db);

    /* y = y0 + sign * round(x) inside the halo of c channels, as ODE_FINISH_STEP; y0
     * may be y. Channels beyond c stay those of y0. Returns the largest |y|. */
    real (*step)(int c, int h, int w, const real *x, real sign, real grid, const real *y0,
                 real *y);

    /* z = a x + b y over n reals, n a multiple of 16; z may be x or y. Exact where
     * products and sum are. */
    void (*combine)(size_t n, real a, const real *x, real b, const real *y, real *z);

    /* The mean of each channel of a block, and the sum of the squared differences from
     * it, [16] each. One pass: sums of a row are in reals, about a guess of the mean,
     * and those of rows in double; so neither suffers from a mean that is large against
     * the deviation. Relative error of the squares: a few 2^-24, and never above
     * (1 + h) (w / 4 + 4) 2^-24. */
    void (*moments)(const struct ode_planes *s, const real *x, double *mean,
                    double *squares);

    /* y = scale s(slope x + level), inside the halo. y may be x. */
    void (*norm_act)(const struct ode_planes *s, const struct ode_norm_map *m,
                     const real *x, real *y);

    /* q = scale s'(slope x + level) dy inside the halo; sum[16] = sum of q, product[16]
     * = sum of q (x - mean): in reals along a row, in double over rows. q may be dy;
     * where no activation is, q = dy and is not written. mean: aligned. */
    void (*norm_act_sums)(const struct ode_planes *s, const struct ode_norm_map *m,
                          const real *mean, const real *x, const real *dy, real *q,
                          double *sum, double *product);

    /* dx = slope q + tilt (x - mean) + level, inside the halo. dx may be q. */
    void (*norm_pull)(const struct ode_planes *s, const struct ode_norm_pull *m,
                      const real *x, const real *q, real *dx);

    /* y = scale s(gain x r + shift), inside the halo. y may be x. */
    void (*pixel_norm)(const struct ode_pixel_norm *m, const real *x, real *y);

    /* Its adjoint: with q = scale s'(v) dy, dx = gain r q - x r^3 (sum of gain x q over
     * the pixel's channels). dx may be dy. dgain and dshift [blocks * 16] += sums over
     * pixels of x r q and q. */
    void (*pixel_norm_adjoint)(const struct ode_pixel_norm *m, const real *x,
                               const real *dy, real *dx, double *dgain, double *dshift);

    /* For benchmarks: `rounds` of multiply-adds on registers alone. Returns how many FLOP
     * that is; sink[16] receives the sums, which are finite. */
    double (*peak)(long rounds, real *sink);

    /* For benchmarks: one pass over n reals, n a multiple of 256. READ: y[16] receives
     * sums of x. WRITE: y = 1. COPY: y = -x. */
    void (*traffic)(enum ode_traffic way, size_t n, const real *x, real *y);
};

/*
 * The fastest table that the processor, the system and `mask` (ODE_ISA_... bits) allow;
 * the portable one where nothing else is left. Constant, never NULL.
 */
const struct ode_kernels *ode_kernels_best(unsigned mask);

/* The table of that name ("portable", "avx2", "avx512"), or NULL if it is unknown or this
 * machine can't run it. */
const struct ode_kernels *ode_kernels_named(const char *name);

/* Bits of the instruction sets that this machine can run and this build holds. */
unsigned ode_isa_available(void);

#endif
