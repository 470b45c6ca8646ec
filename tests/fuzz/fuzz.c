/* fuzz.c - what the fuzz targets share. */
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static char folder[64];

void
fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

void
fuzz_look(const void *data, size_t size)
{
    const volatile unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        (void)bytes[i];
}

const char *
fuzz_file(const void *data, size_t size)
{
    static int fd = -1;
    static char path[64];

    if (fd >= 0)
        close(fd);
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_require(fd >= 0);
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(fd, (const char *)data + done, size - done);

        fuzz_require(n > 0);
        done += (size_t)n;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

static void
remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
fuzz_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/odenet-fuzz-XXXXXX");
        fuzz_require(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}
