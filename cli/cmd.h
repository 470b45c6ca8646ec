/*
 * cmd.h - the commands of odenet, one file each.
 *
 * A command is called as a program of its own would be: argv[0] is the command's name,
 * and what it returns is the exit code (ARCHITECTURE.md 2.1: 0 done, 2 bad usage or spec,
 * 3 data error, 1 anything else). Results go to stdout, what is for people to stderr.
 */
#ifndef ODE_CLI_CMD_H
#define ODE_CLI_CMD_H

enum cmd_exit { CMD_OK, CMD_FAILED, CMD_USAGE, CMD_DATA };

/* odenet data list|verify: the data sets, and whether their files are the originals. */
int cmd_data(int argc, char **argv);

#endif
