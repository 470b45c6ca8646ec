/* gemm.h - the one door to BLAS and LAPACK. */
#ifndef ODE_CORE_KERNELS_GEMM_H
#define ODE_CORE_KERNELS_GEMM_H

#include <stdbool.h>

#include "core/base/real.h"

/* BLAS must not start threads of its own: call once, before the team starts. */
void ode_gemm_single_thread(void);

/*
 * Whose kernels OpenBLAS uses: the name of a core type, as "SkylakeX". It chooses when it
 * is loaded: by $OPENBLAS_CORETYPE, else by the processor's model.
 */
const char *ode_blas_core(void);

/* OpenBLAS's version and how it was built, as "OpenBLAS 0.3.21 DYNAMIC_ARCH ...". */
const char *ode_blas_config(void);

/* ODE_ISA_... bits that OpenBLAS could use here: what processor and system can, whatever
 * this build of ours holds. AVX-512 is all that its SkylakeX kernels want. */
unsigned ode_blas_isa(void);

/*
 * The value of OPENBLAS_CORETYPE with which OpenBLAS is fast on a machine that has these
 * instruction sets and which it took for `core`; NULL where `core` may stay. A pure
 * function; names differ in no more than their case.
 *
 * The reason: a processor that is newer than the library is unknown to it, and OpenBLAS
 * 0.3.21 takes Xeons of family 6, model 143 and up for a Prescott, which has SSE3.
 */
const char *ode_blas_advice(const char *core, unsigned isa);

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
