/* walk.c - a network from its opening to its head, tensor by tensor and slot by slot. */
#include "core/net/walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The network is walked twice, once for what is trained and once for the statistics, so
 * that the trained tensors come first; and by a counting builder before that.
 */
struct builder {
    struct ode_net *net;
    bool statistics; /* the second walk */
    bool counting;   /* there are no tables yet */
    size_t local;    /* reals in local slots of this point so far */
};

/* --- tensors and slots ------------------------------------------------------------ */

static bool
is_statistic(enum ode_tensor_kind kind)
{
    return kind == ODE_TENSOR_MEAN || kind == ODE_TENSOR_VARIANCE;
}

/* Appends a tensor; -1 if it is of the other walk. */
static int __attribute__((format(printf, 6, 7)))
tensor_add(struct builder *b, bool fixed, enum ode_tensor_kind kind, int dims,
           const int *dim, const char *format, ...)
{
    struct ode_params *p = &b->net->params;
    struct ode_tensor *t = b->counting ? NULL : &p->tensor[p->tensor_n];
    size_t *total = b->statistics ? &p->statistic_n : &p->theta_n;
    va_list args;

    if ((fixed || is_statistic(kind)) != b->statistics)
        return -1;
    if (!t)
        return p->tensor_n++;
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
    return p->tensor_n++;
}

/* Appends a slot of n reals. */
static int
slot_add(struct builder *b, struct ode_slot slot, bool moment)
{
    struct ode_net *net = b->net;
    size_t *room = moment ? &net->moment_n : &net->lane_n;
    size_t *at = slot.local ? &b->local : &net->packed_n;
    size_t packed, taken;

    slot.n = (slot.n + ODE_VEC - 1) / ODE_VEC * ODE_VEC;
    packed = slot.conv.in ? ode_prepared(&slot.conv) : slot.n;
    taken = slot.conv.in ? 2 * slot.n : 0; /* K and K^T */
    net->room_n = taken > net->room_n ? taken : net->room_n;
    slot.packed = *at;
    *at += packed;
    if (slot.flip) {
        slot.flipped = *at;
        *at += packed;
    }
    if (moment || !b->statistics) {
        slot.lane = *room;
        *room += slot.n;
    }
    if (!b->counting)
        net->slot[net->slot_n] = slot;
    return net->slot_n++;
}

/* The slot of a tensor outside blocks, which has one; -1 for -1. */
static int
own_slot(struct builder *b, int tensor, struct ode_slot slot, bool moment)
{
    if (tensor < 0)
        return -1;
    slot.tensor = tensor;
    slot.next = -1;
    if (!b->counting)
        b->net->uses[tensor] = (struct ode_uses){ b->net->slot_n, 1, 1 };
    return slot_add(b, slot, moment);
}

static int
vector_add(struct builder *b, enum ode_tensor_kind kind, int channels, int parts,
           const char *name, const char *what)
{
    const int i = tensor_add(b, false, kind, 1, &channels, "%s%s", name, what);

    return own_slot(
        b, i,
        (struct ode_slot){ .n = (size_t)ode_padded(channels, parts), .parts = parts },
        is_statistic(kind));
}

/* Sets *at where the walk has made it: the first walk makes scales, the second means. */
static void
made(int *at, int slot)
{
    if (slot >= 0)
        *at = slot;
}

static void
norm_add(struct builder *b, struct ode_norm_site *site, enum ode_norm kind, int channels,
         int parts, const char *name)
{
    if (!b->statistics)
        *site = (struct ode_norm_site){ kind, -1, -1, -1, -1 };
    if (kind == ODE_NORM_NONE)
        return;
    made(&site->scale, vector_add(b, ODE_TENSOR_SCALE, channels, parts, name, ".scale"));
    made(&site->shift, vector_add(b, ODE_TENSOR_SHIFT, channels, parts, name, ".shift"));
    if (kind != ODE_NORM_BATCH)
        return;
    made(&site->mean, vector_add(b, ODE_TENSOR_MEAN, channels, parts, name, ".mean"));
    made(&site->variance,
         vector_add(b, ODE_TENSOR_VARIANCE, channels, parts, name, ".variance"));
}

struct ode_conv
ode_net_conv(const struct ode_net *net, int in, int out, int size, int taps)
{
    const bool wins = ode_conv_prefers_winograd(in, out, size, size);

    return (struct ode_conv){ .in = in,
                              .out = out,
                              .h = size,
                              .w = size,
                              .point = taps == 1,
                              .winograd = taps == 3 && wins && !net->direct };
}

/* A kernel of taps x taps outside blocks. */
static void
kernel_add(struct builder *b, struct ode_cna_site *site, bool fixed, int taps, int in,
           int in_parts, int out, int parts, int size, const char *name)
{
    const int dim[] = { out, in, taps, taps };
    const int i = tensor_add(b, fixed, ODE_TENSOR_CONV, 4, dim, "%s", name);
    const int stored = in_parts > 0 ? ode_padded(in, in_parts) : in;
    struct ode_slot slot = { .n = ode_packed(stored, ode_padded(out, parts)),
                             .parts = parts,
                             .in_parts = in_parts > 0 ? in_parts : 1,
                             .flip = site->flip };

    slot.conv = ode_net_conv(b->net, stored, ode_padded(out, parts), size, taps);
    site->conv = slot.conv;
    made(&site->weight, own_slot(b, i, slot, false));
}

/* --- outside blocks ---------------------------------------------------------------- */

static void
opening_add(struct builder *b, const struct ode_model_spec *model)
{
    struct ode_net *net = b->net;
    const int channels = (int)model->units[0].channels;
    struct ode_cna_site *site = &net->opening;

    if (!b->statistics)
        *site = (struct ode_cna_site){ .act = model->stem_norm != ODE_NORM_NONE,
                                       .channels = channels,
                                       .parts = net->parts };
    kernel_add(b, site, net->whitening, 3, net->in, 0, channels, net->parts,
               net->resolution, "opening.weight");
    norm_add(b, &site->norm, model->stem_norm, channels, net->parts, "opening.norm");
}

/* "connector.2.p" and the like. */
static const char *
link_name(int s, const char *part, char name[40])
{
    snprintf(name, 40, "connector.%d%s", s + 1, part);
    return name;
}

static struct ode_cna_site
plain_site(int channels, int parts, int size, bool act)
{
    return (struct ode_cna_site){
        .weight = -1,
        .act = act,
        .channels = channels,
        .parts = parts,
        .conv = {.out = ode_padded(channels, parts), .h = size, .w = size}
    };
}

static void
pointwise_add(struct builder *b, struct ode_cna_site *site, const char *name, int from,
              int to, int size)
{
    const int parts = b->net->parts;
    char text[48];

    if (!b->statistics)
        *site = (struct ode_cna_site){
            .flip = true, .act = true, .channels = to, .parts = parts
        };
    snprintf(text, sizeof text, "%s.weight", name);
    kernel_add(b, site, false, 1, from, parts, to, parts, size, text);
    snprintf(text, sizeof text, "%s.norm", name);
    norm_add(b, &site->norm, ODE_NORM_BATCH, to, parts, text);
}

/* Norm and activation of `channels`, then a kernel to `to`: half of a residual branch. */
static void
branch_add(struct builder *b, struct ode_cna_site *site, int s, int channels, int to,
           int size, const char *norm, const char *kernel)
{
    struct ode_net *net = b->net;
    char name[40];

    if (!b->statistics) {
        *site = plain_site(channels, net->parts, size, true);
        site->flip = true;
    }
    norm_add(b, &site->norm, net->norm, channels, net->parts, link_name(s, norm, name));
    kernel_add(b, site, false, 3, channels, net->parts, to, net->parts, size,
               link_name(s, kernel, name));
}

static void
residual_add(struct builder *b, struct ode_link_site *link, int s, int from, int to)
{
    struct ode_net *net = b->net;
    const int size = net->resolution >> s;
    char name[40];

    branch_add(b, &link->main, s, from, to, size, ".p", ".k");
    branch_add(b, &link->inner, s, to, to, size / 2, ".n", ".o");
    if (!b->statistics)
        link->side =
            (struct ode_cna_site){ .flip = true, .channels = to, .parts = net->parts };
    kernel_add(b, &link->side, false, 1, from, net->parts, to, net->parts, size / 2,
               link_name(s, ".side", name));
    norm_add(b, &link->side.norm, net->norm, to, net->parts, link_name(s, ".m", name));
}

static void
link_add(struct builder *b, const struct ode_model_spec *model, int s)
{
    struct ode_link_site *link = &b->net->link[s];
    const int from = (int)model->units[s].channels;
    const int to = (int)model->units[s + 1].channels;
    char name[40];

    link->kind = model->connector;
    if (link->kind == ODE_LINK_POINTWISE)
        pointwise_add(b, &link->main, link_name(s, "", name), from, to,
                      b->net->resolution >> s);
    else if (link->kind == ODE_LINK_RESIDUAL)
        residual_add(b, link, s, from, to);
}

static void
end_add(struct builder *b, const struct ode_model_spec *model)
{
    struct ode_net *net = b->net;
    const int size = net->resolution >> (net->segment_n - 1);
    int channels = (int)model->units[net->segment_n - 1].channels;
    int dim[4] = { net->classes, 0, size, size }, i;

    if (model->closing > 0)
        pointwise_add(b, &net->closing, "closing", channels, (int)model->closing, size);
    else
        net->closing.weight = -1;
    channels = model->closing > 0 ? (int)model->closing : channels;
    if (!b->statistics)
        net->head =
            plain_site(channels, net->parts, size, model->head_norm != ODE_NORM_NONE);
    norm_add(b, &net->head.norm, model->head_norm, channels, net->parts, "head.norm");
    dim[1] = channels;
    net->features = net->flat ? channels * size * size : channels;
    i = tensor_add(b, false, ODE_TENSOR_DENSE, net->flat ? 4 : 2, dim, "head.weight");
    made(&net->head_weight,
         own_slot(b, i,
                  (struct ode_slot){ .n = (size_t)net->classes * (size_t)net->features,
                                     .parts = 1 },
                  false));
    made(&net->head_bias,
         vector_add(b, ODE_TENSOR_BIAS, net->classes, 1, "head.bias", ""));
}

/* --- blocks ------------------------------------------------------------------------ */

/* What parts a layer has, in the order of their tensors; the first of statistics last. */
static bool
has_part(const struct ode_net *net, enum ode_part part)
{
    const bool norm = net->norm != ODE_NORM_NONE;

    switch (part) {
    case ODE_PART_PRE_SCALE:
    case ODE_PART_PRE_SHIFT:
        return net->before;
    case ODE_PART_KERNEL:
        return true;
    case ODE_PART_BIAS:
        return !norm;
    case ODE_PART_SCALE:
    case ODE_PART_SHIFT:
        return norm;
    case ODE_PART_OUTER:
        return net->form == ODE_FORM_RESIDUAL;
    case ODE_PART_PRE_MEAN:
    case ODE_PART_PRE_VARIANCE:
        return net->before && net->norm == ODE_NORM_BATCH;
    default:
        return net->norm == ODE_NORM_BATCH;
    }
}

static const struct {
    const char *name; /* %d is the layer, from 1 */
    enum ode_tensor_kind kind;
} parts[ODE_PARTS] = {
    [ODE_PART_PRE_SCALE] = {"p%d.scale",     ODE_TENSOR_SCALE   },
    [ODE_PART_PRE_SHIFT] = { "p%d.shift",    ODE_TENSOR_SHIFT   },
    [ODE_PART_KERNEL] = { "k%d",          ODE_TENSOR_CONV    },
    [ODE_PART_BIAS] = { "b%d",          ODE_TENSOR_BIAS    },
    [ODE_PART_SCALE] = { "n%d.scale",    ODE_TENSOR_SCALE   },
    [ODE_PART_SHIFT] = { "n%d.shift",    ODE_TENSOR_SHIFT   },
    [ODE_PART_OUTER] = { "o%d",          ODE_TENSOR_CONV    },
    [ODE_PART_PRE_MEAN] = { "p%d.mean",     ODE_TENSOR_MEAN    },
    [ODE_PART_PRE_VARIANCE] = { "p%d.variance", ODE_TENSOR_VARIANCE},
    [ODE_PART_MEAN] = { "n%d.mean",     ODE_TENSOR_MEAN    },
    [ODE_PART_VARIANCE] = { "n%d.variance", ODE_TENSOR_VARIANCE},
};

void
ode_net_roles(struct ode_net *net)
{
    for (int walk = 0; walk < 2; walk++)
        for (int layer = 0; layer < 2; layer++)
            for (int part = 0; part < ODE_PARTS; part++) {
                if (walk == 0)
                    net->role[layer][part] = -1;
                if (layer < net->block->layers && has_part(net, (enum ode_part)part)
                    && is_statistic(parts[part].kind) == (walk == 1))
                    net->role[layer][part] = net->role_n++;
            }
}

/* The very first layer's input was just normalised by the opening. */
static bool
is_bare(const struct ode_net *net, int s, int node, int layer, enum ode_part part)
{
    return net->bare && s == 0 && node == 0 && layer == 0
           && (part <= ODE_PART_PRE_SHIFT || part == ODE_PART_PRE_MEAN
               || part == ODE_PART_PRE_VARIANCE);
}

/* The unit that node `node` of segment s is named after, and its index there. */
static void
node_name(const struct ode_net *net, const struct ode_model_spec *model, int s, int node,
          int *unit, int *index)
{
    const bool lends = model->placement == ODE_PLACEMENT_CODE
                       && model->connector != ODE_LINK_RESIDUAL
                       && model->units[s].weights == 0;
    const int skipped = s > 0 && (lends || model->connector == ODE_LINK_RESIDUAL);
    const bool lent =
        lends && s + 1 < net->segment_n && node + 1 == net->segment[s].nodes;

    *unit = lent ? s + 1 : s;
    *index = lent ? 0 : node + skipped;
}

/* The tensors of one node, in the order of roles; table[role] receives them. */
static void
node_add(struct builder *b, const struct ode_model_spec *model, int s, int node,
         int *table)
{
    struct ode_net *net = b->net;
    const int width = net->segment[s].width, dim[] = { width, width, 3, 3 };
    int unit, index;

    node_name(net, model, s, node, &unit, &index);
    for (int layer = 0; layer < net->block->layers; layer++)
        for (int part = 0; part < ODE_PARTS; part++) {
            const int role = net->role[layer][part];
            const bool kernel = parts[part].kind == ODE_TENSOR_CONV;
            char name[16];
            int i;

            if (role < 0 || is_statistic(parts[part].kind) != b->statistics)
                continue;
            snprintf(name, sizeof name, parts[part].name, layer + 1);
            i = is_bare(net, s, node, layer, (enum ode_part)part)
                    ? -1
                    : tensor_add(b, false, parts[part].kind, kernel ? 4 : 1, dim,
                                 "unit.%d.block.%d.%s", unit, index, name);
            table[node * net->role_n + role] = i;
            if (i < 0 || b->counting)
                continue;
            net->params.tensor[i].segment = s;
            net->params.tensor[i].block = node;
            net->params.tensor[i].role = role;
        }
}

/* Where point p lies between nodes: the one before it, and how far it is to the next. */
static int
point_node(const struct ode_stretch *g, const struct ode_block_ops *ops, int p,
           double *weight)
{
    const double at = (double)p * g->nodes / ((double)ops->stride * g->blocks);
    const int node = (int)at;

    *weight = node + 1 < g->nodes ? at - node : 0;
    return node < g->nodes ? node : g->nodes - 1;
}

static struct ode_slot
block_slot(const struct ode_net *net, int s, enum ode_part part)
{
    const int width = net->segment[s].width;
    const bool kernel = parts[part].kind == ODE_TENSOR_CONV;
    const bool anti = part == ODE_PART_KERNEL && net->form == ODE_FORM_ANTISYMMETRIC;

    return (struct ode_slot){
        .conv = kernel ? net->segment[s].conv : (struct ode_conv){ 0 },
        .n = kernel ? ode_packed(width, width) : (size_t)ode_padded(width, 1),
        .parts = 1,
        .in_parts = 1,
        .flip = kernel && !anti,
        .antisymmetric = anti,
        .local = kernel && net->streams
    };
}

/* The slots of one point in time; a role's tensors are table[node][role]. */
static void
point_add(struct builder *b, int s, int p, const int *table, int *slots)
{
    struct ode_net *net = b->net;
    const struct ode_stretch *g = &net->segment[s];
    double weight;
    const int node = point_node(g, net->block, p, &weight);

    b->local = 0;
    for (int layer = 0; layer < net->block->layers; layer++)
        for (int part = 0; part < ODE_PARTS; part++) {
            const int role = net->role[layer][part];
            struct ode_slot slot = block_slot(net, s, (enum ode_part)part);

            if (role < 0 || is_statistic(parts[part].kind) != b->statistics)
                continue;
            slot.tensor = table[node * net->role_n + role];
            slot.next = weight > 0 ? table[(node + 1) * net->role_n + role] : -1;
            slot.weight = (real)weight;
            if (!b->counting)
                slots[role] = slot.tensor < 0 ? -1 : net->slot_n;
            slot_add(b, slot, b->statistics); /* even if empty: points are alike */
        }
}

static enum ode_status
segment_add(struct builder *b, const struct ode_model_spec *model, int s,
            struct ode_err *err)
{
    struct ode_net *net = b->net;
    struct ode_stretch *g = &net->segment[s];
    const int first = net->slot_n;
    int *table = calloc((size_t)g->nodes * (unsigned)net->role_n, sizeof *table);

    if (!table)
        return ode_fail(err, ODE_ENOMEM, "/model", "no memory for %d blocks", g->nodes);
    for (int node = 0; node < g->nodes; node++)
        node_add(b, model, s, node, table);
    for (int p = 0; p < g->points; p++)
        point_add(b, s, p, table,
                  b->counting ? NULL : net->point + (g->slot + p) * net->role_n);
    free(table);
    if (!b->statistics) {
        g->first_slot = first;
        g->point_slots = (net->slot_n - first) / g->points;
        g->point_local = b->local;
    }
    return ODE_OK;
}

/* --- the walk ---------------------------------------------------------------------- */

/* The slots from `first` on are a stage's. */
static void
stage_made(const struct builder *b, int first, struct ode_slots *stage)
{
    if (!b->statistics)
        *stage = (struct ode_slots){ first, b->net->slot_n };
}

static enum ode_status
walk(struct builder *b, const struct ode_recipe_spec *recipe, struct ode_err *err)
{
    struct ode_net *net = b->net;
    int first = net->slot_n;

    opening_add(b, &recipe->model);
    stage_made(b, first, &net->opening_slots);
    for (int s = 0; s < net->segment_n; s++) {
        ODE_TRY(segment_add(b, &recipe->model, s, err));
        first = net->slot_n;
        if (s + 1 < net->segment_n)
            link_add(b, &recipe->model, s);
        stage_made(b, first, &net->link_slots[s]);
    }
    first = net->slot_n;
    end_add(b, &recipe->model);
    stage_made(b, first, &net->end_slots);
    if (!b->statistics) {
        net->params.trained_n = net->params.tensor_n;
        net->trained_slots = net->slot_n;
    }
    return ODE_OK;
}

static enum ode_status
walk_both(struct ode_net *net, bool counting, const struct ode_recipe_spec *recipe,
          struct ode_err *err)
{
    for (int second = 0; second < 2; second++) {
        struct builder b = { .net = net, .statistics = second, .counting = counting };

        ODE_TRY(walk(&b, recipe, err));
    }
    return ODE_OK;
}

/* uses[] of the tensors of blocks: the first and the last point that needs them. */
static void
uses_init(struct ode_net *net)
{
    for (int i = 0; i < net->slot_n; i++)
        for (int k = 0; k < 2; k++) {
            const int tensor = k ? net->slot[i].next : net->slot[i].tensor;
            struct ode_uses *u = tensor < 0 ? NULL : &net->uses[tensor];

            if (!u || net->params.tensor[tensor].segment < 0)
                continue;
            if (u->count == 0)
                *u = (struct ode_uses){ .first = i, .count = 1, .stride = 1 };
            else if (i != u->first) {
                u->stride = u->count == 1 ? i - u->first : u->stride;
                u->count++;
            }
        }
}

/* Counts, takes the tables, and walks again to fill them. */
enum ode_status
ode_net_walk(struct ode_net *net, const struct ode_recipe_spec *recipe,
             struct ode_err *err)
{
    struct ode_net count = *net;
    size_t points = 0, tensors, slots;

    ODE_TRY(walk_both(&count, true, recipe, err));
    for (int s = 0; s < net->segment_n; s++)
        points += (size_t)net->segment[s].points;
    tensors = (unsigned)count.params.tensor_n;
    slots = (unsigned)count.slot_n;
    net->params.tensor = calloc(tensors, sizeof *net->params.tensor);
    net->uses = calloc(tensors, sizeof *net->uses);
    net->slot = calloc(slots, sizeof *net->slot);
    net->point = calloc(points * (unsigned)net->role_n, sizeof *net->point);
    if (!net->params.tensor || !net->uses || !net->slot || !net->point)
        return ode_fail(err, ODE_ENOMEM, "/model", "no memory for %zu tensors", tensors);
    ODE_TRY(walk_both(net, false, recipe, err));
    uses_init(net);
    return ODE_OK;
}
