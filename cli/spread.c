/* spread.c - what many measurements of one thing come to. */
#include "cli/spread.h"

#include <assert.h>
#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct spread
spread_of(double *x, size_t n)
{
    assert(n > 0);
    qsort(x, n, sizeof *x, compare);
    return (struct spread){ .median = (x[(n - 1) / 2] + x[n / 2]) / 2,
                            .least = x[0],
                            .most = x[n - 1] };
}
