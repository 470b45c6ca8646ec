/* load.c - tests cli/load.c */
#include "cli/load.h"

#include <math.h>

#include "tests/test.h"

static const char stat_text[] = "cpu  1000 200 300 40000 500 60 7 80 900 10\n"
                                "cpu0 500 100 150 20000 250 30 3 40 450 5\n"
                                "cpu1 500 100 150 20000 250 30 4 40 450 5\n"
                                "intr 1 2 3\n"
                                "cpufreq 1\n"
                                "ctxt 4\n";

START_TEST(busy_is_all_but_idle)
{
    struct load load = { 0 };

    ck_assert(load_parse(stat_text, 100, &load));
    ck_assert_double_eq_tol(load.busy, 16.47, 1e-9);
    ck_assert_int_eq(load.cores, 2);
}
END_TEST

/* The first kernels with /proc/stat had four numbers. */
START_TEST(old_and_strange_texts_are_understood_or_refused)
{
    struct load load = { .cores = 5 };

    ck_assert(load_parse("intr 1\ncpu 1 2 3 4\n", 1, &load));
    ck_assert_double_eq(load.busy, 6);
    ck_assert_int_eq(load.cores, 0);
    ck_assert(!load_parse("", 100, &load));
    ck_assert(!load_parse("cpu0 1 2 3 4\n", 100, &load));
    ck_assert(!load_parse("cpu  one two\n", 100, &load));
}
END_TEST

START_TEST(others_are_what_is_not_one_s_own)
{
    const struct load from = { .at = 10, .busy = 100, .own = 1, .cores = 2 };
    const struct load to = { .at = 14, .busy = 107, .own = 6, .cores = 2 };
    const struct load ticks = { .at = 14, .busy = 104, .own = 6, .cores = 2 };
    const struct load unknown = { .at = 14 };

    ck_assert_double_eq(load_others(&from, &to), 0.25);
    ck_assert_double_eq(load_others(&from, &ticks), 0); /* /proc/stat counts in ticks */
    ck_assert(isnan(load_others(&from, &unknown)));
    ck_assert(isnan(load_others(&from, &from)));
}
END_TEST

START_TEST(the_peak_is_found_among_the_lines)
{
    ck_assert_double_eq(load_peak_mib_parse("Name:\tx\nVmPeak:\t 9 kB\n"
                                            "VmHWM:\t    3072 kB\nVmRSS:\t 1 kB\n"),
                        3);
    ck_assert(isnan(load_peak_mib_parse("Name:\tVmHWM: 12 kB\n")));
    ck_assert(isnan(load_peak_mib_parse("")));
}
END_TEST

START_TEST(the_processor_has_a_name_or_none)
{
    char name[96];

    load_processor_parse("processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nflags\t: x\n",
                         name);
    ck_assert_str_eq(name, "A CPU @ 2 GHz");
    load_processor_parse("processor\t: 0\n", name);
    ck_assert_str_eq(name, "unknown");
}
END_TEST

START_TEST(this_machine_tells)
{
    const struct load from = load_read();
    struct load to = load_read();

    while (to.at - from.at < 0.05)
        to = load_read();
    ck_assert_int_ge(to.cores, 1);
    ck_assert_double_ge(to.own, from.own);
    ck_assert_double_ge(load_others(&from, &to), 0);
    ck_assert_double_le(load_others(&from, &to), 1);
    load_peak_reset();
    ck_assert_double_gt(load_peak_mib(), 0);
}
END_TEST

TEST_SUITE(load, 20, busy_is_all_but_idle,
           old_and_strange_texts_are_understood_or_refused,
           others_are_what_is_not_one_s_own, the_peak_is_found_among_the_lines,
           the_processor_has_a_name_or_none, this_machine_tells)
