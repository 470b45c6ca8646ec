/* link.c - connectors: from the end of one segment to the begin of the next. */
#include "core/net/link.h"

#include <string.h>

#include "core/layers/cna.h"
#include "core/layers/connect.h"
#include "core/layers/halo.h"
#include "core/net/images.h"
#include "core/net/segment.h"

/* Without anything but opening and head; with a closing; pointwise; residual. */
enum { WIDE_LEAST = 2, WIDE_CLOSING, WIDE_POINTWISE, WIDE_MOST = 6 };

int
ode_link_wide(const struct ode_net *net)
{
    int most = WIDE_LEAST;

    if (net->closing.weight >= 0)
        most = WIDE_CLOSING;
    for (int s = 0; s + 1 < net->segment_n; s++)
        if (net->link[s].kind == ODE_LINK_RESIDUAL)
            most = WIDE_MOST;
        else if (net->link[s].kind == ODE_LINK_POINTWISE && most < WIDE_POINTWISE)
            most = WIDE_POINTWISE;
    return most;
}

static size_t
image_of(const struct ode_cna_site *site)
{
    return ode_image(ode_padded(site->channels, site->parts), site->conv.h, site->conv.w);
}

void
ode_link_place(struct ode_link_work *link, const struct ode_exec *e, int s,
               struct ode_arena *arena)
{
    const struct ode_link_site *site = &e->net->link[s];
    const size_t m = (size_t)e->micro;

    *link = (struct ode_link_work){ 0 };
    if (site->kind == ODE_LINK_POINTWISE)
        link->main = ode_arena_take(arena, m * image_of(&site->main), sizeof(real));
    if (site->kind == ODE_LINK_RESIDUAL) {
        link->inner = ode_arena_take(arena, m * image_of(&site->inner), sizeof(real));
        link->side = ode_arena_take(arena, m * image_of(&site->side), sizeof(real));
    }
}

/* --- 2x2 means and zero channels --------------------------------------------------- */

static struct ode_connector
connector(const struct ode_net *net, int s, real grid)
{
    const struct ode_stretch *g = &net->segment[s];

    return (struct ode_connector){ .from = g->width,
                                   .to = net->segment[s + 1].width,
                                   .h = g->conv.h,
                                   .w = g->conv.w,
                                   .grid = grid };
}

static void
zero_forward(const struct ode_exec *e, struct ode_work *w, int s, int n)
{
    const struct ode_net *net = e->net;
    const struct ode_connector c = connector(net, s, net->segment[s + 1].grid);
    const size_t fine = net->segment[s].image, coarse = net->segment[s + 1].image;
    const struct ode_pair from = ode_segment_end(e, w, s);
    const struct ode_pair to = ode_segment_begin(e, w, s + 1);

    for (size_t i = 0; i < (size_t)n; i++) {
        ode_connect(&c, from.y + i * fine, to.y + i * coarse);
        if (net->parts == 2)
            ode_connect(&c, from.z + i * fine, to.z + i * coarse);
    }
}

static void
zero_backward(const struct ode_exec *e, int s, int n, struct ode_pair d,
              struct ode_pair to)
{
    const struct ode_connector c = connector(e->net, s, 0);
    const size_t fine = e->net->segment[s].image, coarse = e->net->segment[s + 1].image;

    for (size_t i = 0; i < (size_t)n; i++) {
        ode_connect_adjoint(&c, d.y + i * coarse, to.y + i * fine);
        if (e->net->parts == 2)
            ode_connect_adjoint(&c, d.z + i * coarse, to.z + i * fine);
    }
}

/* --- 1x1 convolution, normalisation, activation, 2x2 means ------------------------- */

/* Halves n images of the site's channels, padding included. */
static struct ode_connector
halving(const struct ode_cna_site *site)
{
    const int channels = ode_padded(site->channels, site->parts);

    return (struct ode_connector){
        .from = channels, .to = channels, .h = site->conv.h, .w = site->conv.w
    };
}

static void
pointwise_forward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                  enum ode_mode mode, real *moment)
{
    const struct ode_net *net = e->net;
    const struct ode_cna_site *site = &net->link[s].main;
    const struct ode_cna c = ode_cna_at(e, site, n, moment, NULL);
    const struct ode_connector half = halving(site);
    const size_t fine = image_of(site), coarse = ode_net_state(net, s + 1);
    const real *x = ode_images_join(net, s, n, ode_segment_end(e, w, s), w->wide[0]);

    ode_cna_forward(&c, mode, x, w->link[s].main, w->wide[1]);
    for (size_t i = 0; i < (size_t)n; i++)
        ode_connect(&half, w->wide[1] + i * fine, w->wide[2] + i * coarse);
    ode_images_split(net, s + 1, n, net->segment[s + 1].grid, w->wide[2],
                     ode_segment_begin(e, w, s + 1));
}

static void
pointwise_backward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                   real *moment, struct ode_lane *lane, struct ode_pair d,
                   struct ode_pair to)
{
    const struct ode_net *net = e->net;
    const struct ode_cna_site *site = &net->link[s].main;
    const struct ode_cna c = ode_cna_at(e, site, n, moment, lane);
    const struct ode_connector half = halving(site);
    const size_t fine = image_of(site), coarse = ode_net_state(net, s + 1);
    const real *x = ode_images_join(net, s, n, ode_segment_end(e, w, s), w->wide[0]);
    const real *dy = ode_images_join(net, s + 1, n, d, w->wide[1]);

    for (size_t i = 0; i < (size_t)n; i++)
        ode_connect_adjoint(&half, dy + i * coarse, w->wide[2] + i * fine);
    ode_cna_adjoint(&c, x, w->link[s].main, w->wide[2]);
    ode_cna_back(&c, w->wide[2], w->wide[3]);
    ode_images_split(net, s, n, 0, w->wide[3], to);
}

/* --- a residual block of stride 2 -------------------------------------------------- */

/* The site's normalisation and activation alone, and its convolution alone. */
static struct ode_cna
norm_part(const struct ode_exec *e, const struct ode_cna_site *site, int n, real *moment,
          struct ode_lane *lane)
{
    struct ode_cna c = ode_cna_at(e, site, n, moment, lane);

    c.k = c.kt = NULL;
    return c;
}

static struct ode_cna
conv_part(const struct ode_exec *e, const struct ode_cna_site *site, int n,
          struct ode_lane *lane)
{
    struct ode_cna c = ode_cna_at(e, site, n, NULL, lane);

    c.norm = (struct ode_normaliser){ .kernels = e->kernels, .kind = ODE_NORM_NONE };
    c.active = false;
    c.shape.blocks = ode_blocks(c.conv.out);
    return c;
}

/* x at every second pixel, into y: channels of segment s. */
static void
side_input(const struct ode_exec *e, int s, int n, const real *x, real *y)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const int blocks = n * e->net->parts * ode_blocks(g->width);

    ode_subsample(blocks, g->conv.h, g->conv.w, x, y);
}

/* The part's output into images whose halo is zero, as a 3x3 convolution reads it next;
 * the scratch last had another shape. */
static void
into_clear(const struct ode_cna *c, enum ode_mode mode, const real *x, real *y)
{
    ode_halo_clear(c->shape.n * c->shape.blocks, c->shape.h, c->shape.w, y);
    ode_cna_forward(c, mode, x, NULL, y);
}

static void
residual_forward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                 enum ode_mode mode, real *moment)
{
    const struct ode_net *net = e->net;
    const struct ode_link_site *link = &net->link[s];
    const struct ode_cna p = norm_part(e, &link->main, n, moment, NULL);
    const struct ode_cna k = conv_part(e, &link->main, n, NULL);
    const struct ode_cna m = norm_part(e, &link->inner, n, moment, NULL);
    const struct ode_cna o = conv_part(e, &link->inner, n, NULL);
    const struct ode_cna side = ode_cna_at(e, &link->side, n, moment, NULL);
    struct ode_link_work *kept = &w->link[s];
    real *const *wide = w->wide;
    const real *x = ode_images_join(net, s, n, ode_segment_end(e, w, s), wide[0]);

    into_clear(&p, mode, x, wide[1]);
    ode_cna_forward(&k, mode, wide[1], wide[2], wide[2]);
    ode_subsample(n * k.shape.blocks, k.shape.h, k.shape.w, wide[2], kept->inner);
    into_clear(&m, mode, kept->inner, wide[1]);
    ode_cna_forward(&o, mode, wide[1], wide[2], wide[2]);
    side_input(e, s, n, x, wide[3]);
    ode_cna_forward(&side, mode, wide[3], kept->side, wide[4]);
    e->kernels->combine((size_t)n * ode_net_state(net, s + 1), 1, wide[2], 1, wide[4],
                        wide[2]);
    ode_images_split(net, s + 1, n, net->segment[s + 1].grid, wide[2],
                     ode_segment_begin(e, w, s + 1));
}

/* The side's share: dx in wide[4]. */
static void
side_backward(const struct ode_exec *e, struct ode_work *w, int s, int n, real *moment,
              struct ode_lane *lane, const real *x, const real *dy)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const struct ode_cna side = ode_cna_at(e, &e->net->link[s].side, n, moment, lane);
    real *const *wide = w->wide;

    memcpy(wide[1], dy, (size_t)n * ode_net_state(e->net, s + 1) * sizeof *dy);
    side_input(e, s, n, x, wide[2]);
    ode_cna_adjoint(&side, wide[2], w->link[s].side, wide[1]);
    ode_cna_back(&side, wide[1], wide[3]);
    ode_subsample_adjoint(n * e->net->parts * ode_blocks(g->width), g->conv.h, g->conv.w,
                          wide[3], wide[4]);
}

/* The branch's share: dx in wide[2]. */
static void
branch_backward(const struct ode_exec *e, struct ode_work *w, int s, int n, real *moment,
                struct ode_lane *lane, const real *x, const real *dy)
{
    const struct ode_link_site *link = &e->net->link[s];
    const struct ode_cna p = norm_part(e, &link->main, n, moment, lane);
    const struct ode_cna k = conv_part(e, &link->main, n, lane);
    const struct ode_cna m = norm_part(e, &link->inner, n, moment, lane);
    const struct ode_cna o = conv_part(e, &link->inner, n, lane);
    real *const *wide = w->wide, *inner = w->link[s].inner;

    memcpy(wide[3], dy, (size_t)n * ode_net_state(e->net, s + 1) * sizeof *dy);
    into_clear(&m, ODE_REPLAY, inner, wide[1]);
    ode_cna_adjoint(&o, wide[1], NULL, wide[3]);
    ode_cna_back(&o, wide[3], wide[2]);
    ode_cna_adjoint(&m, NULL, inner, wide[2]);
    ode_subsample_adjoint(n * k.shape.blocks, k.shape.h, k.shape.w, wide[2], wide[3]);
    into_clear(&p, ODE_REPLAY, x, wide[1]);
    ode_cna_adjoint(&k, wide[1], NULL, wide[3]);
    ode_cna_back(&k, wide[3], wide[2]);
    ode_cna_adjoint(&p, NULL, x, wide[2]);
}

static void
residual_backward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                  real *moment, struct ode_lane *lane, struct ode_pair d,
                  struct ode_pair to)
{
    const struct ode_net *net = e->net;
    const real *x = ode_images_join(net, s, n, ode_segment_end(e, w, s), w->wide[0]);
    const real *dy = ode_images_join(net, s + 1, n, d, w->wide[5]);

    side_backward(e, w, s, n, moment, lane, x, dy);
    branch_backward(e, w, s, n, moment, lane, x, dy);
    e->kernels->combine((size_t)n * ode_net_state(net, s), 1, w->wide[2], 1, w->wide[4],
                        w->wide[2]);
    ode_images_split(net, s, n, 0, w->wide[2], to);
}

/* --- all kinds --------------------------------------------------------------------- */

void
ode_link_forward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                 enum ode_mode mode, real *moment)
{
    switch (e->net->link[s].kind) {
    case ODE_LINK_ZERO:
        zero_forward(e, w, s, n);
        break;
    case ODE_LINK_POINTWISE:
        pointwise_forward(e, w, s, n, mode, moment);
        break;
    case ODE_LINK_RESIDUAL:
        residual_forward(e, w, s, n, mode, moment);
        break;
    }
}

void
ode_link_backward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                  real *moment, struct ode_lane *lane, struct ode_pair d,
                  struct ode_pair to)
{
    ode_lane_begin(lane, e->net, e->net->link_slots[s]);
    switch (e->net->link[s].kind) {
    case ODE_LINK_ZERO:
        zero_backward(e, s, n, d, to);
        break;
    case ODE_LINK_POINTWISE:
        pointwise_backward(e, w, s, n, moment, lane, d, to);
        break;
    case ODE_LINK_RESIDUAL:
        residual_backward(e, w, s, n, moment, lane, d, to);
        break;
    }
    ode_lane_end(lane, e->net, e->net->link_slots[s]);
}
