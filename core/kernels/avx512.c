/* avx512.c - the kernels for AVX-512. */
#define TILE1       16
#define TILE2       8
#define TILEG       8
#define TILEG_ROLLS 1
#define WTILE1      16
#define WTILE2      8
#define WTILEG      8
#include "core/kernels/body.h"
#include "core/kernels/tables.h"

const struct ode_kernels ode_kernels_avx512 = KERNELS("avx512", ODE_ISA_AVX512);
