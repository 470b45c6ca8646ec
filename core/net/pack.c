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
    return sqrt(3.0 / t->dim[1]);
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
        else
            tensor_initialise(t, seed, stream_of(net, i),
                              (trained ? theta : statistics) + t->offset);
    }
}

/* --- packing ----------------------------------------------------------------------- */

/* Index in packed kernels of the weight from channel `in` to channel `out` at `tap`. */
static size_t
packed_at(int in, int out, int tap, int in_blocks)
{
    const size_t block = (size_t)(out / ODE_VEC * in_blocks + in / ODE_VEC);

    return ((block * 9 + (size_t)tap) * ODE_VEC + (size_t)(in % ODE_VEC)) * ODE_VEC
           + (size_t)(out % ODE_VEC);
}

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

/* In standard order: [out][in][taps]; 1x1 kernels are the tap in the middle. */
static size_t
standard_at(const struct kernel_shape *k, int o, int i, int tap)
{
    return (size_t)((o * k->in + i) * k->taps + tap);
}

static void
kernel_pack(const struct kernel_shape *k, const struct sample *x, real *forth, real *back)
{
    const struct ode_slot *slot = k->slot;

    for (int o = 0; o < k->out; o++)
        for (int i = 0; i < k->in; i++)
            for (int tap = 0; tap < k->taps; tap++) {
                const int to = ode_position(o, k->out, slot->parts);
                const int from = ode_position(i, k->in, slot->in_parts);
                const int at = k->taps == 1 ? 4 : tap;
                real value = sample_at(x, standard_at(k, o, i, tap));

                if (slot->antisymmetric)
                    value -= sample_at(x, standard_at(k, i, o, 8 - tap));
                forth[packed_at(from, to, at, k->in_blocks)] = value;
                if (slot->flip)
                    back[packed_at(to, from, 8 - at, k->out_blocks)] = value;
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

/* Padded channels of the room are those of other kernels: they are emptied first. */
void
ode_net_prepare(const struct ode_net *net, const struct ode_kernels *kernels, int i,
                const real *theta, const real *statistics, real *room, real *packed)
{
    const struct ode_slot *slot = &net->slot[i];
    const struct ode_conv back = ode_conv_back(&slot->conv);
    real *forth = slot->conv.in ? room : packed + slot->packed;

    if (slot->conv.in)
        memset(room, 0, (slot->flip ? 2 : 1) * slot->n * sizeof *room);
    ode_net_pack(net, i, theta, statistics, forth, room + slot->n);
    if (!slot->conv.in)
        return;
    kernels->conv_prepare(&slot->conv, room, packed + slot->packed);
    if (slot->flip)
        kernels->conv_prepare(&back, room + slot->n, packed + slot->flipped);
}

/* --- reduction --------------------------------------------------------------------- */

/* Sums lane[0..lanes-1][at] pairwise: ((0+1)+(2+3))+..., whoever computed them. */
static real
lane_sum(real *const *lane, int lanes, size_t at)
{
    real sum[64];

    assert(lanes <= 64);
    for (int l = 0; l < lanes; l++)
        sum[l] = lane[l][at];
    for (int step = 1; step < lanes; step *= 2)
        for (int l = 0; l + step < lanes; l += 2 * step)
            sum[l] += sum[l + step];
    return sum[0];
}

/* Lanes, and how much of a slot's gradient is the tensor's. */
struct lanes {
    real *const *lane;
    int n;
    real share;
};

/* With A = K - K^T: dK = dA - dA^T. */
static void
kernel_reduce(const struct kernel_shape *k, const struct lanes *l, real *g)
{
    const struct ode_slot *slot = k->slot;

    for (int o = 0; o < k->out; o++)
        for (int i = 0; i < k->in; i++)
            for (int tap = 0; tap < k->taps; tap++) {
                const int to = ode_position(o, k->out, slot->parts);
                const int from = ode_position(i, k->in, slot->in_parts);
                const int at = k->taps == 1 ? 4 : tap;
                real sum = lane_sum(l->lane, l->n,
                                    slot->lane + packed_at(from, to, at, k->in_blocks));

                if (slot->antisymmetric)
                    sum -=
                        lane_sum(l->lane, l->n,
                                 slot->lane + packed_at(to, from, 8 - at, k->in_blocks));
                g[standard_at(k, o, i, tap)] += l->share * sum;
            }
}

static void
slot_reduce(const struct ode_tensor *t, const struct ode_slot *slot,
            const struct lanes *l, real *g)
{
    if (t->kind == ODE_TENSOR_CONV) {
        const struct kernel_shape k = kernel_shape(t, slot);

        kernel_reduce(&k, l, g);
    } else if (t->kind == ODE_TENSOR_DENSE) {
        for (size_t j = 0; j < t->n; j++)
            g[j] += l->share * lane_sum(l->lane, l->n, slot->lane + j);
    } else {
        for (int c = 0; c < t->dim[0]; c++)
            g[c] +=
                l->share
                * lane_sum(l->lane, l->n,
                           slot->lane + (size_t)ode_position(c, t->dim[0], slot->parts));
    }
}

void
ode_net_reduce(const struct ode_net *net, int i, real *const *lane, int lanes,
               real *gradient)
{
    const struct ode_tensor *t = &net->params.tensor[i];
    const struct ode_uses *u = &net->uses[i];
    real *g = gradient + t->offset;

    memset(g, 0, t->n * sizeof *g);
    for (int k = 0; k < u->count; k++) {
        const struct ode_slot *slot = &net->slot[u->first + k * u->stride];
        const struct lanes l = { .lane = lane,
                                 .n = lanes,
                                 .share = slot->next < 0      ? 1
                                          : slot->tensor == i ? 1 - slot->weight
                                                              : slot->weight };

        slot_reduce(t, slot, &l, g);
    }
}
