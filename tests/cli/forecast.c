/* forecast.c - tests cli/forecast.c and duration.c: records, corrections, words. */
#include "cli/forecast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/duration.h"
#include "core/base/duration.h"
#include "tests/test.h"

/* Two levels of 100 s and 200 s, with a transfer of no time. */
static const struct ode_plan plan = {
    .levels_n = 2,
    .levels = {{ .epochs = 1, .epoch_steps = 10, .steps = 10 },
               { .epochs = 1, .epoch_steps = 10, .steps = 10 }},
    .train_n = 100,
    .test_n = 10,
    .batch = 10
};

static const struct ode_cost cost = {
    .levels_n = 2,
    .level = {{ .step = { .median = 10, .least = 9, .most = 11, .n = 3 } },
              { .step = { .median = 20, .least = 20, .most = 20, .n = 3 } }}
};

/* A line of the journal, from 1; static. NULL: there are not so many. */
static const char *
line_of(const char *dir, int number)
{
    static char line[4096];
    const char *got = NULL;
    char path[600];
    FILE *from;

    snprintf(path, sizeof path, "%s/journal.ndjson", dir);
    from = fopen(path, "r");
    ck_assert_ptr_nonnull(from);
    for (int i = 0; i < number; i++)
        got = fgets(line, sizeof line, from);
    fclose(from);
    return got;
}

static json_t *
record(const char *dir, int number)
{
    const char *line = line_of(dir, number);
    json_t *json;

    ck_assert_ptr_nonnull(line);
    json = json_loads(line, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "type")), "forecast");
    return json;
}

static void
span_is(const json_t *span, double expected, double low, double high)
{
    ck_assert_double_eq_tol(json_number_value(json_object_get(span, "expected")),
                            expected, 1e-6);
    ck_assert_double_eq_tol(json_number_value(json_object_get(span, "low")), low, 1e-6);
    ck_assert_double_eq_tol(json_number_value(json_object_get(span, "high")), high, 1e-6);
}

static enum ode_status
level_done(struct forecast *f, int level, double time, enum ode_end end,
           struct ode_err *err)
{
    const struct ode_progress at = { .level = level, .time = time };

    return forecast_level_done(f, &at, end, err);
}

START_TEST(a_forecast_is_corrected_by_what_was_measured)
{
    const char *dir = test_dir();
    const double slower = 1 + ODE_COST_SLOWER;
    const double ratio = 151.0 / 101, later = 1 + ODE_COST_SLOWER / 151;
    struct journal journal;
    struct forecast f;
    struct ode_err err;
    json_t *r, *levels;

    test_ok(journal_open(&journal, dir, true, &err), &err);
    test_ok(
        forecast_begin(&f, &plan, &cost, &(struct forecast_start){ 0 }, &journal, &err),
        &err);
    test_ok(level_done(&f, 0, 150, ODE_END_BUDGET, &err), &err);
    test_ok(level_done(&f, 1, 450, ODE_END_BUDGET, &err), &err);
    journal_close(&journal);

    r = record(dir, 1);
    ck_assert_int_eq(json_integer_value(json_object_get(r, "level")), 0);
    span_is(json_object_get(r, "remaining"), 300, 290, slower * 310);
    span_is(json_object_get(r, "total"), 300, 290, slower * 310);
    ck_assert(json_is_null(json_object_get(r, "error")));
    levels = json_object_get(r, "levels");
    ck_assert_uint_eq(json_array_size(levels), 2);
    span_is(json_object_get(json_array_get(levels, 0), "seconds"), 100, 90, slower * 110);
    json_decref(r);

    r = record(dir, 2); /* the first level took half as long again */
    ck_assert_int_eq(json_integer_value(json_object_get(r, "level")), 1);
    ck_assert_double_eq_tol(json_number_value(json_object_get(r, "error")), 0.5, 1e-9);
    span_is(json_object_get(r, "remaining"), ratio * 200, ratio * 200,
            ratio * later * 200);
    span_is(json_object_get(r, "total"), 150 + ratio * 200, 150 + ratio * 200,
            150 + ratio * later * 200);
    ck_assert_uint_eq(json_array_size(json_object_get(r, "levels")), 1);
    json_decref(r);

    r = record(dir, 3); /* of the whole run */
    ck_assert(json_is_null(json_object_get(r, "level")));
    ck_assert_double_eq_tol(json_number_value(json_object_get(r, "error")), 0.5, 1e-9);
    span_is(json_object_get(r, "remaining"), 0, 0, 0);
    span_is(json_object_get(r, "total"), 450, 450, 450);
    json_decref(r);
}
END_TEST

/* How long it took says nothing of the machine, and nothing was wrong about the total. */
START_TEST(a_level_that_ended_early_is_no_measure)
{
    const struct ode_progress at = { .level = 0, .time = 30 };
    const char *dir = test_dir();
    struct journal journal;
    struct forecast f;
    struct ode_err err;
    json_t *r;

    test_ok(journal_open(&journal, dir, true, &err), &err);
    test_ok(
        forecast_begin(&f, &plan, &cost, &(struct forecast_start){ 0 }, &journal, &err),
        &err);
    test_ok(level_done(&f, 0, 30, ODE_END_PLATEAU, &err), &err);
    test_ok(level_done(&f, 1, 230, ODE_END_BUDGET, &err), &err);
    test_ok(forecast_level_skipped(&f, &at, 1, &err), &err);
    test_ok(level_done(&f, 0, 30, ODE_END_DEADLINE, &err), &err); /* the run's end */
    test_ok(forecast_level_skipped(&f, &at, 1, &err), &err);      /* nothing new */
    journal_close(&journal);

    r = record(dir, 2);
    ck_assert(json_is_null(json_object_get(r, "error")));
    span_is(json_object_get(r, "remaining"), 200, 200, (1 + ODE_COST_SLOWER) * 200);
    json_decref(r);
    ck_assert_ptr_null(line_of(dir, 6));
    for (int i = 3; i <= 5; i++) {
        r = record(dir, i);
        ck_assert(json_is_null(json_object_get(r, "level")));
        ck_assert(json_is_null(json_object_get(r, "error")));
        span_is(json_object_get(r, "remaining"), 0, 0, 0);
        json_decref(r);
    }
}
END_TEST

START_TEST(a_resumed_worker_forecasts_what_remains)
{
    const struct forecast_start start = { .level = 1, .level_step = 5, .time = 130 };
    const char *dir = test_dir();
    struct journal journal;
    struct forecast f;
    struct ode_err err;
    json_t *r;

    test_ok(journal_open(&journal, dir, true, &err), &err);
    test_ok(forecast_begin(&f, &plan, &cost, &start, &journal, &err), &err);
    test_ok(level_done(&f, 1, 230, ODE_END_BUDGET, &err), &err);
    journal_close(&journal);
    r = record(dir, 1);
    span_is(json_object_get(r, "remaining"), 100, 100, 115);
    span_is(json_object_get(r, "total"), 230, 230, 245);
    json_decref(r);
    r = record(dir, 2);
    ck_assert_double_eq_tol(json_number_value(json_object_get(r, "error")), 0, 1e-9);
    json_decref(r);
}
END_TEST

START_TEST(without_costs_there_is_no_record)
{
    struct forecast f = { 0 };

    ck_assert_int_eq(level_done(&f, 0, 0, ODE_END_BUDGET, NULL), ODE_OK);
    ck_assert_int_eq(
        forecast_level_skipped(&f, &(struct ode_progress){ .level = 0 }, 0, NULL),
        ODE_OK);
}
END_TEST

START_TEST(seconds_in_words)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0,         "0.00 s"    },
        { 0.42,     "0.42 s"    },
        { 0.996,    "1.0 s"     },
        { 7.14,     "7.1 s"     },
        { 9.96,     "10 s"      },
        { 59.4,     "59 s"      },
        { 59.6,     "1 min"     },
        { 500,      "8 min 20 s"},
        { 3599.6,   "1 h"       },
        { 7500,     "2 h 5 min" },
        { 86400,    "1 d"       },
        { 273600,   "3 d 4 h"   },
        { 1e300,    "unknown"   },
        { INFINITY, "unknown"   },
    };
    const struct ode_span span = { 500, 480, 610 };
    char text[ODE_DURATION_TEXT], words[DURATION_SPAN];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(ode_duration_text(cases[i].seconds, text), cases[i].text);
    ck_assert_str_eq(duration_span(&span, words),
                     "about 8 min 20 s (8 min to 10 min 10 s)");
}
END_TEST

TEST_SUITE(forecast, 20, a_forecast_is_corrected_by_what_was_measured,
           a_level_that_ended_early_is_no_measure,
           a_resumed_worker_forecasts_what_remains, without_costs_there_is_no_record,
           seconds_in_words)
