/* pack.c - parameters between the standard order and the kernels' layout. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/net/net.h"

/* --- initial values ---------------------------------------------------------------- */

/* Blocks that begin constant in time draw what the segment's first block draws. */
static uint64_t
stream_of(const struct ode_net *net, int i)
{
    const struct ode_tensor *t = &net->params.tensor[i];

    if (net->init == ODE_INIT_CONSTANT && t->segment >= 0)
        return (uint64_t)1 << 32 | (uint64_t)(t->segment * ODE_ROLES_MAX + t->role);
    return (uint64_t)i;
}

static double
spread_of(const struct ode_tensor *t)
{
    if (t->kind == ODE_TENSOR_CONV)
        return sqrt(2.0 / (t->dim[2] * t->dim[3] * t->dim[0]));
    return sqrt(3.0 / (double)(t->n / (size_t)t->dim[0]));
}

/* A flat head as one of maps 2^finer times as wide and high: each weight is the sum of
 * its children, in the order in which these would be drawn. The variance of a sum is that
 * of one drawn here. */
static void
map_initialise(const struct ode_tensor *t, int finer, uint64_t seed, uint64_t stream,
               real *x)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_INIT, stream, 0);
    const int h = t->dim[2] << finer, w = t->dim[3] << finer;
    const double spread = ldexp(spread_of(t), -finer);

    memset(x, 0, t->n * sizeof *x);
    for (int plane = 0; plane < t->dim[0] * t->dim[1]; plane++)
        for (int r = 0; r < h; r++)
            for (int p = 0; p < w; p++)
                x[(plane * t->dim[2] + (r >> finer)) * t->dim[3] + (p >> finer)] +=
                    (real)(spread * (2 * ode_rng_uniform(&rng) - 1));
}

static void
tensor_initialise(const struct ode_tensor *t, uint64_t seed, uint64_t stream, real *x)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_INIT, stream, 0);
    const bool one = t->kind == ODE_TENSOR_SCALE || t->kind == ODE_TENSOR_VARIANCE;

    for (size_t j = 0; j < t->n; j++)
        if (t->kind == ODE_TENSOR_CONV)
            x[j] = (real)(spread_of(t) * ode_rng_truncated_normal(&rng));
        else if (t->kind == ODE_TENSOR_DENSE)
            x[j] = (real)(spread_of(t) * (2 * ode_rng_uniform(&rng) - 1));
        else
            x[j] = one;
}

void
ode_net_initialise(const struct ode_net *net, uint64_t seed, real *theta,
                   real *statistics)
{
    for (int i = 0; i < net->params.tensor_n; i++) {
        const struct ode_tensor *t = &net->params.tensor[i];
        const bool trained = i < net->params.trained_n;

        if (!trained && t->kind == ODE_TENSOR_CONV)
            memset(statistics + t->offset, 0, t->n * sizeof *statistics);
        else if (ode_tensor_is_map(t))
            map_initialise(t, net->finer, seed, stream_of(net, i), theta + t->offset);
        else
            tensor_initialise(t, seed, stream_of(net, i),
                              (trained ? theta : statistics) + t->offset);
    }
}

/* --- tiles ------------------------------------------------------------------------- */

/* Kernels are moved in tiles of the packed layout, [9 taps][16 in][16 out]: there a tile
 * is one piece, and a 1x1 kernel the tap in the middle. */
enum { TAP = ODE_VEC * ODE_VEC, TILE = 9 * TAP };

/* The channels that a padded block holds. */
struct run {
    int first, n;
};

static struct run
run_at(int channels, int parts, int block)
{
    const int width = channels / parts, blocks = ode_blocks(width);
    const int left = width - block % blocks * ODE_VEC;

    return (struct run){ .first = block / blocks * width + block % blocks * ODE_VEC,
                         .n = left < ODE_VEC ? left : ODE_VEC };
}

/* t[tap][i][o] -= back[8 - tap][o][i], the same kernel with in and out exchanged. */
static void
tile_antisymmetric(const real *restrict back, real *restrict t)
{
    for (int tap = 0; tap < 9; tap++)
        for (int i = 0; i < ODE_VEC; i++)
            for (int o = 0; o < ODE_VEC; o++)
                t[tap * TAP + i * ODE_VEC + o] -= back[(8 - tap) * TAP + o * ODE_VEC + i];
}

/* K^T: flipped[8 - tap][o][i] = t[tap][i][o]. */
static void
tile_flip(const real *restrict t, real *restrict flipped)
{
    for (int tap = 0; tap < 9; tap++)
        for (int o = 0; o < ODE_VEC; o++)
            for (int i = 0; i < ODE_VEC; i++)
                flipped[(8 - tap) * TAP + o * ODE_VEC + i] =
                    t[tap * TAP + i * ODE_VEC + o];
}

/* --- packing ----------------------------------------------------------------------- */

/* A slot's value: a sample, or between two samples. */
struct sample {
    const real *before, *after; /* after: NULL if before is all */
    real weight;
};

static real
sample_at(const struct sample *s, size_t j)
{
    return s->after ? (1 - s->weight) * s->before[j] + s->weight * s->after[j]
                    : s->before[j];
}

/* Where channels of a kernel stand among padded ones, and how wide it is. */
struct kernel_shape {
    int out, in, taps, out_blocks, in_blocks;
    const struct ode_slot *slot;
};

static struct kernel_shape
kernel_shape(const struct ode_tensor *t, const struct ode_slot *slot)
{
    return (struct kernel_shape){
        .out = t->dim[0],
        .in = t->dim[1],
        .taps = t->dim[2] * t->dim[3],
        .out_blocks = ode_padded(t->dim[0], slot->parts) / ODE_VEC,
        .in_blocks = ode_padded(t->dim[1], slot->in_parts) / ODE_VEC,
        .slot = slot,
    };
}

/* In standard order: [out][in][taps]. */
static size_t
standard_at(const struct kernel_shape *k, int o, int i)
{
    return (size_t)(o * k->in + i) * (size_t)k->taps;
}

/* Where the tile from block ib to block ob begins. */
static size_t
tile_at(const struct kernel_shape *k, int ob, int ib)
{
    return (size_t)(ob * k->in_blocks + ib) * TILE;
}

static struct run
out_run(const struct kernel_shape *k, int ob)
{
    return run_at(k->out, k->slot->parts, ob);
}

static struct run
in_run(const struct kernel_shape *k, int ib)
{
    return run_at(k->in, k->slot->in_parts, ib);
}

static void
tile_sample(const struct kernel_shape *k, const struct sample *x, int ob, int ib, real *t)
{
    const struct run out = out_run(k, ob), in = in_run(k, ib);
    real *first = t + (k->taps == 1 ? 4 * TAP : 0);

    memset(t, 0, TILE * sizeof *t);
    for (int o = 0; o < out.n; o++)
        for (int i = 0; i < in.n; i++) {
            const size_t at = standard_at(k, out.first + o, in.first + i);

            for (int tap = 0; tap < k->taps; tap++)
                first[tap * TAP + i * ODE_VEC + o] = sample_at(x, at + (size_t)tap);
        }
}

static void
kernel_pack(const struct kernel_shape *k, const struct sample *x, real *forth, real *back)
{
    const struct ode_slot *slot = k->slot;
    real other[TILE];

    for (int ob = 0; ob < k->out_blocks; ob++)
        for (int ib = 0; ib < k->in_blocks; ib++) {
            real *t = forth + tile_at(k, ob, ib);

            tile_sample(k, x, ob, ib, t);
            if (slot->antisymmetric) {
                tile_sample(k, x, ib, ob, other);
                tile_antisymmetric(other, t);
            }
            if (slot->flip)
                tile_flip(t, back + (size_t)(ib * k->out_blocks + ob) * TILE);
        }
}

void
ode_net_pack(const struct ode_net *net, int i, const real *theta, const real *statistics,
             real *forth, real *back)
{
    const struct ode_slot *slot = &net->slot[i];
    const struct ode_tensor *t;
    const real *base = slot->tensor < net->params.trained_n ? theta : statistics;
    struct sample x;

    if (slot->tensor < 0) /* the first block lacks it */
        return;
    t = &net->params.tensor[slot->tensor];
    x = (struct sample){
        .before = base + t->offset,
        .after = slot->next < 0 ? NULL : base + net->params.tensor[slot->next].offset,
        .weight = slot->weight,
    };
    if (t->kind == ODE_TENSOR_CONV) {
        const struct kernel_shape k = kernel_shape(t, slot);

        kernel_pack(&k, &x, forth, back);
    } else if (t->kind == ODE_TENSOR_DENSE) {
        memcpy(forth, x.before, t->n * sizeof *forth);
    } else {
        for (int c = 0; c < t->dim[0]; c++)
            forth[ode_position(c, t->dim[0], slot->parts)] = sample_at(&x, (size_t)c);
    }
}

void
ode_net_prepare(const struct ode_net *net, const struct ode_kernels *kernels, int i,
                const real *theta, const real *statistics, real *room, real *packed)
{
    const struct ode_slot *slot = &net->slot[i];
    const struct ode_conv back = ode_conv_back(&slot->conv);
    real *forth = slot->conv.in ? room : packed + slot->packed;

    ode_net_pack(net, i, theta, statistics, forth, room + slot->n);
    if (!slot->conv.in)
        return;
    kernels->conv_prepare(&slot->conv, room, packed + slot->packed);
    if (slot->flip)
        kernels->conv_prepare(&back, room + slot->n, packed + slot->flipped);
}

/* --- gradients --------------------------------------------------------------------- */

/* g += share times the tile. */
static void
tile_add(const struct kernel_shape *k, const real *t, int ob, int ib, real share, real *g)
{
    const struct run out = out_run(k, ob), in = in_run(k, ib);
    const real *first = t + (k->taps == 1 ? 4 * TAP : 0);

    for (int o = 0; o < out.n; o++)
        for (int i = 0; i < in.n; i++) {
            real *to = g + standard_at(k, out.first + o, in.first + i);

            for (int tap = 0; tap < k->taps; tap++)
                to[tap] += share * first[tap * TAP + i * ODE_VEC + o];
        }
}

/* With A = K - K^T: dK = dA - dA^T. */
static void
kernel_add(const struct kernel_shape *k, const real *d, real share, real *g)
{
    real t[TILE];

    for (int ob = 0; ob < k->out_blocks; ob++)
        for (int ib = 0; ib < k->in_blocks; ib++) {
            const real *from = d + tile_at(k, ob, ib);

            if (k->slot->antisymmetric) {
                memcpy(t, from, sizeof t);
                tile_antisymmetric(d + tile_at(k, ib, ob), t);
                from = t;
            }
            tile_add(k, from, ob, ib, share, g);
        }
}

/* What a tensor is due. */
static void
tensor_add(const struct ode_net *net, const struct ode_slot *slot, int tensor, real share,
           const real *d, real *gradient)
{
    const struct ode_tensor *t = &net->params.tensor[tensor];
    real *g = gradient + t->offset;

    if (t->kind == ODE_TENSOR_CONV) {
        const struct kernel_shape k = kernel_shape(t, slot);

        kernel_add(&k, d, share, g);
    } else if (t->kind == ODE_TENSOR_DENSE) {
        for (size_t j = 0; j < t->n; j++)
            g[j] += share * d[j];
    } else {
        for (int c = 0; c < t->dim[0]; c++)
            g[c] += share * d[ode_position(c, t->dim[0], slot->parts)];
    }
}

void
ode_net_add(const struct ode_net *net, int i, const real *d, real *gradient)
{
    const struct ode_slot *slot = &net->slot[i];

    if (slot->tensor < 0)
        return;
    if (slot->next < 0) {
        tensor_add(net, slot, slot->tensor, 1, d, gradient);
        return;
    }
    tensor_add(net, slot, slot->tensor, 1 - slot->weight, d, gradient);
    tensor_add(net, slot, slot->next, slot->weight, d, gradient);
}
