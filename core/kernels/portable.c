/* portable.c - the kernels for any machine: the meaning of correct. */
#define TILE1       2
#define TILE2       0
#define TILEG       1
#define TILEG_ROLLS 0
#define WTILE1      2
#define WTILE2      0
#define WTILEG      2
#include "core/kernels/body.h"
#include "core/kernels/tables.h"

const struct ode_kernels ode_kernels_portable = KERNELS("portable", ODE_ISA_PORTABLE);
