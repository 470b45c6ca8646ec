/* gemm.c - dense products and eigenvalues: OpenBLAS's. */
#include "core/kernels/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <stddef.h>

/* LAPACK's, of which OpenBLAS installs no header here; lengths of texts come last. */
extern void dsyev_(const char *job, const char *part, const int *n, double *a,
                   const int *lda, double *values, double *work, const int *work_n,
                   int *info, size_t job_length, size_t part_length);

void
ode_gemm_single_thread(void)
{
    openblas_set_num_threads(1);
}

const char *
ode_blas_core(void)
{
    return openblas_get_corename();
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

bool
ode_eigen(int n, double *a, double *values)
{
    double work[3 * ODE_EIGEN_MAX];
    const int work_n = 3 * ODE_EIGEN_MAX;
    int info;

    assert(0 < n && n <= ODE_EIGEN_MAX);
    dsyev_("V", "U", &n, a, &n, values, work, &work_n, &info, 1, 1);
    return info == 0;
}
