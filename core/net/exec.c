/* exec.c - one micro-batch through the whole network and back, depth first. */
#include "core/net/exec.h"

#include <assert.h>
#include <string.h>

#include "core/layers/connect.h"
#include "core/layers/head.h"
#include "core/layers/norm.h"

/* --- buffers --------------------------------------------------------------------------
 */

enum { MICRO_BYTES = 512 << 10, MICRO_MOST = 256 };

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

int
ode_exec_micro(const struct ode_net *net)
{
    size_t state = 1;

    for (int s = 0; s < net->segment_n; s++) {
        const struct ode_conv *c = &net->segment[s].conv;

        state = larger(state, 2u * (size_t)ode_blocks(c->in) * ODE_VEC * (size_t)c->h
                                  * (size_t)c->w * sizeof(float));
    }
    state = MICRO_BYTES / state;
    return state < 1 ? 1 : state > MICRO_MOST ? MICRO_MOST : (int)state;
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

/* Reals in the images of opening and head, and in a half's. */
static size_t
opening_image(const struct ode_net *net)
{
    return ode_image(net->opening.out, net->opening.h, net->opening.w);
}

static size_t
head_image(const struct ode_net *net)
{
    return ode_net_state(net, net->segment_n - 1);
}

static void
states_place(struct ode_work *w, const struct ode_exec *e, struct ode_arena *arena)
{
    const size_t m = (size_t)e->micro;

    for (int s = 0; s < e->net->segment_n; s++) {
        const struct ode_stretch *g = &e->net->segment[s];
        const size_t slots = e->reverse ? 1 : (size_t)g->blocks + 1;

        w->state[s].y = ode_arena_take(arena, slots * m * g->image, sizeof(real));
        w->state[s].z = ode_arena_take(arena, slots * m * g->image, sizeof(real));
        if (!e->reverse)
            w->kept[s] =
                ode_arena_take(arena, 2 * (size_t)g->blocks * m * g->image, sizeof(real));
    }
}

void
ode_work_place(struct ode_work *w, const struct ode_exec *e, struct ode_arena *arena)
{
    const struct ode_net *net = e->net;
    const size_t m = (size_t)e->micro, classes = (size_t)net->classes;
    const int last = net->segment_n - 1;
    const size_t channels = 2 * (size_t)net->segment[last].half;
    const size_t input = ode_image(net->in, net->resolution, net->resolution);
    const size_t wide = larger(opening_image(net), head_image(net));
    size_t half = 0, run = larger((size_t)net->opening.out, channels + 2 * ODE_VEC);

    *w = (struct ode_work){ 0 };
    for (int s = 0; s <= last; s++)
        half = larger(half, net->segment[s].image);
    w->input = ode_arena_take(arena, m * input, sizeof(real));
    w->opened = ode_arena_take(arena, m * opening_image(net), sizeof(real));
    w->ended = ode_arena_take(arena, m * head_image(net), sizeof(real));
    states_place(w, e, arena);
    for (int i = 0; i < 2; i++) {
        w->wide[i] = ode_arena_take(arena, m * wide, sizeof(real));
        w->cotangent[i].y = ode_arena_take(arena, m * half, sizeof(real));
        w->cotangent[i].z = ode_arena_take(arena, m * half, sizeof(real));
        w->affine[i] = ode_arena_take(arena, run, sizeof(real));
    }
    w->u = ode_arena_take(arena, half, sizeof(real));
    w->a = ode_arena_take(arena, half, sizeof(real));
    w->features = ode_arena_take(arena, m * channels, sizeof(real));
    w->dfeatures = ode_arena_take(arena, m * channels, sizeof(real));
    w->logits = ode_arena_take(arena, m * classes, sizeof(real));
    w->dlogits = ode_arena_take(arena, m * classes, sizeof(real));
    w->pixels = ode_arena_take(
        arena, (size_t)(net->in * net->resolution * net->resolution), sizeof(float));
    w->scratch = ode_arena_take(arena, e->scratch_n, sizeof(float));
    w->label = ode_arena_take(arena, m, sizeof(int));
}

void
ode_result_place(struct ode_result *r, const struct ode_net *net, struct ode_arena *arena)
{
    const size_t opening = net->place[net->at.mean].n;
    const size_t head = net->place[net->at.head_mean].n;

    *r = (struct ode_result){ 0 };
    r->moments.mean = ode_arena_take(arena, opening, sizeof(real));
    r->moments.variance = ode_arena_take(arena, opening, sizeof(real));
    r->moments.head_mean = ode_arena_take(arena, head, sizeof(real));
    r->moments.head_variance = ode_arena_take(arena, head, sizeof(real));
}

/* --- parts of the way ------------------------------------------------------------------
 */

static const real *
weights(const struct ode_exec *e, int tensor)
{
    return e->packed + e->net->place[tensor].packed;
}

static real *
gradient(const struct ode_exec *e, int tensor, real *lane)
{
    return lane + e->net->place[tensor].lane;
}

/* The inside of an image of c channels, rounded to the grid; the halo becomes zero. */
static void
image_copy(int blocks, int h, int w, real grid, const real *from, real *to)
{
    memset(to, 0, (size_t)blocks * ode_plane(h, w) * sizeof *to);
    for (int b = 0; b < blocks; b++)
        for (int y = 0; y < h; y++) {
            const size_t at = (size_t)b * ode_plane(h, w)
                              + ((size_t)(y + 1) * (size_t)(w + 2) + 1) * ODE_VEC;

            for (size_t i = at; i < at + (size_t)w * ODE_VEC; i++)
                to[i] = ode_to_grid(from[i], grid);
        }
}

/* n images of both halves to the two halves of a state, and back. */
static void
images_split(const struct ode_stretch *g, int n, real grid, const real *images,
             struct ode_pair to)
{
    const int blocks = ode_blocks(g->half);

    for (size_t i = 0; i < (size_t)n; i++) {
        image_copy(blocks, g->conv.h, g->conv.w, grid, images + 2 * i * g->image,
                   to.y + i * g->image);
        image_copy(blocks, g->conv.h, g->conv.w, grid, images + (2 * i + 1) * g->image,
                   to.z + i * g->image);
    }
}

static void
images_join(const struct ode_stretch *g, int n, struct ode_pair from, real *images)
{
    for (size_t i = 0; i < (size_t)n; i++) {
        memcpy(images + 2 * i * g->image, from.y + i * g->image, g->image * sizeof(real));
        memcpy(images + (2 * i + 1) * g->image, from.z + i * g->image,
               g->image * sizeof(real));
    }
}

static struct ode_norm_shape
norm_shape(const struct ode_stretch *g, int n)
{
    return (struct ode_norm_shape){
        .n = n, .blocks = 2 * ode_blocks(g->half), .h = g->conv.h, .w = g->conv.w
    };
}

/* y = s(normalised x): batch moments are taken (training) or the running ones used. */
static void
normalise(const struct ode_exec *e, struct ode_work *w, const struct ode_norm_shape *s,
          int scale, int shift, const real *mean, const real *variance, const real *x,
          real *y)
{
    ode_norm_affine(s->blocks * ODE_VEC, mean, variance, weights(e, scale),
                    weights(e, shift), w->affine[0], w->affine[1]);
    ode_norm_apply(s, w->affine[0], w->affine[1], x, y);
}

/* Slot j of a segment's state: where block j begins. */
static struct ode_pair
slot(const struct ode_exec *e, const struct ode_work *w, int s, int j, size_t i)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const size_t at = ((e->reverse ? 0 : (size_t)(j * e->micro)) + i) * g->image;

    return (struct ode_pair){ w->state[s].y + at, w->state[s].z + at };
}

static struct ode_step
step_init(const struct ode_exec *e, struct ode_work *w, int s, int b, real *lane)
{
    const struct ode_stretch *g = &e->net->segment[s];
    struct ode_step step = { .kernels = e->kernels,
                             .conv = g->conv,
                             .act = e->net->act,
                             .dt = g->dt,
                             .grid = e->net->grid,
                             .u = w->u,
                             .a = w->a };

    for (int i = 0; i < 2; i++) {
        const int k = g->tensor + 4 * b + 2 * i;
        struct ode_layer *l = &step.layer[i];

        l->k = weights(e, k);
        l->kt = e->packed + e->net->place[k].flipped;
        l->b = weights(e, k + 1);
        l->dk = lane ? gradient(e, k, lane) : NULL;
        l->db = lane ? gradient(e, k + 1, lane) : NULL;
    }
    return step;
}

/* Scratch of another segment's shape would leave values in this one's halo. */
static void
scratch_clear(struct ode_work *w, const struct ode_stretch *g)
{
    memset(w->u, 0, g->image * sizeof *w->u);
    memset(w->a, 0, g->image * sizeof *w->a);
}

/* Where block b keeps the inputs of its activations, for image i. */
static void
kept_at(const struct ode_exec *e, const struct ode_work *w, int s, int b, size_t i,
        real *keep[2])
{
    const struct ode_stretch *g = &e->net->segment[s];

    for (int half = 0; half < 2; half++)
        keep[half] = w->kept[s] + ((size_t)((2 * b + half) * e->micro) + i) * g->image;
}

static struct ode_connector
connector(const struct ode_net *net, int s, real grid)
{
    const struct ode_stretch *g = &net->segment[s];

    return (struct ode_connector){ .from = g->half,
                                   .to = net->segment[s + 1].half,
                                   .h = g->conv.h,
                                   .w = g->conv.w,
                                   .grid = grid };
}

/* --- forward
 * ---------------------------------------------------------------------------- */

static void
input_fetch(const struct ode_exec *e, struct ode_work *w, ode_fetch_fn *fetch,
            void *context, size_t first, int n)
{
    const struct ode_net *net = e->net;
    const int size = net->resolution;
    const size_t image = ode_image(net->in, size, size), row = (size_t)(size + 2);

    for (int i = 0; i < n; i++) {
        const float *pixel = w->pixels;

        w->label[i] = fetch(context, first + (size_t)i, w->scratch, w->pixels);
        for (int c = 0; c < net->in; c++)
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++)
                    w->input[(size_t)i * image
                             + (size_t)(c / ODE_VEC) * ode_plane(size, size)
                             + ((size_t)(y + 1) * row + (size_t)(x + 1)) * ODE_VEC
                             + (size_t)(c % ODE_VEC)] = (real)*pixel++;
    }
}

static void
opening_forward(const struct ode_exec *e, struct ode_work *w, int n, bool training,
                struct ode_moments *m)
{
    const struct ode_net *net = e->net;
    const struct ode_norm_shape shape = norm_shape(&net->segment[0], n);
    const size_t in = ode_image(net->in, net->resolution, net->resolution);

    for (size_t i = 0; i < (size_t)n; i++)
        e->kernels->conv(&net->opening, w->input + i * in, weights(e, net->at.weight),
                         NULL, w->opened + i * opening_image(net));
    if (training)
        ode_norm_moments(&shape, w->opened, m->mean, m->variance);
    normalise(e, w, &shape, net->at.scale, net->at.shift,
              training ? m->mean : weights(e, net->at.mean),
              training ? m->variance : weights(e, net->at.variance), w->opened,
              w->wide[0]);
    e->kernels->act(net->act, 1, n * shape.blocks, shape.h, shape.w, w->wide[0],
                    w->wide[0]);
    images_split(&net->segment[0], n, net->grid, w->wide[0], slot(e, w, 0, 0, 0));
}

static real
segment_forward(const struct ode_exec *e, struct ode_work *w, int s, int n)
{
    const struct ode_stretch *g = &e->net->segment[s];
    real top = 0;

    scratch_clear(w, g);
    for (int b = 0; b < g->blocks; b++) {
        const struct ode_step step = step_init(e, w, s, b, NULL);

        for (size_t i = 0; i < (size_t)n; i++) {
            real *keep[2], most;

            if (!e->reverse)
                kept_at(e, w, s, b, i, keep);
            most = e->block->forward(&step, slot(e, w, s, b, i), slot(e, w, s, b + 1, i),
                                     e->reverse ? NULL : keep);
            top = most > top ? most : top;
        }
    }
    return top;
}

static void
connector_forward(const struct ode_exec *e, struct ode_work *w, int s, int n)
{
    const struct ode_connector c = connector(e->net, s, e->net->grid);

    for (size_t i = 0; i < (size_t)n; i++) {
        const struct ode_pair from = slot(e, w, s, e->net->segment[s].blocks, i);
        const struct ode_pair to = slot(e, w, s + 1, 0, i);

        ode_connect(&c, from.y, to.y);
        ode_connect(&c, from.z, to.z);
    }
}

static struct ode_head
head_shape(const struct ode_net *net, int n)
{
    const struct ode_stretch *g = &net->segment[net->segment_n - 1];

    return (struct ode_head){ .n = n,
                              .channels = 2 * g->half,
                              .classes = net->classes,
                              .blocks = 2 * ode_blocks(g->half),
                              .h = g->conv.h,
                              .w = g->conv.w };
}

/* The head's input to its activation, again, into wide[0]. */
static void
head_normalise(const struct ode_exec *e, struct ode_work *w, int n, const real *mean,
               const real *variance)
{
    const struct ode_net *net = e->net;
    const struct ode_norm_shape shape = norm_shape(&net->segment[net->segment_n - 1], n);

    normalise(e, w, &shape, net->at.head_scale, net->at.head_shift, mean, variance,
              w->ended, w->wide[0]);
}

static void
head_forward(const struct ode_exec *e, struct ode_work *w, int n, bool training,
             struct ode_moments *m)
{
    const struct ode_net *net = e->net;
    const int last = net->segment_n - 1;
    const struct ode_stretch *g = &net->segment[last];
    const struct ode_norm_shape shape = norm_shape(g, n);
    const struct ode_head head = head_shape(net, n);

    images_join(g, n, slot(e, w, last, g->blocks, 0), w->ended);
    if (training)
        ode_norm_moments(&shape, w->ended, m->head_mean, m->head_variance);
    head_normalise(e, w, n, training ? m->head_mean : weights(e, net->at.head_mean),
                   training ? m->head_variance : weights(e, net->at.head_variance));
    e->kernels->act(net->act, 1, n * shape.blocks, shape.h, shape.w, w->wide[0],
                    w->wide[1]);
    ode_head_features(&head, w->wide[1], w->features);
    ode_head_logits(&head, w->features, weights(e, net->at.head_weight),
                    weights(e, net->at.head_bias), w->logits);
}

void
ode_exec_forward(const struct ode_exec *e, struct ode_work *w, ode_fetch_fn *fetch,
                 void *context, size_t first, int n, bool training, struct ode_result *r)
{
    const int classes = e->net->classes;

    assert(n <= e->micro);
    r->loss = 0;
    r->correct = 0;
    r->n = n;
    r->top = 0;
    input_fetch(e, w, fetch, context, first, n);
    opening_forward(e, w, n, training, &r->moments);
    for (int s = 0; s < e->net->segment_n; s++) {
        const real top = segment_forward(e, w, s, n);

        r->top = top > r->top ? top : r->top;
        if (s + 1 < e->net->segment_n)
            connector_forward(e, w, s, n);
    }
    head_forward(e, w, n, training, &r->moments);
    memcpy(w->dlogits, w->logits, (size_t)(n * classes) * sizeof *w->logits);
    for (int i = 0; i < n; i++) {
        int hit;

        r->loss += ode_head_loss(classes, w->label[i], 1, w->dlogits + i * classes, &hit);
        r->correct += hit;
    }
}

/* --- backward
 * --------------------------------------------------------------------------- */

static void
head_backward(const struct ode_exec *e, struct ode_work *w, int n, double scale,
              const struct ode_moments *m, real *lane, struct ode_pair d)
{
    const struct ode_net *net = e->net;
    const struct ode_stretch *g = &net->segment[net->segment_n - 1];
    const struct ode_norm_shape shape = norm_shape(g, n);
    const struct ode_head head = head_shape(net, n);

    for (int i = 0; i < n * net->classes; i++)
        w->dlogits[i] *= (real)scale;
    ode_head_logits_adjoint(
        &head, w->features, weights(e, net->at.head_weight), w->dlogits, w->dfeatures,
        gradient(e, net->at.head_weight, lane), gradient(e, net->at.head_bias, lane));
    head_normalise(e, w, n, m->head_mean, m->head_variance);
    ode_head_features_adjoint(&head, w->dfeatures, w->wide[1]);
    e->kernels->act_adjoint(net->act, 1, n * shape.blocks, shape.h, shape.w, w->wide[0],
                            w->wide[1], w->wide[1], NULL);
    ode_norm_adjoint(&shape, m->head_mean, m->head_variance,
                     weights(e, net->at.head_scale), w->ended, w->wide[1], w->wide[1],
                     gradient(e, net->at.head_scale, lane),
                     gradient(e, net->at.head_shift, lane));
    images_split(g, n, 0, w->wide[1], d);
}

static void
segment_backward(const struct ode_exec *e, struct ode_work *w, int s, int n, real *lane,
                 struct ode_pair d)
{
    const struct ode_stretch *g = &e->net->segment[s];

    scratch_clear(w, g);
    for (int b = g->blocks - 1; b >= 0; b--) {
        const struct ode_step step = step_init(e, w, s, b, lane);

        for (size_t i = 0; i < (size_t)n; i++) {
            const struct ode_pair di = { d.y + i * g->image, d.z + i * g->image };
            real *keep[2];

            if (!e->reverse)
                kept_at(e, w, s, b, i, keep);
            e->block->adjoint(&step, slot(e, w, s, b, i), slot(e, w, s, b + 1, i),
                              e->reverse ? NULL : keep, di);
        }
    }
}

static void
connector_backward(const struct ode_exec *e, int s, int n, struct ode_pair from,
                   struct ode_pair to)
{
    const struct ode_connector c = connector(e->net, s, 0);
    const size_t fine = e->net->segment[s].image, coarse = e->net->segment[s + 1].image;

    for (size_t i = 0; i < (size_t)n; i++) {
        ode_connect_adjoint(&c, from.y + i * coarse, to.y + i * fine);
        ode_connect_adjoint(&c, from.z + i * coarse, to.z + i * fine);
    }
}

static void
opening_backward(const struct ode_exec *e, struct ode_work *w, int n,
                 const struct ode_moments *m, real *lane, struct ode_pair d)
{
    const struct ode_net *net = e->net;
    const struct ode_norm_shape shape = norm_shape(&net->segment[0], n);
    const size_t in = ode_image(net->in, net->resolution, net->resolution);

    images_join(&net->segment[0], n, d, w->wide[1]);
    normalise(e, w, &shape, net->at.scale, net->at.shift, m->mean, m->variance, w->opened,
              w->wide[0]);
    e->kernels->act_adjoint(net->act, 1, n * shape.blocks, shape.h, shape.w, w->wide[0],
                            w->wide[1], w->wide[1], NULL);
    ode_norm_adjoint(&shape, m->mean, m->variance, weights(e, net->at.scale), w->opened,
                     w->wide[1], w->wide[1], gradient(e, net->at.scale, lane),
                     gradient(e, net->at.shift, lane));
    for (size_t i = 0; i < (size_t)n; i++)
        e->kernels->conv_weights(&net->opening, w->wide[1] + i * opening_image(net),
                                 w->input + i * in, gradient(e, net->at.weight, lane));
}

void
ode_exec_backward(const struct ode_exec *e, struct ode_work *w, int n, double scale,
                  const struct ode_result *r, real *lane)
{
    struct ode_pair *d = w->cotangent;
    const int last = e->net->segment_n - 1;

    head_backward(e, w, n, scale, &r->moments, lane, d[last % 2]);
    for (int s = last; s >= 0; s--) {
        segment_backward(e, w, s, n, lane, d[s % 2]);
        if (s > 0)
            connector_backward(e, s - 1, n, d[s % 2], d[(s - 1) % 2]);
    }
    opening_backward(e, w, n, &r->moments, lane, d[0]);
}
