/* control.c - tests cli/control.c: what is asked of a run while it trains. */
#include "cli/control.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/test.h"

static struct control control;

/* As the daemon writes it: anew, and renamed into place. */
static void
ask(const char *text)
{
    char path[640];
    FILE *file;

    snprintf(path, sizeof path, "%s.new", control.path);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename(path, control.path), 0);
}

START_TEST(nothing_is_asked_where_there_is_no_file)
{
    const char *why = "?";

    control_open(&control, test_dir());
    control_look(&control, &why);
    ck_assert_ptr_null(why);
    ck_assert(!control.hold);
    ck_assert_int_eq(control.advance, -1);
}
END_TEST

START_TEST(a_changed_file_is_read_and_a_removed_one_forgotten)
{
    const char *why;

    control_open(&control, test_dir());
    ask("{\"hold\": true, \"advance\": 2}");
    control_look(&control, &why);
    ck_assert_ptr_null(why);
    ck_assert(control.hold);
    ck_assert_int_eq(control.advance, 2);
    ask("{\"hold\": false, \"advance\": null}");
    control_look(&control, &why);
    ck_assert(!control.hold);
    ck_assert_int_eq(control.advance, -1);
    ask("{\"hold_at\": 1}");
    control_look(&control, &why);
    ck_assert_ptr_null(why);
    ck_assert(!control_holds(&control, 0));
    ck_assert(control_holds(&control, 1));
    ck_assert(control_holds(&control, 2));
    ask("{\"hold\": true}");
    control_look(&control, &why);
    ck_assert(control_holds(&control, 0));
    ck_assert_int_eq(unlink(control.path), 0);
    control_look(&control, &why);
    ck_assert(!control.hold);
}
END_TEST

/* It asks for nothing, not for what a file before it did, and is complained of once. */
START_TEST(a_file_without_sense_is_complained_of_once)
{
    static const char *const senseless[] = { "",
                                             "{",
                                             "[1]",
                                             "{\"hold\": 1}",
                                             "{\"advance\": \"2\"}",
                                             "{\"hold_at\": true}",
                                             "{\"hold\": true, \"advance\": 1.5}",
                                             "{\"advance\": -2}",
                                             "{\"advance\": 4294967297}" };

    control_open(&control, test_dir());
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        const char *why;

        ask("{\"hold\": true, \"advance\": 3}");
        control_look(&control, &why);
        ck_assert(control.hold);
        ask(senseless[i]);
        control_look(&control, &why);
        ck_assert_ptr_nonnull(why);
        ck_assert(!control.hold);
        ck_assert_int_eq(control.advance, -1);
        control_look(&control, &why);
        ck_assert_ptr_null(why);
    }
}
END_TEST

TEST_SUITE(control, 60, nothing_is_asked_where_there_is_no_file,
           a_changed_file_is_read_and_a_removed_one_forgotten,
           a_file_without_sense_is_complained_of_once)
