/*
 * connect.h - from one segment to the next: 2x2 means, then zero channels.
 *
 * Each half of the state is widened from `from` to `to` channels with (to - from) / 2
 * zero channels before the old ones and the rest after them, so that Y stays with Y
 * and Z with Z. The size is halved; an odd last row or column can't occur, as a recipe
 * with one is refused.
 */
#ifndef ODE_CORE_LAYERS_CONNECT_H
#define ODE_CORE_LAYERS_CONNECT_H

#include "core/kernels/kernels.h"

struct ode_connector {
    int from, to; /* channels of a half        */
    int h, w;     /* of the finer side, even   */
    real grid;    /* states are multiples of it */
};

/* y: image of c->to channels, h/2 x w/2, all of it written; x: image of c->from. */
void ode_connect(const struct ode_connector *c, const real *x, real *y);

/* dx = J' dy, all of it written. */
void ode_connect_adjoint(const struct ode_connector *c, const real *dy, real *dx);

/* x rounded to a multiple of grid; as it is if grid is 0. */
real ode_to_grid(real x, real grid);

#endif
