/*
 * strokes.h - the built-in set: digits drawn from vector strokes, at any resolution.
 *
 * Each example picks one way of writing its digit, moves the control points, bends,
 * scales, slants, turns and shifts the curve, and inks it with a pen of some width and
 * darkness. All of it follows from (seed, part, example) and is settled before the first
 * pixel is inked, so an example is the same drawing at every resolution.
 */
#ifndef ODE_CORE_DATA_STROKES_H
#define ODE_CORE_DATA_STROKES_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { ODE_STROKES_MIN = 8, ODE_STROKES_MAX = 256, ODE_STROKES_CLASSES = 10 };
enum ode_strokes_part { ODE_STROKES_TRAIN, ODE_STROKES_TEST };

/* The digit that example i shows: as many of each as the count allows. */
int ode_strokes_label(size_t i);

/*
 * Draws example i of a part to pixels[resolution][resolution]; 0 is paper, 255 full ink.
 * `resolution` is ODE_STROKES_MIN to ODE_STROKES_MAX.
 *
 * A pixel is the part of it that the pen covers, taken along the line to the nearest
 * point of the stroke: exact for straight strokes along the grid, close for others, and
 * so nearly the mean of the four pixels of twice the resolution.
 */
void ode_strokes_image(uint64_t seed, enum ode_strokes_part part, size_t i,
                       int resolution, uint8_t *pixels);

/* Draws examples 0..n-1 and their labels: images[n][resolution][resolution], labels[n],
 * with up to `threads` threads. The bits do not depend on how many. */
void ode_strokes_draw(uint64_t seed, enum ode_strokes_part part, size_t n, int resolution,
                      int threads, uint8_t *images, uint8_t *labels);

#endif
