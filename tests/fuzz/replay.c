/*
 * replay.c - the main program of a fuzz target that replays inputs instead of making them
 * up.
 *
 *     fuzz-NAME [FILE|FOLDER...]     else $srcdir/tests/fuzz/corpus/NAME
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MOST = 1 << 24 };

static int replayed, failures;

/* A copy of the exact size, so that a sanitizer sees who reads past its end. */
static void
give(const void *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    replayed++;
}

static void
replay_file(const char *path)
{
    struct ode_err err;
    size_t size;
    void *data;

    if (ode_file_read(path, INPUT_MOST, &data, &size, &err) != ODE_OK) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        failures++;
        return;
    }
    printf("%s\n", path);
    fflush(stdout); /* the last one is the one that crashed */
    give(data, size);
    free(data);
}

static int
is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
replay(const char *path)
{
    struct dirent **entry;
    struct stat st;
    char file[4096];
    int n;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        replay_file(path);
        return;
    }
    n = scandir(path, &entry, is_input, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, entry[i]->d_name);
        replay_file(file);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
}

int
main(int argc, char **argv)
{
    const char *top = getenv("srcdir"),
               *name = strrchr(program_invocation_short_name, '-');
    char corpus[4096];

    snprintf(corpus, sizeof corpus, "%s/tests/fuzz/corpus/%s", top ? top : ".",
             name ? name + 1 : "");
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (argc == 1) {
        replay(corpus);
        failures += replayed < 3; /* a corpus that was not found is no test */
    }
    give("", 0);
    printf("%s: Checks: %d, Failures: %d, Errors: 0\n", failures ? "0%" : "100%",
           replayed, failures);
    return failures ? 1 : 0;
}
