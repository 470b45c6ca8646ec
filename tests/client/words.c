/* words.c - tests client/words.c and progress.c: what is said to people. */
#include "client/words.h"

#include <stdio.h>
#include <string.h>

#include "client/progress.h"
#include "tests/test.h"

static const char running[] =
    "{\"state\":\"running\",\"level\":1,\"levels\":3,\"resolution\":32,\"blocks\":[2,2],"
    "\"epoch\":2.5,\"eta_s\":70,\"metrics\":{\"train.loss\":1.2344,\"test.accuracy\":0."
    "55},"
    "\"forecast\":{\"remaining_s\":{\"expected\":65,\"low\":60,\"high\":80}}}";

static json_t *
json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(value);
    return value;
}

/* The line of a document; static. */
static const char *
progress(const char *run, const char *level, int columns)
{
    static char text[WORDS_LINE];
    json_t *r = json(run), *l = json(level);

    words_progress(r, l, columns, text);
    json_decref(r);
    json_decref(l);
    return text;
}

START_TEST(a_run_that_trains_is_a_line_with_a_bar)
{
    static const char level[] = "{\"epochs\":6}";

    ck_assert_str_eq(progress(running, level, 0),
                     "level 2/3  32x32  blocks 2+2   41%  loss 1.234  test 55.0%  "
                     "1 min 5 s to go");
    ck_assert_str_eq(progress(running, level, 100),
                     "level 2/3  32x32  blocks 2+2  #########.............   41%  loss "
                     "1.234  test 55.0%  1 min 5 s to go");
    ck_assert_uint_eq(strlen(progress(running, level, 92)), 91);
    ck_assert_ptr_null(strchr(progress(running, level, 80), '#'));
    ck_assert_uint_eq(strlen(progress(running, level, 40)), 39);
}
END_TEST

START_TEST(what_is_not_known_is_not_said)
{
    ck_assert_str_eq(
        progress(running, "null", 0),
        "level 2/3  32x32  blocks 2+2  loss 1.234  test 55.0%  1 min 5 s to go");
    ck_assert_str_eq(progress("{\"state\":\"running\",\"level\":0,\"levels\":null,"
                              "\"eta_s\":null,\"metrics\":{}}",
                              "null", 0),
                     "level 1");
    ck_assert_str_eq(progress("{\"state\":\"running\",\"level\":null}", "null", 0),
                     "running");
    ck_assert_str_eq(progress("{}", "null", 0), "-");
}
END_TEST

START_TEST(a_run_that_waits_says_why)
{
    ck_assert_str_eq(progress("{\"state\":\"queued\",\"waits\":\"2 threads are free, it "
                              "takes 4\",\"reason\":\"retry 1\"}",
                              "null", 0),
                     "queued: 2 threads are free, it takes 4");
    ck_assert_str_eq(
        progress("{\"state\":\"paused\",\"reason\":\"on request\"}", "null", 0),
        "paused: on request");
}
END_TEST

START_TEST(levels_and_ends_are_summed_up)
{
    char text[WORDS_LINE];
    json_t *level =
        json("{\"level\":0,\"state\":\"done\",\"resolution\":16,\"blocks\":[2],"
             "\"cached\":false,\"seconds\":12.2,"
             "\"metrics\":{\"test.accuracy\":0.432}}");
    json_t *run =
        json("{\"state\":\"failed\",\"time\":80,\"metrics\":{\"test.accuracy\":0.1},"
             "\"reason\":\"r\",\"error\":{\"text\":\"the loss is no number\"}}");

    ck_assert_str_eq(words_level(level, 3, text),
                     "level 1/3  16x16  blocks 2  done  test 43.2%  12 s");
    json_object_set_new(level, "cached", json_true());
    ck_assert_str_eq(
        words_level(level, 3, text),
        "level 1/3  16x16  blocks 2  done  test 43.2%  trained by another run");
    ck_assert_str_eq(words_end(run, text),
                     "failed: the loss is no number; test accuracy 10.00%, 1 min 20 s of "
                     "training");
    json_decref(level);
    json_decref(run);
}
END_TEST

START_TEST(events_name_a_move_or_a_kind)
{
    char text[WORDS_LINE];
    json_t *move =
        json("{\"id\":3,\"run\":\"01r\",\"at\":\"2026-11-30T17:28:03.564Z\",\"kind\":"
             "\"state\",\"from\":\"queued\",\"to\":\"starting\",\"text\":\"\"}");
    json_t *first = json("{\"id\":1,\"at\":\"T\",\"kind\":\"state\",\"from\":null,"
                         "\"to\":\"queued\",\"text\":\"submitted\"}");
    json_t *warning = json("{\"id\":4,\"at\":\"T\",\"kind\":\"warning\",\"from\":null,"
                           "\"to\":null,\"text\":\"hot\"}");

    ck_assert_str_eq(words_event(move, true, text),
                     "2026-11-30T17:28:03.564Z  01r  queued -> starting");
    ck_assert_str_eq(words_event(first, false, text), "T  queued  submitted");
    ck_assert_str_eq(words_event(warning, false, text), "T  warning  hot");
    json_decref(move);
    json_decref(first);
    json_decref(warning);
}
END_TEST

START_TEST(a_list_is_a_table)
{
    char head[WORDS_LINE], row[WORDS_LINE];
    json_t *run =
        json("{\"id\":\"01m8pqzpqc4cxrm4h6v373ebz4\",\"state\":\"running\",\"level\":0,"
             "\"levels\":3,\"progress\":0.5,\"created_at\":"
             "\"2026-11-30T17:28:03.564Z\",\"name\":\"first\","
             "\"metrics\":{\"test.accuracy\":0.25}}");
    json_t *none = json("{\"name\":null}");

    words_head(head);
    words_row(run, row);
    ck_assert_str_eq(row,
                     "01m8pqzpqc4cxrm4h6v373ebz4  running    1/3       50.0%   25.0%  "
                     "2026-11-30T17:28:03Z  first");
    ck_assert_ptr_eq(strstr(head, "NAME") - (strstr(row, "first") - row), head);
    words_row(none, row);
    ck_assert_ptr_eq(strstr(head, "NAME") - (strrchr(row, '-') - row), head);
    json_decref(run);
    json_decref(none);
}
END_TEST

START_TEST(nothing_that_a_name_says_drives_the_terminal)
{
    char text[20];

    ck_assert_str_eq(words_clean("a\033[2Jb\n\x7f", text, sizeof text), "a?[2Jb??");
    ck_assert_str_eq(words_clean("\xc2\x9b"
                                 "2J\xc2\xb5\xc2",
                                 text, sizeof text),
                     "?2J\xc2\xb5\xc2");
    ck_assert_str_eq(words_clean("0123456789", text, 5), "0123");
    ck_assert_str_eq(words_clean(NULL, text, sizeof text), "-");
}
END_TEST

/* What progress_show() writes of these documents, in turn; static. */
static const char *
shown(int columns, const char *const *runs, const char *levels)
{
    static char text[4096];
    FILE *to = tmpfile();
    struct progress p;
    json_t *l = json(levels);

    progress_init(&p, to);
    ck_assert_int_eq(p.columns, 0); /* a file is no terminal */
    p.columns = columns;
    for (; *runs; runs++) {
        json_t *run = json(*runs);

        progress_show(&p, run, l);
        json_decref(run);
    }
    progress_end(&p);
    json_decref(l);
    rewind(to);
    text[fread(text, 1, sizeof text - 1, to)] = '\0';
    fclose(to);
    return text;
}

START_TEST(a_log_has_a_line_for_each_epoch)
{
#define AT(epoch)                                                                      \
    "{\"state\":\"running\",\"level\":0,\"levels\":1,\"resolution\":8,\"blocks\":[2]," \
    "\"epoch\":" epoch ",\"metrics\":{}}"
    const char *const runs[] = {
        "{\"state\":\"starting\",\"level\":null}", AT("0.1"), AT("0.9"), AT("1.0"),
        "{\"state\":\"succeeded\",\"level\":0}",   NULL
    };

    ck_assert_str_eq(shown(0, runs, "[{\"level\":0,\"state\":\"running\",\"epochs\":2}]"),
                     "level 1/1  8x8  blocks 2    5%\nlevel 1/1  8x8  blocks 2   50%\n");
}
END_TEST

START_TEST(a_terminal_has_one_line_that_changes)
{
    const char *const runs[] = { AT("0.5"), AT("1"), NULL };
    const char *const end[] = { AT("1"), "{\"state\":\"succeeded\",\"level\":0}", NULL };

    ck_assert_str_eq(
        shown(45, runs, "[{\"level\":0,\"state\":\"running\",\"epochs\":2}]"),
        "\r\033[Klevel 1/1  8x8  blocks 2  ###.........   25%"
        "\r\033[Klevel 1/1  8x8  blocks 2  ######......   50%\n");
    ck_assert_str_eq(
        shown(45, end,
              "[{\"level\":0,\"state\":\"done\",\"resolution\":8,\"blocks\":[2],"
              "\"seconds\":3,\"epochs\":2}]"),
        "level 1/1  8x8  blocks 2  done  3.0 s\n"
        "\r\033[Klevel 1/1  8x8  blocks 2  ######......   50%\n");
}
END_TEST

TEST_SUITE(words, 30, a_run_that_trains_is_a_line_with_a_bar,
           what_is_not_known_is_not_said, a_run_that_waits_says_why,
           levels_and_ends_are_summed_up, events_name_a_move_or_a_kind, a_list_is_a_table,
           nothing_that_a_name_says_drives_the_terminal, a_log_has_a_line_for_each_epoch,
           a_terminal_has_one_line_that_changes)
