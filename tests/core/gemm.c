/* gemm.c - tests core/kernels/gemm.c: the kernels that OpenBLAS uses. */
#include "core/kernels/gemm.h"

#include <string.h>

#include "core/kernels/kernels.h"
#include "tests/test.h"

enum {
    OLD = ODE_ISA_PORTABLE,
    AVX2 = ODE_ISA_PORTABLE | ODE_ISA_AVX2,
    AVX512 = ODE_ISA_ALL
};

START_TEST(advice_fits_the_machine)
{
    static const struct {
        const char *core;
        unsigned isa;
        const char *advice;
    } stories[] = {
        {"Prescott",      AVX512,         "SKYLAKEX"},
        { "Prescott",     AVX2,           "HASWELL" },
        { "Prescott",     OLD,            NULL      },
        { "PRESCOTT",     AVX512,         "SKYLAKEX"},
        { "Nehalem",      AVX2,           "HASWELL" },
        { "Opteron_SSE3", AVX2,           "HASWELL" },
        { "Sandybridge",  AVX512,         "SKYLAKEX"},
        { "Sandybridge",  OLD,            NULL      },
        { "Katmai",       ODE_ISA_AVX512, "SKYLAKEX"},
        { "Haswell",      AVX2,           NULL      },
        { "Haswell",      AVX512,         NULL      }, /* was its choice, and is near */
        { "Zen",          AVX512,         NULL      },
        { "Excavator",    AVX2,           NULL      },
        { "SkylakeX",     AVX512,         NULL      },
        { "Cooperlake",   AVX512,         NULL      },
        { "NotYetMade",   AVX512,         NULL      }, /* newer than our list */
        { "Pres",         AVX512,         NULL      },
        { "",             AVX512,         NULL      },
        { "neoversen1",   OLD,            NULL      },
    };

    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        const char *advice = ode_blas_advice(stories[i].core, stories[i].isa);
        const char *want = stories[i].advice;

        ck_assert_msg(want ? advice && strcmp(advice, want) == 0 : !advice,
                      "%s, isa %u: %s", stories[i].core, stories[i].isa,
                      advice ? advice : "none");
    }
}
END_TEST

START_TEST(advice_that_was_taken_is_not_given_again)
{
    for (unsigned isa = 0; isa <= ODE_ISA_ALL; isa++) {
        const char *advice = ode_blas_advice("Prescott", isa);

        if (advice)
            ck_assert_ptr_null(ode_blas_advice(advice, isa));
    }
}
END_TEST

START_TEST(the_library_says_what_it_is)
{
    ck_assert_uint_gt(strlen(ode_blas_core()), 0);
    ck_assert_ptr_nonnull(strstr(ode_blas_config(), "OpenBLAS"));
    ck_assert_uint_ne(ode_blas_isa() & ODE_ISA_PORTABLE, 0);
    if (ode_isa_available() & ODE_ISA_AVX2)
        ck_assert_uint_ne(ode_blas_isa() & ODE_ISA_AVX2, 0);
}
END_TEST

TEST_SUITE(gemm, 10, advice_fits_the_machine, advice_that_was_taken_is_not_given_again,
           the_library_says_what_it_is)
