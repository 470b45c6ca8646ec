/* command.c - runs a command of odenet inside the test, and keeps what it says. */
#include "tests/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/test.h"

enum { WORDS = 32 };

char command_answer[1 << 16], command_complaint[1 << 16];

/* The stream goes to a file from now on; returns where it went before. */
static int
divert(FILE *stream, int fd, const char *path)
{
    const int kept = dup(fd);

    fflush(stream);
    ck_assert_ptr_nonnull(freopen(path, "w", stream));
    return kept;
}

static void
restore(FILE *stream, int fd, int kept, const char *path, char text[1 << 16])
{
    FILE *file;

    fflush(stream);
    ck_assert_int_ge(dup2(kept, fd), 0);
    close(kept);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, (1 << 16) - 1, file)] = '\0';
    fclose(file);
}

int
command_run(command_fn *command, int argc, const char *const *words)
{
    char *argv[WORDS] = { NULL }, out[200], err[200];
    const char *dir = test_dir();
    int kept_out, kept_err, code;

    ck_assert_int_lt(argc, WORDS);
    for (int i = 0; i < argc; i++)
        ck_assert_ptr_nonnull(argv[i] = strdup(words[i]));
    snprintf(out, sizeof out, "%s/out", dir);
    snprintf(err, sizeof err, "%s/err", dir);
    kept_out = divert(stdout, STDOUT_FILENO, out);
    kept_err = divert(stderr, STDERR_FILENO, err);
    code = command(argc, argv);
    restore(stderr, STDERR_FILENO, kept_err, err, command_complaint);
    restore(stdout, STDOUT_FILENO, kept_out, out, command_answer);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return code;
}
