/*
 * connect.h - from one segment to the next: 2x2 means, then zero channels; every second
 * pixel.
 *
 * A state, or each half of one, is widened from `from` to `to` channels with (to - from)
 * / 2 zero channels before the old ones and the rest after them, so that Y stays with Y
 * and Z with Z. The size is halved; an odd last row or column can't occur, as a recipe
 * with one is refused.
 */
#ifndef ODE_CORE_LAYERS_CONNECT_H
#define ODE_CORE_LAYERS_CONNECT_H

#include "core/kernels/kernels.h"

struct ode_connector {
    int from, to; /* channels                  */
    int h, w;     /* of the finer side, even   */
    real grid;    /* states are multiples of it */
};

/* y: image of c->to channels, h/2 x w/2, all of it written; x: image of c->from. */
void ode_connect(const struct ode_connector *c, const real *x, real *y);

/* dx = J' dy, all of it written. */
void ode_connect_adjoint(const struct ode_connector *c, const real *dy, real *dx);

/* y = pixels 0, 2, 4, ... of rows and columns of x: with a convolution before it, one of
 * stride 2. x: n channel blocks, h x w, even; y: n blocks, h/2 x w/2, inside the halo. */
void ode_subsample(int n, int h, int w, const real *x, real *y);

/* dx = J' dy, all of it written. */
void ode_subsample_adjoint(int n, int h, int w, const real *dy, real *dx);

/* 2^(bits - 1) grid: numbers of that size are as far apart as the grid is wide. 0 if grid
 * is. */
static inline real
ode_grid_magic(real grid)
{
    return grid * (real)(1ull << (ODE_REAL_BITS - 1));
}

/* x rounded to a multiple of the grid, of which this is the magic: as in the kernels. */
static inline real
ode_round_by(real x, real magic)
{
    const real away = x < 0 ? -magic : magic;

    return (x + away) - away;
}

/* x rounded to a multiple of grid; as it is if grid is 0. */
static inline real
ode_to_grid(real x, real grid)
{
    return grid > 0 ? ode_round_by(x, ode_grid_magic(grid)) : x;
}

#endif
