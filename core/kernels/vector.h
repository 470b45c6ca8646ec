/*
 * vector.h - one vector type per instruction set.
 *
 * ODE_VEC channels are VN vectors of VW reals. The file that includes this is compiled
 * with the flags of one instruction set; only here do the sets differ.
 */
#ifndef ODE_CORE_KERNELS_VECTOR_H
#define ODE_CORE_KERNELS_VECTOR_H

#include <math.h>

#include "core/kernels/kernels.h"

#if defined __AVX512F__ && !defined ODE_DOUBLE
#include <immintrin.h>
#define VBYTES 64
#elif defined __AVX2__ && !defined ODE_DOUBLE
#include <immintrin.h>
#define VBYTES 32
#else
#define VBYTES 16
#endif

typedef real vec __attribute__((vector_size(VBYTES), may_alias));

enum { VW = VBYTES / (int)sizeof(real), VN = ODE_VEC / VW };

/* As a function of constants, unrolled: the arrays of accumulators become registers. */
#define ALWAYS static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

ALWAYS vec
v_load(const real *at)
{
    return *(const vec *)(const void *)at;
}

ALWAYS void
v_store(real *at, vec x)
{
    *(vec *)(void *)at = x;
}

#if VBYTES == 64
ALWAYS vec
v_all(real x)
{
    return (vec)_mm512_set1_ps(x);
}

ALWAYS vec
v_fma(vec a, vec b, vec c) /* a * b + c */
{
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

ALWAYS vec
v_max(vec a, vec b)
{
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
}

ALWAYS vec
v_abs(vec a)
{
    return (vec)_mm512_abs_ps((__m512)a);
}
#elif VBYTES == 32
ALWAYS vec
v_all(real x)
{
    return (vec)_mm256_set1_ps(x);
}

ALWAYS vec
v_fma(vec a, vec b, vec c)
{
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

ALWAYS vec
v_max(vec a, vec b)
{
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
}

ALWAYS vec
v_abs(vec a)
{
    return (vec)_mm256_andnot_ps(_mm256_set1_ps(-0.0f), (__m256)a);
}
#else
ALWAYS vec
v_all(real x)
{
    return x - (vec){ 0 }; /* also of -0 */
}

ALWAYS vec
v_fma(vec a, vec b, vec c)
{
    return a * b + c;
}

ALWAYS vec
v_max(vec a, vec b)
{
    __typeof__(a > b) pick = a > b;

    return (vec)(((__typeof__(pick))a & pick) | ((__typeof__(pick))b & ~pick));
}

ALWAYS vec
v_abs(vec a)
{
    return v_max(a, -a);
}
#endif

/* s(x) > 0 where x > 0, else 0; NaN gives 0. */
ALWAYS vec
v_where_positive(vec x, vec value)
{
    __typeof__(x > x) pick = x > 0;

    return (vec)((__typeof__(pick))value & pick);
}

ALWAYS vec
v_sqrt(vec a)
{
#if VBYTES == 64
    return (vec)_mm512_sqrt_ps((__m512)a);
#elif VBYTES == 32
    return (vec)_mm256_sqrt_ps((__m256)a);
#else
    for (int i = 0; i < VW; i++)
        a[i] = sizeof(real) == 4 ? (real)sqrtf((float)a[i]) : (real)sqrt((double)a[i]);
    return a;
#endif
}

/* The sum of the lanes, by halves: 0 with VW / 2, and so on. */
ALWAYS real
v_sum(vec a)
{
#if VBYTES == 64
    return (real)_mm512_reduce_add_ps((__m512)a);
#elif VBYTES == 32
    __m128 x = _mm_add_ps(_mm256_castps256_ps128((__m256)a),
                          _mm256_extractf128_ps((__m256)a, 1));

    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return (real)_mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
#else
    return VW == 2 ? a[0] + a[1] : (a[0] + a[2 % VW]) + (a[1] + a[3 % VW]);
#endif
}

#endif
