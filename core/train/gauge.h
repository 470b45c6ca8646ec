/*
 * gauge.h - how far a network is from being stable and reversible, on a few images.
 *
 * It takes the images through the network in training mode and in place, whatever the
 * segments' memory modes, and back through each segment. Nothing of the engine changes:
 * the gauge has buffers of its own, placed before a level begins.
 *
 * Cost: a forward pass of the images and, where the integrator is reversible, the way
 * back; then 40 convolutions of one image for each kernel of at most 32 points in time of
 * a segment. One thread; the same bits whoever calls.
 */
#ifndef ODE_CORE_TRAIN_GAUGE_H
#define ODE_CORE_TRAIN_GAUGE_H

#include "core/net/exec.h"

struct ode_gauge_segment {
    double growth; /* |state at the end| / |state at the begin| */

    /* |inverse(forward(x)) - x| / |x| with the segment's own grid: 0 on the grid, of the
     * order of rounding without. NaN where the integrator can't be reversed. */
    double error;

    /* The step against the largest stable one for the layers' norms, the largest of at
     * most 32 points in time, evenly apart: below 1 is stable, with frozen weights and
     * linearised (block.h). NaN where a normalisation leaves the norm open: instance, tv.
     */
    double stability;
};

struct ode_gauge {
    int segments;
    struct ode_gauge_segment segment[ODE_SEGMENTS_MAX];
};

/* Its buffers. */
struct ode_gauge_room {
    int n; /* images */
    struct ode_work work;
    struct ode_result result;
    real *begin;     /* the state in which a segment began */
    real *vector[2]; /* images of a layer */
};

/* Places (or, with a counting arena, measures) what it takes for the first n images of a
 * source. Of exec, packed is not read. */
void ode_gauge_place(struct ode_gauge_room *room, const struct ode_exec *exec, int n,
                     struct ode_arena *arena);

/* Measures all segments with the weights that exec has packed. */
void ode_gauge_measure(struct ode_gauge_room *room, const struct ode_exec *exec,
                       ode_fetch_fn *fetch, void *context, struct ode_gauge *gauge);

/*
 * A bound of the norm of the Jacobian of segment s's layer at a point in time (net.h), by
 * power iteration, which stays some percent below it (2 with initial kernels);
 * 0 <= s' <= 1:
 *
 *   single ||K||, antisymmetric ||A||, symmetric ||K||^2, residual ||K2|| ||K1||
 *
 * times the largest |scale| / sqrt(running variance + eps) of each batch normalisation.
 * NaN with the other kinds.
 */
double ode_gauge_lipschitz(struct ode_gauge_room *room, const struct ode_exec *exec,
                           int s, int point, int layer);

#endif
