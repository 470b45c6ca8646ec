/*
 * coupling.h - what the integrators of states in two halves have in common.
 *
 *     Y' = Y + h f1(Z)
 *     Z' = Z + sign h f2(Y')
 */
#ifndef ODE_CORE_BLOCKS_COUPLING_H
#define ODE_CORE_BLOCKS_COUPLING_H

#include "core/blocks/block.h"

real ode_coupling_forward(const struct ode_step *s, real sign, struct ode_pair from,
                          struct ode_pair to, real *const *keep);
void ode_coupling_inverse(const struct ode_step *s, real sign, struct ode_pair from,
                          struct ode_pair to);
void ode_coupling_adjoint(const struct ode_step *s, real sign, struct ode_pair from,
                          struct ode_pair to, real *const *keep, struct ode_pair d);

#endif
