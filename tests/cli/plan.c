/* plan.c - tests cli/cmd_plan.c */
#include "cli/cmd.h"
#include "tests/cli/command.h"
#include "tests/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* 8 channels, Hamiltonian: 2 blocks at 16x16, then 3 at 32x32. */
static const char *
spec_write(void)
{
    static char path[300];
    FILE *to;

    snprintf(path, sizeof path, "%s/spec.json", test_dir());
    to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    fputs("{\"data\": {\"set\": \"strokes\", \"train_size\": 250, \"test_size\": 50},"
          " \"model\": {\"block\": \"hamiltonian\", \"units\": [{\"channels\": 8, "
          "\"blocks\": 3}]},"
          " \"train\": {\"batch\": 100},"
          " \"levels\": [{\"resolution\": 16, \"blocks\": [2], \"epochs\": 4},"
          " {\"resolution\": 32, \"blocks\": [3], \"epochs\": 1}]}",
          to);
    fclose(to);
    return path;
}

/* An opening of 1 to 8 channels, in a block two layers with K and K' on 4 channels each,
 * a dense layer of 10 classes. */
static double
flops(double area, double blocks)
{
    return 18 * 8 * area + blocks * 4 * 18 * 16 * area + 2 * 8 * 10;
}

START_TEST(work_is_a_fraction_of_the_finest_level)
{
    const double image = flops(256, 2) / flops(1024, 3);
    json_t *plan, *levels, *level[2];

    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", spec_write(), "--json"), CMD_OK);
    plan = json_loads(command_answer, 0, NULL);
    levels = json_object_get(plan, "levels");
    ck_assert_uint_eq(json_array_size(levels), 2);
    for (size_t k = 0; k < 2; k++)
        level[k] = json_array_get(levels, k);
#define REAL(of, name) json_number_value(json_object_get(of, name))
    ck_assert_double_eq(REAL(level[0], "flops_per_image"), flops(256, 2));
    ck_assert_double_eq(REAL(level[1], "flops_per_image"), flops(1024, 3));
    ck_assert_double_eq(REAL(level[0], "work_per_image"), image);
    ck_assert_double_eq(REAL(level[1], "work_per_image"), 1);
    ck_assert_double_eq_tol(REAL(level[0], "work"), 1000 * image, 1e-9);
    ck_assert_double_eq_tol(REAL(level[1], "work"), 250, 1e-9);
    ck_assert_double_eq_tol(REAL(plan, "work"), 1000 * image + 250, 1e-9);
#undef REAL
    json_decref(plan);
}
END_TEST

START_TEST(the_table_shows_work_of_levels_and_in_all)
{
    const double image = flops(256, 2) / flops(1024, 3);
    char expected[80];

    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", spec_write()), CMD_OK);
    snprintf(expected, sizeof expected, "%9.4f %12.0f  ", image, 1000 * image);
    ck_assert_ptr_nonnull(strstr(command_answer, expected));
    ck_assert_ptr_nonnull(strstr(command_answer, "   1.0000          250  "));
    snprintf(expected, sizeof expected, "%.0f units of work", 1000 * image + 250);
    ck_assert_ptr_nonnull(strstr(command_answer, expected));
}
END_TEST

static double
seconds_of(const json_t *of, const char *which)
{
    const json_t *seconds = json_object_get(of, "seconds");

    ck_assert_msg(json_is_number(json_object_get(seconds, which)), "%s", command_answer);
    return json_number_value(json_object_get(seconds, which));
}

START_TEST(times_of_levels_come_with_an_interval_and_add_up)
{
    json_t *plan, *levels, *level;
    double sum = 0;
    size_t k;

    ck_assert_int_eq(
        COMMAND_RUN(cmd_plan, "plan", spec_write(), "--json", "--threads", "1"), CMD_OK);
    plan = json_loads(command_answer, 0, NULL);
    levels = json_object_get(plan, "levels");
    json_array_foreach (levels, k, level) {
        ck_assert_double_gt(seconds_of(level, "low"), 0);
        ck_assert_double_le(seconds_of(level, "low"), seconds_of(level, "expected"));
        ck_assert_double_lt(seconds_of(level, "expected"), seconds_of(level, "high"));
        sum += seconds_of(level, "expected");
        ck_assert_int_ge(
            json_integer_value(json_object_get(
                json_object_get(json_object_get(level, "cost"), "step_s"), "samples")),
            3);
    }
    ck_assert_double_eq_tol(seconds_of(plan, "expected"), sum, 1e-9);
    ck_assert_int_eq(json_integer_value(json_object_get(plan, "threads")), 1);
    json_decref(plan);
    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", spec_write(), "--threads", "2"),
                     CMD_OK);
    ck_assert_ptr_nonnull(strstr(command_answer, "\nabout "));
    ck_assert_ptr_nonnull(strstr(command_answer, " with 2 threads, as measured now\n"));
}
END_TEST

START_TEST(nothing_is_measured_unless_wanted)
{
    json_t *plan;

    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", spec_write(), "--no-measure"), CMD_OK);
    ck_assert_ptr_null(strstr(command_answer, "about"));
    ck_assert_ptr_null(strstr(command_answer, "time"));
    ck_assert_int_eq(
        COMMAND_RUN(cmd_plan, "plan", spec_write(), "--no-measure", "--json"), CMD_OK);
    plan = json_loads(command_answer, 0, NULL);
    ck_assert_ptr_null(json_object_get(plan, "seconds"));
    ck_assert_ptr_null(
        json_object_get(json_array_get(json_object_get(plan, "levels"), 0), "seconds"));
    json_decref(plan);
}
END_TEST

START_TEST(the_resolved_spec_says_every_member_and_can_be_planned)
{
    char path[300];
    json_t *both, *spec;

    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", spec_write(), "--resolve", "--json",
                                 "--no-measure"),
                     CMD_OK);
    both = json_loads(command_answer, 0, NULL);
    ck_assert_ptr_nonnull(json_object_get(json_object_get(both, "plan"), "levels"));
    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", spec_write(), "--resolve"), CMD_OK);
    spec = json_loads(command_answer, 0, NULL);
    ck_assert(json_equal(spec, json_object_get(both, "spec")));
    ck_assert_ptr_nonnull(json_object_get(spec, "transfer"));
    snprintf(path, sizeof path, "%s/resolved.json", test_dir());
    ck_assert_int_eq(json_dump_file(spec, path, 0), 0);
    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", path, "--resolve"), CMD_OK);
    json_decref(both);
    both = json_loads(command_answer, 0, NULL);
    ck_assert(json_equal(spec, both));
    json_decref(both);
    json_decref(spec);
}
END_TEST

START_TEST(a_failure_is_an_object_for_programs)
{
    char path[300];
    json_t *answer, *errors;
    FILE *to;

    snprintf(path, sizeof path, "%s/bad.json", test_dir());
    to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    fputs("{\"levels\": [], \"sed\": 1}", to);
    fclose(to);
    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", path, "--json"), CMD_USAGE);
    answer = json_loads(command_answer, 0, NULL);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")),
        "ESPEC");
    errors = json_object_get(answer, "errors");
    ck_assert_uint_ge(json_array_size(errors), 2);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_array_get(errors, 0), "pointer")), "/sed");
    json_decref(answer);
}
END_TEST

/* 8 channels, 4 blocks, on digits of 32x32. */
static const char *
auto_write(const char *budget)
{
    static char path[300];
    FILE *to;

    snprintf(path, sizeof path, "%s/auto.json", test_dir());
    to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    fprintf(to,
            "{\"data\": {\"set\": \"strokes\", \"train_size\": 250, \"test_size\": 50},"
            " \"model\": {\"units\": [{\"channels\": 8, \"blocks\": 4}]}, \"train\": "
            "{\"batch\": 50}, \"levels\": \"auto\", \"budget\": %s}",
            budget);
    fclose(to);
    return path;
}

START_TEST(a_ladder_is_made_and_says_why)
{
    json_t *both, *plan, *spec;

    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", auto_write("{\"epochs\": 10}"),
                                 "--json", "--resolve", "--no-measure"),
                     CMD_OK);
    both = json_loads(command_answer, 0, NULL);
    plan = json_object_get(both, "plan");
    spec = json_object_get(both, "spec");
    ck_assert_uint_ge(json_array_size(json_object_get(plan, "reasons")), 4);
    ck_assert_uint_eq(json_array_size(json_object_get(plan, "levels")),
                      json_array_size(json_object_get(spec, "levels")));
    ck_assert_ptr_null(json_object_get(spec, "budget"));
    json_decref(both);
    ck_assert_int_eq(
        COMMAND_RUN(cmd_plan, "plan", auto_write("{\"epochs\": 10}"), "--no-measure"),
        CMD_OK);
    ck_assert_ptr_nonnull(strstr(
        command_answer, "\nThe budget of 10 epochs of 250 examples is 2500 units"));
}
END_TEST

START_TEST(a_deadline_wants_to_be_measured)
{
    json_t *answer;

    ck_assert_int_eq(COMMAND_RUN(cmd_plan, "plan", auto_write("{\"deadline_s\": 3600}"),
                                 "--json", "--no-measure"),
                     CMD_USAGE);
    ck_assert_ptr_nonnull(strstr(command_answer, "/budget/deadline_s"));
    ck_assert_int_eq(
        COMMAND_RUN(cmd_plan, "plan", auto_write("{\"deadline_s\": 3600}"), "--json"),
        CMD_OK);
    answer = json_loads(command_answer, 0, NULL);
    ck_assert_uint_ge(json_array_size(json_object_get(answer, "levels")), 1);
    json_decref(answer);
}
END_TEST

TEST_SUITE(plan, 60, a_ladder_is_made_and_says_why, a_deadline_wants_to_be_measured,
           the_resolved_spec_says_every_member_and_can_be_planned,
           a_failure_is_an_object_for_programs, work_is_a_fraction_of_the_finest_level,
           the_table_shows_work_of_levels_and_in_all,
           times_of_levels_come_with_an_interval_and_add_up,
           nothing_is_measured_unless_wanted)
