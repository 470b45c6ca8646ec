/* blas.c - has OpenBLAS use kernels that fit this machine. */
#include "cli/blas.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/kernels/gemm.h"

static const char asked_name[] = "OPENBLAS_CORETYPE", was_name[] = "ODENET_BLAS_WAS";

static bool
given(const char *text)
{
    return text && *text;
}

struct blas_view
blas_look(void)
{
    return (struct blas_view){ .core = ode_blas_core(),
                               .isa = ode_blas_isa(),
                               .asked = getenv(asked_name),
                               .was = getenv(was_name) };
}

enum blas_verdict
blas_judge(const struct blas_view *view)
{
    const bool slow = ode_blas_advice(view->core, view->isa) != NULL;

    if (given(view->was))
        return slow ? BLAS_STUCK : BLAS_CORRECTED;
    return !slow ? BLAS_FITS : given(view->asked) ? BLAS_ASKED : BLAS_WRONG;
}

void
blas_settle(char **argv)
{
    const struct blas_view view = blas_look();

    if (given(view.was)) /* a program is named for its file, which was "exe" */
        prctl(PR_SET_NAME, program_invocation_short_name);
    if (blas_judge(&view) == BLAS_WRONG && setenv(was_name, view.core, 1) == 0
        && setenv(asked_name, ode_blas_advice(view.core, view.isa), 1) == 0)
        execv("/proc/self/exe", argv); /* comes back only where it failed: stuck */
}

enum blas_verdict
blas_note(char text[static BLAS_NOTE])
{
    const struct blas_view view = blas_look();
    const enum blas_verdict verdict = blas_judge(&view);
    const char *advice = ode_blas_advice(view.core, view.isa);

    *text = '\0';
    if (verdict == BLAS_CORRECTED)
        snprintf(text, BLAS_NOTE,
                 "OpenBLAS took this machine for %.40s; restarted with "
                 "OPENBLAS_CORETYPE=%.40s it uses %.40s kernels",
                 view.was, given(view.asked) ? view.asked : "", view.core);
    else if (verdict == BLAS_ASKED)
        snprintf(text, BLAS_NOTE,
                 "OPENBLAS_CORETYPE=%.40s is slow on this machine; %.40s would be faster",
                 view.asked, advice);
    else if (verdict != BLAS_FITS)
        snprintf(text, BLAS_NOTE,
                 "OpenBLAS uses %.40s kernels, which are slow on this machine; "
                 "OPENBLAS_CORETYPE=%.40s did not change that",
                 view.core, advice);
    return verdict;
}

void
blas_warn(void)
{
    char text[BLAS_NOTE];
    const enum blas_verdict verdict = blas_note(text);

    if (verdict != BLAS_FITS && verdict != BLAS_CORRECTED)
        fprintf(stderr, "warning: %s\n", text);
}
