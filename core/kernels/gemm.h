/* gemm.h - the one door to BLAS and LAPACK. */
#ifndef ODE_CORE_KERNELS_GEMM_H
#define ODE_CORE_KERNELS_GEMM_H

#include <stdbool.h>

#include "core/base/real.h"

/* BLAS must not start threads of its own: call once, before the team starts. */
void ode_gemm_single_thread(void);

/* The processor whose kernels BLAS chose, as it calls it: "SkylakeX". */
const char *ode_blas_core(void);

/* C[m][n] = A B + beta C, row-major; A is [m][k] ([k][m] if ta), B is [k][n] ([n][k] if
 * tb). */
void ode_gemm(bool ta, bool tb, int m, int n, int k, const real *a, const real *b,
              real beta, real *c);

/* The same in double, whatever the engine's numbers are. */
void ode_dgemm(bool ta, bool tb, int m, int n, int k, const double *a, const double *b,
               double beta, double *c);

enum { ODE_EIGEN_MAX = 64 };

/*
 * Eigenvalues of the symmetric matrix a [n][n], ascending in values [n]; row i of `a`
 * becomes a unit eigenvector of values[i], of either sign. n is at most ODE_EIGEN_MAX.
 * Entries are finite. false if the iteration of LAPACK's dsyev did not converge.
 */
bool ode_eigen(int n, double *a, double *values);

#endif
