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
    const CBLAS_TRANSPOSE left = ta ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE right = tb ? CblasTrans : CblasNoTrans;
    const int lda = ta ? m : k, ldb = tb ? k : n;

#ifdef ODE_DOUBLE
    cblas_dgemm(CblasRowMajor, left, right, m, n, k, 1, a, lda, b, ldb, beta, c, n);
#else
    cblas_sgemm(CblasRowMajor, left, right, m, n, k, 1, a, lda, b, ldb, beta, c, n);
#endif
}
