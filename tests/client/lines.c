/* lines.c - tests client/lines.c */
#include "client/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

/* Joins what comes with bars. */
static void
join(void *context, char *line)
{
    char *to = context;

    strcat(to, line);
    strcat(to, "|");
}

START_TEST(lines_are_whole_wherever_they_were_cut)
{
    static const char text[] = "one\n\ntwo and more\nthree\nrest";
    const size_t n = strlen(text);

    for (size_t a = 0; a <= n; a++)
        for (size_t b = a; b <= n; b++) {
            struct lines lines = { 0 };
            char got[100] = "";

            ck_assert(lines_feed(&lines, text, a, join, got));
            ck_assert(lines_feed(&lines, text + a, b - a, join, got));
            ck_assert(lines_feed(&lines, text + b, n - b, join, got));
            ck_assert_str_eq(got, "one||two and more|three|");
            ck_assert(lines_feed(&lines, "\n", 1, join, got));
            ck_assert_str_eq(got, "one||two and more|three|rest|");
            lines_release(&lines);
        }
}
END_TEST

START_TEST(half_a_line_is_forgotten)
{
    struct lines lines = { 0 };
    char got[100] = "";

    ck_assert(lines_feed(&lines, "half", 4, join, got));
    lines_release(&lines);
    ck_assert(lines_feed(&lines, "whole\n", 6, join, got));
    ck_assert_str_eq(got, "whole|");
    lines_release(&lines);
}
END_TEST

START_TEST(a_line_without_an_end_is_refused)
{
    struct lines lines = { 0 };
    char *much = malloc(LINES_MOST);
    char got[100] = "";

    memset(much, 'x', LINES_MOST);
    ck_assert(lines_feed(&lines, much, LINES_MOST / 2, join, got));
    ck_assert(!lines_feed(&lines, much, LINES_MOST / 2, join, got));
    ck_assert_str_eq(got, "");
    lines_release(&lines);
    free(much);
}
END_TEST

TEST_SUITE(lines, 30, lines_are_whole_wherever_they_were_cut, half_a_line_is_forgotten,
           a_line_without_an_end_is_refused)
