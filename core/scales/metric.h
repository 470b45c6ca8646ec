/*
 * metric.h - training on coarse images what is meant for fine ones.
 *
 * Going finer multiplies the noise of 3x3 taps (stencil.h), the more the
 * higher its frequency. So kernels of a coarse level are treated as what they are:
 * restrictions K_H = A K_h of kernels at the finest resolution of the ladder. Their
 * initial values are restrictions of kernels drawn there; and a step along the gradient
 * with respect to K_h, dK_h = A' dK_H, moves K_H by A A' dK_H. Then going finer gives
 * back well-scaled kernels at any time: A^-1 A A' dK_H = A' dK_H has no amplification in
 * it.
 *
 * For a stencil S the map A A' is Q S Q with Q = M^L (M^L)', one M per axis, L halvings.
 * It is scaled to the geometric mean of two wishes: a largest eigenvalue of about 1, so
 * that a learning rate which is stable at the finest resolution is stable here, and a
 * trace of 9, so that a step keeps its length on average.
 */
#ifndef ODE_CORE_SCALES_METRIC_H
#define ODE_CORE_SCALES_METRIC_H

#include <stddef.h>

#include "core/base/real.h"
#include "core/recipe/recipe.h"

struct ode_metric {
    real axis[3][3]; /* Q; the identity where nothing is to be done */
};

/* Q of a level whose images are the finest ones halved `halvings` times. */
struct ode_metric ode_metric_make(enum ode_space space, int halvings);

/* n stencils [n][3][3] become Q S Q, in place. */
void ode_metric_apply(const struct ode_metric *metric, size_t n, real *stencils);

#endif
