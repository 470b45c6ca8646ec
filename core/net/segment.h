/*
 * segment.h - a micro-batch through the blocks of one segment, and back.
 *
 * What is kept for the way back is the segment's own matter (net.h, memory):
 *
 *   store       every state, and the inputs of activations
 *   checkpoint  every k-th state; on the way back k steps at a time are done again
 *   reverse     the last state; steps are undone on the way back
 */
#ifndef ODE_CORE_NET_SEGMENT_H
#define ODE_CORE_NET_SEGMENT_H

#include "core/net/exec.h"

void ode_segment_place(struct ode_track *track, const struct ode_exec *exec, int s,
                       struct ode_arena *arena);

/* Where the state of segment s is to be put before its first step, and where it is found
 * after its last; of the micro-batch's first image. z is NULL where the layout has none
 * or it holds nothing. */
struct ode_pair ode_segment_begin(const struct ode_exec *e, const struct ode_work *w,
                                  int s);
struct ode_pair ode_segment_end(const struct ode_exec *e, const struct ode_work *w,
                                int s);

/* The state after j steps of a segment in memory mode store: y and, where the layout has
 * it, z; in a two-step scheme that is the state before, which the first has not. */
struct ode_pair ode_segment_state(const struct ode_exec *e, const struct ode_work *w,
                                  int s, int j);

/* From begin to end. moment: of the result. Returns the largest |state|. */
real ode_segment_forward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                         enum ode_mode mode, real *moment);

/*
 * After it, in training: *d, the cotangent of the end, becomes that of the begin;
 * gradients are added to the lane, a stage for each step. d has two parts of micro
 * images, of which the layout may use one; in a two-step scheme they may have changed
 * places afterwards.
 */
void ode_segment_backward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                          real *moment, struct ode_lane *lane, struct ode_pair *d);

/* Undoes all steps: the state at the end becomes that at the begin, in place. For a
 * segment in memory mode reverse. */
void ode_segment_inverse(const struct ode_exec *e, struct ode_work *w, int s, int n,
                         enum ode_mode mode, real *moment);

#endif
