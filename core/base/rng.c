/* rng.c - counter-based random numbers: a 64-bit mix of key and counter. */
#include "core/base/rng.h"

#include <math.h>

/* Bijective finaliser with full avalanche (the constants of MurmurHash3's variant 13). */
static uint64_t
mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

struct ode_rng
ode_rng_at(uint64_t seed, enum ode_stream stream, uint64_t a, uint64_t b)
{
    uint64_t key = mix(seed + 0x9e3779b97f4a7c15u);

    key = mix(key ^ mix((uint64_t)stream + 0x3c6ef372fe94f82bu));
    key = mix(key ^ mix(a + 0xdaa66d2c7ddf743fu));
    key = mix(key ^ mix(b + 0x78dde6e5fd29f044u));
    return (struct ode_rng){ .key = key };
}

uint64_t
ode_rng_bits(struct ode_rng *rng)
{
    return mix(rng->key + ++rng->counter * 0x9e3779b97f4a7c15u);
}

double
ode_rng_uniform(struct ode_rng *rng)
{
    return (double)(ode_rng_bits(rng) >> 11) * 0x1p-53;
}

uint32_t
ode_rng_below(struct ode_rng *rng, uint32_t n)
{
    uint32_t reject = -n % n; /* 2^32 mod n: below it the product is biased */
    uint64_t product;

    do
        product = (ode_rng_bits(rng) >> 32) * n;
    while ((uint32_t)product < reject);
    return (uint32_t)(product >> 32);
}

double
ode_rng_normal(struct ode_rng *rng)
{
    double u = 1 - ode_rng_uniform(rng); /* (0, 1]: the logarithm is finite */
    double v = ode_rng_uniform(rng);

    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

double
ode_rng_truncated_normal(struct ode_rng *rng)
{
    double x;

    do
        x = ode_rng_normal(rng);
    while (fabs(x) >= 2);
    return x;
}

void
ode_rng_permute(struct ode_rng *rng, uint32_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = ode_rng_below(rng, (uint32_t)i);
        uint32_t last = order[i - 1];

        order[i - 1] = order[j];
        order[j] = last;
    }
}
