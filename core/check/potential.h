/* potential.h - the integrals of the activations, Phi' = s, in double. */
#ifndef ODE_CORE_CHECK_POTENTIAL_H
#define ODE_CORE_CHECK_POTENTIAL_H

#include "core/kernels/kernels.h"

/* Phi(x); the constant is such that none is negative but that of gelu. */
double ode_potential(enum ode_act act, double x);

#endif
