/* compare.c - tests cli/cmd_compare.c, cli/story.c and schema/compare.c */
#include "schema/compare.h"
#include "cli/cmd.h"
#include "tests/cli/command.h"
#include "tests/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RUN(...) COMMAND_RUN(cmd_compare, __VA_ARGS__)

#define HELLO "{\"type\":\"hello\",\"seq\":1,\"attempt\":1,\"pid\":7}\n"
#define PLAN(set, flops, tests)                                                     \
    "{\"type\":\"plan\",\"seq\":2,\"dataset\":\"" set "\",\"test_examples\":" tests \
    ",\"levels\":["                                                                 \
    "{\"level\":0,\"flops_per_image\":50},{\"level\":1,\"flops_per_image\":" flops  \
    "}]}\n"
#define TEST(level, step, time, work, accuracy)                                    \
    "{\"type\":\"metric\",\"seq\":3,\"level\":" level ",\"step\":" step            \
    ",\"time\":" time ",\"work\":" work ",\"values\":{\"test.accuracy\":" accuracy \
    ",\"test.loss\":1}}\n"
#define FINAL(step, time, work)                                            \
    "{\"type\":\"final\",\"seq\":9,\"state\":\"succeeded\",\"step\":" step \
    ",\"time\":" time ",\"work\":" work "}\n"

/* Reaches 0.5 at step 20, 0.75 at 40. */
static const char fine[] =
    HELLO PLAN("strokes", "100", "200") TEST("0", "10", "10", "100", "0.25")
        TEST("0", "20", "20", "200", "0.5") TEST("0", "30", "30", "300", "0.5")
            TEST("0", "40", "40", "400", "0.75") FINAL("40", "41.5", "400");

/* Resumed, which wrote step 20 again, and killed within a line; a step of its finest
 * level costs half of the control's. */
static const char coarse[] = HELLO PLAN("strokes", "50", "200") TEST("0", "10", "2",
                                                                     "100", "0.4")
    TEST("0", "20", "5", "200",
         "0.7") "{\"type\":\"final\",\"seq\":5,\"state\":\"stopped\"}\n" HELLO TEST("0",
                                                                                    "20",
                                                                                    "8",
                                                                                    "200",
                                                                                    "0.7")
        TEST("1", "30", "10", "320", "0.75") TEST("1", "40", "12", "400", "0.71")
            TEST("1", "50", "14", "500", "null") "{\"type\":\"metric\",\"lev";

static const char *
run_write(const char *journal)
{
    static char dirs[8][96]; /* so that a test can have several */
    static size_t used;
    char *dir = dirs[used++ % 8], path[300];
    FILE *to;

    snprintf(dir, sizeof dirs[0], "%s", test_dir());
    snprintf(path, sizeof path, "%s/journal.ndjson", dir);
    to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    fputs(journal, to);
    fclose(to);
    return dir;
}

static json_t *
answer(void)
{
    json_t *document = json_loads(command_answer, 0, NULL);

    ck_assert_ptr_nonnull(document);
    return document;
}

static const json_t *
target(const json_t *document, size_t t, size_t run)
{
    const json_t *of = json_array_get(json_object_get(document, "targets"), t);

    return json_array_get(json_object_get(of, "runs"), run);
}

static double
real(const json_t *object, const char *of, const char *member)
{
    const json_t *x = json_object_get(json_object_get(object, of), member);

    ck_assert_msg(json_is_number(x), "%s.%s is no number", of, member);
    return json_number_value(x);
}

START_TEST(the_controls_last_accuracy_is_the_target)
{
    const char *control = run_write(fine), *other = run_write(coarse);
    json_t *document;
    const json_t *run;

    ck_assert_int_eq(RUN("compare", control, other, "--json"), CMD_OK);
    document = answer();
    ck_assert_uint_eq(json_array_size(json_object_get(document, "targets")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "warnings")), 0);
    run = target(document, 0, 0);
    ck_assert_double_eq(real(run, "after", "step"), 30);
    ck_assert_double_eq(real(run, "reached", "step"), 40);
    ck_assert_double_eq(real(run, "speedup", "time"), 1);
    run = target(document, 0, 1);
    ck_assert_double_eq(real(run, "after", "step"), 20);
    ck_assert_double_eq(real(run, "after", "time"), 5); /* the first record's */
    ck_assert_double_eq(real(run, "reached", "step"), 30);
    ck_assert_double_eq(real(run, "reached", "time"), 10);
    ck_assert_double_eq(real(run, "reached", "work"), 160);
    ck_assert_double_eq(real(run, "speedup", "time"), 4);
    ck_assert_double_eq(real(run, "speedup", "work"), 2.5);
    json_decref(document);
}
END_TEST

START_TEST(runs_have_last_and_best_accuracy_and_totals)
{
    const char *control = run_write(fine), *other = run_write(coarse);
    json_t *document, *run;

    ck_assert_int_eq(RUN("compare", control, other, "--json"), CMD_OK);
    document = answer();
    ck_assert_str_eq(json_string_value(json_object_get(document, "control")), control);
#define REAL(member) json_number_value(json_object_get(run, member))
    run = json_array_get(json_object_get(document, "runs"), 0);
    ck_assert(json_is_true(json_object_get(run, "finished")));
    ck_assert_str_eq(json_string_value(json_object_get(run, "dataset")), "strokes");
    ck_assert_double_eq(REAL("time"), 41.5);
    ck_assert_double_eq(REAL("work"), 400);
    ck_assert_double_eq(REAL("work_unit"), 1);
    run = json_array_get(json_object_get(document, "runs"), 1);
    ck_assert(json_is_false(json_object_get(run, "finished")));
    ck_assert_double_eq(REAL("step"), 40);
    ck_assert_double_eq(REAL("accuracy"), 0.71);
    ck_assert_double_eq(REAL("best_accuracy"), 0.75);
    ck_assert_double_eq(REAL("time"), 14);
    ck_assert_double_eq(REAL("work"), 250);
    ck_assert_double_eq(REAL("work_unit"), 0.5);
#undef REAL
    json_decref(document);
}
END_TEST

START_TEST(each_target_has_its_rows)
{
    const char *control = run_write(fine), *other = run_write(coarse);
    json_t *document;
    const json_t *run;

    ck_assert_int_eq(
        RUN("compare", control, other, "--accuracy", "0.25", "--accuracy=0.9", "--json"),
        CMD_OK);
    document = answer();
    ck_assert_uint_eq(json_array_size(json_object_get(document, "targets")), 2);
    run = target(document, 0, 1); /* at the first record */
    ck_assert(json_is_null(json_object_get(run, "after")));
    ck_assert_double_eq(real(run, "reached", "step"), 10);
    ck_assert_double_eq(real(run, "speedup", "time"), 5);
    run = target(document, 1, 1);
    ck_assert(json_is_null(json_object_get(run, "reached")));
    ck_assert(json_is_null(json_object_get(json_object_get(run, "speedup"), "work")));
    json_decref(document);
}
END_TEST

START_TEST(the_table_says_the_same)
{
    const char *control = run_write(fine), *other = run_write(coarse);

    ck_assert_int_eq(
        RUN("compare", control, other, "--accuracy", "0.75", "--accuracy", "0.9"),
        CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "  control\n"));
    ck_assert_ptr_nonnull(strstr(command_answer, "  not finished\n"));
    ck_assert_ptr_nonnull(
        strstr(command_answer,
               "        20        30        10.0          160     4.00x     2.50x\n"));
    ck_assert_ptr_nonnull(strstr(command_answer, " not reached\n"));
    ck_assert_str_eq(command_complaint, "");
}
END_TEST

START_TEST(what_cannot_be_compared_is_warned_of)
{
    const char *control = run_write(fine);
    const char *other =
        run_write(HELLO PLAN("mnist", "100", "300") TEST("0", "10", "10", "100", "0.25"));
    const char *old = run_write(HELLO TEST("0", "10", "10", "100", "0.25"));

    ck_assert_int_eq(RUN("compare", control, other, old), CMD_OK);
    ck_assert_ptr_nonnull(
        strstr(command_complaint, "is tested on mnist, the control on strokes"));
    ck_assert_ptr_nonnull(
        strstr(command_complaint, "is tested on 300 examples, the control on 200"));
    ck_assert_ptr_nonnull(strstr(command_complaint, "work is in units of its own"));
}
END_TEST

START_TEST(unusable_journals_are_data_errors)
{
    const char *control = run_write(fine);

    ck_assert_int_eq(RUN("compare", control, "/nowhere"), CMD_DATA);
    ck_assert_ptr_nonnull(strstr(command_complaint, "/nowhere/journal.ndjson"));
    ck_assert_int_eq(RUN("compare", control, run_write(HELLO)), CMD_DATA);
    ck_assert_ptr_nonnull(strstr(command_complaint, "no test accuracy"));
    ck_assert_int_eq(RUN("compare", run_write(HELLO "{\"type\":\n" HELLO), control),
                     CMD_DATA);
    ck_assert_ptr_nonnull(strstr(command_complaint, "journal.ndjson:2: "));
    ck_assert_int_eq(RUN("compare", control, run_write(HELLO "[1]\n")), CMD_DATA);
    ck_assert_ptr_nonnull(strstr(command_complaint, "no type"));
    ck_assert_int_eq(
        RUN("compare", control,
            run_write("{\"type\":\"metric\",\"values\":{\"test.accuracy\":0.5}}\n")),
        CMD_DATA);
    ck_assert_ptr_nonnull(strstr(command_complaint, "without level"));
    ck_assert_int_eq(
        RUN("compare", control,
            run_write("{\"type\":\"metric\",\"level\":0,\"step\":1,\"time\":1,\"work\":"
                      "1e308,\"values\":{\"test.accuracy\":0.5}}\n")),
        CMD_DATA);
    ck_assert_ptr_nonnull(strstr(command_complaint, "no run has"));
    ck_assert_str_eq(command_answer, "");
}
END_TEST

/* The y of a point of a picture, so that more accuracy is higher up. */
static double
y_of_point(const char *svg, int line, int point)
{
    const char *at = svg;
    double x, y;

    for (int i = 0; i <= line; i++)
        at = strstr(at, "points=\"") + strlen("points=\"");
    for (int i = 0; i < point; i++)
        at = strchr(at, ' ') + 1;
    ck_assert_int_eq(sscanf(at, "%lf,%lf", &x, &y), 2);
    return y;
}

/* Two seeds of one kind, a name that XML has to escape, and the control. */
START_TEST(a_picture_has_a_line_a_run_and_a_colour_a_kind)
{
    static char svg[1 << 16];
    static const char *const names[] = { "fine", "ladder-s1", "ladder-s2", "a<b&c" };
    char root[96], dir[4][140], path[300];
    FILE *file;
    size_t n;

    snprintf(root, sizeof root, "%s", test_dir());
    for (int i = 0; i < 4; i++) {
        snprintf(dir[i], sizeof dir[i], "%s/%s", root, names[i]);
        ck_assert_int_eq(mkdir(dir[i], 0777), 0);
        snprintf(path, sizeof path, "%.139s/journal.ndjson", dir[i]);
        file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fputs(i ? coarse : fine, file);
        fclose(file);
    }
    snprintf(path, sizeof path, "%s/plot.svg", root);
    ck_assert_int_eq(RUN("compare", dir[0], dir[1], dir[2], dir[3], "--svg", path),
                     CMD_OK);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    n = fread(svg, 1, sizeof svg - 1, file);
    fclose(file);
    svg[n] = '\0';
    ck_assert_ptr_nonnull(strstr(svg, ">fine</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">ladder</text>"));
    ck_assert_ptr_nonnull(strstr(svg, ">a&lt;b&amp;c</text>"));
    ck_assert_ptr_null(strstr(svg, "ladder-s"));
    ck_assert_str_eq(svg + n - 7, "</svg>\n");
    ck_assert_double_gt(y_of_point(svg, 0, 0), y_of_point(svg, 0, 1));
    ck_assert_double_eq(y_of_point(svg, 0, 1), y_of_point(svg, 0, 2));
    ck_assert_double_eq(y_of_point(svg, 0, 3), y_of_point(svg, 1, 2)); /* 0.75 */
    ck_assert_int_eq(RUN("compare", dir[0], dir[1], "--svg", "/nowhere/x.svg"), CMD_IO);
    ck_assert_ptr_nonnull(strstr(command_complaint, "/nowhere/x.svg"));
    ck_assert_int_eq(RUN("compare", dir[0], dir[1], "--over", "steps"), CMD_USAGE);
    ck_assert_ptr_nonnull(strstr(command_complaint, "not work or time"));
}
END_TEST

START_TEST(bad_usage_of_compare_is_refused)
{
    static const char *const bad[] = { "",     "0",    "-1",  "60",
                                       "1.01", "0.5x", "nan", "0x1p-1" };
    const char *control = run_write(fine);

    ck_assert_int_eq(RUN("compare"), CMD_USAGE);
    ck_assert_int_eq(RUN("compare", control, "caf\xc3"), CMD_USAGE);
    ck_assert_ptr_nonnull(strstr(command_complaint, "not UTF-8"));
    ck_assert_int_eq(RUN("compare", control), CMD_USAGE);
    ck_assert_ptr_nonnull(strstr(command_complaint, "name 2 to 16 runs"));
    ck_assert_int_eq(RUN("compare", control, control, "--no-such-option"), CMD_USAGE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(RUN("compare", control, control, "--accuracy", bad[i]) == CMD_USAGE,
                      "%s", bad[i]);
    ck_assert_int_eq(RUN("compare", "--help"), CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "usage: odenet compare"));
}
END_TEST

TEST_SUITE(compare, 60, the_controls_last_accuracy_is_the_target,
           runs_have_last_and_best_accuracy_and_totals, each_target_has_its_rows,
           the_table_says_the_same, what_cannot_be_compared_is_warned_of,
           unusable_journals_are_data_errors,
           a_picture_has_a_line_a_run_and_a_colour_a_kind,
           bad_usage_of_compare_is_refused)
