/*
 * connect.c - 2x2 means and zero channels between two segments.
 *
 * 16 channels at a time. Where the zero channels before the old ones are no multiple of
 * 16, a block of the one side is the end of a block of the other and the beginning of the
 * next: it is read from the 32 channels of the two.
 */
#include "core/layers/connect.h"

#include <string.h>

#include "core/layers/halo.h"

/* y = the mean of four pixels of x in 16 channels, rounded, and zero from `lanes` on. */
static void
four_mean(const real *restrict x, size_t down, int lanes, real magic, real *restrict y)
{
    for (int c = 0; c < ODE_VEC; c++)
        y[c] = ((x[c] + x[ODE_VEC + c])
                + (x[down + (size_t)c] + x[down + ODE_VEC + (size_t)c]))
               / 4;
    if (magic > 0)
        for (int c = 0; c < ODE_VEC; c++)
            y[c] = ode_round_by(y[c], magic);
    for (int c = lanes; c < ODE_VEC; c++)
        y[c] = 0;
}

/* Block b of x; NULL if it has none of that number. */
static const real *
block_at(const struct ode_connector *s, int b, const real *x)
{
    return b < 0 || b >= ode_blocks(s->from) ? NULL
                                             : x + (size_t)b * ode_plane(s->h, s->w);
}

/* One block of y: its first `shift` channels, fewer than 16, are the last ones of block b
 * of x, the others the first ones of block b + 1. What x lacks is zero. */
static void
block_connect(const struct ode_connector *s, int b, int shift, const real *x, real *y)
{
    const real *low = shift > 0 ? block_at(s, b, x) : NULL, *high = block_at(s, b + 1, x);
    const size_t down = (size_t)(s->w + 2) * ODE_VEC;
    const real magic = ode_grid_magic(s->grid);
    real two[2 * ODE_VEC] = { 0 };

    for (int r = 0; r < s->h / 2; r++)
        for (int p = 0; p < s->w / 2; p++) {
            const size_t four = ode_pixel_at(2 * r, 2 * p, s->w);

            if (low)
                four_mean(low + four, down, ode_lanes(s->from, b), magic, two);
            if (high)
                four_mean(high + four, down, ode_lanes(s->from, b + 1), magic,
                          two + ODE_VEC);
            memcpy(y + ode_pixel_at(r, p, s->w / 2), two + ODE_VEC - shift,
                   ODE_VEC * sizeof *y);
        }
}

void
ode_connect(const struct ode_connector *s, const real *x, real *y)
{
    const int h = s->h / 2, w = s->w / 2, before = (s->to - s->from) / 2;

    ode_halo_clear(ode_blocks(s->to), h, w, y);
    for (int b = 0; b < ode_blocks(s->to); b++)
        block_connect(s, b - before / ODE_VEC - 1, before % ODE_VEC, x,
                      y + (size_t)b * ode_plane(h, w));
}

/* dx of four pixels = a quarter of dy in 16 channels, and zero from `lanes` on. */
static void
four_share(const real *restrict dy, size_t down, int lanes, real *restrict dx)
{
    real quarter[ODE_VEC];

    for (int c = 0; c < ODE_VEC; c++)
        quarter[c] = dy[c] / 4;
    for (int c = lanes; c < ODE_VEC; c++)
        quarter[c] = 0;
    memcpy(dx, quarter, sizeof quarter);
    memcpy(dx + ODE_VEC, quarter, sizeof quarter);
    memcpy(dx + down, quarter, sizeof quarter);
    memcpy(dx + down + ODE_VEC, quarter, sizeof quarter);
}

/* One block of dx: its first channel is the `shift`th of the block at dy. */
static void
block_adjoint(const struct ode_connector *s, int shift, int lanes, const real *dy,
              real *dx)
{
    const int h = s->h / 2, w = s->w / 2;
    const size_t down = (size_t)(s->w + 2) * ODE_VEC;
    const bool both = shift + lanes > ODE_VEC;
    real two[2 * ODE_VEC] = { 0 };

    for (int r = 0; r < h; r++)
        for (int p = 0; p < w; p++) {
            const real *d = dy + ode_pixel_at(r, p, w);

            memcpy(two, d, ODE_VEC * sizeof *two);
            if (both)
                memcpy(two + ODE_VEC, d + ode_plane(h, w), ODE_VEC * sizeof *two);
            four_share(two + shift, down, lanes, dx + ode_pixel_at(2 * r, 2 * p, s->w));
        }
}

void
ode_connect_adjoint(const struct ode_connector *s, const real *dy, real *dx)
{
    const int before = (s->to - s->from) / 2;
    const size_t coarse = ode_plane(s->h / 2, s->w / 2);

    ode_halo_clear(ode_blocks(s->from), s->h, s->w, dx);
    for (int b = 0; b < ode_blocks(s->from); b++)
        block_adjoint(s, before % ODE_VEC, ode_lanes(s->from, b),
                      dy + (size_t)(b + before / ODE_VEC) * coarse,
                      dx + (size_t)b * ode_plane(s->h, s->w));
}

void
ode_subsample(int n, int h, int w, const real *x, real *y)
{
    for (int b = 0; b < n; b++, x += ode_plane(h, w), y += ode_plane(h / 2, w / 2))
        for (int r = 0; r < h / 2; r++)
            for (int p = 0; p < w / 2; p++)
                memcpy(y + ode_pixel_at(r, p, w / 2), x + ode_pixel_at(2 * r, 2 * p, w),
                       ODE_VEC * sizeof *y);
}

void
ode_subsample_adjoint(int n, int h, int w, const real *dy, real *dx)
{
    const size_t pixel = ODE_VEC * sizeof *dx;

    ode_halo_clear(n, h, w, dx);
    for (int b = 0; b < n; b++, dx += ode_plane(h, w), dy += ode_plane(h / 2, w / 2))
        for (int r = 0; r < h; r += 2) {
            for (int p = 0; p < w; p += 2) {
                real *two = dx + ode_pixel_at(r, p, w);

                memcpy(two, dy + ode_pixel_at(r / 2, p / 2, w / 2), pixel);
                memset(two + ODE_VEC, 0, pixel);
            }
            memset(dx + ode_pixel_at(r + 1, 0, w), 0, (size_t)w * pixel);
        }
}
