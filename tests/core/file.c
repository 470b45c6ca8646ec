/* file.c - tests of whole files: read at once, replaced at once. */
#include "core/base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static const char *
fresh(char path[256])
{
    snprintf(path, 256, "%s/file", test_dir());
    return path;
}

static enum ode_status
write_text(const char *path, const char *a, const char *b, struct ode_err *err)
{
    char one[64], two[64];
    struct iovec piece[2] = {
        {.iov_base = one,  .iov_len = strlen(a)},
        { .iov_base = two, .iov_len = strlen(b)}
    };

    snprintf(one, sizeof one, "%s", a);
    snprintf(two, sizeof two, "%s", b);
    return ode_file_write_atomic(path, piece, 2, err);
}

static void
assert_text(const char *path, const char *text)
{
    struct ode_err err;
    void *data;
    size_t n;

    test_ok(ode_file_read(path, 1000, &data, &n, &err), &err);
    ck_assert_uint_eq(n, strlen(text));
    ck_assert_str_eq(data, text);
    free(data);
}

static bool
left_over(const char *path)
{
    char temporary[300];

    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    return access(temporary, F_OK) == 0;
}

START_TEST(what_was_written_last_is_read)
{
    struct ode_err err;
    char path[256];

    test_ok(write_text(fresh(path), "to be ", "replaced", &err), &err);
    assert_text(path, "to be replaced");
    test_ok(write_text(path, "", "new", &err), &err);
    assert_text(path, "new");
    ck_assert(!left_over(path));
}
END_TEST

START_TEST(an_empty_file_is_read)
{
    struct ode_err err;
    char path[256];

    test_ok(ode_file_write_atomic(fresh(path), NULL, 0, &err), &err);
    assert_text(path, "");
}
END_TEST

START_TEST(a_name_without_a_folder_is_written_here)
{
    struct ode_err err;

    ck_assert_int_eq(chdir(test_dir()), 0);
    test_ok(write_text("here", "x", "y", &err), &err);
    assert_text("here", "xy");
}
END_TEST

/* The system takes a part of it and then no more, as when a disk is full. */
START_TEST(a_failed_write_leaves_the_old_file)
{
    struct rlimit limit = { .rlim_cur = 8, .rlim_max = RLIM_INFINITY };
    struct ode_err err;
    char path[256];

    test_ok(write_text(fresh(path), "old", "", &err), &err);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 8;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(write_text(path, "123456", "789012", &err), ODE_EIO);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_str_eq(err.at, path);
    ck_assert_ptr_nonnull(strstr(err.text, "too large"));
    assert_text(path, "old");
    ck_assert(!left_over(path));
}
END_TEST

START_TEST(what_a_killed_writer_left_is_replaced)
{
    char path[256], temporary[300];
    struct ode_err err;
    FILE *file;

    snprintf(temporary, sizeof temporary, "%s.tmp", fresh(path));
    file = fopen(temporary, "w");
    fputs("half of something that was longer", file);
    fclose(file);
    test_ok(write_text(path, "whole", "", &err), &err);
    assert_text(path, "whole");
    ck_assert(!left_over(path));
}
END_TEST

START_TEST(what_cannot_be_read_says_why)
{
    struct ode_err err;
    char path[256];
    void *data = NULL;
    size_t n = 7;

    fresh(path);
    ck_assert_int_eq(ode_file_read(path, 10, &data, &n, &err), ODE_ENOENT);
    ck_assert_int_eq(ode_file_read("/tmp", 10, &data, &n, &err), ODE_EIO);
    ck_assert_int_eq(mkfifo(path, 0600),
                     0); /* nobody writes to it: not to be waited for */
    ck_assert_int_eq(ode_file_read(path, 10, &data, &n, &err), ODE_EIO);
    unlink(path);
    test_ok(write_text(path, "12345678", "901", &err), &err);
    ck_assert_int_eq(ode_file_read(path, 10, &data, &n, &err), ODE_EFORMAT);
    ck_assert_str_eq(err.text, "has 11 bytes; at most 10 may be");
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(n, 7);
}
END_TEST

START_TEST(what_cannot_be_written_says_why)
{
    struct ode_err err;
    char path[256], deep[300];

    fresh(path);
    snprintf(deep, sizeof deep, "%s/below", path);
    ck_assert_int_eq(write_text(deep, "x", "", &err), ODE_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(write_text(path, "x", "", &err), ODE_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, "not a plain file"));
    ck_assert(!left_over(path));
}
END_TEST

TEST_SUITE(file, 10, what_was_written_last_is_read, an_empty_file_is_read,
           a_name_without_a_folder_is_written_here, a_failed_write_leaves_the_old_file,
           what_a_killed_writer_left_is_replaced, what_cannot_be_read_says_why,
           what_cannot_be_written_says_why)
