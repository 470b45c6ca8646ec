/* main.c - runs the suites that SUITES_DEF lists, and prints Check's counts last. */
#include "tests/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUITE(name) Suite *suite_##name(void);
#include SUITES_DEF
#undef SUITE

static char root[64]; /* of test_dir(); made before the tests fork */
static pid_t owner;

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

static void
remove_root(void)
{
    if (getpid() == owner)
        nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
test_dir(void)
{
    static char path[96];

    snprintf(path, sizeof path, "%s/XXXXXX", root);
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

const char *
test_data_root(const char *who)
{
    const char *data = getenv("ODENET_DATA");

    if (!data || !*data) {
        printf("skipped: %s needs the real data sets; set ODENET_DATA\n", who);
        return NULL;
    }
    return data;
}

Suite *
test_suite(const char *name, const TTest *const *tests, size_t n, double timeout_s)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);

    tcase_set_timeout(cases, timeout_s);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(NULL);
    int failed;

    owner = getpid();
    snprintf(root, sizeof root, "/tmp/odenet-test-%d", (int)owner);
    if (mkdir(root, 0700) != 0) {
        perror(root);
        return 1;
    }
    atexit(remove_root);
#define SUITE(name) srunner_add_suite(runner, suite_##name());
#include SUITES_DEF
#undef SUITE
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
