/* data.c - tests cli/cmd_data.c and options.c */
#include "cli/cmd.h"
#include "cli/options.h"
#include "tests/cli/command.h"
#include "tests/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define RUN(...) COMMAND_RUN(cmd_data, __VA_ARGS__)

START_TEST(list_is_a_table_or_json)
{
    json_t *all, *first;

    ck_assert_int_eq(RUN("data", "list", "--data-dir", "/nowhere"), CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "strokes"));
    ck_assert_ptr_nonnull(strstr(command_answer, "cifar10"));
    ck_assert_int_eq(RUN("data", "list", "--json", "--data-dir", "/nowhere"), CMD_OK);
    all = json_loads(command_answer, 0, NULL);
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "datasets")), 4);
    first = json_array_get(json_object_get(all, "datasets"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "name")), "strokes");
    ck_assert(json_is_null(json_object_get(first, "resolution")));
    ck_assert_int_eq(json_integer_value(json_object_get(first, "train")), 10000);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "test")), 2000);
    ck_assert(json_is_true(json_object_get(first, "available")));
    first = json_array_get(json_object_get(all, "datasets"), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "resolution")), 32);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "train")), 50000);
    ck_assert(json_is_false(json_object_get(first, "available")));
    json_decref(all);
}
END_TEST

START_TEST(verify_of_missing_files_is_a_data_error)
{
    json_t *all;

    ck_assert_int_eq(RUN("data", "verify", "mnist", "--data-dir", "/nowhere"), CMD_DATA);
    ck_assert_ptr_nonnull(
        strstr(command_answer, "missing  /nowhere/mnist/train-images-idx3"));
    ck_assert_int_eq(RUN("data", "verify", "--json", "--data-dir=/nowhere", "cifar10"),
                     CMD_DATA);
    all = json_loads(command_answer, 0, NULL);
    ck_assert_ptr_nonnull(all);
    ck_assert(json_is_false(json_object_get(all, "good")));
    ck_assert_uint_eq(json_array_size(json_object_get(all, "files")), 6);
    json_decref(all);
    ck_assert_int_eq(RUN("data", "verify", "strokes"), CMD_OK);
}
END_TEST

START_TEST(verify_accepts_the_real_files)
{
    const char *root = test_data_root("data: verify");

    if (!root)
        return;
    ck_assert_int_eq(RUN("data", "verify", "fashion-mnist"), CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "good "));
    ck_assert_ptr_null(strstr(command_answer, "bad "));
}
END_TEST

START_TEST(bad_usage_is_told_from_failure)
{
    ck_assert_int_eq(RUN("data"), CMD_USAGE);
    ck_assert_int_eq(RUN("data", "fly"), CMD_USAGE);
    ck_assert_int_eq(RUN("data", "list", "mnist"), CMD_USAGE);
    ck_assert_int_eq(RUN("data", "verify"), CMD_USAGE);
    ck_assert_int_eq(RUN("data", "verify", "mnist", "too-many"), CMD_USAGE);
    ck_assert_int_eq(RUN("data", "verify", "imagenet"), CMD_USAGE);
    ck_assert_int_eq(RUN("data", "list", "--no-such-option"), CMD_USAGE);
    ck_assert_str_eq(command_answer, "");
    ck_assert_int_eq(RUN("data", "--help"), CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "usage: odenet data list"));
}
END_TEST

START_TEST(the_data_root_has_an_order_of_places)
{
    char root[OPTIONS_PATH], longer[2 * OPTIONS_PATH];

    setenv("HOME", "/home/a", 1);
    setenv("XDG_DATA_HOME", "/xdg", 1);
    setenv("ODENET_DATA", "/data", 1);
    options_data_root(root, "given");
    ck_assert_str_eq(root, "given");
    options_data_root(root, NULL);
    ck_assert_str_eq(root, "/data");
    setenv("ODENET_DATA", "", 1);
    options_data_root(root, NULL);
    ck_assert_str_eq(root, "/xdg/odenet");
    setenv("XDG_DATA_HOME", "relative", 1);
    options_data_root(root, NULL);
    ck_assert_str_eq(root, "/home/a/.local/share/odenet");
    unsetenv("HOME");
    options_data_root(root, NULL);
    ck_assert_str_eq(root, "");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    options_data_root(root, longer);
    ck_assert_str_eq(root, "");
}
END_TEST

TEST_SUITE(data, 60, list_is_a_table_or_json, verify_of_missing_files_is_a_data_error,
           verify_accepts_the_real_files, bad_usage_is_told_from_failure,
           the_data_root_has_an_order_of_places)
