/*
 * spread.h - what many measurements of one thing come to.
 */
#ifndef ODE_CLI_SPREAD_H
#define ODE_CLI_SPREAD_H

#include <stddef.h>

struct spread {
    double median, least, most;
};

/* Of n >= 1 numbers, none of them a NaN; they are sorted. The median of an even number is
 * the mean of the middle two. */
struct spread spread_of(double *x, size_t n);

#endif
