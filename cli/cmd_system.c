/* cmd_system.c - odenet system: what trains here, and with what. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/blas.h"
#include "cli/options.h"
#include "core/kernels/gemm.h"

static const char usage[] =
    "usage: odenet system [--json]\n"
    "\n"
    "Shows what a training on this machine has: processors, memory, the kernels, and "
    "the\n"
    "core type whose kernels OpenBLAS uses. $ODENET_ISA and $OPENBLAS_CORETYPE choose\n"
    "others.\n"
    "\n"
    "  --json  machine-readable output\n"
    "  --help  this text\n";

static json_int_t
memory_bytes(void)
{
    return (json_int_t)sysconf(_SC_PHYS_PAGES) * (json_int_t)sysconf(_SC_PAGESIZE);
}

static json_t *
blas_json(void)
{
    const struct blas_view view = blas_look();
    char note[BLAS_NOTE];
    const enum blas_verdict verdict = blas_note(note);
    const bool corrected = verdict == BLAS_CORRECTED;

    return json_pack("{ss ss ss? ss?}", "config", ode_blas_config(), "core", view.core,
                     "corrected_from", corrected ? view.was : NULL, "warning",
                     corrected || verdict == BLAS_FITS ? NULL : note);
}

static json_t *
facts_json(const struct ode_kernels *kernels)
{
    return json_pack("{ss si sI ss so}", "version", PACKAGE_VERSION, "cores",
                     options_cores(), "memory_bytes", memory_bytes(), "kernels",
                     kernels->name, "blas", blas_json());
}

static int
print_json(json_t *facts)
{
    const bool failed = !facts || json_dumpf(facts, stdout, JSON_INDENT(2)) != 0;

    json_decref(facts);
    putchar('\n');
    return failed || fflush(stdout) != 0 ? CMD_FAILED : CMD_OK;
}

static int
print_text(const struct ode_kernels *kernels)
{
    char note[BLAS_NOTE];

    printf("cores    %d\n", options_cores());
    printf("memory   %.1f GiB\n", (double)memory_bytes() / (1 << 30));
    printf("kernels  %s\n", kernels->name);
    printf("BLAS     %s: %s\n", ode_blas_core(), ode_blas_config());
    blas_note(note);
    if (*note)
        fprintf(stderr, "%s\n", note);
    return CMD_OK;
}

int
cmd_system(int argc, char **argv)
{
    static const struct option known[] = {
        {"json",  no_argument, NULL, 'j'},
        { "help", no_argument, NULL, 'h'},
        { NULL,   0,           NULL, 0  }
    };
    const struct ode_kernels *kernels;
    struct ode_err err = { 0 };
    bool json = false;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (c == 'h')
            return cmd_help(usage);
        else if (c == 'j')
            json = true;
        else
            return cmd_usage(usage);
    if (optind != argc)
        return cmd_usage(usage);
    kernels = options_kernels(NULL, &err);
    if (!kernels) {
        cmd_complain("system", &err, NULL);
        return cmd_exit_code(err.code);
    }
    return json ? print_json(facts_json(kernels)) : print_text(kernels);
}
