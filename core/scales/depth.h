/*
 * depth.h - parameters between numbers of time steps.
 *
 * The parameters of the N blocks of a segment are samples of one function of time on
 * [0, 1]. Going to M blocks samples it anew: block i of the result is a weighted mean of
 * neighbouring blocks of the source, for any N and M.
 *
 *   nodal     linear between nodes t_j = j / N, constant after the last
 *   cell      linear between centres t_j = (j + 1/2) / N, constant before the first and
 *             after the last
 *   constant  piecewise constant on [j / N, (j + 1) / N]: means over the new cells
 *
 * For M = 2N, a pair of blocks from each a_i:
 *              nodal     a_i, (a_i + a_{i+1}) / 2
 *              cell      (a_{i-1} + 3 a_i) / 4, (3 a_i + a_{i+1}) / 4
 *              constant  a_i, a_i
 * For M = N/2: nodal takes every second block, cell and constant average pairs.
 * For M = N:   the identity.
 *
 * All of them reproduce functions that are constant in time bit for bit. `constant` keeps
 * the mean over time for any N and M, `cell` when doubling. Doubling multiplies the
 * smoothness penalty sum h |(a_{j+1} - a_j) / h|^2 by 1 (nodal), less than 1 (cell) or 2
 * (constant).
 *
 * Source: Haber et al., "Learning across scales", arXiv 1703.02009; Chang et al.,
 * "Multi-level residual networks", arXiv 1710.10348, for `constant`.
 */
#ifndef ODE_CORE_SCALES_DEPTH_H
#define ODE_CORE_SCALES_DEPTH_H

#include <stddef.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"

/* Block i of the result: weights of the source blocks first .. first + count - 1. They
 * are positive and sum to 1; those between the two ends are equal. */
struct ode_depth_row {
    int first, count;
    double head;  /* of the first                           */
    double inner; /* of each between, where there are any   */
    double tail;  /* of the last, where count > 1           */
};

/* The grid on which `linear` is right for a block: what a one-step scheme uses stands for
 * its interval, so the cell's. Other operators stay as they are. */
enum ode_time ode_depth_resolve(enum ode_time time, enum ode_block block);

/* Whether the model has a limit when its steps are halved: ODE_ESPEC, at /model/start,
 * for the leapfrog start from a zero state, whose velocity is Y_0 / h. */
enum ode_status ode_depth_check(const struct ode_model_spec *model, struct ode_err *err);

/* Row i of the operator from n to m blocks. 0 <= i < m, n > 0, both below 2^30; time is
 * resolved, not ODE_TIME_LINEAR. */
struct ode_depth_row ode_depth_row(enum ode_time time, int n, int m, int i);

/* The weight of the row's k-th source block, 0 <= k < count. */
double ode_depth_weight(const struct ode_depth_row *row, int k);

/*
 * to = P from, for parameters of `size` floats a block.
 *
 *   from  [n][size]  read
 *   to    [m][size]  written; must not overlap
 *
 * In double within, rounded once.
 */
void ode_depth_apply(enum ode_time time, int n, int m, size_t size, const float *from,
                     float *to);

/* from = P' to, the adjoint of the above: carries gradients the other way. Looks at all
 * n m pairs of blocks for each float. */
void ode_depth_adjoint(enum ode_time time, int n, int m, size_t size, const float *to,
                       float *from);

#endif
