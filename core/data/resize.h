/*
 * resize.h - images in floats to half and twice their size.
 *
 * Going down is R, the mean of 2x2 pixels; going up is P, bilinear interpolation between
 * the centres of pixels with replicated edges: those of the stencils (stencil.h). Along
 * an axis a pixel a between l and r becomes (l + 3 a) / 4, (3 a + r) / 4. Both keep
 * constant images bit for bit and the mean of any image. No allocation, any thread.
 */
#ifndef ODE_CORE_DATA_RESIZE_H
#define ODE_CORE_DATA_RESIZE_H

#include <stddef.h>

/* R: x [2n][2n] to y [n][n]; y may be x, as it never overtakes it. */
void ode_resize_halve(const float *x, int n, float *y);

/* P: x [n][n] to y [2n][2n], which must not overlap. */
void ode_resize_double(const float *x, int n, float *y);

/*
 * An image to another size, one a power of two times the other, step by step.
 *
 *   x     [channels][from][from]  read
 *   y     [channels][to][to]      written; must not overlap x
 *   room  ode_resize_room() floats
 */
void ode_resize_image(int channels, int from, const float *x, int to, float *room,
                      float *y);
size_t ode_resize_room(int from, int to);

#endif
