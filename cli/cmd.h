/*
 * cmd.h - the commands of odenet, one file each.
 *
 * A command is called as a program of its own would be: argv[0] is the command's name,
 * and what it returns is the exit code (ARCHITECTURE.md 2.1: 0 done, 2 bad usage or spec,
 * 3 data error, 1 anything else). Results go to stdout, what is for people to stderr.
 */
#ifndef ODE_CLI_CMD_H
#define ODE_CLI_CMD_H

#include <jansson.h>

#include "core/base/status.h"

enum cmd_exit {
    CMD_OK = 0,
    CMD_FAILED = 1,
    CMD_USAGE = 2,
    CMD_DATA = 3,
    CMD_DIVERGED = 4,
    CMD_BUSY = 73,
    CMD_IO = 74,
    CMD_STOPPED = 75
};

/* The exit code that tells this status. */
int cmd_exit_code(enum ode_status status);

/* Prints the usage text: to stderr after a mistake (CMD_USAGE), to stdout when asked. */
int cmd_usage(const char *text);
int cmd_help(const char *text);

/* "odenet COMMAND: AT: TEXT" on stderr, and all complaints but the first that err is; may
 * be NULL. */
void cmd_complain(const char *command, const struct ode_err *err,
                  const json_t *complaints);

/* odenet data list|verify: the data sets, and whether their files are the originals. */
int cmd_data(int argc, char **argv);

/* odenet train: trains a spec; the worker of the daemon. */
int cmd_train(int argc, char **argv);

/* odenet plan: the ladder, without training it. */
int cmd_plan(int argc, char **argv);

/* odenet compare: what runs reached, and what it took them. */
int cmd_compare(int argc, char **argv);

/* odenet check: the engine's own tests, on a spec's network and data. */
int cmd_check(int argc, char **argv);

/* odenet bench: how fast the machine, the kernels and training are. */
int cmd_bench(int argc, char **argv);

/* odenet eval: a model's accuracy, also at another resolution. */
int cmd_eval(int argc, char **argv);

/* odenet transfer: one transfer by hand. */
int cmd_transfer(int argc, char **argv);

/* odenet export: a model for other programs. */
int cmd_export(int argc, char **argv);

/* odenet system: what a training on this machine has; the daemon asks it, too. */
int cmd_system(int argc, char **argv);

#endif
