/* junit.c - tests api/junit.c: what CI is told of each level. */
#include "api/junit.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

/* A run of three levels as documents; the members of each level are in the text. */
static char *
junit_of(const char *run_text, const char *levels_text)
{
    json_t *run = json_loads(run_text, 0, NULL),
           *levels = json_loads(levels_text, 0, NULL);
    size_t n = 0;
    char *text;

    ck_assert_ptr_nonnull(run);
    ck_assert_ptr_nonnull(levels);
    text = junit_text(run, levels, &n);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(strlen(text), n);
    json_decref(run);
    json_decref(levels);
    return text;
}

static void
has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no %s in:\n%s", part, text);
}

#define LEVEL(state, seconds, accuracy, more)                                          \
    "{\"state\":\"" state "\",\"resolution\":16,\"blocks\":[2,3],\"seconds\":" seconds \
    ",\"metrics\":{\"test.accuracy\":" accuracy "}" more "}"

START_TEST(levels_that_are_done_pass)
{
    char *text = junit_of(
        "{\"id\":\"r\",\"name\":\"a<b&\\\"c\",\"state\":\"succeeded\",\"error\":null,"
        "\"time\":12.5,\"created_at\":\"2026-01-02T03:04:05.000Z\",\"spec\":{\"levels\":"
        "[{\"accuracy_floor\":0.5}]}}",
        "[" LEVEL("done", "7.25", "0.5", "") "," LEVEL("done", "null", "0.1", "") "]");

    has(text, "<testsuite name=\"a&lt;b&amp;&quot;c\" id=\"r\" "
              "timestamp=\"2026-01-02T03:04:05.000Z\" tests=\"2\" failures=\"0\" "
              "errors=\"0\" skipped=\"0\" time=\"12.500\">");
    has(text, "name=\"level 0: 16x16, blocks 2-3\" time=\"7.250\"/>");
    has(text, "name=\"level 1: 16x16, blocks 2-3\" time=\"0.000\"/>");
    free(text);
}
END_TEST

START_TEST(a_floor_and_a_gate_fail_a_level)
{
    char *text = junit_of(
        "{\"id\":\"r\",\"name\":\"n\",\"state\":\"succeeded\",\"error\":null,\"time\":1,"
        "\"spec\":{\"levels\":[{\"accuracy_floor\":0.6},{}]}}",
        "[" LEVEL("done", "1", "0.59", "") "," LEVEL(
            "skipped", "null", "0",
            ",\"transfer\":{\"before\":{\"loss\":0.5},\"after\":{\"loss\":2.5},"
            "\"gate\":{\"passed\":false,\"max_jump\":1}}") "]");

    has(text, "failures=\"2\" errors=\"0\" skipped=\"0\"");
    has(text, "<failure type=\"accuracy_floor\" message=\"test accuracy 0.5900 is below "
              "the floor of 0.6000\"/>");
    has(text, "<failure type=\"gate\" message=\"the transfer took the probe's loss from "
              "0.5 to 2.5, more than max_jump 1 allows\"/>");
    free(text);
}
END_TEST

START_TEST(a_failed_run_is_an_error_where_it_failed)
{
    static const char run[] =
        "{\"id\":\"r\",\"name\":\"n\",\"state\":\"failed\",\"time\":1,\"spec\":{"
        "\"levels\":"
        "\"auto\"},\"error\":{\"code\":\"EDIVERGE\",\"text\":\"a loss is not finite\"}}";
    char *text = junit_of(
        run, "[" LEVEL("done", "1", "0.5", "") "," LEVEL(
                 "running", "null", "0", "") "," LEVEL("pending", "null", "0", "") "]");

    has(text, "tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"1\"");
    has(text, "<error type=\"EDIVERGE\" message=\"a loss is not finite\"/>");
    has(text, "<skipped message=\"the level is pending, the run failed\"/>");
    free(text);
    text =
        junit_of(run, "[" LEVEL("pending", "null", "0", "") "]"); /* before the first */
    has(text, "tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\"");
    has(text, "name=\"run\">");
    free(text);
}
END_TEST

TEST_SUITE(api_junit, 20, levels_that_are_done_pass, a_floor_and_a_gate_fail_a_level,
           a_failed_run_is_an_error_where_it_failed)
