/* tables.h - the tables that kernels.c chooses from. */
#ifndef ODE_CORE_KERNELS_TABLES_H
#define ODE_CORE_KERNELS_TABLES_H

#include "core/kernels/kernels.h"

extern const struct ode_kernels ode_kernels_portable;
extern const struct ode_kernels ode_kernels_avx2;
extern const struct ode_kernels ode_kernels_avx512;

#endif
