/* odenet.c - the command line: which command, and what they share. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/blas.h"
#include "cli/cmd.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    bool blas; /* computes with OpenBLAS */
    const char *doc;
} commands[] = {
    {"train",     cmd_train,    true,  "train a job spec"                                   },
    { "plan",     cmd_plan,     true,  "show a job's ladder: steps, work, memory, time"     },
    { "compare",  cmd_compare,  false, "compare what runs reached with what it took them"   },
    { "check",    cmd_check,    true,  "test the engine on a job spec's network and data"   },
    { "eval",     cmd_eval,     true,  "measure a model, also at another resolution"        },
    { "transfer", cmd_transfer, false, "take a model to another resolution or depth"        },
    { "export",   cmd_export,   false, "write a model as ONNX, numpy or safetensors"        },
    { "bench",    cmd_bench,    true,  "measure the machine, the kernels and training steps"},
    { "data",     cmd_data,     false, "list the data sets, verify their files"             },
    { "system",   cmd_system,   true,  "show what a training on this machine has"           },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void
commands_print(FILE *to)
{
    fputs("usage: odenet COMMAND ...\n"
          "\n"
          "Trains reversible ODE networks coarse to fine.\n"
          "\n",
          to);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].doc);
    fputs("\n`odenet COMMAND --help` says more; `odenet --version` the version.\n", to);
}

static int
command_run(const struct command *command, int argc, char **argv)
{
    if (command->blas)
        blas_settle(argv); /* may begin anew */
    return command->run(argc - 1, argv + 1);
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return command_run(&commands[i], argc, argv);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        commands_print(stdout);
        return CMD_OK;
    }
    if (strcmp(name, "--version") == 0) {
        puts("odenet " PACKAGE_VERSION);
        return CMD_OK;
    }
    if (*name)
        fprintf(stderr, "odenet: there is no command \"%s\"\n\n", name);
    commands_print(stderr);
    return CMD_USAGE;
}
