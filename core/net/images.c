/* images.c - n images of all channels, and states: from one to the other. */
#include "core/net/images.h"

#include <string.h>

#include "core/layers/connect.h"
#include "core/layers/halo.h"

const real *
ode_slot_weights(const struct ode_exec *e, int slot)
{
    return slot < 0 ? NULL : e->packed + e->net->slot[slot].packed;
}

real *
ode_slot_moment(const struct ode_exec *e, int slot, real *moment)
{
    return slot < 0 || !moment ? NULL : moment + e->net->slot[slot].lane;
}

void
ode_slot_kernel(const struct ode_exec *e, const struct ode_work *w, int slot,
                const real **k, const real **kt)
{
    const struct ode_slot *s = &e->net->slot[slot];
    const real *from = s->local ? w->prepared : e->packed;

    if (s->local)
        ode_net_prepare(e->net, e->kernels, slot, e->theta, NULL, w->room, w->prepared);
    *k = from + s->packed;
    *kt = s->flip ? from + s->flipped : *k;
}

struct ode_cna
ode_cna_at(const struct ode_exec *e, const struct ode_cna_site *site, int n, real *moment,
           const struct ode_lane *lane)
{
    const struct ode_norm_site *m = &site->norm;
    const int channels = ode_padded(site->channels, site->parts);
    struct ode_cna c = {
        .kernels = e->kernels,
        .conv = site->conv,
        .k = ode_slot_weights(e, site->weight),
        .dk = ode_lane_at(lane, e->net, site->weight),
        .norm = {.kernels = e->kernels,
                 .kind = m->kind,
                 .scale = ode_slot_weights(e,          m->scale),
                 .shift = ode_slot_weights(e, m->shift),
                 .mean = ode_slot_weights(e, m->mean),
                 .variance = ode_slot_weights(e, m->variance),
                 .seen_mean = ode_slot_moment(e, m->mean, moment),
                 .seen_variance = ode_slot_moment(e, m->variance, moment),
                 .dscale = ode_lane_at(lane, e->net, m->scale),
                 .dshift = ode_lane_at(lane, e->net, m->shift) },
        .act = e->net->act,
        .active = site->act,
        .shape = { .n = n,
                 .blocks = channels / ODE_VEC,
                 .h = site->conv.h,
                 .w = site->conv.w                 },
    };

    if (site->flip)
        c.kt = e->packed + e->net->slot[site->weight].flipped;
    return c;
}

struct ode_head
ode_head_at(const struct ode_net *net, int n)
{
    const struct ode_cna_site *site = &net->head;

    return (struct ode_head){ .n = n,
                              .channels = site->channels,
                              .parts = site->parts,
                              .classes = net->classes,
                              .blocks = ode_padded(site->channels, site->parts) / ODE_VEC,
                              .h = site->conv.h,
                              .w = site->conv.w,
                              .flat = net->flat };
}

/* 16 channels of a pixel, rounded if magic is not 0. */
static void
pixel_copy(const real *restrict from, real magic, real *restrict to)
{
    real x[ODE_VEC];

    memcpy(x, from, sizeof x);
    if (magic > 0)
        for (int c = 0; c < ODE_VEC; c++)
            x[c] = ode_round_by(x[c], magic);
    memcpy(to, x, sizeof x);
}

/* The inside of an image of c channels, rounded to the grid; all else becomes zero. */
static void
image_copy(int c, int h, int w, real grid, const real *from, real *to)
{
    const real magic = ode_grid_magic(grid);

    ode_halo_clear(ode_blocks(c), h, w, to);
    for (int b = 0; b < ode_blocks(c);
         b++, from += ode_plane(h, w), to += ode_plane(h, w))
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                real *pixel = to + ode_pixel_at(y, x, w);

                pixel_copy(from + ode_pixel_at(y, x, w), magic, pixel);
                for (int k = ode_lanes(c, b); k < ODE_VEC; k++)
                    pixel[k] = 0;
            }
}

void
ode_images_split(const struct ode_net *net, int s, int n, real grid, const real *images,
                 struct ode_pair to)
{
    const struct ode_stretch *g = &net->segment[s];
    const size_t parts = (size_t)net->parts;

    for (size_t i = 0; i < (size_t)n; i++) {
        image_copy(g->width, g->conv.h, g->conv.w, grid, images + parts * i * g->image,
                   to.y + i * g->image);
        if (parts == 2)
            image_copy(g->width, g->conv.h, g->conv.w, grid,
                       images + (parts * i + 1) * g->image, to.z + i * g->image);
    }
}

const real *
ode_images_join(const struct ode_net *net, int s, int n, struct ode_pair from, real *room)
{
    const struct ode_stretch *g = &net->segment[s];

    if (net->parts == 1)
        return from.y;
    for (size_t i = 0; i < (size_t)n; i++) {
        memcpy(room + 2 * i * g->image, from.y + i * g->image, g->image * sizeof(real));
        memcpy(room + (2 * i + 1) * g->image, from.z + i * g->image,
               g->image * sizeof(real));
    }
    return room;
}
