/* odenet.c - the command line: which command, and what they share. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"

static const struct command {
    const char *name, *doc;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"train",     "train a job spec",                                               cmd_train   },
    { "plan",     "show the ladder of a job spec: steps, parameters, work, memory",
     cmd_plan                                                                                   },
    { "check",    "test the engine on a job spec's network and data",               cmd_check   },
    { "eval",     "measure a model's accuracy, also at another resolution",         cmd_eval    },
    { "transfer", "take a model to another resolution or depth",                    cmd_transfer},
    { "export",   "write a model for other programs: ONNX, numpy, safetensors",
     cmd_export                                                                                 },
    { "bench",    "measure the machine, the kernels and the training step",         cmd_bench   },
    { "data",     "list the data sets, verify their files",                         cmd_data    },
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

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
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
