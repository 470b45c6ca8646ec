/* cifar.c - tests core/data/cifar.c */
#include "core/data/cifar.h"
#include "tests/core/files.h"
#include "tests/test.h"

#include <string.h>

static const size_t whole = 30730000;

static enum ode_status
check(const char *path, struct ode_err *err)
{
    struct ode_blob blob = { 0 };
    enum ode_status status = ode_blob_open(&blob, path, whole, err);

    if (status == ODE_OK)
        status = ode_cifar_check(&blob, err);
    ode_blob_release(&blob);
    return status;
}

START_TEST(accepts_ten_thousand_records)
{
    struct ode_err err;

    test_ok(check(files_sparse(test_dir(), "a.bin", NULL, 0, whole), &err), &err);
}
END_TEST

START_TEST(names_other_lengths)
{
    const char *dir = test_dir();
    struct ode_err err;

    ck_assert_int_eq(check(files_sparse(dir, "a.bin", NULL, 0, whole - 1), &err),
                     ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.text, "truncated: holds 30729999 bytes, expected "
                                           "30730000, 10000 records of 3073"));
    ck_assert_ptr_nonnull(strstr(err.at, "/a.bin:30729999"));
    ck_assert_int_eq(check(files_sparse(dir, "b.bin", NULL, 0, whole + 3073), &err),
                     ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.text, "too long: holds 30733073 bytes"));
    ck_assert_int_eq(check(files_sparse(dir, "c.bin", NULL, 0, 0), &err), ODE_EDATA);
    ck_assert_ptr_nonnull(strstr(err.text, "empty: holds 0 bytes, expected 30730000"));
}
END_TEST

START_TEST(names_the_record_of_a_bad_label)
{
    static uint8_t start[3 * 3073 + 1];
    struct ode_err err;

    start[3 * 3073] = 99;
    ck_assert_int_eq(
        check(files_sparse(test_dir(), "a.bin", start, sizeof start, whole), &err),
        ODE_EDATA);
    ck_assert_str_eq(err.text, "label of record 3 is 99, expected 0 to 9");
    ck_assert_ptr_nonnull(strstr(err.at, "/a.bin:9219"));
}
END_TEST

TEST_SUITE(cifar, 30, accepts_ten_thousand_records, names_other_lengths,
           names_the_record_of_a_bad_label)
