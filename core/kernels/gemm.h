/* gemm.h - the one door to BLAS. */
#ifndef ODE_CORE_KERNELS_GEMM_H
#define ODE_CORE_KERNELS_GEMM_H

#include <stdbool.h>

#include "core/base/real.h"

/* BLAS must not start threads of its own: call once, before the team starts. */
void ode_gemm_single_thread(void);

/* C[m][n] = A B + beta C, row-major; A is [m][k] ([k][m] if ta), B is [k][n] ([n][k] if
 * tb). */
void ode_gemm(bool ta, bool tb, int m, int n, int k, const real *a, const real *b,
              real beta, real *c);

/* The same in double, whatever the engine's numbers are. */
void ode_dgemm(bool ta, bool tb, int m, int n, int k, const double *a, const double *b,
               double beta, double *c);

#endif
