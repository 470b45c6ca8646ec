/*
 * data.c - fuzzes the readers of data sets: IDX, CIFAR-10, gzip.
 *
 * The first byte says what the others are: bit 0 gzip; the rest how many images and
 * labels are expected.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/data/cifar.h"
#include "core/data/idx.h"
#include "tests/fuzz/fuzz.h"

/* The bytes as a file whose name says whether they are zipped. */
static const char *
file_make(const void *data, size_t size, bool zipped)
{
    static char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/input%s", fuzz_folder(), zipped ? ".gz" : "");
    file = fopen(path, "w");
    fuzz_require(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    return path;
}

static void
read_all(const struct ode_blob *blob, size_t n)
{
    const uint8_t *bytes;
    struct ode_err err;

    if (ode_idx_images(blob, n, 4, 3, &bytes, &err) == ODE_OK)
        fuzz_look(bytes, n * 12);
    if (ode_idx_labels(blob, n, 10, &bytes, &err) == ODE_OK)
        for (size_t i = 0; i < n; i++)
            fuzz_require(bytes[i] < 10);
    ode_cifar_check(blob, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ode_blob blob;
    struct ode_err err;
    const char *path;
    size_t n;

    if (size == 0)
        return 0;
    n = data[0] >> 1;
    path = file_make(data + 1, size - 1, data[0] & 1);
    if (ode_blob_open(&blob, path, ODE_IDX_IMAGES_HEADER + n * 12, &err) == ODE_OK) {
        read_all(&blob, n);
        ode_blob_release(&blob);
    }
    unlink(path);
    return 0;
}
