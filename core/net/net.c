/* net.c - from a recipe's level to shapes, tensors and their places. */
#include "core/net/net.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"

enum { BLOCK_TENSORS = 4 };

/* States are multiples of 2^-16: sums are exact in fp32 while they stay below 2^8. */
#ifdef ODE_DOUBLE
#define STATE_GRID 0x1p-40
#else
#define STATE_GRID 0x1p-16f
#endif

/* Extents of the padded run that holds `channels` channels stored in `parts` runs. */
static int
padded(int channels, int parts)
{
    return parts * ode_blocks(channels / parts) * ODE_VEC;
}

/* Where channel i of `channels` stands among the padded ones. */
static int
position(int i, int channels, int parts)
{
    const int run = channels / parts;

    return i / run * ode_blocks(run) * ODE_VEC + i % run;
}

static int
tensor_add(struct ode_net *net, enum ode_tensor_kind kind, int dims, const int *dim,
           const char *format, ...)
{
    struct ode_params *p = &net->params;
    const int i = p->tensor_n++;
    struct ode_tensor *t = &p->tensor[i];
    size_t *total = kind == ODE_TENSOR_MEAN || kind == ODE_TENSOR_VARIANCE
                        ? &p->statistic_n
                        : &p->theta_n;
    va_list args;

    *t = (struct ode_tensor){ .kind = kind, .dims = dims, .segment = -1, .n = 1 };
    va_start(args, format);
    vsnprintf(t->name, sizeof t->name, format, args);
    va_end(args);
    for (int d = 0; d < dims; d++) {
        t->dim[d] = dim[d];
        t->n *= (size_t)dim[d];
    }
    t->offset = *total;
    *total += t->n;
    return i;
}

/* Gives tensor i room among the packed weights and in a lane. */
static void
tensor_place(struct ode_net *net, int i, size_t n, int parts, bool flipped)
{
    struct ode_place *p = &net->place[i];

    n = (n + ODE_VEC - 1) / ODE_VEC * ODE_VEC;
    *p = (struct ode_place){
        .n = n, .parts = parts, .packed = net->packed_n, .lane = net->lane_n
    };
    net->packed_n += n;
    if (!net->params.trained_n) /* not yet among the statistics */
        net->lane_n += n;
    if (flipped) {
        p->flipped = net->packed_n;
        net->packed_n += n;
    }
}

static int
vector_add(struct ode_net *net, enum ode_tensor_kind kind, int channels, int parts,
           const char *name)
{
    const int i = tensor_add(net, kind, 1, &channels, "%s", name);

    tensor_place(net, i, (size_t)padded(channels, parts), parts, false);
    return i;
}

static void
opening_add(struct ode_net *net, int channels)
{
    const int dim[] = { channels, net->in, 3, 3 };
    const int size = net->resolution;

    net->opening = (struct ode_conv){
        .in = net->in, .out = padded(channels, 2), .h = size, .w = size
    };
    net->at.weight = tensor_add(net, ODE_TENSOR_CONV, 4, dim, "opening.weight");
    tensor_place(net, net->at.weight, ode_packed(net->in, net->opening.out), 2, false);
    net->at.scale = vector_add(net, ODE_TENSOR_SCALE, channels, 2, "opening.norm.scale");
    net->at.shift = vector_add(net, ODE_TENSOR_SHIFT, channels, 2, "opening.norm.shift");
}

/* Block b of segment s; `unit` and `index` name it. */
static void
block_add(struct ode_net *net, int s, int b, int unit, int index)
{
    const int half = net->segment[s].half;
    const int dim[] = { half, half, 3, 3 };

    for (int role = 0; role < BLOCK_TENSORS; role++) {
        const bool kernel = role % 2 == 0;
        const int i = tensor_add(net, kernel ? ODE_TENSOR_CONV : ODE_TENSOR_BIAS,
                                 kernel ? 4 : 1, dim, "unit.%d.block.%d.%c%d", unit,
                                 index, kernel ? 'k' : 'b', role / 2 + 1);

        net->params.tensor[i].segment = s;
        net->params.tensor[i].block = b;
        net->params.tensor[i].role = role;
        tensor_place(net, i, kernel ? ode_packed(half, half) : (size_t)padded(half, 1), 1,
                     kernel);
        if (b == 0 && role == 0)
            net->segment[s].tensor = i;
    }
}

static void
head_add(struct ode_net *net, int channels)
{
    const int dim[] = { net->classes, channels };

    net->at.head_scale =
        vector_add(net, ODE_TENSOR_SCALE, channels, 2, "head.norm.scale");
    net->at.head_shift =
        vector_add(net, ODE_TENSOR_SHIFT, channels, 2, "head.norm.shift");
    net->at.head_weight = tensor_add(net, ODE_TENSOR_DENSE, 2, dim, "head.weight");
    tensor_place(net, net->at.head_weight, (size_t)dim[0] * (size_t)dim[1], 1, false);
    net->at.head_bias = vector_add(net, ODE_TENSOR_BIAS, net->classes, 1, "head.bias");
}

static void
statistics_add(struct ode_net *net, int first, int last)
{
    net->params.trained_n = net->params.tensor_n;
    net->at.mean = vector_add(net, ODE_TENSOR_MEAN, first, 2, "opening.norm.mean");
    net->at.variance =
        vector_add(net, ODE_TENSOR_VARIANCE, first, 2, "opening.norm.variance");
    net->at.head_mean = vector_add(net, ODE_TENSOR_MEAN, last, 2, "head.norm.mean");
    net->at.head_variance =
        vector_add(net, ODE_TENSOR_VARIANCE, last, 2, "head.norm.variance");
}

/* Blocks of segment s when unit u has blocks[u]. */
static int
segment_blocks(const int64_t *blocks, int units, int s)
{
    return (int)blocks[s] - (s > 0) + (s + 1 < units);
}

static void
segment_init(struct ode_net *net, const struct ode_recipe_spec *recipe,
             const struct ode_level_spec *level, int s)
{
    const int units = (int)recipe->model.units_n, size = net->resolution >> s;
    const int half = (int)recipe->model.units[s].channels / 2;
    const int n = segment_blocks(level->blocks, units, s);
    int64_t finest[ODE_SEGMENTS_MAX];
    double end;

    for (int u = 0; u < units; u++)
        finest[u] = recipe->model.units[u].blocks;
    end = recipe->model.step * segment_blocks(finest, units, s);
    net->segment[s] = (struct ode_stretch){
        .conv = {.in = half, .out = half, .h = size, .w = size},
        .half = half,
        .image = ode_image(half, size, size),
        .blocks = n,
        .dt = (real)(end / n),
    };
    net->params.segment[s] = (struct ode_segment){
        .unit = s, .first = s > 0, .blocks = n, .channels = 2 * half, .dt = end / n
    };
}

static double
net_flops(const struct ode_net *net, int channels)
{
    const struct ode_stretch *last = &net->segment[net->segment_n - 1];
    double sum = 18.0 * net->in * channels * net->resolution * net->resolution
                 + 4.0 * last->half * net->classes;

    for (int s = 0; s < net->segment_n; s++) {
        const struct ode_conv *c = &net->segment[s].conv;

        sum += 4.0 * net->segment[s].blocks * 18.0 * c->in * c->out * c->h * c->w;
    }
    return sum;
}

static enum ode_status
tables_init(struct ode_net *net, const struct ode_recipe_spec *recipe,
            const struct ode_level_spec *level, struct ode_err *err)
{
    const int units = (int)recipe->model.units_n;
    size_t tensors = 11;

    for (int u = 0; u < units; u++)
        tensors += BLOCK_TENSORS * (size_t)level->blocks[u];
    net->params.tensor = calloc(tensors, sizeof *net->params.tensor);
    net->params.segment = calloc((size_t)units, sizeof *net->params.segment);
    net->place = calloc(tensors, sizeof *net->place);
    if (!net->params.tensor || !net->params.segment || !net->place) {
        ode_net_release(net);
        return ode_fail(err, ODE_ENOMEM, "/model", "no memory for %zu tensors", tensors);
    }
    return ODE_OK;
}

enum ode_status
ode_net_init(struct ode_net *out, const struct ode_recipe_spec *recipe, size_t level_at,
             int in, int classes, struct ode_err *err)
{
    const struct ode_level_spec *level = &recipe->levels[level_at];
    const int units = (int)recipe->model.units_n;
    const int first = (int)recipe->model.units[0].channels;
    const int last = (int)recipe->model.units[units - 1].channels;
    struct ode_net net = { .in = in, .classes = classes, .grid = STATE_GRID };

    net.resolution = (int)level->resolution;
    net.act =
        recipe->model.activation == ODE_ACTIVATION_TANH ? ODE_ACT_TANH : ODE_ACT_RELU;
    for (int u = 0; u < units; u++)
        if (segment_blocks(level->blocks, units, u) < 1 || net.resolution >> u < 1)
            return ode_fail(err, ODE_ESPEC, "/levels",
                            "level %zu leaves nothing of unit %d", level_at, u);
    ODE_TRY(tables_init(&net, recipe, level, err));
    net.segment_n = net.params.segment_n = units;
    opening_add(&net, first);
    for (int s = 0; s < units; s++) {
        segment_init(&net, recipe, level, s);
        for (int b = 0; b < net.segment[s].blocks; b++) {
            const int own = (int)level->blocks[s] - (s > 0);
            const bool lent = b >= own; /* the next unit's first block */

            block_add(&net, s, b, lent ? s + 1 : s, lent ? 0 : b + (s > 0));
        }
    }
    head_add(&net, last);
    statistics_add(&net, first, last);
    net.flops = net_flops(&net, first);
    *out = net;
    return ODE_OK;
}

void
ode_net_release(struct ode_net *net)
{
    free(net->params.tensor);
    free(net->params.segment);
    free(net->place);
    *net = (struct ode_net){ 0 };
}

static void
tensor_initialise(const struct ode_tensor *t, uint64_t seed, int i, real *x)
{
    struct ode_rng rng = ode_rng_at(seed, ODE_STREAM_INIT, (uint64_t)i, 0);
    const double spread = t->kind == ODE_TENSOR_CONV ? sqrt(2.0 / (9.0 * t->dim[0]))
                                                     : sqrt(3.0 / t->dim[1]);
    const bool one = t->kind == ODE_TENSOR_SCALE || t->kind == ODE_TENSOR_VARIANCE;

    for (size_t j = 0; j < t->n; j++)
        if (t->kind == ODE_TENSOR_CONV)
            x[j] = (real)(spread * ode_rng_truncated_normal(&rng));
        else if (t->kind == ODE_TENSOR_DENSE)
            x[j] = (real)(spread * (2 * ode_rng_uniform(&rng) - 1));
        else
            x[j] = one;
}

void
ode_net_initialise(const struct ode_net *net, uint64_t seed, real *theta,
                   real *statistics)
{
    for (int i = 0; i < net->params.tensor_n; i++) {
        const struct ode_tensor *t = &net->params.tensor[i];

        tensor_initialise(t, seed, i,
                          (i < net->params.trained_n ? theta : statistics) + t->offset);
    }
}

/* Index in packed kernels of the weight from channel `in` to channel `out` at `tap`. */
static size_t
packed_at(int in, int out, int tap, int in_blocks)
{
    const size_t block = (size_t)(out / ODE_VEC * in_blocks + in / ODE_VEC);

    return ((block * 9 + (size_t)tap) * ODE_VEC + (size_t)(in % ODE_VEC)) * ODE_VEC
           + (size_t)(out % ODE_VEC);
}

static void
kernel_pack(const struct ode_tensor *t, const struct ode_place *p, const real *k,
            real *packed)
{
    const int out = t->dim[0], in = t->dim[1], in_blocks = ode_blocks(in);
    const int out_blocks = padded(out, p->parts) / ODE_VEC;

    for (int o = 0; o < out; o++)
        for (int i = 0; i < in; i++)
            for (int tap = 0; tap < 9; tap++) {
                const real value = k[(o * in + i) * 9 + tap];
                const int at = position(o, out, p->parts);

                packed[p->packed + packed_at(i, at, tap, in_blocks)] = value;
                if (p->flipped)
                    packed[p->flipped + packed_at(o, i, 8 - tap, out_blocks)] = value;
            }
}

void
ode_net_pack(const struct ode_net *net, int i, const real *theta, const real *statistics,
             real *packed)
{
    const struct ode_tensor *t = &net->params.tensor[i];
    const struct ode_place *p = &net->place[i];
    const real *x = (i < net->params.trained_n ? theta : statistics) + t->offset;

    if (t->kind == ODE_TENSOR_CONV)
        kernel_pack(t, p, x, packed);
    else if (t->kind == ODE_TENSOR_DENSE)
        memcpy(packed + p->packed, x, t->n * sizeof *x);
    else
        for (int c = 0; c < t->dim[0]; c++)
            packed[p->packed + (size_t)position(c, t->dim[0], p->parts)] = x[c];
}

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

void
ode_net_reduce(const struct ode_net *net, int i, real *const *lane, int lanes,
               real *gradient)
{
    const struct ode_tensor *t = &net->params.tensor[i];
    const struct ode_place *p = &net->place[i];
    real *g = gradient + t->offset;

    if (t->kind == ODE_TENSOR_CONV) {
        const int out = t->dim[0], in = t->dim[1];

        for (int o = 0; o < out; o++)
            for (int c = 0; c < in; c++)
                for (int tap = 0; tap < 9; tap++)
                    g[(o * in + c) * 9 + tap] =
                        lane_sum(lane, lanes,
                                 p->lane
                                     + packed_at(c, position(o, out, p->parts), tap,
                                                 ode_blocks(in)));
    } else if (t->kind == ODE_TENSOR_DENSE) {
        for (size_t j = 0; j < t->n; j++)
            g[j] = lane_sum(lane, lanes, p->lane + j);
    } else {
        for (int c = 0; c < t->dim[0]; c++)
            g[c] =
                lane_sum(lane, lanes, p->lane + (size_t)position(c, t->dim[0], p->parts));
    }
}
