/*
 * blas.h - has OpenBLAS use kernels that fit this machine.
 *
 * OpenBLAS chooses its kernels while it is loaded, before main(), and on processors that
 * it does not know it chooses slow ones (core/kernels/gemm.h). A program that finds this
 * sets $OPENBLAS_CORETYPE and executes itself again, once: same process, arguments and
 * descriptors. $ODENET_BLAS_WAS then holds the core type that was found, and says that
 * there is no third time. An $OPENBLAS_CORETYPE of the user's stands, whatever it costs.
 */
#ifndef ODE_CLI_BLAS_H
#define ODE_CLI_BLAS_H

#include <stddef.h>

enum blas_verdict {
    BLAS_FITS,      /* OpenBLAS chose well                          */
    BLAS_CORRECTED, /* it does now                                  */
    BLAS_WRONG,     /* slow, and executing again may help           */
    BLAS_ASKED,     /* slow, as the user wants this core type       */
    BLAS_STUCK      /* slow, and being executed again did not help  */
};

/* What the verdict depends on; borrowed. */
struct blas_view {
    const char *core;  /* whose kernels OpenBLAS uses         */
    unsigned isa;      /* what the machine has, ODE_ISA_...   */
    const char *asked; /* $OPENBLAS_CORETYPE; NULL, "": none  */
    const char *was;   /* $ODENET_BLAS_WAS; NULL, "": none    */
};

/* Of this process, now. */
struct blas_view blas_look(void);

/* A pure function. */
enum blas_verdict blas_judge(const struct blas_view *view);

/* Executes this program again where that may help. To be called first in main(), as it
 * begins anew; does not fail: what could not be done shows in the verdict. */
void blas_settle(char **argv);

enum { BLAS_NOTE = 200 };

/* A sentence about the verdict on this process, for people: "" where all is well, a
 * warning where it is slow. Returns the verdict. */
enum blas_verdict blas_note(char text[static BLAS_NOTE]);

/* The sentence on stderr, if it is a warning. */
void blas_warn(void);

#endif
