/*
 * images.h - n images of all channels, and states: from one to the other.
 *
 * A state of halves is two images of half the channels, each apart for all n; an image of
 * all channels has its two padded runs one after the other. A state of one part is the
 * image itself.
 */
#ifndef ODE_CORE_NET_IMAGES_H
#define ODE_CORE_NET_IMAGES_H

#include "core/layers/cna.h"
#include "core/layers/head.h"
#include "core/net/exec.h"

/* The state of n images of segment s from images of all its channels, rounded to the
 * grid; halo and padded channels become zero. */
void ode_images_split(const struct ode_net *net, int s, int n, real grid,
                      const real *images, struct ode_pair to);

/* The way back: into `room`, or, where nothing is to be done, the state itself. */
const real *ode_images_join(const struct ode_net *net, int s, int n, struct ode_pair from,
                            real *room);

/* A site of the network with its weights; moment and lane may be NULL. n images. */
struct ode_cna ode_cna_at(const struct ode_exec *e, const struct ode_cna_site *site,
                          int n, real *moment, const struct ode_lane *lane);

/* What follows the head's normalisation, of n images. */
struct ode_head ode_head_at(const struct ode_net *net, int n);

/* The weights of a slot that isn't local; its place in the moments of a result. NULL for
 * slot -1. */
const real *ode_slot_weights(const struct ode_exec *e, int slot);
real *ode_slot_moment(const struct ode_exec *e, int slot, real *moment);

/* K and K^T of a slot as the kernels read them; a local one is prepared in the work's own
 * room, as the only one there. Without K^T *kt is K. */
void ode_slot_kernel(const struct ode_exec *e, const struct ode_work *w, int slot,
                     const real **k, const real **kt);

#endif
