/* beneath.c - tests core/base/beneath.c: hundreds of ways out, none of which leads there.
 */
#include "core/base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

#define SECRET "secret"
#define GOOD   "good"

typedef enum ode_status (*open_fn)(const char *root, const char *path, int *fd,
                                   size_t *bytes, struct ode_err *err);

static const open_fn ways[] = { ode_beneath_open, ode_beneath_walk };

static void
write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void
link_to(const char *target, const char *path)
{
    ck_assert_int_eq(symlink(target, path), 0);
}

/* A folder to stay in, and what lies beside it; the working directory is above both. */
static const char *
tree_make(void)
{
    const char *top = test_dir();
    char outside[512];

    ck_assert_int_eq(chdir(top), 0);
    ck_assert_int_eq(mkdir("root", 0700) | mkdir("root/run", 0700)
                         | mkdir("root/run/sub", 0700) | mkdir("rootless", 0700),
                     0);
    write_text("secret", SECRET);
    write_text("rootless/file", SECRET);
    write_text("root/file", GOOD);
    write_text("root/run/file", GOOD);
    write_text("root/run/sub/file", GOOD);
    snprintf(outside, sizeof outside, "%s/secret", top);
    link_to(outside, "root/run/absolute");
    link_to("../../secret", "root/run/relative");
    link_to("..", "root/run/up");
    link_to("../..", "root/run/out");
    link_to("/", "root/run/slash");
    link_to("/proc/self/root", "root/run/magic");
    link_to("/proc/self/cwd", "root/run/cwd");
    link_to("loop", "root/run/loop");
    link_to("nowhere", "root/run/nowhere");
    link_to("../../rootless", "root/run/beside");
    link_to("sub/file", "root/run/inside");
    link_to("absolute", "root/run/twice");
    ck_assert_int_eq(mkfifo("root/run/fifo", 0600), 0);
    return top;
}

/* Opens, and fails the test if that is anything but a good file. */
static enum ode_status
tried(open_fn way, const char *path)
{
    char text[16] = "";
    size_t bytes;
    int fd = -7;
    enum ode_status status = way("root", path, &fd, &bytes, NULL);

    if (status != ODE_OK) {
        ck_assert_int_eq(fd, -7);
        return status;
    }
    ck_assert_int_eq((int)read(fd, text, sizeof text - 1), 4);
    ck_assert_msg(strcmp(text, GOOD) == 0, "%s leads out", path);
    ck_assert_uint_eq(bytes, 4);
    close(fd);
    return status;
}

START_TEST(good_files_are_opened)
{
    static const char *const good[] = { "file", "run/file", "run/sub/file",
                                        "./run/./sub//file" };

    tree_make();
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
            ck_assert_msg(tried(ways[k], good[i]) == ODE_OK, "%s", good[i]);
    ck_assert_int_eq(tried(ode_beneath_open, "run/inside"), ODE_OK);
    ck_assert_int_eq(tried(ode_beneath_walk, "run/inside"), ODE_EIO);
}
END_TEST

START_TEST(no_way_leads_out)
{
    static const char *const begin[] = {
        "",
        "/",
        "./",
        "../",
        "../../",
        "run/",
        "run/../",
        "run/../../",
        "run/up/",
        "run/up/../",
        "run/out/",
        "run/slash/",
        "run/magic/",
        "run/cwd/",
        "run/beside/",
        "run/sub/../../../",
        "run//..//../",
        "..//",
        ".../",
        "run/sub/../../../root/../",
    };
    static const char *const end[] = {
        "secret",
        "../secret",
        "../../secret",
        "run/absolute",
        "run/relative",
        "run/twice",
        "absolute",
        "relative",
        "twice",
        "rootless/file",
        "../rootless/file",
        "etc/passwd",
        "run/loop",
        "run/nowhere",
        "run/fifo",
        "run",
        "..",
        ".",
        "",
        "proc/self/environ",
    };
    size_t n = 0;

    tree_make();
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        for (size_t j = 0; j < sizeof end / sizeof *end; j++)
            for (int k = 0; k < 2; k++) {
                char path[256];

                snprintf(path, sizeof path, "%s%s", begin[i], end[j]);
                ck_assert_msg(tried(ways[k], path) != ODE_OK, "%s was opened", path);
                n++;
            }
    ck_assert_uint_ge(n, 400);
}
END_TEST

START_TEST(the_full_path_is_no_way_either)
{
    const char *top = tree_make();
    char path[512];

    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/root/run/file", top);
        ck_assert_int_ne(tried(ways[k], path), ODE_OK);
        snprintf(path, sizeof path, "%s/secret", top);
        ck_assert_int_ne(tried(ways[k], path), ODE_OK);
    }
}
END_TEST

START_TEST(what_is_missing_is_told_from_what_is_elsewhere)
{
    struct ode_err err;
    size_t bytes;
    int fd;

    tree_make();
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(tried(ways[k], "run/none"), ODE_ENOENT);
        ck_assert_int_eq(tried(ways[k], "none/file"), ODE_ENOENT);
        ck_assert_int_eq(tried(ways[k], "run/file/file"), ODE_ENOENT);
        ck_assert_int_eq(tried(ways[k], ""), ODE_ENOENT);
        ck_assert_int_eq(ways[k]("root", "run/relative", &fd, &bytes, &err), ODE_EIO);
        ck_assert_str_eq(err.text, "this is a link to another place");
        ck_assert_int_eq(ways[k]("root", "run", &fd, &bytes, &err), ODE_EIO);
        ck_assert_str_eq(err.text, "this is no regular file");
        ck_assert_int_eq(ways[k]("nowhere", "file", &fd, &bytes, &err), ODE_ENOENT);
    }
}
END_TEST

static atomic_bool swapping;

/* Puts a folder, a link that leads out, and again the folder in the same place. */
static void *
swap(void *arg)
{
    (void)arg;
    while (atomic_load(&swapping)) {
        rename("root/run/sub", "root/run/kept");
        rename("root/run/lure", "root/run/sub");
        rename("root/run/sub", "root/run/lure");
        rename("root/run/kept", "root/run/sub");
    }
    return NULL;
}

START_TEST(nobody_is_fast_enough)
{
    int good = 0, bad = 0;
    pthread_t thread;

    tree_make();
    link_to("../../rootless", "root/run/lure");
    atomic_store(&swapping, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, swap, NULL), 0);
    for (int i = 0; i < 1000000 && (i < 4000 || good < 100 || bad < 100); i++)
        if (tried(ways[i % 2], "run/sub/file") == ODE_OK)
            good++;
        else
            bad++;
    atomic_store(&swapping, false);
    pthread_join(thread, NULL);
    ck_assert_int_ge(good, 100); /* both were met */
    ck_assert_int_ge(bad, 100);
}
END_TEST

TEST_SUITE(beneath, 60, good_files_are_opened, no_way_leads_out,
           the_full_path_is_no_way_either, what_is_missing_is_told_from_what_is_elsewhere,
           nobody_is_fast_enough)
