/* ingest.c - journals into the database, each record once. */
#include "daemon/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/daemon/world.h"
#include "tests/test.h"

/* A short run of two levels, with a resume in between that repeats a step. */
static const char journal[] =
    "{\"type\":\"hello\",\"seq\":1,\"at\":\"2026-01-01T00:00:00.000Z\",\"pid\":77,"
    "\"attempt\":1}\n"
    "{\"type\":\"plan\",\"seq\":2,\"levels\":[{\"level\":0,\"resolution\":8,\"blocks\":["
    "2],\"epochs\":1,"
    "\"steps\":2,\"parameters\":10,\"flops_per_image\":100,\"memory_bytes\":5,\"work\":0."
    "5},"
    "{\"level\":1,\"resolution\":16,\"blocks\":[2],\"epochs\":1,\"steps\":2,"
    "\"parameters\":10,"
    "\"flops_per_image\":400,\"memory_bytes\":5,\"work\":2}]}\n"
    "{\"type\":\"level\",\"seq\":3,\"level\":0,\"state\":\"running\",\"step\":0,\"time\":"
    "0,\"work\":0}\n"
    "{\"type\":\"metric\",\"seq\":4,\"level\":0,\"step\":1,\"epoch\":0.5,\"work\":0.25,"
    "\"time\":1,"
    "\"values\":{\"train.loss\":2.5,\"lr\":0.1}}\n"
    "{\"type\":\"metric\",\"seq\":5,\"level\":0,\"step\":2,\"epoch\":1,\"work\":0.5,"
    "\"time\":2,"
    "\"values\":{\"train.loss\":null,\"lr\":0.2}}\n"
    "{\"type\":\"mystery\",\"seq\":6,\"what\":[1,2]}\n"
    "{\"type\":\"hello\",\"seq\":7,\"at\":\"2026-01-01T00:01:00.000Z\",\"pid\":78,"
    "\"attempt\":2}\n"
    "{\"type\":\"metric\",\"seq\":8,\"level\":0,\"step\":2,\"epoch\":1,\"work\":0.5,"
    "\"time\":7,"
    "\"values\":{\"train.loss\":null,\"lr\":0.2}}\n"
    "{\"type\":\"level\",\"seq\":9,\"level\":0,\"state\":\"done\",\"step\":2,\"time\":3,"
    "\"work\":0.5,"
    "\"metrics\":{\"test.accuracy\":0.75}}\n"
    "{\"type\":\"level\",\"seq\":10,\"level\":1,\"state\":\"running\",\"step\":2,"
    "\"time\":3,\"work\":0.5}\n"
    "{\"type\":\"transfer\",\"seq\":11,\"level\":1,\"step\":2,\"time\":3,\"work\":0.5,"
    "\"space\":\"bilinear\","
    "\"before\":{\"loss\":1},\"after\":{\"loss\":2}}\n"
    "{\"type\":\"warning\",\"seq\":12,\"text\":\"mind the gap\"}\n"
    "{\"type\":\"checkpoint\",\"seq\":13,\"level\":1,\"step\":2,\"file\":\"checkpoints/"
    "1-2\",\"bytes\":3}\n"
    "{\"type\":\"final\",\"seq\":14,\"state\":\"succeeded\",\"step\":4,\"time\":9,"
    "\"work\":2.5,"
    "\"metrics\":{},\"model\":\"model.safetensors\",\"model_sha256\":\"abcd\"}\n";

enum { JOURNAL_BYTES = sizeof journal - 1 };

struct stage {
    struct world world;
    struct ingest ingest;
    struct run run;
    char path[512];
};

/* Another run, with a journal of its own. */
static void
stage_next(struct stage *stage)
{
    struct ode_err err;

    stage->run = world_submit(&stage->world, &(struct world_order){ .name = "n" });
    test_ok(queue_move(&stage->world.queue, &stage->run, RUN_STARTING, "", &err), &err);
    snprintf(stage->path, sizeof stage->path, "%s/journal-%lld", stage->world.dir,
             (long long)stage->run.number);
}

static void
stage_open(struct stage *stage)
{
    world_open(&stage->world);
    stage->ingest = (struct ingest){ .store = &stage->world.store,
                                     .queue = &stage->world.queue,
                                     .log = &stage->world.log };
    stage_next(stage);
}

/* The next daemon's view of the same files. */
static void
stage_reopen(struct stage *stage)
{
    char dir[256];

    memcpy(dir, stage->world.dir, sizeof dir);
    world_close(&stage->world);
    world_reopen(&stage->world, dir);
    stage->ingest = (struct ingest){ .store = &stage->world.store,
                                     .queue = &stage->world.queue,
                                     .log = &stage->world.log };
}

static void
append(const struct stage *stage, const char *bytes, size_t n)
{
    FILE *file = fopen(stage->path, "a");

    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

static void
take_in(struct stage *stage)
{
    struct ode_err err;
    bool more = true;

    for (int calls = 0; more; calls++) {
        ck_assert_int_lt(calls, 100000);
        test_ok(ingest_batch(&stage->ingest, stage->run.number, stage->path, &more, &err),
                &err);
    }
}

static char *
tables(struct stage *stage)
{
    return world_tables(&stage->world, stage->run.number);
}

static int
count(struct stage *stage, const char *what)
{
    char sql[256], *text;
    int n;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
    text = world_ask(&stage->world, sql);
    n = atoi(text);
    free(text);
    return n;
}

static char *
tables_of_whole(void)
{
    struct stage stage;
    char *text;

    stage_open(&stage);
    append(&stage, journal, JOURNAL_BYTES);
    take_in(&stage);
    text = tables(&stage);
    world_close(&stage.world);
    return text;
}

START_TEST(stores_what_the_records_say)
{
    struct stage stage;
    struct run run;
    char *text;

    stage_open(&stage);
    append(&stage, journal, JOURNAL_BYTES);
    take_in(&stage);
    run = world_run(&stage.world, stage.run.number);
    ck_assert_str_eq(run.state, "running");
    ck_assert_int_eq(run.pid, 78);
    ck_assert_int_eq(run.level, 1);
    ck_assert_int_eq(run.step, 4);
    ck_assert_int_eq(run.steps, 4);
    ck_assert_double_eq(run.total_work, 2.5);
    ck_assert_double_eq(run.work, 2.5);
    ck_assert_double_eq(run.time, 9);
    ck_assert_str_eq(run.final_state, "succeeded");
    ck_assert_str_eq(run.model_sha256, "abcd");
    ck_assert_int_eq(run.journal_offset, JOURNAL_BYTES);
    ck_assert_int_eq(run.record_ms, 1767225660000); /* 2026-01-01T00:01:00Z */
    ck_assert_int_eq(count(&stage, "metrics"), 4);
    ck_assert_int_eq(count(&stage, "metrics WHERE value IS NULL"), 1);
    ck_assert_int_eq(count(&stage, "newest_metrics WHERE step = 2"), 2);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'checkpoint'"), 1);
    text = world_ask(&stage.world, "SELECT text FROM events WHERE kind = 'warning'");
    ck_assert_str_eq(text, "mind the gap");
    free(text);
    text = world_ask(&stage.world, "SELECT state || time_end || metrics || steps FROM "
                                   "levels WHERE level = 0");
    ck_assert_str_eq(text, "done3.0{\"test.accuracy\":0.75}2");
    free(text);
    text = world_ask(&stage.world, "SELECT transfer FROM levels WHERE level = 1");
    ck_assert_ptr_nonnull(strstr(text, "\"after\":{\"loss\":2}"));
    ck_assert_ptr_null(strstr(text, "\"seq\""));
    free(text);
    world_close(&stage.world);
}
END_TEST

START_TEST(the_first_of_repeated_records_stays)
{
    struct stage stage;
    char *time;

    stage_open(&stage);
    append(&stage, journal, JOURNAL_BYTES);
    take_in(&stage);
    time = world_ask(&stage.world, "SELECT time FROM metrics m JOIN metric_names n "
                                   "ON n.id = m.name WHERE n.name = 'lr' AND step = 2");
    ck_assert_str_eq(time, "2.0");
    free(time);
    world_close(&stage.world);
}
END_TEST

START_TEST(a_journal_cut_at_any_byte_is_stored_once)
{
    char *whole = tables_of_whole(), *text;
    struct stage stage;

    stage_open(&stage);
    /* No power will fail here, and there are thousands of commits. */
    sqlite3_exec(stage.world.store.db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    for (int cut = 0; cut <= JOURNAL_BYTES; cut++) {
        stage_next(&stage);
        append(&stage, journal, (size_t)cut);
        take_in(&stage);
        append(&stage, journal + cut, (size_t)(JOURNAL_BYTES - cut));
        take_in(&stage);
        text = tables(&stage);
        ck_assert_str_eq(text, whole);
        ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), cut + 1);
        free(text);
    }
    free(whole);
    world_close(&stage.world);
}
END_TEST

START_TEST(a_journal_that_grows_byte_by_byte_is_stored_once)
{
    char *whole = tables_of_whole(), *text;
    struct stage stage;

    stage_open(&stage);
    for (int i = 0; i < JOURNAL_BYTES; i++) {
        append(&stage, journal + i, 1);
        take_in(&stage);
        if (i % 97 == 0)
            stage_reopen(&stage);
    }
    text = tables(&stage);
    ck_assert_str_eq(text, whole);
    free(text);
    free(whole);
    world_close(&stage.world);
}
END_TEST

START_TEST(a_batch_that_was_undone_is_stored_again)
{
    char *whole = tables_of_whole(), *text;
    const char *at = journal, *newline;
    struct stage stage;
    struct ode_err err;

    stage_open(&stage);
    for (; (newline = strchr(at, '\n')); at = newline + 1) {
        append(&stage, at, (size_t)(newline + 1 - at));
        test_ok(store_begin(&stage.world.store, &err), &err);
        take_in(&stage);
        store_rollback(&stage.world.store); /* killed before the commit */
        stage_reopen(&stage);
        take_in(&stage);
    }
    text = tables(&stage);
    ck_assert_str_eq(text, whole);
    free(text);
    free(whole);
    world_close(&stage.world);
}
END_TEST

START_TEST(reading_all_of_it_again_changes_nothing)
{
    char *whole = tables_of_whole(), *text;
    struct stage stage;
    struct ode_err err;
    struct run run;
    int events;

    stage_open(&stage);
    append(&stage, journal, JOURNAL_BYTES);
    take_in(&stage);
    events = count(&stage, "events");
    run = world_run(&stage.world, stage.run.number);
    run.journal_offset = 0;
    test_ok(run_save(&stage.world.store, &run, &err), &err);
    take_in(&stage);
    text = tables(&stage);
    ck_assert_str_eq(text, whole);
    ck_assert_int_eq(count(&stage, "events"), events);
    free(text);
    free(whole);
    world_close(&stage.world);
}
END_TEST

START_TEST(a_torn_tail_waits_for_its_newline)
{
    static const char half[] = "{\"type\":\"warning\",\"seq\":1,\"text\":\"a\"}";
    struct stage stage;

    stage_open(&stage);
    append(&stage, half, sizeof half - 1);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), 0);
    ck_assert_int_eq(world_run(&stage.world, stage.run.number).journal_offset, 0);
    append(&stage, "\n", 1);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "events WHERE text = 'a'"), 1);
    world_close(&stage.world);
}
END_TEST

/* The lines between are stored, and each bad one is told of once. */
START_TEST(a_malformed_line_is_a_warning_and_no_stop)
{
    static const char *const bad[] = {
        "",
        "not json",
        "{\"type\":\"metric\"",
        "[1,2]",
        "{\"seq\":1}",
        "{\"type\":7}",
        "{\"type\":\"metric\",\"level\":0,\"step\":\"1\",\"values\":{}}",
        "{\"type\":\"metric\",\"level\":-1,\"step\":1,\"values\":{}}",
        "{\"type\":\"metric\",\"level\":99999,\"step\":1,\"values\":{}}",
        "{\"type\":\"metric\",\"level\":0,\"step\":1,\"values\":{\"a\":\"b\"}}",
        "{\"type\":\"metric\",\"level\":0,\"step\":1,\"values\":{\"a\":NaN}}",
        "{\"type\":\"metric\",\"level\":0,\"step\":1,\"values\":[]}",
        "{\"type\":\"hello\",\"pid\":1}",
        "{\"type\":\"hello\",\"pid\":-5}",
        "{\"type\":\"plan\",\"levels\":[]}",
        "{\"type\":\"plan\",\"levels\":[{\"level\":0}]}",
        "{\"type\":\"plan\",\"levels\":[{\"level\":0,\"resolution\":8,\"blocks\":[2],"
        "\"epochs\":1,\"steps\":9223372036854775807,\"parameters\":1,"
        "\"memory_bytes\":1}]}",
        "{\"type\":\"plan\",\"levels\":[{\"level\":0,\"resolution\":8,\"blocks\":[2],"
        "\"epochs\":1,\"steps\":1,\"parameters\":1,\"memory_bytes\":1,\"work\":1e308}]}",
        "{\"type\":\"level\",\"level\":0,\"step\":1,\"time\":-1e300,\"state\":\"done\"}",
        "{\"type\":\"forecast\",\"levels\":[],"
        "\"remaining\":{\"expected\":1e300,\"low\":1,\"high\":1}}",
        "{\"type\":\"level\",\"level\":0,\"step\":1,\"state\":\"asleep\"}",
        "{\"type\":\"final\",\"state\":\"perhaps\"}",
        "{\"type\":\"forecast\"}",
        "{\"type\":\"forecast\",\"levels\":[],\"remaining\":{\"expected\":1,\"low\":1}}",
        "{\"type\":\"forecast\",\"levels\":[],"
        "\"remaining\":{\"expected\":1,\"low\":-1,\"high\":2}}",
        "{\"type\":\"forecast\",\"remaining\":{\"expected\":1,\"low\":1,\"high\":2}}",
        "{\"type\":\"forecast\",\"levels\":[{\"level\":0}],"
        "\"remaining\":{\"expected\":1,\"low\":1,\"high\":2}}",
        "{\"type\":\"warning\"}",
        "{\"type\":\"warning\",\"text\":\"\xff\xfe\"}",
        "{\"type\":\"warning\",\"text\":\"a\",\"text\":\"b\"}",
    };
    size_t n = sizeof bad / sizeof *bad;
    struct stage stage;

    stage_open(&stage);
    for (size_t i = 0; i < n; i++) {
        char good[128];

        append(&stage, bad[i], strlen(bad[i]));
        snprintf(
            good, sizeof good,
            "\n{\"type\":\"metric\",\"level\":0,\"step\":%zu,\"values\":{\"x\":1}}\n",
            i + 1);
        append(&stage, good, strlen(good));
    }
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "metrics"), (int)n);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), (int)n);
    ck_assert_str_eq(world_run(&stage.world, stage.run.number).state, "starting");
    world_close(&stage.world);
}
END_TEST

START_TEST(a_zero_byte_within_a_line_is_malformed)
{
    static const char line[] = "{\"type\":\"warning\",\0\"text\":\"a\"}\n";
    struct stage stage;

    stage_open(&stage);
    append(&stage, line, sizeof line - 1);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "events WHERE text LIKE '%no JSON%'"), 1);
    world_close(&stage.world);
}
END_TEST

START_TEST(an_overlong_line_is_skipped)
{
    enum { LONG = 3 * INGEST_LINE_BYTES + 7 };
    static const char good[] = "{\"type\":\"warning\",\"seq\":1,\"text\":\"good\"}\n";
    char *line = malloc(LONG);
    struct stage stage;

    memset(line, 'x', LONG);
    stage_open(&stage);
    append(&stage, good, sizeof good - 1);
    append(&stage, line, LONG);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), 2);
    stage_reopen(&stage); /* in the middle of it */
    append(&stage, line, LONG);
    append(&stage, "\n", 1);
    append(&stage, "{\"type\":\"warning\",\"seq\":2,\"text\":\"after\"}\n", 42);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "events WHERE text = 'after'"), 1);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), 3);
    free(line);
    world_close(&stage.world);
}
END_TEST

START_TEST(a_cut_journal_is_read_again)
{
    char *whole = tables_of_whole(), *text;
    size_t first = (size_t)(strchr(journal, '\n') + 1 - journal);
    struct stage stage;

    stage_open(&stage);
    append(&stage, journal, JOURNAL_BYTES / 2);
    take_in(&stage);
    ck_assert_int_eq(truncate(stage.path, (off_t)first), 0); /* as after a power cut */
    take_in(&stage);
    append(&stage, journal + first, JOURNAL_BYTES - first);
    take_in(&stage);
    text = tables(&stage);
    ck_assert_str_eq(text, whole);
    ck_assert_int_eq(count(&stage, "events WHERE text LIKE '%cut or replaced%'"), 1);
    free(text);
    free(whole);
    world_close(&stage.world);
}
END_TEST

START_TEST(a_replaced_journal_is_read_from_its_beginning)
{
    static const char other[] =
        "{\"type\":\"hello\",\"seq\":1,\"pid\":99,\"attempt\":1}\n";
    struct stage stage;
    char *padding = malloc(JOURNAL_BYTES);

    stage_open(&stage);
    append(&stage, journal, JOURNAL_BYTES);
    take_in(&stage);
    ck_assert_int_eq(truncate(stage.path, 0), 0);
    append(&stage, other, sizeof other - 1);
    memset(padding, '\n', JOURNAL_BYTES); /* not shorter than what was read */
    append(&stage, padding, JOURNAL_BYTES);
    take_in(&stage);
    ck_assert_int_eq(world_run(&stage.world, stage.run.number).pid, 99);
    free(padding);
    world_close(&stage.world);
}
END_TEST

START_TEST(no_journal_is_no_failure)
{
    struct stage stage;

    stage_open(&stage);
    take_in(&stage);
    ck_assert_int_eq(world_run(&stage.world, stage.run.number).journal_offset, 0);
    world_close(&stage.world);
}
END_TEST

START_TEST(takes_in_a_long_journal_in_batches)
{
    enum { RECORDS = 5000 };
    struct stage stage;
    struct ode_err err;
    bool more;

    stage_open(&stage);
    for (int i = 1; i <= RECORDS; i++) {
        char line[128];

        snprintf(line, sizeof line,
                 "{\"type\":\"metric\",\"level\":0,\"step\":%d,\"values\":{\"x\":%d}}\n",
                 i, i);
        append(&stage, line, strlen(line));
    }
    test_ok(ingest_batch(&stage.ingest, stage.run.number, stage.path, &more, &err), &err);
    ck_assert(more);
    ck_assert_int_lt(count(&stage, "metrics"), RECORDS);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "metrics"), RECORDS);
    ck_assert_int_eq(count(&stage, "newest_metrics WHERE value = 5000"), 1);
    world_close(&stage.world);
}
END_TEST

/* The worker makes the ladder: the submission knew of none, or an attempt of another. */
START_TEST(the_plan_says_which_levels_there_are)
{
    static const char plan[] =
        "{\"type\":\"plan\",\"seq\":2,\"reasons\":[\"It "
        "fits.\"],\"levels\":[{\"level\":0,"
        "\"resolution\":32,\"blocks\":[4],\"epochs\":7,\"steps\":2,\"parameters\":10,"
        "\"flops_per_image\":100,\"memory_bytes\":5,\"work\":0.5}]}\n";
    struct stage stage;
    char *text;

    stage_open(&stage);
    append(&stage, plan, sizeof plan - 1);
    take_in(&stage);
    ck_assert_int_eq(world_run(&stage.world, stage.run.number).levels, 1);
    text =
        world_ask(&stage.world, "SELECT count(*) || ' ' || resolution || ' ' || epochs "
                                "FROM levels");
    ck_assert_str_eq(text, "1 32 7");
    free(text);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), 0);
    world_close(&stage.world);
}
END_TEST

START_TEST(the_newest_forecast_counts)
{
    static const char first[] =
        "{\"type\":\"forecast\",\"seq\":3,\"at\":\"2026-01-01T00:00:01.000Z\",\"level\":"
        "0,\"time\":0,\"remaining\":{\"expected\":30,\"low\":25,\"high\":40},\"levels\":["
        "{\"level\":0,\"seconds\":{\"expected\":10,\"low\":9,\"high\":12}},"
        "{\"level\":1,\"seconds\":{\"expected\":20,\"low\":16,\"high\":28}}],"
        "\"error\":null}\n"
        "{\"type\":\"level\",\"seq\":4,\"level\":0,\"state\":\"done\",\"step\":2,"
        "\"time\":11,\"work\":0.5,\"metrics\":{}}\n";
    static const char second[] =
        "{\"type\":\"forecast\",\"seq\":5,\"at\":\"2026-01-01T00:00:12.000Z\",\"level\":"
        "1,\"time\":11,\"remaining\":{\"expected\":22,\"low\":17,\"high\":30},\"levels\":"
        "["
        "{\"level\":0,\"seconds\":{\"expected\":1,\"low\":1,\"high\":1}},"
        "{\"level\":1,\"seconds\":{\"expected\":22,\"low\":17,\"high\":30}}],"
        "\"error\":0.1}\n";
    static const char hello[] = "{\"type\":\"hello\",\"seq\":6,\"pid\":78}\n";
    struct stage stage;
    struct run run;
    char *text;

    stage_open(&stage);
    append(&stage, first, sizeof first - 1);
    take_in(&stage);
    run = world_run(&stage.world, stage.run.number);
    ck_assert_str_eq(run.forecast, "{\"expected\":30,\"low\":25,\"high\":40}");
    ck_assert_int_eq(run.forecast_ms, 1767225601000);
    append(&stage, second, sizeof second - 1);
    take_in(&stage);
    run = world_run(&stage.world, stage.run.number);
    ck_assert_str_eq(run.forecast, "{\"expected\":22,\"low\":17,\"high\":30}");
    ck_assert_double_eq(run.forecast_time, 11);
    text = world_ask(&stage.world, "SELECT group_concat(forecast) FROM levels");
    ck_assert_str_eq(text, "{\"expected\":10,\"low\":9,\"high\":12},"
                           "{\"expected\":22,\"low\":17,\"high\":30}");
    free(text);
    append(&stage, hello, sizeof hello - 1); /* the next attempt has its own to say */
    take_in(&stage);
    run = world_run(&stage.world, stage.run.number);
    ck_assert_str_eq(run.forecast, "");
    world_close(&stage.world);
}
END_TEST

/* One that had begun, too: time was up. */
START_TEST(levels_are_skipped)
{
    static const char lines[] =
        "{\"type\":\"level\",\"seq\":1,\"level\":0,\"state\":\"running\",\"step\":0,"
        "\"time\":0,\"work\":0}\n"
        "{\"type\":\"level\",\"seq\":2,\"level\":0,\"state\":\"skipped\",\"step\":1,"
        "\"time\":2,\"work\":0.5}\n"
        "{\"type\":\"level\",\"seq\":3,\"level\":1,\"state\":\"skipped\",\"step\":1,"
        "\"time\":2,\"work\":0.5}\n";
    struct stage stage;

    stage_open(&stage);
    append(&stage, lines, sizeof lines - 1);
    take_in(&stage);
    ck_assert_int_eq(count(&stage, "levels WHERE state = 'skipped'"), 2);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), 0);
    world_close(&stage.world);
}
END_TEST

/* As a worker tells it that starts behind what another has trained. */
static const char cached_levels[] =
    "{\"type\":\"hello\",\"seq\":1,\"pid\":77,\"cached\":{\"level\":1,\"key\":\"00\"}}\n"
    "{\"type\":\"level\",\"seq\":2,\"level\":0,\"state\":\"done\",\"cached\":true,"
    "\"step\":2,\"time\":null,\"work\":0.5,\"metrics\":{}}\n"
    "{\"type\":\"level\",\"seq\":3,\"level\":1,\"state\":\"done\",\"cached\":true,"
    "\"step\":4,\"time\":9,\"work\":2.5,\"metrics\":{\"test.loss\":2}}\n"
    "{\"type\":\"level\",\"seq\":4,\"level\":1,\"state\":\"done\","
    "\"step\":4,\"time\":9,\"work\":2.5,\"metrics\":{\"test.loss\":3}}\n";

START_TEST(a_level_that_was_cached_stays_so)
{
    struct stage stage;
    struct run run;
    char *text;

    stage_open(&stage);
    append(&stage, cached_levels, sizeof cached_levels - 1);
    take_in(&stage);
    run = world_run(&stage.world, stage.run.number);
    ck_assert_int_eq(run.level, 1);
    ck_assert_int_eq(run.step, 4);
    ck_assert_double_eq(run.time, 9);
    ck_assert_int_eq(count(&stage, "events WHERE kind = 'warning'"), 0);
    ck_assert_int_eq(count(&stage, "levels WHERE state = 'done' AND cached"), 2);
    ck_assert_int_eq(count(&stage, "levels WHERE started_ms IS NULL"), 2);
    text = world_ask(&stage.world, "SELECT metrics FROM levels WHERE level = 1");
    ck_assert_str_eq(text, "{\"test.loss\":2}");
    free(text);
    world_close(&stage.world);
}
END_TEST

TEST_SUITE(ingest, 120, stores_what_the_records_say, the_newest_forecast_counts,
           levels_are_skipped, a_level_that_was_cached_stays_so,
           the_plan_says_which_levels_there_are, the_first_of_repeated_records_stays,
           a_journal_cut_at_any_byte_is_stored_once,
           a_journal_that_grows_byte_by_byte_is_stored_once,
           a_batch_that_was_undone_is_stored_again,
           reading_all_of_it_again_changes_nothing, a_torn_tail_waits_for_its_newline,
           a_malformed_line_is_a_warning_and_no_stop,
           a_zero_byte_within_a_line_is_malformed, an_overlong_line_is_skipped,
           a_cut_journal_is_read_again, a_replaced_journal_is_read_from_its_beginning,
           no_journal_is_no_failure, takes_in_a_long_journal_in_batches)
