/* peak.c - tests core/kernels/peak.h: in every table that this machine runs. */
#include "core/kernels/kernels.h"

#include <math.h>

#include "tests/core/toy.h"
#include "tests/test.h"

enum { N = 1024 };

static real x[N] __attribute__((aligned(64))), y[N] __attribute__((aligned(64)));

#define EACH(k)                                \
    for (int table_ = 0; table_ < 3; table_++) \
        for (const struct ode_kernels *k = toy_table(table_); k; k = NULL)

START_TEST(peak_counts_what_it_does)
{
    EACH(k)
    {
        const double once = k->peak(1000, x);

        ck_assert_double_ge(once, 2000);
        ck_assert_double_eq(k->peak(3000, x), 3 * once);
        for (int i = 0; i < ODE_VEC; i++)
            ck_assert(isfinite(x[i]) && x[i] > 0);
    }
}
END_TEST

/* sum <- 0.999 sum + 0.001 tends to 1: so all rounds are made, on every sum. */
START_TEST(peak_makes_all_rounds)
{
    EACH(k)
    {
        k->peak(100000, x);
        for (int i = 1; i < ODE_VEC; i++)
            ck_assert(x[i] == x[0]);
        ck_assert_double_eq_tol((double)x[0], 12, 1e-2);
    }
}
END_TEST

START_TEST(traffic_passes_over_every_number)
{
    EACH(k)
    {
        double sums = 0;
        int vectors; /* that hold 16 numbers: the sink has the sums so often */

        for (int i = 0; i < N; i++)
            x[i] = (real)(i % 7);
        k->traffic(ODE_TRAFFIC_COPY, N, x, y);
        for (int i = 0; i < N; i++)
            ck_assert(y[i] == -x[i]);
        k->traffic(ODE_TRAFFIC_WRITE, N - 256, x, y);
        for (int i = 0; i < N; i++)
            ck_assert(y[i] == (i < N - 256 ? 1 : -x[i]));
        for (int i = 0; i < N; i++)
            y[i] = (real)(i % 4);
        k->traffic(ODE_TRAFFIC_READ, N, y, x);
        for (int i = 0; i < ODE_VEC; i++)
            sums += (double)x[i];
        vectors = (int)(sums / (N * 1.5));
        ck_assert_double_eq(sums, vectors * (N * 1.5));
        ck_assert(vectors == 1 || vectors == 2 || vectors == 4 || vectors == 8);
    }
}
END_TEST

TEST_SUITE(peak, 60, peak_counts_what_it_does, peak_makes_all_rounds,
           traffic_passes_over_every_number)
