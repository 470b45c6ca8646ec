/*
 * rng.h - counter-based random numbers.
 *
 * Every random number is a function of (seed, stream, a, b) and an index: there is no
 * generator state to save, so a resumed run draws exactly what an uninterrupted one
 * draws, in any order and on any thread.
 */
#ifndef ODE_CORE_BASE_RNG_H
#define ODE_CORE_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What the numbers are for; streams never overlap. Append only: the values are part of
 * every result. */
enum ode_stream {
    ODE_STREAM_INIT = 1, /* initial weights;        a = tensor, b = 0         */
    ODE_STREAM_ORDER,    /* order of the examples;  a = level, b = epoch      */
    ODE_STREAM_AUGMENT,  /* flip, crop, cutout;     a = level << 32 | epoch,
                                                    b = example               */
    ODE_STREAM_STROKES,  /* the drawn digits;       a = 0 train, 1 test,
                                                    b = example               */
    ODE_STREAM_TEST,     /* tests                                             */
    ODE_STREAM_FLIP,     /* alternating flip;       a = level, b = example    */
    ODE_STREAM_GAUGE,    /* power iterations begin; a = segment, b = 0        */
    ODE_STREAM_BENCH     /* what is only measured;  a = what, b = 0           */
};

struct ode_rng {
    uint64_t key, counter;
};

struct ode_rng ode_rng_at(uint64_t seed, enum ode_stream stream, uint64_t a, uint64_t b);

uint64_t ode_rng_bits(struct ode_rng *rng);
double ode_rng_uniform(struct ode_rng *rng);             /* [0, 1)                      */
uint32_t ode_rng_below(struct ode_rng *rng, uint32_t n); /* 0..n-1, n > 0, without bias */
double ode_rng_normal(struct ode_rng *rng);              /* mean 0, variance 1          */

/* Normal, redrawn until |x| < 2. */
double ode_rng_truncated_normal(struct ode_rng *rng);

/* order[0..n-1] becomes a uniformly random permutation of 0..n-1. */
void ode_rng_permute(struct ode_rng *rng, uint32_t *order, size_t n);

#endif
