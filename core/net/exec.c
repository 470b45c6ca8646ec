/* exec.c - one micro-batch through the whole network and back, depth first. */
#include "core/net/exec.h"

#include <assert.h>
#include <string.h>

#include "core/layers/cna.h"
#include "core/net/images.h"
#include "core/net/link.h"
#include "core/net/segment.h"

/* --- buffers ----------------------------------------------------------------------- */

enum { MICRO_BYTES = 512 << 10, MICRO_MOST = 256 };

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

int
ode_exec_micro(const struct ode_net *net)
{
    const size_t parts = net->block->layout == ODE_ONE ? 1 : 2;
    size_t state = 1;

    for (int s = 0; s < net->segment_n; s++) {
        const struct ode_conv *c = &net->segment[s].conv;

        state = larger(state, parts * (size_t)ode_blocks(c->in) * ODE_VEC * (size_t)c->h
                                  * (size_t)c->w * sizeof(float));
    }
    state = MICRO_BYTES / state;
    return state < 1 ? 1 : state > MICRO_MOST ? MICRO_MOST : (int)state;
}

/* What a step works with: two parts of a state, their cotangents, three of scratch. */
enum { GROUP_BYTES = 1200 << 10, GROUP_IMAGES = 7 };

int
ode_exec_group(const struct ode_net *net, int s, int micro)
{
    const size_t image = GROUP_IMAGES * net->segment[s].image * sizeof(real);
    const int fit = (int)(GROUP_BYTES / image);

    if (net->norm == ODE_NORM_BATCH || fit > micro)
        return micro;
    return fit > 0 ? fit : 1;
}

int
ode_exec_micros(const struct ode_net *net, size_t n)
{
    const size_t micro = (size_t)ode_exec_micro(net);
    size_t k = (n + micro - 1) / micro;

    if (n >= 4) /* even work for two and four threads */
        k = (k + 3) / 4 * 4;
    return (int)(k < n ? k : n);
}

/* Reals in an image that a site writes, or that its convolution reads. */
static size_t
out_image(const struct ode_cna_site *site)
{
    const struct ode_conv *c = &site->conv;

    return larger(ode_image(ode_padded(site->channels, site->parts), c->h, c->w),
                  ode_image(c->out, c->h, c->w));
}

static size_t
in_image(const struct ode_cna_site *site)
{
    return ode_image(site->conv.in, site->conv.h, site->conv.w);
}

static size_t
site_image(const struct ode_cna_site *site)
{
    return larger(in_image(site), out_image(site));
}

/* The largest image of all channels anywhere. */
static size_t
wide_image(const struct ode_net *net)
{
    size_t most = larger(out_image(&net->opening), out_image(&net->head));

    if (net->closing.weight >= 0)
        most = larger(most, site_image(&net->closing));
    for (int s = 0; s < net->segment_n; s++) {
        const struct ode_link_site *link = &net->link[s];

        most = larger(most, ode_net_state(net, s));
        if (s + 1 < net->segment_n && link->kind != ODE_LINK_ZERO)
            most = larger(most, site_image(&link->main));
        if (s + 1 < net->segment_n && link->kind == ODE_LINK_RESIDUAL)
            most =
                larger(larger(most, site_image(&link->inner)), site_image(&link->side));
    }
    return most;
}

static void
scratch_place(struct ode_work *w, const struct ode_exec *e, struct ode_arena *arena)
{
    const struct ode_net *net = e->net;
    const size_t m = (size_t)e->micro;
    const int layer = ode_layer_scratch(net->form, net->before);
    size_t image = 0, group = 0;

    for (int s = 0; s < net->segment_n; s++) {
        const size_t one = net->segment[s].image;

        image = larger(image, one);
        group = larger(group, (size_t)ode_exec_group(net, s, e->micro) * one);
    }
    for (int i = 0; i < 2; i++) {
        w->cotangent[i].y = ode_arena_take(arena, m * image, sizeof(real));
        w->cotangent[i].z = ode_arena_take(arena, m * image, sizeof(real));
    }
    for (int i = 0; i < layer; i++)
        w->scratch[i] = ode_arena_take(arena, group, sizeof(real));
    for (int i = 0; i < net->block->spare; i++)
        w->spare[i] = ode_arena_take(arena, group, sizeof(real));
    if (net->block->repeats)
        w->moment = ode_arena_take(arena, net->moment_n, sizeof(real));
    for (int i = 0; i < ode_link_wide(net); i++)
        w->wide[i] = ode_arena_take(arena, m * wide_image(net), sizeof(real));
}

static void
head_place(struct ode_work *w, const struct ode_exec *e, struct ode_arena *arena)
{
    const struct ode_net *net = e->net;
    const size_t m = (size_t)e->micro, classes = (size_t)net->classes;
    const size_t features = (size_t)net->features;

    if (net->closing.weight >= 0)
        w->closed = ode_arena_take(arena, m * out_image(&net->closing), sizeof(real));
    w->ended = ode_arena_take(arena, m * out_image(&net->head), sizeof(real));
    w->features = ode_arena_take(arena, m * features, sizeof(real));
    w->dfeatures = ode_arena_take(arena, m * features, sizeof(real));
    w->logits = ode_arena_take(arena, m * classes, sizeof(real));
    w->dlogits = ode_arena_take(arena, m * classes, sizeof(real));
    w->label = ode_arena_take(arena, m, sizeof(int));
}

void
ode_work_place(struct ode_work *w, const struct ode_exec *e, struct ode_arena *arena)
{
    const struct ode_net *net = e->net;
    const size_t m = (size_t)e->micro, size = (size_t)net->resolution;

    *w = (struct ode_work){ 0 };
    w->input = ode_arena_take(arena, m * in_image(&net->opening), sizeof(real));
    w->opened = ode_arena_take(arena, m * out_image(&net->opening), sizeof(real));
    for (int s = 0; s < net->segment_n; s++) {
        ode_segment_place(&w->track[s], e, s, arena);
        if (s + 1 < net->segment_n)
            ode_link_place(&w->link[s], e, s, arena);
    }
    scratch_place(w, e, arena);
    head_place(w, e, arena);
    w->pixels = ode_arena_take(arena, (size_t)net->in * size * size, sizeof(float));
    w->fetched = ode_arena_take(arena, e->scratch_n, sizeof(float));
    w->room = ode_arena_take(arena, net->room_n, sizeof(real));
    w->prepared = ode_arena_take(arena, net->local_n, sizeof(real));
    w->share = ode_arena_take(arena, net->share_n, sizeof(real));
}

void
ode_result_place(struct ode_result *r, const struct ode_net *net, struct ode_arena *arena)
{
    *r = (struct ode_result){ 0 };
    r->moment = ode_arena_take(arena, net->moment_n, sizeof(real));
}

/* --- forward ----------------------------------------------------------------------- */

static void
input_fetch(const struct ode_exec *e, struct ode_work *w, ode_fetch_fn *fetch,
            void *context, size_t first, int n)
{
    const struct ode_net *net = e->net;
    const int size = net->resolution;
    const size_t image = in_image(&net->opening), row = (size_t)(size + 2);

    for (int i = 0; i < n; i++) {
        const float *pixel = w->pixels;

        w->label[i] = fetch(context, first + (size_t)i, w->fetched, w->pixels);
        for (int c = 0; c < net->in; c++)
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++)
                    w->input[(size_t)i * image
                             + (size_t)(c / ODE_VEC) * ode_plane(size, size)
                             + ((size_t)(y + 1) * row + (size_t)(x + 1)) * ODE_VEC
                             + (size_t)(c % ODE_VEC)] = (real)*pixel++;
    }
}

/* Left to right becomes right to left. */
static void
input_mirror(const struct ode_exec *e, struct ode_work *w, int n)
{
    const int size = e->net->resolution;
    const size_t planes = (size_t)n * (size_t)ode_blocks(e->net->in);

    for (size_t b = 0; b < planes; b++)
        for (int y = 1; y <= size; y++) {
            real *row = w->input + b * ode_plane(size, size)
                        + (size_t)y * (size_t)(size + 2) * ODE_VEC;

            for (int x = 1, last = size; x < last; x++, last--)
                for (int c = 0; c < ODE_VEC; c++) {
                    const real left = row[x * ODE_VEC + c];

                    row[x * ODE_VEC + c] = row[last * ODE_VEC + c];
                    row[last * ODE_VEC + c] = left;
                }
        }
}

static void
opening_forward(const struct ode_exec *e, struct ode_work *w, int n, enum ode_mode mode,
                real *moment)
{
    const struct ode_cna c = ode_cna_at(e, &e->net->opening, n, moment, NULL);

    ode_cna_forward(&c, mode, w->input, w->opened, w->wide[0]);
    ode_images_split(e->net, 0, n, e->net->segment[0].grid, w->wide[0],
                     ode_segment_begin(e, w, 0));
}

/* From the last state to logits. */
static void
head_forward(const struct ode_exec *e, struct ode_work *w, int n, enum ode_mode mode,
             real *moment)
{
    const struct ode_net *net = e->net;
    const int last = net->segment_n - 1;
    const struct ode_cna norm = ode_cna_at(e, &net->head, n, moment, NULL);
    const struct ode_head head = ode_head_at(net, n);
    const real *x =
        ode_images_join(net, last, n, ode_segment_end(e, w, last), w->wide[0]);

    if (net->closing.weight >= 0) {
        const struct ode_cna closing = ode_cna_at(e, &net->closing, n, moment, NULL);

        ode_cna_forward(&closing, mode, x, w->closed, w->ended);
    } else {
        memcpy(w->ended, x, (size_t)n * out_image(&net->head) * sizeof *x);
    }
    ode_cna_forward(&norm, mode, w->ended, NULL, w->wide[1]);
    ode_head_features(&head, w->wide[1], w->features);
    ode_head_logits(&head, w->features, ode_slot_weights(e, net->head_weight),
                    ode_slot_weights(e, net->head_bias), w->logits);
}

/* From the input to the logits. */
static void
pass(const struct ode_exec *e, struct ode_work *w, int n, enum ode_mode mode,
     struct ode_result *r)
{
    opening_forward(e, w, n, mode, r->moment);
    for (int s = 0; s < e->net->segment_n; s++) {
        const real top = ode_segment_forward(e, w, s, n, mode, r->moment);

        r->top[s] = top > r->top[s] || top != top ? top : r->top[s];
        if (s + 1 < e->net->segment_n)
            ode_link_forward(e, w, s, n, mode, r->moment);
    }
    head_forward(e, w, n, mode, r->moment);
}

/* The mean with the logits of the mirrored images. */
static void
pass_mirrored(const struct ode_exec *e, struct ode_work *w, int n, struct ode_result *r)
{
    const int count = n * e->net->classes;

    memcpy(w->dlogits, w->logits, (size_t)count * sizeof *w->logits);
    input_mirror(e, w, n);
    pass(e, w, n, ODE_EVALUATE, r);
    for (int k = 0; k < count; k++)
        w->logits[k] = (w->logits[k] + w->dlogits[k]) / 2;
}

void
ode_exec_forward(const struct ode_exec *e, struct ode_work *w, ode_fetch_fn *fetch,
                 void *context, size_t first, int n, enum ode_mode mode,
                 struct ode_result *r)
{
    const int classes = e->net->classes;

    assert(n <= e->micro);
    *r = (struct ode_result){ .n = n, .moment = r->moment };
    input_fetch(e, w, fetch, context, first, n);
    pass(e, w, n, mode, r);
    if (e->flip && mode == ODE_EVALUATE)
        pass_mirrored(e, w, n, r);
    for (int i = 0; i < n; i++) {
        int hit;

        r->loss +=
            ode_head_loss(classes, w->label[i], mode == ODE_EVALUATE ? 0 : e->smoothing,
                          w->logits + i * classes, w->dlogits + i * classes, &hit);
        r->correct += hit;
    }
}

/* --- backward ---------------------------------------------------------------------- */

/* From the logits to the cotangent of the last state. */
static void
head_backward(const struct ode_exec *e, struct ode_work *w, int n, double scale,
              real *moment, struct ode_lane *lane, struct ode_pair d)
{
    const struct ode_net *net = e->net;
    const int last = net->segment_n - 1;
    const struct ode_cna norm = ode_cna_at(e, &net->head, n, moment, lane);
    const struct ode_head head = ode_head_at(net, n);
    real *dx = w->wide[1];

    for (int i = 0; i < n * net->classes; i++)
        w->dlogits[i] *= (real)scale;
    ode_head_logits_adjoint(&head, w->features, ode_slot_weights(e, net->head_weight),
                            w->dlogits, w->dfeatures,
                            ode_lane_at(lane, net, net->head_weight),
                            ode_lane_at(lane, net, net->head_bias));
    ode_head_features_adjoint(&head, w->dfeatures, dx);
    ode_cna_adjoint(&norm, NULL, w->ended, dx);
    if (net->closing.weight >= 0) {
        const struct ode_cna closing = ode_cna_at(e, &net->closing, n, moment, lane);
        const real *x =
            ode_images_join(net, last, n, ode_segment_end(e, w, last), w->wide[2]);

        ode_cna_adjoint(&closing, x, w->closed, dx);
        ode_cna_back(&closing, dx, w->wide[0]);
        dx = w->wide[0];
    }
    ode_images_split(net, last, n, 0, dx, d);
}

static void
opening_backward(const struct ode_exec *e, struct ode_work *w, int n, real *moment,
                 struct ode_lane *lane, struct ode_pair d)
{
    const struct ode_net *net = e->net;
    struct ode_cna c = ode_cna_at(e, &net->opening, n, moment, lane);
    const real *dy = ode_images_join(net, 0, n, d, w->wide[1]);

    if (net->whitening)
        c.k = NULL; /* it is not trained */
    if (dy != w->wide[1])
        memcpy(w->wide[1], dy, (size_t)n * ode_net_state(net, 0) * sizeof *dy);
    ode_cna_adjoint(&c, w->input, w->opened, w->wide[1]);
}

void
ode_exec_backward(const struct ode_exec *e, struct ode_work *w, int n, double scale,
                  const struct ode_result *r, struct ode_lane *lane)
{
    struct ode_pair *d = w->cotangent;
    const int last = e->net->segment_n - 1;

    ode_lane_begin(lane, e->net, e->net->end_slots);
    head_backward(e, w, n, scale, r->moment, lane, d[last % 2]);
    ode_lane_end(lane, e->net, e->net->end_slots);
    for (int s = last; s >= 0; s--) {
        ode_segment_backward(e, w, s, n, r->moment, lane, &d[s % 2]);
        if (s > 0)
            ode_link_backward(e, w, s - 1, n, r->moment, lane, d[s % 2], d[(s - 1) % 2]);
    }
    ode_lane_begin(lane, e->net, e->net->opening_slots);
    opening_backward(e, w, n, r->moment, lane, d[0]);
    ode_lane_end(lane, e->net, e->net->opening_slots);
}
