/* gemm.c - dense products: OpenBLAS's. */
#include "core/kernels/gemm.h"

#include <cblas.h>

void
ode_gemm_single_thread(void)
{
    openblas_set_num_threads(1);
}

void
ode_gemm(bool ta, bool tb, int m, int n, int k, const real *a, const real *b, real beta,
         real *c)
{
#ifdef ODE_DOUBLE
    ode_dgemm(ta, tb, m, n, k, a, b, beta, c);
#else
    const CBLAS_TRANSPOSE left = ta ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE right = tb ? CblasTrans : CblasNoTrans;
    const int lda = ta ? m : k, ldb = tb ? k : n;

    cblas_sgemm(CblasRowMajor, left, right, m, n, k, 1, a, lda, b, ldb, beta, c, n);
#endif
}

void
ode_dgemm(bool ta, bool tb, int m, int n, int k, const double *a, const double *b,
          double beta, double *c)
{
    const CBLAS_TRANSPOSE left = ta ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE right = tb ? CblasTrans : CblasNoTrans;
    const int lda = ta ? m : k, ldb = tb ? k : n;

    cblas_dgemm(CblasRowMajor, left, right, m, n, k, 1, a, lda, b, ldb, beta, c, n);
}
