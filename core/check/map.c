/* map.c - the operators of a network as maps from vectors to vectors. */
#include "core/check/map.h"

#include <math.h>
#include <string.h>

#include "core/layers/cna.h"
#include "core/layers/connect.h"
#include "core/net/images.h"
#include "core/net/link.h"
#include "core/net/segment.h"

static const struct ode_exec *
exec_of(const struct ode_map *m)
{
    return &m->rig->engine.exec;
}

static struct ode_work *
work_of(const struct ode_map *m)
{
    return &m->rig->engine.work[0];
}

static real *
moment_of(const struct ode_map *m)
{
    return m->rig->engine.result[0].moment;
}

static const struct ode_stretch *
segment_of(const struct ode_map *m)
{
    return &m->rig->net.segment[m->s];
}

/* The lane that gradients go to, emptied. */
static struct ode_lane
lane_of(const struct ode_map *m)
{
    const struct ode_engine *e = &m->rig->engine;

    memset(e->gradient, 0, m->rig->net.params.theta_n * sizeof(real));
    return (struct ode_lane){ .gradient = e->gradient, .room = e->work[0].share };
}

static int
last_of(const struct ode_map *m)
{
    return m->rig->net.segment_n - 1;
}

struct ode_map
ode_map_at(const struct ode_map_ops *ops, struct ode_rig *rig, int s)
{
    struct ode_map m = { .ops = ops, .rig = rig, .s = s };

    ops->size(&m);
    return m;
}

static void
state_noise_in(const struct ode_map *m, uint64_t seed, real *x)
{
    ode_rig_noise(m->rig, m->s, seed, x);
}

/* --- weights ----------------------------------------------------------------------- */

/* Tensor i, if it lies in the map's part of theta; else NULL. */
static const struct ode_tensor *
tensor_in(const struct ode_map *m, int i)
{
    const struct ode_tensor *t = &m->rig->net.params.tensor[i];

    return t->offset >= m->first && t->offset < m->first + m->in ? t : NULL;
}

static void
theta_begin(const struct ode_map *m, real *x)
{
    memcpy(x, m->rig->engine.theta + m->first, m->in * sizeof *x);
}

static void
theta_put(const struct ode_map *m, const real *x)
{
    memcpy(m->rig->engine.theta + m->first, x, m->in * sizeof *x);
    ode_engine_pack(&m->rig->engine);
}

static void
theta_gradient(const struct ode_map *m, real *dx)
{
    const struct ode_engine *e = &m->rig->engine;

    memcpy(dx, e->gradient + m->first, m->in * sizeof *dx);
}

/* As large as the weights themselves are, tensor by tensor. */
static void
theta_noise(const struct ode_map *m, uint64_t seed, real *x)
{
    const real *theta = m->rig->engine.theta;

    ode_vec_noise(seed, m->in, x);
    for (int i = 0; i < m->rig->net.params.trained_n; i++) {
        const struct ode_tensor *t = tensor_in(m, i);
        double size;

        if (!t)
            continue;
        size = ode_vec_norm(t->n, theta + t->offset) / sqrt((double)t->n);
        for (size_t j = 0; j < t->n; j++)
            x[t->offset - m->first + j] *= (real)size;
    }
}

/* --- blocks ------------------------------------------------------------------------ */

static void
blocks_size(struct ode_map *m)
{
    m->in = m->out = ode_rig_state_n(m->rig, m->s);
}

static void
blocks_begin(const struct ode_map *m, real *x)
{
    ode_rig_get(m->rig, m->s, ode_segment_begin(exec_of(m), work_of(m), m->s), x);
}

static void
blocks_forward(const struct ode_map *m, real *y)
{
    ode_segment_forward(exec_of(m), work_of(m), m->s, m->rig->n, ODE_TRAIN, moment_of(m));
    ode_rig_get(m->rig, m->s, ode_segment_end(exec_of(m), work_of(m), m->s), y);
}

static void
blocks_apply(const struct ode_map *m, const real *x, real *y)
{
    ode_rig_put(m->rig, m->s, x, ode_segment_begin(exec_of(m), work_of(m), m->s));
    blocks_forward(m, y);
}

static struct ode_pair
blocks_backward(const struct ode_map *m, const real *dy)
{
    struct ode_pair d = work_of(m)->cotangent[0];
    struct ode_lane lane = lane_of(m);

    ode_rig_put(m->rig, m->s, dy, d);
    ode_segment_backward(exec_of(m), work_of(m), m->s, m->rig->n, moment_of(m), &lane,
                         &d);
    return d;
}

static void
blocks_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    ode_rig_get(m->rig, m->s, blocks_backward(m, dy), dx);
}

const struct ode_map_ops ode_map_blocks = { .what = "blocks",
                                            .increment = true,
                                            .size = blocks_size,
                                            .begin = blocks_begin,
                                            .apply = blocks_apply,
                                            .adjoint = blocks_adjoint,
                                            .noise_in = state_noise_in,
                                            .noise_out = state_noise_in };

static void
block_weights_size(struct ode_map *m)
{
    const struct ode_params *p = &m->rig->net.params;

    m->out = ode_rig_state_n(m->rig, m->s);
    for (int i = p->trained_n - 1; i >= 0; i--)
        if (p->tensor[i].segment == m->s) {
            m->first = p->tensor[i].offset;
            m->in += p->tensor[i].n;
        }
}

static void
block_weights_apply(const struct ode_map *m, const real *x, real *y)
{
    theta_put(m, x);
    blocks_forward(m, y);
}

static void
block_weights_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    blocks_backward(m, dy);
    theta_gradient(m, dx);
}

const struct ode_map_ops ode_map_block_weights = { .what = "weights of blocks",
                                                   .size = block_weights_size,
                                                   .begin = theta_begin,
                                                   .apply = block_weights_apply,
                                                   .adjoint = block_weights_adjoint,
                                                   .noise_in = theta_noise,
                                                   .noise_out = state_noise_in };

/* --- connectors -------------------------------------------------------------------- */

static void
link_size(struct ode_map *m)
{
    m->in = ode_rig_state_n(m->rig, m->s);
    m->out = ode_rig_state_n(m->rig, m->s + 1);
}

static void
end_begin(const struct ode_map *m, real *x)
{
    ode_rig_get(m->rig, m->s, ode_segment_end(exec_of(m), work_of(m), m->s), x);
}

static void
link_apply(const struct ode_map *m, const real *x, real *y)
{
    const struct ode_exec *e = exec_of(m);

    ode_rig_put(m->rig, m->s, x, ode_segment_end(e, work_of(m), m->s));
    ode_link_forward(e, work_of(m), m->s, m->rig->n, ODE_TRAIN, moment_of(m));
    ode_rig_get(m->rig, m->s + 1, ode_segment_begin(e, work_of(m), m->s + 1), y);
}

static void
link_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    const struct ode_pair *d = work_of(m)->cotangent;
    struct ode_lane lane = lane_of(m);

    ode_rig_put(m->rig, m->s + 1, dy, d[0]);
    ode_link_backward(exec_of(m), work_of(m), m->s, m->rig->n, moment_of(m), &lane, d[0],
                      d[1]);
    ode_rig_get(m->rig, m->s, d[1], dx);
}

static void
link_noise_out(const struct ode_map *m, uint64_t seed, real *y)
{
    ode_rig_noise(m->rig, m->s + 1, seed, y);
}

const struct ode_map_ops ode_map_link = { .what = "connector",
                                          .size = link_size,
                                          .begin = end_begin,
                                          .apply = link_apply,
                                          .adjoint = link_adjoint,
                                          .noise_in = state_noise_in,
                                          .noise_out = link_noise_out };

const struct ode_map_ops ode_map_linear_link = { .what = "means and padding",
                                                 .linear = true,
                                                 .size = link_size,
                                                 .apply = link_apply,
                                                 .adjoint = link_adjoint,
                                                 .noise_in = state_noise_in,
                                                 .noise_out = link_noise_out };

/* Inside the other kinds: one image of the segment's width to half its size. */
static struct ode_connector
halving(const struct ode_map *m)
{
    const struct ode_stretch *g = segment_of(m);

    return (struct ode_connector){
        .from = g->width, .to = g->width, .h = g->conv.h, .w = g->conv.w
    };
}

static void
halving_size(struct ode_map *m)
{
    const struct ode_stretch *g = segment_of(m);

    m->in = g->image;
    m->out = ode_image(g->width, g->conv.h / 2, g->conv.w / 2);
}

static void
halving_apply(const struct ode_map *m, const real *x, real *y)
{
    const struct ode_connector c = halving(m);

    if (m->rig->net.link[m->s].kind != ODE_LINK_RESIDUAL) {
        ode_connect(&c, x, y);
        return;
    }
    memset(y, 0, m->out * sizeof *y);
    ode_subsample(ode_blocks(c.from), c.h, c.w, x, y);
}

static void
halving_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    const struct ode_connector c = halving(m);

    if (m->rig->net.link[m->s].kind == ODE_LINK_RESIDUAL)
        ode_subsample_adjoint(ode_blocks(c.from), c.h, c.w, dy, dx);
    else
        ode_connect_adjoint(&c, dy, dx);
}

static void
image_noise(const struct ode_map *m, uint64_t seed, real *x)
{
    const struct ode_stretch *g = segment_of(m);

    ode_vec_noise_image(seed, g->width, g->conv.h, g->conv.w, x);
}

static void
halving_noise_out(const struct ode_map *m, uint64_t seed, real *y)
{
    const struct ode_stretch *g = segment_of(m);

    ode_vec_noise_image(seed, g->width, g->conv.h / 2, g->conv.w / 2, y);
}

const struct ode_map_ops ode_map_halving = { .what = "halving",
                                             .linear = true,
                                             .size = halving_size,
                                             .apply = halving_apply,
                                             .adjoint = halving_adjoint,
                                             .noise_in = image_noise,
                                             .noise_out = halving_noise_out };

/* --- opening and head -------------------------------------------------------------- */

static void
opening_size(struct ode_map *m)
{
    const struct ode_params *p = &m->rig->net.params;

    m->out = ode_rig_state_n(m->rig, 0);
    for (int i = 0; i < p->trained_n && p->tensor[i].segment < 0; i++)
        if (strncmp(p->tensor[i].name, "opening.", 8) == 0)
            m->in += p->tensor[i].n;
}

static void
opening_apply(const struct ode_map *m, const real *x, real *y)
{
    struct ode_work *w = work_of(m);
    struct ode_cna c;

    theta_put(m, x);
    c = ode_cna_at(exec_of(m), &m->rig->net.opening, m->rig->n, moment_of(m), NULL);
    ode_cna_forward(&c, ODE_TRAIN, w->input, w->opened, w->wide[0]);
    ode_images_split(&m->rig->net, 0, m->rig->n, 0, w->wide[0],
                     ode_rig_pair(m->rig, 0, y));
}

/* dy, as images of all channels, in one of the work's buffers. */
static real *
images_of(const struct ode_map *m, int s, const real *dy, real *room)
{
    struct ode_pair d = work_of(m)->cotangent[0];
    const real *images;

    ode_rig_put(m->rig, s, dy, d);
    images = ode_images_join(&m->rig->net, s, m->rig->n, d, room);
    if (images != room)
        memcpy(room, images, ode_rig_state_n(m->rig, s) * sizeof *room);
    return room;
}

static void
opening_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    const struct ode_net *net = &m->rig->net;
    struct ode_work *w = work_of(m);
    struct ode_lane lane = lane_of(m);
    struct ode_cna c;

    ode_lane_begin(&lane, net, net->opening_slots);
    c = ode_cna_at(exec_of(m), &net->opening, m->rig->n, moment_of(m), &lane);
    if (net->whitening)
        c.k = NULL;
    ode_cna_adjoint(&c, w->input, w->opened, images_of(m, 0, dy, w->wide[1]));
    ode_lane_end(&lane, net, net->opening_slots);
    theta_gradient(m, dx);
}

static void
opening_noise_out(const struct ode_map *m, uint64_t seed, real *y)
{
    ode_rig_noise(m->rig, 0, seed, y);
}

const struct ode_map_ops ode_map_opening_weights = { .what = "weights of the opening",
                                                     .size = opening_size,
                                                     .begin = theta_begin,
                                                     .apply = opening_apply,
                                                     .adjoint = opening_adjoint,
                                                     .noise_in = theta_noise,
                                                     .noise_out = opening_noise_out };

static void
head_size(struct ode_map *m)
{
    m->s = last_of(m);
    m->in = ode_rig_state_n(m->rig, m->s);
    m->out = (size_t)(m->rig->n * m->rig->net.classes);
}

static struct ode_cna
site_of(const struct ode_map *m, const struct ode_cna_site *site,
        const struct ode_lane *lane)
{
    return ode_cna_at(exec_of(m), site, m->rig->n, moment_of(m), lane);
}

static void
head_apply(const struct ode_map *m, const real *x, real *y)
{
    const struct ode_net *net = &m->rig->net;
    const struct ode_cna norm = site_of(m, &net->head, NULL);
    const struct ode_head head = ode_head_at(&m->rig->net, m->rig->n);
    struct ode_work *w = work_of(m);

    images_of(m, m->s, x, w->wide[0]);
    if (net->closing.weight >= 0) {
        const struct ode_cna closing = site_of(m, &net->closing, NULL);

        ode_cna_forward(&closing, ODE_TRAIN, w->wide[0], w->closed, w->ended);
    } else {
        memcpy(w->ended, w->wide[0], m->in * sizeof *x);
    }
    ode_cna_forward(&norm, ODE_TRAIN, w->ended, NULL, w->wide[1]);
    ode_head_features(&head, w->wide[1], w->features);
    ode_head_logits(&head, w->features, ode_slot_weights(exec_of(m), net->head_weight),
                    ode_slot_weights(exec_of(m), net->head_bias), y);
}

static void
head_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    const struct ode_net *net = &m->rig->net;
    const struct ode_exec *e = exec_of(m);
    const struct ode_head head = ode_head_at(&m->rig->net, m->rig->n);
    struct ode_work *w = work_of(m);
    struct ode_lane lane = lane_of(m);
    real *d = w->wide[1];
    struct ode_cna norm;

    ode_lane_begin(&lane, net, net->end_slots); /* that it is added is of no interest */
    norm = site_of(m, &net->head, &lane);
    ode_head_logits_adjoint(&head, w->features, ode_slot_weights(e, net->head_weight), dy,
                            w->dfeatures, ode_lane_at(&lane, net, net->head_weight),
                            ode_lane_at(&lane, net, net->head_bias));
    ode_head_features_adjoint(&head, w->dfeatures, d);
    ode_cna_adjoint(&norm, NULL, w->ended, d);
    if (net->closing.weight >= 0) {
        const struct ode_cna closing = site_of(m, &net->closing, &lane);

        ode_cna_adjoint(&closing, w->wide[0], w->closed, d);
        ode_cna_back(&closing, d, w->wide[2]);
        d = w->wide[2];
    }
    ode_images_split(net, m->s, m->rig->n, 0, d, ode_rig_pair(m->rig, m->s, dx));
}

static void
head_noise_out(const struct ode_map *m, uint64_t seed, real *y)
{
    ode_vec_noise(seed, m->out, y);
}

const struct ode_map_ops ode_map_head = { .what = "head",
                                          .size = head_size,
                                          .begin = end_begin,
                                          .apply = head_apply,
                                          .adjoint = head_adjoint,
                                          .noise_in = state_noise_in,
                                          .noise_out = head_noise_out };

/* --- convolutions ------------------------------------------------------------------ */

/* The slot of the first layer's kernel of the segment's first block. */
static int
kernel_of(const struct ode_map *m)
{
    const struct ode_net *net = &m->rig->net;

    return net->point[segment_of(m)->slot * net->role_n + net->role[0][ODE_PART_KERNEL]];
}

static void
conv_size(struct ode_map *m)
{
    m->in = m->out = segment_of(m)->image;
}

/* y = K x, K prepared. */
static void
convolve(const struct ode_map *m, const real *x, const real *k, real *y)
{
    struct ode_finish f = { .kind = ODE_FINISH_SUM, .y = y };

    memset(y, 0, segment_of(m)->image * sizeof *y);
    exec_of(m)->kernels->conv(&segment_of(m)->conv, 1, x, k, &f);
}

static void
conv_apply(const struct ode_map *m, const real *x, real *y)
{
    const real *k, *kt;

    ode_slot_kernel(exec_of(m), work_of(m), kernel_of(m), &k, &kt);
    convolve(m, x, k, y);
}

/* Without a K^T of its own, K is antisymmetric. */
static void
conv_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    const real *k, *kt;

    ode_slot_kernel(exec_of(m), work_of(m), kernel_of(m), &k, &kt);
    convolve(m, dy, kt, dx);
    for (size_t i = 0; i < m->in && k == kt; i++)
        dx[i] = -dx[i];
}

const struct ode_map_ops ode_map_conv = { .what = "convolution",
                                          .linear = true,
                                          .size = conv_size,
                                          .apply = conv_apply,
                                          .adjoint = conv_adjoint,
                                          .noise_in = image_noise,
                                          .noise_out = image_noise };

static void
conv_weights_size(struct ode_map *m)
{
    m->in = ode_packed(segment_of(m)->width, segment_of(m)->width);
    m->out = segment_of(m)->image;
}

/* The image that the kernels are applied to: the first of the segment's states. */
static const real *
conv_image(const struct ode_map *m)
{
    return ode_segment_begin(exec_of(m), work_of(m), m->s).y;
}

static void
conv_weights_apply(const struct ode_map *m, const real *x, real *y)
{
    real *prepared = work_of(m)->room;

    exec_of(m)->kernels->conv_prepare(&segment_of(m)->conv, x, prepared);
    convolve(m, conv_image(m), prepared, y);
}

static void
conv_weights_adjoint(const struct ode_map *m, const real *dy, real *dx)
{
    const real *x = conv_image(m);

    memset(dx, 0, m->in * sizeof *dx);
    exec_of(m)->kernels->conv_weights(&segment_of(m)->conv, 1, 1, &dy, &x, dx);
}

static void
conv_weights_noise(const struct ode_map *m, uint64_t seed, real *x)
{
    ode_vec_noise(seed, m->in, x);
}

const struct ode_map_ops ode_map_conv_weights = { .what = "weights of a convolution",
                                                  .linear = true,
                                                  .size = conv_weights_size,
                                                  .apply = conv_weights_apply,
                                                  .adjoint = conv_weights_adjoint,
                                                  .noise_in = conv_weights_noise,
                                                  .noise_out = image_noise };
