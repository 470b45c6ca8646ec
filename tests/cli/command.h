/*
 * command.h - runs a command of odenet inside the test, and keeps what it says.
 */
#ifndef ODE_TESTS_CLI_COMMAND_H
#define ODE_TESTS_CLI_COMMAND_H

typedef int command_fn(int argc, char **argv);

/* What the last command wrote to its standard output, and to its standard error. */
extern char command_answer[1 << 16], command_complaint[1 << 16];

/* Runs it with these words, the first of them its name; returns its exit code. */
int command_run(command_fn *command, int argc, const char *const *words);

#define COMMAND_RUN(command, ...)                                                       \
    command_run(command, (int)(sizeof(const char *[]){ __VA_ARGS__ } / sizeof(char *)), \
                (const char *const[]){ __VA_ARGS__ })

#endif
