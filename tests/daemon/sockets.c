/* sockets.c - tests daemon/sockets.c. */
#include "daemon/sockets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/test.h"

/* Makes descriptors 3 to 3 + n - 1, and closes the next. */
static void
descriptors(int n)
{
    int fd = open("/dev/null", O_RDONLY);

    ck_assert_int_ge(fd, 0);
    for (int i = 3; i < 3 + n; i++)
        ck_assert_int_eq(fd == i ? i : dup2(fd, i), i);
    if (fd >= 3 + n)
        close(fd);
    close(3 + n);
}

static void
say(const char *pid, const char *n, const char *names)
{
    char own[32];

    snprintf(own, sizeof own, "%d", (int)getpid());
    setenv("LISTEN_PID", pid ? pid : own, 1);
    setenv("LISTEN_FDS", n, 1);
    setenv("LISTEN_FDNAMES", names, 1);
}

START_TEST(sockets_are_taken_once)
{
    struct sockets sockets = { .n = 7 };
    struct ode_err err;

    descriptors(2);
    say(NULL, "2", "http:local");
    test_ok(sockets_take(&sockets, &err), &err);
    ck_assert_uint_eq(sockets.n, 2);
    ck_assert_int_eq(sockets.fd[0], 3);
    ck_assert_int_eq(sockets.fd[1], 4);
    ck_assert(fcntl(3, F_GETFD) & FD_CLOEXEC);
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
    ck_assert_ptr_null(getenv("LISTEN_PID"));
    ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
    test_ok(sockets_take(&sockets, &err), &err);
    ck_assert_uint_eq(sockets.n, 0);
}
END_TEST

START_TEST(those_of_another_process_are_not)
{
    static const char *const pids[] = { "1", "", "x", "-1" };
    struct sockets sockets;
    struct ode_err err;

    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        say(pids[i], "1", "");
        test_ok(sockets_take(&sockets, &err), &err);
        ck_assert_uint_eq(sockets.n, 0);
    }
}
END_TEST

START_TEST(a_missing_one_is_named)
{
    struct sockets sockets = { .n = 7 };
    struct ode_err err;

    descriptors(1);
    say(NULL, "2", "http:local");
    ck_assert_int_eq(sockets_take(&sockets, &err), ODE_EARG);
    ck_assert_ptr_nonnull(strstr(err.text, "descriptor 4 (\"local\")"));
    ck_assert_uint_eq(sockets.n, 7);
    say(NULL, "1000", "");
    ck_assert_int_eq(sockets_take(&sockets, &err), ODE_EARG);
    ck_assert_ptr_nonnull(strstr(err.text, "1000"));
}
END_TEST

TEST_SUITE(sockets, 10, sockets_are_taken_once, those_of_another_process_are_not,
           a_missing_one_is_named)
