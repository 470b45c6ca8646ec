/* net.c - from a recipe's level to shapes; walk.c has its tensors and slots. */
#include "core/net/net.h"

#include <math.h>
#include <stdlib.h>

#include "core/net/walk.h"

/* States are multiples of 2^-16: sums are exact in fp32 while they stay below 2^8. */
#ifdef ODE_DOUBLE
#define STATE_GRID 0x1p-40
#else
#define STATE_GRID 0x1p-16f
#endif

/* --- stages ------------------------------------------------------------------------ */

struct ode_slots
ode_net_step_slots(const struct ode_net *net, int s, int b)
{
    const struct ode_stretch *g = &net->segment[s];
    const int first = g->first_slot + net->block->stride * b * g->point_slots;

    return (struct ode_slots){ first, first + net->block->points * g->point_slots };
}

static void
share_raise(struct ode_net *net, struct ode_slots stage)
{
    size_t n = 0;

    for (int i = stage.first; i < stage.end; i++)
        n += net->slot[i].n;
    net->share_n = n > net->share_n ? n : net->share_n;
}

/* What the largest stage, and the largest step's local weights, take. */
static void
rooms_init(struct ode_net *net)
{
    share_raise(net, net->opening_slots);
    share_raise(net, net->end_slots);
    for (int s = 0; s < net->segment_n; s++) {
        const size_t local = net->segment[s].point_local * (size_t)net->block->points;

        share_raise(net, net->link_slots[s]);
        share_raise(net, ode_net_step_slots(net, s, 0));
        net->local_n = local > net->local_n ? local : net->local_n;
    }
}

/* --- shapes ------------------------------------------------------------------------ */

int
ode_net_segment_blocks(const struct ode_model_spec *model, const int64_t *blocks, int s)
{
    const int units = (int)model->units_n;

    if (model->connector == ODE_LINK_RESIDUAL)
        return (int)blocks[s] - (s > 0);
    if (model->placement == ODE_PLACEMENT_BETWEEN)
        return (int)blocks[s];
    return (int)blocks[s] - (s > 0) + (s + 1 < units);
}

/* What is kept in a segment: what can't be reversed keeps checkpoints instead. */
static enum ode_memory
memory_of(const struct ode_recipe_spec *recipe, const struct ode_block_ops *ops, int s)
{
    static const enum ode_memory own[] = {
        [ODE_UNIT_MEMORY_STORE] = ODE_MEMORY_STORE,
        [ODE_UNIT_MEMORY_CHECKPOINT] = ODE_MEMORY_CHECKPOINT,
        [ODE_UNIT_MEMORY_REVERSE] = ODE_MEMORY_REVERSE,
    };
    const enum ode_unit_memory unit = recipe->model.units[s].memory;
    enum ode_memory memory =
        unit == ODE_UNIT_MEMORY_TRAIN ? recipe->train.memory : own[unit];

    if (memory == ODE_MEMORY_REVERSE_INEXACT)
        memory = ODE_MEMORY_REVERSE;
    if (memory == ODE_MEMORY_AUTO) /* ode_plan_memory() decides */
        memory = ODE_MEMORY_STORE;
    return memory == ODE_MEMORY_REVERSE && !ops->reach ? ODE_MEMORY_CHECKPOINT : memory;
}

static void
segment_init(struct ode_net *net, const struct ode_recipe_spec *recipe,
             const struct ode_level_spec *level, int s, int *slot)
{
    const struct ode_model_spec *model = &recipe->model;
    const struct ode_block_ops *ops = net->block;
    const int size = net->resolution >> s;
    const int channels = (int)model->units[s].channels, width = channels / net->parts;
    const int n = ode_net_segment_blocks(model, level->blocks, s);
    const int nodes = model->units[s].weights ? (int)model->units[s].weights : n;
    const bool exact = ops->reach && recipe->train.memory != ODE_MEMORY_REVERSE_INEXACT;
    const int every = (int)recipe->train.checkpoint_every;
    int64_t finest[ODE_SEGMENTS_MAX];
    double end;

    for (int u = 0; u < net->segment_n; u++)
        finest[u] = model->units[u].blocks;
    end = model->step * ode_net_segment_blocks(model, finest, s);
    net->segment[s] = (struct ode_stretch){
        .conv = ode_net_conv(net, width, width, size, 3),
        .width = width,
        .image = ode_image(width, size, size),
        .blocks = n,
        .nodes = nodes,
        .points = n > 0 ? ops->stride * (n - 1) + ops->points : 0,
        .slot = *slot,
        .dt = (real)(end / n),
        .grid = exact ? STATE_GRID : 0,
        .memory = memory_of(recipe, ops, s),
        .every = every ? every : (int)ceil(sqrt(n)),
    };
    *slot += net->segment[s].points;
    net->params.segment[s] = (struct ode_segment){
        .unit = s, .first = s > 0, .blocks = nodes, .channels = channels, .dt = end / n
    };
}

static double
conv_flops(const struct ode_conv *c, int in, int out)
{
    return (c->point ? 2.0 : 18.0) * in * out * c->h * c->w;
}

static double
link_flops(const struct ode_link_site *link, int from)
{
    const int to = link->side.channels;

    if (link->kind == ODE_LINK_POINTWISE)
        return conv_flops(&link->main.conv, from, link->main.channels);
    if (link->kind == ODE_LINK_ZERO)
        return 0;
    return conv_flops(&link->main.conv, from, to) + conv_flops(&link->inner.conv, to, to)
           + conv_flops(&link->side.conv, from, to);
}

static double
net_flops(const struct ode_net *net)
{
    const bool outer = net->form == ODE_FORM_SYMMETRIC || net->form == ODE_FORM_RESIDUAL;
    const int last = net->segment_n - 1, end = net->segment[last].width * net->parts;
    double sum = conv_flops(&net->opening.conv, net->in, net->opening.channels)
                 + 2.0 * net->features * net->classes;

    if (net->closing.weight >= 0)
        sum += conv_flops(&net->closing.conv, end, net->closing.channels);
    for (int s = 0; s <= last; s++) {
        const struct ode_stretch *g = &net->segment[s];
        const int layers = net->block->layers > 1    ? 2
                           : net->block->points == 3 ? 4 /* stages of rk4 */
                                                     : 1;

        sum += (outer ? 2 : 1) * layers * g->blocks
               * conv_flops(&g->conv, g->width, g->width);
        if (s < last)
            sum += link_flops(&net->link[s], g->width * net->parts);
    }
    return sum;
}

/* Prepared kernels of blocks beyond this are not kept: reading them costs as much as
 * preparing them then, as no cache holds them. */
enum { KEPT_BYTES = 48 << 20 };

static bool
net_streams(const struct ode_net *net)
{
    const bool residual = net->form == ODE_FORM_RESIDUAL;
    const bool anti = net->form == ODE_FORM_ANTISYMMETRIC;
    const size_t kernels = (size_t)net->block->layers * (residual ? 2 : 1);
    size_t n = 0;

    for (int s = 0; s < net->segment_n; s++)
        n += (size_t)net->segment[s].points * kernels * (anti ? 1 : 2)
             * ode_prepared(&net->segment[s].conv);
    return n * sizeof(float) > KEPT_BYTES;
}

/* --- begin and end ----------------------------------------------------------------- */

/* Halvings from the finest resolution, where coarse weights are restrictions. */
static int
halvings_drawn(const struct ode_recipe_spec *recipe, int64_t resolution)
{
    const int64_t finest = ode_recipe_resolution(recipe);
    int k = 0;

    if (recipe->transfer.gradient == ODE_GRADIENT_FINEST)
        while (resolution << k < finest)
            k++;
    return k;
}

static struct ode_net
net_shape(const struct ode_recipe_spec *recipe, const struct ode_level_spec *level,
          int in, int classes)
{
    const struct ode_model_spec *m = &recipe->model;
    const struct ode_block_ops *ops = ode_block_table[m->block];
    const enum ode_form form = m->layer == ODE_FORM_AUTO ? ops->form : m->layer;
    const bool before = m->norm_before || form == ODE_FORM_RESIDUAL;
    struct ode_net net = {
        .in = in,
        .classes = classes,
        .resolution = (int)level->resolution,
        .block = ops,
        .act = (enum ode_act)m->activation,
        .form = form,
        .start = m->start == ODE_START_AUTO ? ops->start : m->start,
        .init = m->init,
        .norm = m->norm,
        .before = before && m->norm != ODE_NORM_NONE,
        .bare =
            m->norm_before && form != ODE_FORM_RESIDUAL && m->stem_norm != ODE_NORM_NONE,
        .parts = ops->layout == ODE_HALVES ? 2 : 1,
        .whitening = m->opening == ODE_OPENING_WHITENING,
        .direct = recipe->train.convolution == ODE_CONVOLUTION_DIRECT,
        .flat = m->head == ODE_READOUT_FLAT,
        .finer = halvings_drawn(recipe, level->resolution),
        .segment_n = (int)m->units_n,
    };

    _Static_assert((int)ODE_ACT_SOFTPLUS == (int)ODE_ACTIVATION_SOFTPLUS,
                   "activations are listed in one order");
    net.params.segment_n = net.segment_n;
    ode_net_roles(&net);
    return net;
}

static enum ode_status
net_fill(struct ode_net *net, const struct ode_recipe_spec *recipe,
         const struct ode_level_spec *level, struct ode_err *err)
{
    int slot = 0;

    net->params.segment = calloc((unsigned)net->segment_n, sizeof *net->params.segment);
    if (!net->params.segment)
        return ode_fail(err, ODE_ENOMEM, "/model", "no memory for %d units",
                        net->segment_n);
    for (int s = 0; s < net->segment_n; s++)
        segment_init(net, recipe, level, s, &slot);
    net->streams = net_streams(net);
    ODE_TRY(ode_net_walk(net, recipe, err));
    rooms_init(net);
    net->flops = net_flops(net);
    return ODE_OK;
}

enum ode_status
ode_net_init(struct ode_net *out, const struct ode_recipe_spec *recipe, size_t level_at,
             int in, int classes, struct ode_err *err)
{
    const struct ode_level_spec *level = &recipe->levels[level_at];
    struct ode_net net = net_shape(recipe, level, in, classes);
    enum ode_status status;

    for (int s = 0; s < net.segment_n; s++)
        if (ode_net_segment_blocks(&recipe->model, level->blocks, s) < 1
            || net.resolution >> s < 1)
            return ode_fail(err, ODE_ESPEC, "/levels",
                            "level %zu leaves nothing of unit %d", level_at, s);
    status = net_fill(&net, recipe, level, err);
    if (status != ODE_OK) {
        ode_net_release(&net);
        return status;
    }
    *out = net;
    return ODE_OK;
}

void
ode_net_release(struct ode_net *net)
{
    free(net->params.tensor);
    free(net->params.segment);
    free(net->slot);
    free(net->uses);
    free(net->point);
    *net = (struct ode_net){ 0 };
}
