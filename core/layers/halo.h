/* halo.h - the border of zeros round a channel block of an image. */
#ifndef ODE_CORE_LAYERS_HALO_H
#define ODE_CORE_LAYERS_HALO_H

#include <string.h>

#include "core/kernels/kernels.h"

/* Pixel (y, x) of a plane of width w begins so many reals from the plane. */
static inline size_t
ode_pixel_at(int y, int x, int w)
{
    return ((size_t)(y + 1) * (size_t)(w + 2) + (size_t)(x + 1)) * ODE_VEC;
}

/* Zeros in the halo of n planes of h x w, and nowhere else. */
static inline void
ode_halo_clear(int n, int h, int w, real *plane)
{
    const size_t row = (size_t)(w + 2) * ODE_VEC, edge = ODE_VEC * sizeof *plane;

    for (int i = 0; i < n; i++, plane += ode_plane(h, w)) {
        memset(plane, 0, row * sizeof *plane);
        for (int y = 0; y < h; y++) {
            memset(plane + ode_pixel_at(y, -1, w), 0, edge);
            memset(plane + ode_pixel_at(y, w, w), 0, edge);
        }
        memset(plane + ode_pixel_at(h, -1, w), 0, row * sizeof *plane);
    }
}

/* Channels of the c in an image that stand in its block b. */
static inline int
ode_lanes(int c, int b)
{
    return c - b * ODE_VEC < ODE_VEC ? c - b * ODE_VEC : ODE_VEC;
}

#endif
