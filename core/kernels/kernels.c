/* kernels.c - which table of kernels this machine runs. */
#include "core/kernels/kernels.h"

#include <string.h>

#include "core/kernels/tables.h"

static const struct ode_kernels *const tables[] = { /* the fastest first */
#if defined HAVE_AVX512 && !defined ODE_DOUBLE
                                                    &ode_kernels_avx512,
#endif
#if defined HAVE_AVX2 && !defined ODE_DOUBLE
                                                    &ode_kernels_avx2,
#endif
                                                    &ode_kernels_portable
};

enum { TABLES = sizeof tables / sizeof *tables };

/* The compiler's builtins ask the processor and whether the system saves the registers.
 */
unsigned
ode_isa_available(void)
{
    unsigned isa = ODE_ISA_PORTABLE;

#if defined HAVE_AVX512 && !defined ODE_DOUBLE
    if (__builtin_cpu_supports("avx512f"))
        isa |= ODE_ISA_AVX512;
#endif
#if defined HAVE_AVX2 && !defined ODE_DOUBLE
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        isa |= ODE_ISA_AVX2;
#endif
    return isa;
}

const struct ode_kernels *
ode_kernels_best(unsigned mask)
{
    const unsigned isa = ode_isa_available() & mask;

    for (int i = 0; i < TABLES; i++)
        if (tables[i]->isa & isa)
            return tables[i];
    return &ode_kernels_portable;
}

const struct ode_kernels *
ode_kernels_named(const char *name)
{
    for (int i = 0; i < TABLES; i++)
        if (strcmp(tables[i]->name, name) == 0)
            return tables[i]->isa & ode_isa_available() ? tables[i] : NULL;
    return NULL;
}

/* Transforms pay where they are shared by enough channels. */
bool
ode_conv_prefers_winograd(int in, int out, int h, int w)
{
    return in >= ODE_VEC && out >= ODE_VEC && h % 2 == 0 && w % 2 == 0 && h >= 4
           && w >= 4;
}
