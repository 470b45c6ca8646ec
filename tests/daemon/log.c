/* log.c - log lines. */
#include "daemon/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/stamp.h"
#include "tests/test.h"

static char text[2 * LOG_LINE_BYTES];

/* What the event makes of one value. */
static const char *
logged(const char *value)
{
    FILE *out = fmemopen(text, sizeof text, "w");
    struct log log = { .out = out, .least = LOG_INFO };

    log_event(&log, LOG_WARN, "part", "event", log_text("key", value));
    fclose(out);
    return text;
}

START_TEST(writes_one_line_an_event)
{
    FILE *out = fmemopen(text, sizeof text, "w");
    struct log log = { .out = out, .least = LOG_INFO };

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
    struct log log = { .out = out, .least = LOG_WARN };

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

/* --- JSON and the journal ----------------------------------------------------------- */

/* The one line that an event with this value makes in a format. */
static const char *
written(enum log_format format, enum log_level level, const char *value)
{
    FILE *out = fmemopen(text, sizeof text, "w");
    struct log log = { .out = out, .least = LOG_DEBUG, .format = format };

    log_event(&log, level, "part", "event", log_text("key", value), log_int("n", -7));
    fclose(out);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    return text;
}

/* The line as an object, to be released. */
static json_t *
object_of(const char *value)
{
    const char *line = written(LOG_JSON, LOG_WARN, value);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

    ck_assert_msg(json_is_object(object), "%s", line);
    return object;
}

static const char *
member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

START_TEST(a_json_line_is_an_object)
{
    json_t *object = object_of("two words");
    int64_t ms;

    ck_assert(stamp_parse(member(object, "time"), &ms));
    ck_assert_str_eq(member(object, "level"), "warn");
    ck_assert_str_eq(member(object, "component"), "part");
    ck_assert_str_eq(member(object, "event"), "event");
    ck_assert_str_eq(member(object, "key"), "two words");
    ck_assert_int_eq(json_integer_value(json_object_get(object, "n")), -7);
    ck_assert_uint_eq(json_object_size(object), 6);
    json_decref(object);
}
END_TEST

START_TEST(a_json_line_keeps_text_and_no_control_character)
{
    static const char *const kept[] = {
        "",         "say \"hi\" \\", "Zürich 東京 🙂", "a\nb\tc", "\x1b[2J\x7f",
        "\xc2\x9b", "\xe2\x80\xae"
    };

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *object = object_of(kept[i]);

        ck_assert_str_eq(member(object, "key"), kept[i]);
        json_decref(object);
        for (const char *c = text; *c != '\n'; c++)
            ck_assert((unsigned char)*c >= ' ' && *c != 0x7f);
        ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
        ck_assert_ptr_null(strstr(text, "\xe2\x80\xae"));
    }
}
END_TEST

START_TEST(what_is_no_utf8_becomes_a_mark_in_json)
{
    json_t *object = object_of("a\xff\xc3");

    ck_assert_str_eq(member(object, "key"), "a\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(object);
}
END_TEST

/* However long the value is, and whatever is escaped at its end. */
START_TEST(a_json_line_that_is_cut_is_an_object)
{
    static char huge[LOG_LINE_BYTES + 64];

    for (size_t n = LOG_LINE_BYTES - 200; n < LOG_LINE_BYTES + 50; n++) {
        json_t *object;

        memset(huge, 'x', n);
        huge[n - 1] = '\n';
        huge[n - 2] = '"';
        huge[n] = '\0';
        object = object_of(huge);
        ck_assert_uint_le(strlen(text), LOG_LINE_BYTES);
        ck_assert_int_eq(strncmp(member(object, "key"), "xxx", 3), 0);
        json_decref(object);
    }
}
END_TEST

START_TEST(the_journal_is_told_the_priority)
{
    ck_assert_str_eq(written(LOG_JOURNAL, LOG_DEBUG, "x"),
                     "<7>debug part event key=x n=-7\n");
    ck_assert_str_eq(written(LOG_JOURNAL, LOG_INFO, "x"),
                     "<6>info part event key=x n=-7\n");
    ck_assert_str_eq(written(LOG_JOURNAL, LOG_WARN, "x"),
                     "<4>warn part event key=x n=-7\n");
    ck_assert_str_eq(written(LOG_JOURNAL, LOG_ERROR, "x\n<0>"),
                     "<3>error part event key=\"x\\n<0>\" n=-7\n");
}
END_TEST

START_TEST(the_journal_is_known_by_its_stream)
{
    char stream[64];
    struct stat st;
    int fd = open("/dev/null", O_WRONLY);

    ck_assert_int_eq(fstat(fd, &st), 0);
    unsetenv("JOURNAL_STREAM");
    ck_assert_int_eq(log_format_for(LOG_AUTO, fd), LOG_TEXT);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    ck_assert_int_eq(log_format_for(LOG_AUTO, fd), LOG_JOURNAL);
    ck_assert_int_eq(log_format_for(LOG_JSON, fd), LOG_JSON);
    ck_assert_int_eq(log_format_for(LOG_TEXT, fd), LOG_TEXT);
    strcat(stream, "1"); /* standard error was sent elsewhere */
    setenv("JOURNAL_STREAM", stream, 1);
    ck_assert_int_eq(log_format_for(LOG_AUTO, fd), LOG_TEXT);
    setenv("JOURNAL_STREAM", "journal", 1);
    ck_assert_int_eq(log_format_for(LOG_AUTO, fd), LOG_TEXT);
    close(fd);
}
END_TEST

TEST_SUITE(log, 10, a_json_line_is_an_object,
           a_json_line_keeps_text_and_no_control_character,
           what_is_no_utf8_becomes_a_mark_in_json, a_json_line_that_is_cut_is_an_object,
           the_journal_is_told_the_priority, the_journal_is_known_by_its_stream,
           writes_one_line_an_event, leaves_out_what_is_below_the_level,
           escapes_what_could_break_out_of_a_line, keeps_text_of_any_language,
           stays_one_line_when_a_value_is_huge)
