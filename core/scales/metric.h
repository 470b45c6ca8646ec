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
 *
 * A flat head's weights are w = h^2 W, W a function on the last feature map and h the
 * width of its pixels (transfer.h). A sums a pixel's children, so A A' = 4^L, and here
 * that is taken as it is. P = A' / 4^L gives each child its share; A P = 1. As far as
 * coarse features are means of fine ones, the coarse loss of w_H is the fine one of
 * P w_H, so the gradients go by g_H = P' g_h, and the step -r 4^L g_H moves P w_H by
 *
 *     -r 4^L P P' g_h = -r P A g_h
 *
 * where P A is the orthogonal projection on what is constant in coarse pixels: the finest
 * head's own step, as far as coarse images tell. Projected, curvatures are no larger, and
 * a rate that is stable at the finest resolution is stable here. The gradient of W in the
 * inner product h^2 sum U V says it again. It is the plain gradient g of w; so W moves by
 * -r g and w by -r h^2 g, and h^2 is 4^L times that of the finest. By the plain gradient
 * of w, W would move 4^L times more slowly than at the finest level. Decay of the finest
 * weights, decay/2 |P w|^2 = decay/2 |w|^2 / 4^L, becomes decay w in this measure: as
 * ever, it does not go through the metric.
 */
#ifndef ODE_CORE_SCALES_METRIC_H
#define ODE_CORE_SCALES_METRIC_H

#include <stddef.h>

#include "core/base/real.h"
#include "core/recipe/recipe.h"

struct ode_metric {
    real axis[3][3]; /* Q; the identity where nothing is to be done */
    real map;        /* 4^L, for a flat head */
};

/* Q of a level whose images are the finest ones halved `halvings` times. */
struct ode_metric ode_metric_make(enum ode_space space, int halvings);

/* n stencils [n][3][3] become Q S Q, in place. */
void ode_metric_apply(const struct ode_metric *metric, size_t n, real *stencils);

#endif
