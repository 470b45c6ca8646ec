/*
 * peak.h - what a processor can do at most: multiply-adds on registers, passes of memory.
 *
 * Included by body.h, so that each instruction set has its own. Kernels are measured
 * against these.
 */
#ifndef ODE_CORE_KERNELS_PEAK_H
#define ODE_CORE_KERNELS_PEAK_H

#include "core/kernels/vector.h"

/* As many sums as hide the latency, and as 16 registers hold beside two factors. */
enum { PEAK_SUMS = 12, TRAFFIC_SUMS = 8 };

static inline double
peak(long rounds, real *sink)
{
    const vec factor = v_all((real)0.999), term = v_all((real)0.001);
    vec sum[PEAK_SUMS];

    UNROLL
    for (int i = 0; i < PEAK_SUMS; i++)
        sum[i] = v_all((real)i);
    for (long r = 0; r < rounds; r++)
        UNROLL
    for (int i = 0; i < PEAK_SUMS; i++)
        sum[i] = v_fma(sum[i], factor, term);
    for (int i = 1; i < PEAK_SUMS; i++)
        sum[0] += sum[i];
    for (int i = 0; i < ODE_VEC; i += VW)
        v_store(sink + i, sum[0]);
    return 2.0 * VW * PEAK_SUMS * (double)rounds;
}

static inline void
traffic_read(size_t n, const real *x, real *sink)
{
    vec sum[TRAFFIC_SUMS];

    UNROLL
    for (int i = 0; i < TRAFFIC_SUMS; i++)
        sum[i] = v_all(0);
    for (size_t at = 0; at < n; at += (size_t)TRAFFIC_SUMS * VW)
        UNROLL
    for (int i = 0; i < TRAFFIC_SUMS; i++)
        sum[i] += v_load(x + at + (size_t)i * VW);
    for (int i = 1; i < TRAFFIC_SUMS; i++)
        sum[0] += sum[i];
    for (int i = 0; i < ODE_VEC; i += VW)
        v_store(sink + i, sum[0]);
}

static inline void
traffic_write(size_t n, real *y)
{
    for (size_t at = 0; at < n; at += (size_t)TRAFFIC_SUMS * VW)
        UNROLL
    for (int i = 0; i < TRAFFIC_SUMS; i++)
        v_store(y + at + (size_t)i * VW, v_all(1));
}

/* The other sign, so that no compiler calls memcpy. */
static inline void
traffic_copy(size_t n, const real *x, real *y)
{
    for (size_t at = 0; at < n; at += (size_t)TRAFFIC_SUMS * VW)
        UNROLL
    for (int i = 0; i < TRAFFIC_SUMS; i++)
        v_store(y + at + (size_t)i * VW, -v_load(x + at + (size_t)i * VW));
}

static inline void
traffic(enum ode_traffic way, size_t n, const real *x, real *y)
{
    if (way == ODE_TRAFFIC_READ)
        traffic_read(n, x, y);
    else if (way == ODE_TRAFFIC_WRITE)
        traffic_write(n, y);
    else
        traffic_copy(n, x, y);
}

#endif
