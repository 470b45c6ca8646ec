/* transfer.c - all parameters of a network to another resolution, depth, or both. */
#include "core/scales/transfer.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/scales/depth.h"
#include "core/scales/stencil.h"

enum { CHUNK = 9 * 64 }; /* floats at a time: whole stencils, well within a cache */

typedef void map_fn(const struct ode_transfer_op *op, double (*stencil)[3]);

/* From table to table, what happens to stencils on the way, and the source tensor found
 * last: the next one is near it. */
struct route {
    const struct ode_params *from, *to;
    const struct ode_transfer_op *op;
    map_fn *map;
    int near;
};

static bool
damps(const struct ode_transfer_op *op)
{
    return op->damping > 0 && op->halvings < 0;
}

static void
map_taps(const struct ode_transfer_op *op, double (*stencil)[3])
{
    if (damps(op))
        ode_stencil_refine(op->damping, -op->halvings, stencil);
    else
        ode_stencil_map(op->space, op->halvings, stencil);
}

static void
map_squares(const struct ode_transfer_op *op, double (*stencil)[3])
{
    if (damps(op))
        ode_stencil_refine_squares(op->damping, -op->halvings, stencil);
    else
        ode_stencil_map_squares(op->space, op->halvings, stencil);
}

static bool
in_block(const struct ode_tensor *t)
{
    return t->segment >= 0;
}

static bool
is_kernel(const struct ode_tensor *t, int width)
{
    return t->kind == ODE_TENSOR_CONV && t->dims == 4 && t->dim[2] == width
           && t->dim[3] == width;
}

/* Whether s is the source's counterpart of t, in block `block` where t is in any. */
static bool
is_counterpart(const struct ode_tensor *s, const struct ode_tensor *t, int block)
{
    if (in_block(s) != in_block(t))
        return false;
    if (!in_block(t))
        return strcmp(s->name, t->name) == 0;
    return s->segment == t->segment && s->role == t->role && s->block == block;
}

/* Looks 0, 1 before, 1 after, 2 before, ... the last one found. */
static const struct ode_tensor *
find_exactly(struct route *route, const struct ode_tensor *t, int block)
{
    int n = route->from->tensor_n;

    for (int step = 0; step < 2 * n; step++) {
        int i = route->near + (step % 2 ? -(step + 1) / 2 : step / 2);

        if (0 <= i && i < n && is_counterpart(&route->from->tensor[i], t, block)) {
            route->near = i;
            return &route->from->tensor[i];
        }
    }
    return NULL;
}

/* The same; where the network's very first block lacks a normalisation that the others
 * have, the next block's stands for it. */
static const struct ode_tensor *
find(struct route *route, const struct ode_tensor *t, int block)
{
    const struct ode_tensor *s = find_exactly(route, t, block);

    return s || block > 0 || !in_block(t) ? s : find_exactly(route, t, 1);
}

/* The source blocks that t is made of. */
static struct ode_depth_row
sources(const struct route *route, const struct ode_tensor *t)
{
    if (!in_block(t))
        return (struct ode_depth_row){ .count = 1, .head = 1 };
    return ode_depth_row(route->op->time, route->from->segment[t->segment].blocks,
                         route->to->segment[t->segment].blocks, t->block);
}

/* Tensors of a segment's last block; of all outside blocks if the segment is -1. */
static int
tensors_in(const struct ode_params *params, int segment)
{
    const int block = segment < 0 ? 0 : params->segment[segment].blocks - 1;
    int n = 0;

    for (int i = 0; i < params->tensor_n; i++)
        n += params->tensor[i].segment == segment && params->tensor[i].block == block;
    return n;
}

static enum ode_status
segment_check(const struct ode_params *from, const struct ode_params *to, int segment,
              struct ode_err *err)
{
    int n = from->segment[segment].blocks, m = to->segment[segment].blocks;
    int n_tensors = tensors_in(from, segment), m_tensors = tensors_in(to, segment);
    char at[32];

    snprintf(at, sizeof at, "segment %d", segment);
    if (n == 0 && m > 0)
        return ode_fail(err, ODE_ESHAPE, at,
                        "its %d blocks cannot be made from a source that has none there; "
                        "give the source's units one block more",
                        m);
    if (m > 0 && n_tensors != m_tensors)
        return ode_fail(err, ODE_ESHAPE, at,
                        "its blocks have %d parameters, but those of the source have %d; "
                        "the blocks must be of one kind",
                        m_tensors, n_tensors);
    return ODE_OK;
}

static enum ode_status
segments_check(const struct ode_params *from, const struct ode_params *to,
               struct ode_err *err)
{
    int n = tensors_in(from, -1), m = tensors_in(to, -1);

    if (from->segment_n != to->segment_n)
        return ode_fail(err, ODE_ESHAPE, "segments",
                        "the source has %d and the target %d; both need the same units",
                        from->segment_n, to->segment_n);
    if (n != m)
        return ode_fail(err, ODE_ESHAPE, "tensors outside blocks",
                        "the source has %d and the target %d; both need the same opening "
                        "and head",
                        n, m);
    for (int i = 0; i < to->segment_n; i++)
        ODE_TRY(segment_check(from, to, i, err));
    return ODE_OK;
}

/* Whether a map of m pixels a side is one of n after so many halvings. */
static bool
is_halved(int n, int m, int halvings)
{
    return halvings < 0 ? n << -halvings == m : n == m << halvings;
}

/* Whether s can become t: of one shape, but that the map of a flat head changes. */
static bool
fits(const struct ode_tensor *s, const struct ode_tensor *t, int halvings)
{
    bool same = s->dims == t->dims;

    for (int i = 0; same && i < s->dims; i++)
        same = is_halved(s->dim[i], t->dim[i],
                         i >= 2 && ode_tensor_is_map(t) ? halvings : 0);
    return same;
}

/* "[16,16,3,3]" */
static const char *
shape_text(const struct ode_tensor *t, char text[64])
{
    size_t n = 0;

    for (int i = 0; i < t->dims; i++)
        n += (size_t)snprintf(text + n, 64 - n, "%c%d", i ? ',' : '[', t->dim[i]);
    snprintf(text + n, 64 - n, "%s", t->dims ? "]" : "[]");
    return text;
}

static enum ode_status
pair_check(const struct ode_tensor *s, const struct ode_tensor *t, int halvings,
           struct ode_err *err)
{
    char shape[2][64];

    if (!s)
        return ode_fail(err, ODE_ESHAPE, t->name,
                        "the source has no counterpart%s; both must be of one kind",
                        in_block(t) ? " in a block that it is made of" : "");
    if (s->kind != t->kind)
        return ode_fail(err, ODE_ESHAPE, t->name,
                        "it is of another kind than %s in the source (%d, not %d)",
                        s->name, (int)t->kind, (int)s->kind);
    if (!fits(s, t, halvings))
        return ode_fail(err, ODE_ESHAPE, t->name,
                        "its shape is %s, that of %s in the source %s; transfers change "
                        "resolution and depth, not widths",
                        shape_text(t, shape[0]), s->name, shape_text(s, shape[1]));
    return ODE_OK;
}

static enum ode_status
tensor_check(struct route *route, const struct ode_tensor *t, struct ode_err *err)
{
    const struct ode_transfer_op *op = route->op;
    struct ode_depth_row row = sources(route, t);
    char shape[64];

    for (int k = 0; k < row.count; k++)
        ODE_TRY(pair_check(find(route, t, row.first + k), t, op->halvings, err));
    if (t->kind == ODE_TENSOR_CONV && op->space != ODE_SPACE_NONE && op->halvings != 0
        && !is_kernel(t, 3) && !is_kernel(t, 1))
        return ode_fail(err, ODE_ESHAPE, t->name,
                        "kernels of shape %s cannot go to another resolution, only 3x3 "
                        "and 1x1; use space \"none\", which keeps them unchanged",
                        shape_text(t, shape));
    return ODE_OK;
}

enum ode_status
ode_transfer_check(const struct ode_params *from, const struct ode_params *to,
                   const struct ode_transfer_op *op, struct ode_err *err)
{
    struct route route = { .from = from, .to = to, .op = op };

    assert(op->damping == 0 || op->space == ODE_SPACE_BILINEAR);
    ODE_TRY(segments_check(from, to, err));
    for (int i = 0; i < to->tensor_n; i++)
        ODE_TRY(tensor_check(&route, &to->tensor[i], err));
    return ODE_OK;
}

/* sum = floats [at, at + n) of the sources of t, blended in time as ode_depth_apply()
 * does: what is constant in time stays exact, so the stencils see no noise to amplify. */
static void
chunk_blend(struct route *route, const struct ode_tensor *t, const float *from, size_t at,
            size_t n, double *sum)
{
    struct ode_depth_row row = sources(route, t);
    const float *first = from + find(route, t, row.first)->offset + at;

    for (size_t i = 0; i < n; i++)
        sum[i] = first[i];
    for (int k = 1; k < row.count; k++) {
        const float *x = from + find(route, t, row.first + k)->offset + at;
        double weight = ode_depth_weight(&row, k);

        for (size_t i = 0; i < n; i++)
            sum[i] -= weight * ((double)first[i] - x[i]);
    }
}

/* A flat head: sums of children, or a share for each of them. */
static void
map_write(struct route *route, const struct ode_tensor *t, const float *from, float *to)
{
    const struct ode_tensor *s = find(route, t, 0);
    const int halvings = route->op->halvings, planes = t->dim[0] * t->dim[1];
    const int down = halvings > 0 ? halvings : 0, up = halvings < 0 ? -halvings : 0;
    const double share = ldexp(1, (route->map == map_squares ? -4 : -2) * up);

    from += s->offset;
    to += t->offset;
    for (int p = 0; p < planes; p++, from += s->dim[2] * s->dim[3])
        for (int y = 0; y < t->dim[2]; y++)
            for (int x = 0; x < t->dim[3]; x++) {
                const float *child =
                    from + (y << down >> up) * s->dim[3] + (x << down >> up);
                double sum = 0;

                for (int i = 0; i < 1 << down; i++)
                    for (int j = 0; j < 1 << down; j++)
                        sum += (double)child[i * s->dim[3] + j];
                *to++ = (float)(share * sum);
            }
}

static void
tensor_write(struct route *route, const struct ode_tensor *t, const float *from,
             float *to)
{
    double sum[CHUNK];

    if (ode_tensor_is_map(t)) {
        map_write(route, t, from, to);
        return;
    }
    for (size_t at = 0; at < t->n; at += CHUNK) {
        size_t n = t->n - at < CHUNK ? t->n - at : CHUNK;

        chunk_blend(route, t, from, at, n, sum);
        if (is_kernel(t, 3))
            for (size_t i = 0; i < n; i += 9)
                route->map(route->op, (double(*)[3])(sum + i));
        for (size_t i = 0; i < n; i++)
            to[t->offset + at + i] = (float)sum[i];
    }
}

static enum ode_status
transfer(struct route route, bool statistics, const float *from, float *to,
         struct ode_err *err)
{
    ODE_TRY(ode_transfer_check(route.from, route.to, route.op, err));
    for (int i = 0; i < route.to->tensor_n; i++)
        if ((i >= route.to->trained_n) == statistics)
            tensor_write(&route, &route.to->tensor[i], from, to);
    return ODE_OK;
}

enum ode_status
ode_transfer_params(const struct ode_params *from, const float *theta_from,
                    const struct ode_params *to, float *theta_to,
                    const struct ode_transfer_op *op, struct ode_err *err)
{
    struct route route = { .from = from, .to = to, .op = op, .map = map_taps };

    return transfer(route, false, theta_from, theta_to, err);
}

enum ode_status
ode_transfer_second(const struct ode_params *from, const float *second_from,
                    const struct ode_params *to, float *second_to,
                    const struct ode_transfer_op *op, struct ode_err *err)
{
    struct route route = { .from = from, .to = to, .op = op, .map = map_squares };

    return transfer(route, false, second_from, second_to, err);
}

enum ode_status
ode_transfer_statistics(const struct ode_params *from, const float *statistics_from,
                        const struct ode_params *to, float *statistics_to,
                        const struct ode_transfer_op *op, struct ode_err *err)
{
    struct route route = { .from = from, .to = to, .op = op, .map = map_taps };

    return transfer(route, true, statistics_from, statistics_to, err);
}

void
ode_transfer_restrict(const struct ode_params *params, enum ode_space space, int halvings,
                      float *theta)
{
    for (int i = 0; i < params->trained_n; i++) {
        const struct ode_tensor *t = &params->tensor[i];
        float *kernels = theta + t->offset;

        if (is_kernel(t, 3))
            ode_stencil_apply(space, halvings, t->n / 9, kernels, kernels);
    }
}

void
ode_transfer_damp(const struct ode_params *params, int segment, int doublings, double was,
                  double cap, float *theta)
{
    for (int i = 0; i < params->trained_n; i++) {
        const struct ode_tensor *t = &params->tensor[i];
        float *x = theta + t->offset;
        double s[3][3];

        if (t->segment != segment || !is_kernel(t, 3))
            continue;
        for (size_t at = 0; at < t->n; at += 9) {
            for (int k = 0; k < 9; k++)
                s[k / 3][k % 3] = x[at + (size_t)k];
            ode_stencil_damp(doublings, was, cap, s);
            for (int k = 0; k < 9; k++)
                x[at + (size_t)k] = (float)s[k / 3][k % 3];
        }
    }
}

double
ode_transfer_norm(const struct ode_params *params, const float *theta)
{
    double sum = 0;

    for (int i = 0; i < params->trained_n; i++) {
        const struct ode_tensor *t = &params->tensor[i];

        for (size_t k = 0; t->kind == ODE_TENSOR_CONV && k < t->n; k++)
            sum += (double)theta[t->offset + k] * theta[t->offset + k];
    }
    return sqrt(sum);
}
