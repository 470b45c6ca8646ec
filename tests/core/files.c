/* files.c - files that tests make up. */
#include "tests/core/files.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* The last 16 paths stay valid. */
static char *
path_make(const char *dir, const char *name)
{
    static char paths[16][512];
    static unsigned next;
    char *path = paths[next++ % 16];

    ck_assert_int_lt(snprintf(path, sizeof paths[0], "%s/%s", dir, name),
                     (int)sizeof paths[0]);
    return path;
}

char *
files_write(const char *dir, const char *name, const void *data, size_t size, bool gz)
{
    char *path = path_make(dir, name);

    if (gz) {
        gzFile file = gzopen(path, "wb");

        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(size ? gzwrite(file, data, (unsigned)size) : 0, (int)size);
        ck_assert_int_eq(gzclose(file), Z_OK);
    } else {
        FILE *file = fopen(path, "wb");

        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(size ? fwrite(data, 1, size, file) : 0, size);
        ck_assert_int_eq(fclose(file), 0);
    }
    return path;
}

char *
files_sparse(const char *dir, const char *name, const void *data, size_t n, size_t size)
{
    char *path = files_write(dir, name, data, n, false);

    ck_assert_int_eq(truncate(path, (off_t)size), 0);
    return path;
}

size_t
files_read(const char *path, void *data, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    ck_assert_ptr_nonnull(file);
    n = fread(data, 1, size, file);
    fclose(file);
    return n;
}

char *
files_folder(const char *dir, const char *name)
{
    char *path = path_make(dir, name);

    ck_assert_int_eq(mkdir(path, 0700), 0);
    return path;
}

static void
mnist_part(const char *dir, const char *images, const char *labels, uint32_t n)
{
    uint8_t high = (uint8_t)(n >> 8), low = (uint8_t)n;
    const uint8_t header[16] = { 0, 0, 8, 3, 0, 0, high, low, 0, 0, 0, 28, 0, 0, 0, 28 };
    uint8_t *all = calloc(1, 8 + n);

    ck_assert_ptr_nonnull(all);
    memcpy(all, header, 8);
    all[3] = 1;
    for (uint32_t i = 0; i < n; i++)
        all[8 + i] = (uint8_t)(i % 10);
    files_sparse(dir, images, header, sizeof header, 16 + (size_t)n * 28 * 28);
    files_write(dir, labels, all, 8 + n, false);
    free(all);
}

void
files_mnist(const char *root, const char *set_name)
{
    const char *dir = files_folder(root, set_name);

    mnist_part(dir, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 60000);
    mnist_part(dir, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10000);
}

static void
cifar_file(const char *dir, const char *name)
{
    const size_t size = (size_t)10000 * 3073;
    uint8_t *all = calloc(1, size);

    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < 10000; i++)
        all[i * 3073] = (uint8_t)(i % 10);
    files_write(dir, name, all, size, false);
    free(all);
}

void
files_cifar(const char *root)
{
    const char *dir = files_folder(root, "cifar10");
    char name[32], first[600], other[600];

    cifar_file(dir, "data_batch_1.bin");
    snprintf(first, sizeof first, "%s/data_batch_1.bin", dir);
    for (int k = 2; k <= 6; k++) {
        snprintf(name, sizeof name, k < 6 ? "data_batch_%d.bin" : "test_batch.bin", k);
        snprintf(other, sizeof other, "%s/%s", dir, name);
        ck_assert_int_eq(link(first, other), 0);
    }
}
