/* idx.c - tests core/data/idx.c and blob.c */
#include "core/data/idx.h"
#include "tests/core/files.h"
#include "tests/test.h"

#include <string.h>

enum { N = 5, SIDE = 4, IMAGES = 16 + N * SIDE * SIDE, LABELS = 8 + N };

static void
images_make(uint8_t x[IMAGES])
{
    const uint8_t header[16] = { 0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, SIDE, 0, 0, 0, SIDE };

    memcpy(x, header, 16);
    for (int i = 16; i < IMAGES; i++)
        x[i] = (uint8_t)(7 * i);
}

static void
labels_make(uint8_t x[LABELS])
{
    const uint8_t good[LABELS] = { 0, 0, 8, 1, 0, 0, 0, N, 9, 0, 4, 2, 7 };

    memcpy(x, good, LABELS);
}

/* Opens what was written and checks it as images or as labels. */
static enum ode_status
check(const char *path, bool images, struct ode_err *err)
{
    struct ode_blob blob = { 0 };
    const uint8_t *at = NULL;
    enum ode_status status = ode_blob_open(&blob, path, images ? IMAGES : LABELS, err);

    if (status == ODE_OK && images)
        status = ode_idx_images(&blob, N, SIDE, SIDE, &at, err);
    else if (status == ODE_OK)
        status = ode_idx_labels(&blob, N, 10, &at, err);
    ck_assert(status == ODE_OK || at == NULL);
    ode_blob_release(&blob);
    ode_blob_release(&blob);
    return status;
}

/* The file is refused with these words and at this offset. */
static void
refuses(const char *path, bool images, const char *words, const char *offset)
{
    struct ode_err err = { 0 };

    ck_assert_int_eq(check(path, images, &err), ODE_EDATA);
    ck_assert_msg(strstr(err.text, words), "%s: no \"%s\" in it", err.text, words);
    ck_assert_msg(strstr(err.at, strrchr(path, '/')), "%s is not in %s", path, err.at);
    ck_assert_str_eq(strrchr(err.at, ':'), offset);
}

START_TEST(reads_plain_and_gz_alike)
{
    const char *dir = test_dir(), *name[] = { "images", "images.gz" };
    uint8_t x[IMAGES];
    struct ode_err err;

    images_make(x);
    for (int gz = 0; gz < 2; gz++) {
        struct ode_blob blob = { 0 };
        const uint8_t *pixels;
        char *path = files_write(dir, name[gz], x, IMAGES, gz);

        test_ok(ode_blob_open(&blob, path, IMAGES, &err), &err);
        ck_assert_int_eq(blob.mapped, !gz);
        test_ok(ode_idx_images(&blob, N, SIDE, SIDE, &pixels, &err), &err);
        ck_assert_mem_eq(pixels, x + 16, IMAGES - 16);
        ode_blob_release(&blob);
    }
}
END_TEST

START_TEST(reads_labels)
{
    struct ode_blob blob = { 0 };
    struct ode_err err;
    const uint8_t *labels;
    uint8_t x[LABELS];

    labels_make(x);
    test_ok(ode_blob_open(&blob, files_write(test_dir(), "l", x, LABELS, false), LABELS,
                          &err),
            &err);
    test_ok(ode_idx_labels(&blob, N, 10, &labels, &err), &err);
    ck_assert_mem_eq(labels, x + 8, N);
    ode_blob_release(&blob);
}
END_TEST

START_TEST(names_a_truncated_file)
{
    const char *dir = test_dir();
    uint8_t x[IMAGES];

    images_make(x);
    refuses(files_write(dir, "a", x, IMAGES - 1, false), true,
            "truncated: holds 95 bytes, expected 96", ":95");
    refuses(files_write(dir, "b", x, 10, false), true, "holds 10 bytes, expected 96",
            ":10");
    refuses(files_write(dir, "c.gz", x, IMAGES - 1, true), true,
            "truncated: holds 95 bytes, expected 96", ":95");
}
END_TEST

START_TEST(names_an_empty_file)
{
    const char *dir = test_dir();

    refuses(files_write(dir, "a", NULL, 0, false), true, "empty: holds 0 bytes", ":0");
    refuses(files_write(dir, "b.gz", NULL, 0, false), true, "empty: holds 0 bytes", ":0");
    refuses(files_write(dir, "c.gz", NULL, 0, true), false,
            "empty: holds 0 bytes, expected 13", ":0");
}
END_TEST

START_TEST(names_a_file_that_is_too_long)
{
    const char *dir = test_dir();
    uint8_t x[IMAGES + 1] = { 0 };

    images_make(x);
    refuses(files_write(dir, "a", x, IMAGES + 1, false), true,
            "too long: holds 97 bytes, expected 96", ":96");
    refuses(files_write(dir, "b.gz", x, IMAGES + 1, true), true,
            "too long: holds more than the 96 bytes expected", ":96");
}
END_TEST

START_TEST(names_a_wrong_magic)
{
    const char *dir = test_dir();
    uint8_t images[IMAGES], labels[LABELS];

    images_make(images);
    labels_make(labels);
    refuses(files_write(dir, "a", images, IMAGES, false), false,
            "magic is 0x00000803 (IDX images), expected 0x00000801 (IDX labels)", ":0");
    labels[2] = 0x0d;
    refuses(files_write(dir, "b", labels, LABELS, false), false,
            "magic is 0x00000d01 (not IDX), expected 0x00000801", ":0");
}
END_TEST

START_TEST(names_other_counts_and_sizes)
{
    const char *dir = test_dir();
    uint8_t images[IMAGES], labels[LABELS];

    images_make(images);
    labels_make(labels);
    images[11] = SIDE + 1;
    labels[7] = N + 1;
    refuses(files_write(dir, "a", images, IMAGES, false), true,
            "announces 5 images of 5x4, expected 5 of 4x4", ":4");
    refuses(files_write(dir, "b", labels, LABELS, false), false,
            "announces 6 labels, expected 5", ":4");
}
END_TEST

START_TEST(names_the_record_of_a_bad_label)
{
    uint8_t x[LABELS];

    labels_make(x);
    x[8 + 3] = 10;
    refuses(files_write(test_dir(), "a", x, LABELS, false), false,
            "label of record 3 is 10, expected 0 to 9", ":11");
}
END_TEST

START_TEST(names_broken_gzip_data)
{
    const char *dir = test_dir();
    uint8_t x[IMAGES], packed[512];
    size_t n;

    images_make(x);
    n = files_read(files_write(dir, "good.gz", x, IMAGES, true), packed, sizeof packed);
    refuses(files_write(dir, "cut.gz", packed, n - 9, false), true, "truncated: the gzip",
            ":0");
    refuses(files_write(dir, "nosum.gz", packed, n - 8, false), true,
            "truncated: the gzip", ":0");
    packed[n - 6] ^= 1; /* the checksum */
    refuses(files_write(dir, "sum.gz", packed, n, false), true, "broken gzip data", ":0");
    refuses(files_write(dir, "plain.gz", x, IMAGES, false), true,
            "not gzip data: begins with byte 0x00", ":0");
}
END_TEST

START_TEST(names_what_cannot_be_opened)
{
    struct ode_blob blob = { 0 };
    struct ode_err err;
    char path[2000];

    ck_assert_int_eq(ode_blob_open(&blob, "/nowhere/images", 1, &err), ODE_EDATA);
    ck_assert_str_eq(err.at, "/nowhere/images:0");
    ck_assert_str_eq(err.text, "cannot be opened: No such file or directory");
    ck_assert_int_eq(ode_blob_open(&blob, test_dir(), 1, &err), ODE_EDATA);
    ck_assert_str_eq(err.text, "not a regular file");
    memset(path, 'x', sizeof path);
    strcpy(path + sizeof path - 5, "/end");
    ck_assert_int_eq(ode_blob_open(&blob, path, 1, &err), ODE_EDATA);
    ck_assert_str_eq(strrchr(err.at, '/'), "/end:0"); /* the end of it is shown */
}
END_TEST

TEST_SUITE(idx, 30, reads_plain_and_gz_alike, reads_labels, names_a_truncated_file,
           names_an_empty_file, names_a_file_that_is_too_long, names_a_wrong_magic,
           names_other_counts_and_sizes, names_the_record_of_a_bad_label,
           names_broken_gzip_data, names_what_cannot_be_opened)
