/* npz.c - tests of archives for numpy: what was written is what is read back. */
#include "core/files/npz.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "tests/test.h"

static const float cube[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -11, 1e-40f };
static const int64_t labels[] = { 3, -1, INT64_MAX };
static const float one = 0.1f;

static const struct ode_npz_tensor tensors[] = {
    {.name = "unit.0.block.2.k1", .dims = 3, .dim = { 2, 3, 2 },         .data = cube },
    { .name = "labels",                          .type = ODE_NPZ_I64,                   .dims = 1, .dim = { 3 }, .data = labels },
    { .name = "scalar",               .data = &one         },
    { .name = "nothing", .dims = 2, .dim = { 0, 4 }                                  },
};
static const char *const heads[] = {
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 2), }",
    "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }",
};
static const size_t bytes[] = { sizeof cube, sizeof labels, sizeof one, 0 };
enum { TENSORS = sizeof tensors / sizeof *tensors };

static char path[128];

static unsigned char *
written(size_t *size)
{
    struct ode_err err;
    void *data;

    snprintf(path, sizeof path, "%s/some.npz", test_dir());
    test_ok(ode_npz_write(path, tensors, TENSORS, &err), &err);
    test_ok(ode_file_read(path, 1 << 20, &data, size, &err), &err);
    return data;
}

static uint32_t
get(const unsigned char *p, int n)
{
    uint32_t value = 0;

    while (n-- > 0)
        value = value << 8 | p[n];
    return value;
}

/* CRC-32 bit by bit. */
static uint32_t
crc_of(const unsigned char *p, size_t n)
{
    uint32_t crc = ~0u;

    while (n-- > 0) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* One .npy file: its head, and the tensor's bytes. */
static void
npy_check(const unsigned char *p, size_t n, int i)
{
    const size_t head = get(p + 8, 2);

    ck_assert_mem_eq(p, "\x93NUMPY\x01", 8);
    ck_assert_uint_eq((10 + head) % 64, 0);
    ck_assert_uint_eq(10 + head + bytes[i], n);
    ck_assert_mem_eq(p + 10, heads[i], strlen(heads[i]));
    for (size_t j = strlen(heads[i]); j < head - 1; j++)
        ck_assert_int_eq(p[10 + j], ' ');
    ck_assert_int_eq(p[10 + head - 1], '\n');
    if (bytes[i] > 0)
        ck_assert_mem_eq(p + 10 + head, tensors[i].data, bytes[i]);
}

/* One file by its entry in the directory, and by the header in front of it. */
static size_t
entry_check(const unsigned char *zip, const unsigned char *p, int i)
{
    const size_t name = get(p + 28, 2), size = get(p + 24, 4);
    const unsigned char *local = zip + get(p + 42, 4);

    ck_assert_uint_eq(get(p, 4), 0x02014b50);
    ck_assert_uint_eq(get(local, 4), 0x04034b50);
    ck_assert_mem_eq(p + 6, local + 4, 26);  /* version to length of the name */
    ck_assert_uint_eq(get(local + 8, 2), 0); /* stored */
    ck_assert_uint_eq(get(local + 18, 4), size);
    ck_assert_uint_eq(get(local + 28, 2), 0);
    ck_assert_uint_eq(name, strlen(tensors[i].name) + 4);
    ck_assert_mem_eq(p + 46, tensors[i].name, name - 4);
    ck_assert_mem_eq(p + 46 + name - 4, ".npy", 4);
    ck_assert_mem_eq(local + 30, p + 46, name);
    ck_assert_uint_eq(get(p + 16, 4), crc_of(local + 30 + name, size));
    npy_check(local + 30 + name, size, i);
    return 46 + name;
}

START_TEST(what_was_written_is_read)
{
    size_t size, at;
    unsigned char *zip = written(&size), *end = zip + size - 22;

    ck_assert_uint_eq(get(end, 4), 0x06054b50);
    ck_assert_uint_eq(get(end + 8, 2), TENSORS);
    ck_assert_uint_eq(get(end + 10, 2), TENSORS);
    at = get(end + 16, 4);
    for (int i = 0; i < TENSORS; i++)
        at += entry_check(zip, zip + at, i);
    ck_assert_uint_eq(at, size - 22);
    ck_assert_uint_eq(get(end + 12, 4), at - get(end + 16, 4));
    free(zip);
}
END_TEST

START_TEST(equal_tensors_give_equal_bytes)
{
    size_t n, m;
    unsigned char *a = written(&n), *b = written(&m);

    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(a, b, n);
    free(a);
    free(b);
}
END_TEST

static void
refused(const struct ode_npz_tensor *t, size_t n, const char *word)
{
    struct ode_err err;
    size_t size;
    void *data;

    snprintf(path, sizeof path, "%s/none.npz", test_dir());
    ck_assert_int_eq(ode_npz_write(path, t, n, &err), ODE_EARG);
    ck_assert_ptr_nonnull(strstr(err.text, word));
    ck_assert_int_eq(ode_file_read(path, 1, &data, &size, &err), ODE_ENOENT);
}

START_TEST(names_are_given_once)
{
    const struct ode_npz_tensor two[] = { tensors[0], tensors[2], tensors[0] };

    refused(two, 3, "unit.0.block.2.k1");
}
END_TEST

START_TEST(names_fit)
{
    char name[ODE_NPZ_NAME + 1];
    struct ode_npz_tensor t = { .name = "", .data = &one };

    refused(&t, 1, "0 bytes");
    memset(name, 'x', ODE_NPZ_NAME);
    name[ODE_NPZ_NAME] = '\0';
    t.name = name;
    refused(&t, 1, "128 bytes");
}
END_TEST

/* Refused before a byte of them is looked at. */
START_TEST(four_gib_are_too_much)
{
    struct ode_npz_tensor t[] = { tensors[1], tensors[2] };

    t[1].dims = 1;
    t[1].dim[0] = (size_t)1 << 30;
    refused(t, 2, "4 GiB");
    t[1].dims = 3;
    t[1].dim[0] = t[1].dim[1] = t[1].dim[2] = (size_t)1 << 30;
    refused(t, 2, "4 GiB");
}
END_TEST

TEST_SUITE(npz, 10, what_was_written_is_read, equal_tensors_give_equal_bytes,
           names_are_given_once, names_fit, four_gib_are_too_much)
