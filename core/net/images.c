/* images.c - n images of all channels, and states: from one to the other. */
#include "core/net/images.h"

#include <string.h>

#include "core/layers/connect.h"

const real *
ode_slot_weights(const struct ode_exec *e, int slot)
{
    return slot < 0 ? NULL : e->packed + e->net->slot[slot].packed;
}

real *
ode_slot_gradient(const struct ode_exec *e, int slot, real *lane)
{
    return slot < 0 || !lane ? NULL : lane + e->net->slot[slot].lane;
}

struct ode_cna
ode_cna_at(const struct ode_exec *e, const struct ode_cna_site *site, int n, real *moment,
           real *lane)
{
    const struct ode_norm_site *m = &site->norm;
    const int channels = ode_padded(site->channels, site->parts);
    struct ode_cna c = {
        .kernels = e->kernels,
        .conv = site->conv,
        .k = ode_slot_weights(e, site->weight),
        .dk = ode_slot_gradient(e, site->weight, lane),
        .norm = {.kernels = e->kernels,
                 .kind = m->kind,
                 .scale = ode_slot_weights(e,          m->scale),
                 .shift = ode_slot_weights(e, m->shift),
                 .mean = ode_slot_weights(e, m->mean),
                 .variance = ode_slot_weights(e, m->variance),
                 .seen_mean = ode_slot_gradient(e, m->mean, moment),
                 .seen_variance = ode_slot_gradient(e, m->variance, moment),
                 .dscale = ode_slot_gradient(e, m->scale, lane),
                 .dshift = ode_slot_gradient(e, m->shift, lane) },
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

/* The inside of an image of c channels, rounded to the grid; all else becomes zero. */
static void
image_copy(int c, int h, int w, real grid, const real *from, real *to)
{
    memset(to, 0, ode_image(c, h, w) * sizeof *to);
    for (int b = 0; b < ode_blocks(c); b++) {
        const int left = c - b * ODE_VEC, lanes = left < ODE_VEC ? left : ODE_VEC;

        for (int y = 0; y < h; y++) {
            const size_t row = (size_t)b * ode_plane(h, w)
                               + ((size_t)(y + 1) * (size_t)(w + 2) + 1) * ODE_VEC;

            if (lanes == ODE_VEC)
                for (size_t i = row; i < row + (size_t)w * ODE_VEC; i++)
                    to[i] = ode_to_grid(from[i], grid);
            else
                for (size_t i = row; i < row + (size_t)w * ODE_VEC; i += ODE_VEC)
                    for (int k = 0; k < lanes; k++)
                        to[i + (size_t)k] = ode_to_grid(from[i + (size_t)k], grid);
        }
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
