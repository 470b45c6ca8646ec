/* log.c - log lines. */
#include "daemon/log.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static char text[2 * LOG_LINE_BYTES];

/* What the event makes of one value. */
static const char *
logged(const char *value)
{
    FILE *out = fmemopen(text, sizeof text, "w");
    struct log log = { out, LOG_INFO };

    log_event(&log, LOG_WARN, "part", "event", log_text("key", value));
    fclose(out);
    return text;
}

START_TEST(writes_one_line_an_event)
{
    FILE *out = fmemopen(text, sizeof text, "w");
    struct log log = { out, LOG_INFO };

    log_event(&log, LOG_INFO, "queue", "moved", log_text("run", "01ab"),
              log_int("attempt", -3), log_text("reason", "two words"),
              log_text("none", ""));
    fclose(out);
    ck_assert_str_eq(
        text, "info queue moved run=01ab attempt=-3 reason=\"two words\" none=\"\"\n");
}
END_TEST

START_TEST(leaves_out_what_is_below_the_level)
{
    FILE *out = fmemopen(text, sizeof text, "w");
    struct log log = { out, LOG_WARN };

    memset(text, 0, sizeof text);
    log_event(&log, LOG_INFO, "queue", "moved", log_int("n", 1));
    fclose(out);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(escapes_what_could_break_out_of_a_line)
{
    ck_assert_str_eq(logged("a\nerror queue x"),
                     "warn part event key=\"a\\nerror queue x\"\n");
    ck_assert_str_eq(logged("\x1b[2J"), "warn part event key=\"\\x1b[2J\"\n");
    ck_assert_str_eq(logged("say \"hi\" \\"),
                     "warn part event key=\"say \\\"hi\\\" \\\\\"\n");
    ck_assert_str_eq(logged("\x7f\xff"), "warn part event key=\"\\x7f\\xff\"\n");
    ck_assert_str_eq(logged("k=v"), "warn part event key=\"k=v\"\n");
    /* A control character of the second page, and a mark that turns the writing round. */
    ck_assert_str_eq(logged("\xc2\x9b"), "warn part event key=\"\\xc2\\x9b\"\n");
    ck_assert_str_eq(logged("\xe2\x80\xae"), "warn part event key=\"\\xe2\\x80\\xae\"\n");
}
END_TEST

START_TEST(keeps_text_of_any_language)
{
    ck_assert_str_eq(logged("Zürich 東京 🙂"),
                     "warn part event key=\"Zürich 東京 🙂\"\n");
}
END_TEST

START_TEST(stays_one_line_when_a_value_is_huge)
{
    char *huge = malloc(100001);

    memset(huge, 'x', 100000);
    huge[50000] = '\n';
    huge[100000] = '\0';
    logged(huge);
    free(huge);
    ck_assert_uint_le(strlen(text), LOG_LINE_BYTES);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

TEST_SUITE(log, 10, writes_one_line_an_event, leaves_out_what_is_below_the_level,
           escapes_what_could_break_out_of_a_line, keeps_text_of_any_language,
           stays_one_line_when_a_value_is_huge)
