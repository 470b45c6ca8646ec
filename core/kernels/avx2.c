/* avx2.c - the kernels for AVX2 and FMA. */
#define TILE1       4
#define TILE2       0
#define TILEG       2
#define TILEG_ROLLS 0
#define WTILE1      4
#define WTILE2      0
#define WTILEG      4
#include "core/kernels/body.h"
#include "core/kernels/tables.h"

const struct ode_kernels ode_kernels_avx2 = KERNELS("avx2", ODE_ISA_AVX2);
