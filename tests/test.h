/*
 * test.h - what all test programs share.
 *
 * A suite per source file, a program per folder. A suite is a function `Suite
 * *suite_<name>(void)`; the program's suites.def lists it. CK_RUN_SUITE, CK_RUN_CASE and
 * CK_FORK=no work as Check documents them.
 */
#ifndef ODE_TESTS_TEST_H
#define ODE_TESTS_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/* Check writes down each assertion that holds, to say after which one a test crashed, and
 * the time to read them all grows with the square of their number: here the first time
 * that a line holds is told, and a loop may assert something of each element. */
static inline void
test_mark(const char *file, int line)
{
    static bool told[4096];
    const size_t at = (size_t)line % (sizeof told / sizeof *told);

    if (told[at])
        return;
    told[at] = true;
    (_mark_point)(file, line);
}
#define _mark_point(file, line) test_mark(file, line)

/* The call succeeds; if not, the test fails with the error's own words. */
#define test_ok(call, err)                                                      \
    ck_assert_msg((call) == ODE_OK, "%s: %s: %s", ode_status_name((err)->code), \
                  (err)->at, (err)->text)

/* A suite of one case with these tests; timeout in seconds for each. */
Suite *test_suite(const char *name, const TTest *const *tests, size_t n,
                  double timeout_s);

/* Defines suite_<name>() with the listed tests. */
#define TEST_SUITE(name, timeout_s, ...)                                          \
    Suite *suite_##name(void);                                                    \
    Suite *suite_##name(void)                                                     \
    {                                                                             \
        const TTest *tests[] = { __VA_ARGS__ };                                   \
                                                                                  \
        return test_suite(#name, tests, sizeof tests / sizeof *tests, timeout_s); \
    }

/* A fresh directory that is removed, with all in it, when the program ends. The string is
 * static per call and stays valid. */
const char *test_dir(void);

/* $ODENET_DATA, or NULL where the real data sets are absent; then says so on stdout. */
const char *test_data_root(const char *who);

#endif
