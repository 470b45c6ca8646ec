/* gauge.c - how far a network is from being stable and reversible. */
#include "core/train/gauge.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/net/images.h"
#include "core/net/link.h"
#include "core/net/segment.h"

enum { POINTS = 32, ROUNDS = 20 /* of the power iteration */ };

/* --- buffers ----------------------------------------------------------------------- */

/* The same network for n images, all segments of which run in place. `net` is the
 * caller's and has to live as long. */
static struct ode_exec
in_place(const struct ode_exec *exec, int n, struct ode_net *net)
{
    struct ode_exec e = *exec;

    *net = *exec->net;
    for (int s = 0; s < net->segment_n; s++)
        net->segment[s].memory = ODE_MEMORY_REVERSE;
    e.net = net;
    e.micro = n;
    return e;
}

void
ode_gauge_place(struct ode_gauge_room *room, const struct ode_exec *exec, int n,
                struct ode_arena *arena)
{
    struct ode_net net;
    const struct ode_exec e = in_place(exec, n, &net);
    size_t image = 0;

    for (int s = 0; s < net.segment_n; s++)
        image = net.segment[s].image > image ? net.segment[s].image : image;
    *room = (struct ode_gauge_room){ .n = n };
    ode_work_place(&room->work, &e, arena);
    ode_result_place(&room->result, &net, arena);
    room->begin =
        ode_arena_take(arena, (size_t)n * (size_t)net.parts * image, sizeof(real));
    for (int i = 0; i < 2; i++)
        room->vector[i] = ode_arena_take(arena, image, sizeof(real));
}

/* --- states ------------------------------------------------------------------------ */

/* Leaves the state in which the first segment begins: a pass through the same network
 * without blocks. The moments that it writes down further on are written again. */
static void
open_images(struct ode_gauge_room *room, const struct ode_exec *e, ode_fetch_fn *fetch,
            void *context)
{
    struct ode_net bare = *e->net;
    struct ode_exec open = *e;

    for (int s = 0; s < bare.segment_n; s++)
        bare.segment[s].blocks = 0;
    open.net = &bare;
    ode_exec_forward(&open, &room->work, fetch, context, 0, room->n, ODE_TRAIN,
                     &room->result);
}

static size_t
part_n(const struct ode_gauge_room *room, const struct ode_net *net, int s)
{
    return (size_t)room->n * net->segment[s].image;
}

static void
state_save(struct ode_gauge_room *room, const struct ode_net *net, int s,
           struct ode_pair p)
{
    const size_t n = part_n(room, net, s);

    memcpy(room->begin, p.y, n * sizeof *p.y);
    if (net->parts == 2)
        memcpy(room->begin + n, p.z, n * sizeof *p.z);
}

/* |x - y|^2, or |x|^2 where y is NULL. */
static double
square(const real *x, const real *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (y ? (double)y[i] : 0);

        sum += d * d;
    }
    return sum;
}

static double
state_square(const struct ode_gauge_room *room, const struct ode_net *net, int s,
             struct ode_pair p, const real *from)
{
    const size_t n = part_n(room, net, s);
    const double y = square(p.y, from, n);

    return net->parts == 1 ? y : y + square(p.z, from ? from + n : NULL, n);
}

/* Undoes segment s; the distance from where it began. */
static double
reversal_error(struct ode_gauge_room *room, const struct ode_exec *e, int s)
{
    ode_segment_inverse(e, &room->work, s, room->n, ODE_REPLAY, room->result.moment);
    return sqrt(
        state_square(room, e->net, s, ode_segment_begin(e, &room->work, s), room->begin));
}

/* Growth and error of segment s, which leaves its end to the next first. */
static void
segment_measure(struct ode_gauge_room *room, const struct ode_exec *e, int s,
                struct ode_gauge_segment *gauge)
{
    struct ode_work *w = &room->work;
    real *moment = room->result.moment;
    const struct ode_pair begin = ode_segment_begin(e, w, s);
    const double size = sqrt(state_square(room, e->net, s, begin, NULL));

    state_save(room, e->net, s, begin);
    ode_segment_forward(e, w, s, room->n, ODE_TRAIN, moment);
    if (s + 1 < e->net->segment_n)
        ode_link_forward(e, w, s, room->n, ODE_TRAIN, moment);
    gauge->growth =
        sqrt(state_square(room, e->net, s, ode_segment_end(e, w, s), NULL)) / size;
    gauge->error = e->net->block->reach ? reversal_error(room, e, s) / size : NAN;
}

/* --- norms ------------------------------------------------------------------------- */

/* The slot of a layer's part at a point of segment s, or -1. */
static int
slot_at(const struct ode_net *net, int s, int point, int layer, enum ode_part part)
{
    const int role = net->role[layer][part];

    return role < 0 ? -1
                    : net->point[(net->segment[s].slot + point) * net->role_n + role];
}

/* Normal numbers inside the halo. */
static void
vector_start(const struct ode_stretch *g, int s, real *x)
{
    struct ode_rng rng = ode_rng_at(0, ODE_STREAM_GAUGE, (uint64_t)s, 0);
    const int h = g->conv.h, w = g->conv.w;

    memset(x, 0, g->image * sizeof *x);
    for (int c = 0; c < g->width; c++)
        for (int y = 1; y <= h; y++)
            for (int p = 1; p <= w; p++)
                x[(size_t)(c / ODE_VEC) * ode_plane(h, w)
                  + (size_t)(y * (w + 2) + p) * ODE_VEC + (size_t)(c % ODE_VEC)] =
                    (real)ode_rng_normal(&rng);
}

/* x / |x|; returns |x|. */
static double
vector_normalise(const struct ode_kernels *kernels, size_t n, real *x)
{
    const double norm = sqrt(square(x, NULL, n));

    if (norm > 0)
        kernels->combine(n, (real)(1 / norm), x, 0, x, x);
    return norm;
}

/* ||K|| of the kernel in a slot: |K v| for v = K'K ... K'K x, normalised. */
static double
kernel_norm(struct ode_gauge_room *room, const struct ode_exec *e, int s, int slot)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const real *forth, *back; /* of an antisymmetric kernel: less it */
    real *v = room->vector[0], *kv = room->vector[1];
    struct ode_finish to_kv = { .kind = ODE_FINISH_SUM, .y = kv };
    struct ode_finish to_v = { .kind = ODE_FINISH_SUM, .y = v };
    double norm = 0;

    ode_slot_kernel(e, &room->work, slot, &forth, &back);
    vector_start(g, s, v);
    memset(kv, 0, g->image * sizeof *kv);
    vector_normalise(e->kernels, g->image, v);
    for (int i = 0; i < ROUNDS; i++) {
        e->kernels->conv(&g->conv, 1, v, forth, &to_kv);
        norm = vector_normalise(e->kernels, g->image, kv);
        e->kernels->conv(&g->conv, 1, kv, back, &to_v);
        norm = vector_normalise(e->kernels, g->image, v);
    }
    return norm;
}

/* The largest slope of a normalisation; 1 where there is none. */
static double
norm_gain(const struct ode_exec *e, int scale, int variance)
{
    const real *g = ode_slot_weights(e, scale), *v = ode_slot_weights(e, variance);
    double most = 0;

    if (!g)
        return 1;
    if (!v)
        return NAN;
    for (size_t c = 0; c < e->net->slot[scale].n; c++)
        most = fmax(most, fabs((double)g[c]) / sqrt((double)v[c] + ODE_NORM_EPSILON));
    return most;
}

double
ode_gauge_lipschitz(struct ode_gauge_room *room, const struct ode_exec *e, int s,
                    int point, int layer)
{
    const struct ode_net *net = e->net;
    const double gain = norm_gain(e, slot_at(net, s, point, layer, ODE_PART_PRE_SCALE),
                                  slot_at(net, s, point, layer, ODE_PART_PRE_VARIANCE))
                        * norm_gain(e, slot_at(net, s, point, layer, ODE_PART_SCALE),
                                    slot_at(net, s, point, layer, ODE_PART_VARIANCE));
    double k;

    if (isnan(gain))
        return gain;
    k = kernel_norm(room, e, s, slot_at(net, s, point, layer, ODE_PART_KERNEL));
    if (net->form == ODE_FORM_SYMMETRIC)
        return gain * k * k;
    if (net->form == ODE_FORM_RESIDUAL)
        return gain * k
               * kernel_norm(room, e, s, slot_at(net, s, point, layer, ODE_PART_OUTER));
    return gain * k;
}

/* --- all of it --------------------------------------------------------------------- */

static double
stability(struct ode_gauge_room *room, const struct ode_exec *e, int s)
{
    const struct ode_block_ops *ops = e->net->block;
    const struct ode_stretch *g = &e->net->segment[s];
    const int looks = g->points < POINTS ? g->points : POINTS;
    double most = 0;

    for (int i = 0; i < looks; i++) {
        const int point = (int)((int64_t)i * g->points / looks);
        double lipschitz[2], now;

        for (int layer = 0; layer < ops->layers; layer++)
            lipschitz[layer] = ode_gauge_lipschitz(room, e, s, point, layer);
        now = ops->stability((double)g->dt, lipschitz);
        if (isnan(now))
            return now;
        most = now > most ? now : most;
    }
    return most;
}

void
ode_gauge_measure(struct ode_gauge_room *room, const struct ode_exec *exec,
                  ode_fetch_fn *fetch, void *context, struct ode_gauge *gauge)
{
    struct ode_net net;
    const struct ode_exec e = in_place(exec, room->n, &net);

    *gauge = (struct ode_gauge){ .segments = net.segment_n };
    open_images(room, &e, fetch, context);
    for (int s = 0; s < net.segment_n; s++) {
        segment_measure(room, &e, s, &gauge->segment[s]);
        gauge->segment[s].stability = stability(room, &e, s);
    }
}
