/* sweep.c - tests of sweeps: what is taken, how it is taken apart, what is refused. */
#include "schema/sweep.h"

#include <string.h>

#include "schema/json.h"
#include "schema/recipe.h"
#include "tests/test.h"

static json_t *
parsed(const char *text)
{
    struct ode_err err;
    json_t *value = NULL;

    test_ok(schema_json_parse(text, strlen(text), "text", &value, &err), &err);
    return value;
}

/* A job with this sweep. */
static json_t *
job_with(const char *sweep)
{
    json_t *job = parsed("{\"levels\": [{\"resolution\": 8}, {\"resolution\": 16}],"
                         " \"model\": {\"step\": 0.2}}");

    json_object_set_new(job, "sweep", parsed(sweep));
    return job;
}

static void
opened(const char *text, struct sweep *sweep)
{
    json_t *job = job_with(text), *complaints;
    struct ode_err err;

    test_ok(sweep_read(job, sweep, &complaints, &err), &err);
    ck_assert_ptr_null(complaints);
    json_decref(job);
}

/* Run i has this text at the member of its spec, and these values. */
static void
is_run(const struct sweep *sweep, size_t i, const char *spec_text, const char *value_text)
{
    json_t *spec, *values, *expected = parsed(spec_text), *chosen = parsed(value_text);
    struct ode_err err;

    test_ok(sweep_spec(sweep, i, &spec, &values, &err), &err);
    ck_assert_msg(json_equal(spec, expected), "run %zu: %s", i,
                  json_dumps(spec, JSON_COMPACT));
    ck_assert(json_equal(values, chosen));
    json_decref(spec);
    json_decref(values);
    json_decref(expected);
    json_decref(chosen);
}

START_TEST(each_combination_is_a_run)
{
    struct sweep sweep;

    opened("{\"grid\": {\"/model/step\": [0.1, 0.3], \"/levels/1/epochs\": [1, 2, 3]},"
           " \"max_parallel\": 2}",
           &sweep);
    ck_assert_uint_eq(sweep.runs, 6);
    ck_assert_int_eq(sweep.rules.max_parallel, 2);
    ck_assert_int_eq(sweep.rules.promote.best, 0);
    is_run(&sweep, 0,
           "{\"levels\": [{\"resolution\": 8}, {\"resolution\": 16, \"epochs\": 1}],"
           " \"model\": {\"step\": 0.1}}",
           "{\"/model/step\": 0.1, \"/levels/1/epochs\": 1}");
    is_run(&sweep, 5,
           "{\"levels\": [{\"resolution\": 8}, {\"resolution\": 16, \"epochs\": 3}],"
           " \"model\": {\"step\": 0.3}}",
           "{\"/model/step\": 0.3, \"/levels/1/epochs\": 3}");
    sweep_release(&sweep);
}
END_TEST

START_TEST(a_value_may_be_whole_and_its_parents_be_made)
{
    struct sweep sweep;

    opened("{\"grid\": {\"/model\": [{\"step\": 1}], \"/train/lr~1~0\": [null, 7]}}",
           &sweep);
    ck_assert_uint_eq(sweep.runs, 2);
    is_run(&sweep, 1,
           "{\"levels\": [{\"resolution\": 8}, {\"resolution\": 16}],"
           " \"model\": {\"step\": 1}, \"train\": {\"lr/~\": 7}}",
           "{\"/model\": {\"step\": 1}, \"/train/lr~1~0\": 7}");
    sweep_release(&sweep);
}
END_TEST

START_TEST(a_job_without_a_sweep_is_one_run)
{
    json_t *job = parsed("{\"levels\": []}"), *spec, *values;
    struct sweep sweep;
    struct ode_err err;
    char at[128];

    test_ok(sweep_read(job, &sweep, NULL, &err), &err);
    ck_assert_uint_eq(sweep.runs, 1);
    test_ok(sweep_spec(&sweep, 0, &spec, &values, &err), &err);
    ck_assert(json_equal(spec, job));
    ck_assert_ptr_null(values);
    sweep_locate(&sweep, 0, "/levels", at, sizeof at);
    ck_assert_str_eq(at, "/levels");
    json_decref(spec);
    json_decref(job);
    sweep_release(&sweep);
}
END_TEST

START_TEST(a_place_in_a_run_is_found_in_the_grid)
{
    struct sweep sweep;
    char at[128];

    opened("{\"grid\": {\"/model\": [{}, {}], \"/seed\": [1, 2, 3]}}", &sweep);
    sweep_locate(&sweep, 4, "/seed", at, sizeof at);
    ck_assert_str_eq(at, "/sweep/grid/~1seed/1");
    sweep_locate(&sweep, 4, "/model/units/0", at, sizeof at);
    ck_assert_str_eq(at, "/sweep/grid/~1model/1/units/0");
    sweep_locate(&sweep, 4, "/models", at, sizeof at);
    ck_assert_str_eq(at, "/models");
    sweep_release(&sweep);
}
END_TEST

/* What is wrong, and where that is said. */
static const struct {
    const char *sweep, *at, *word;
} bad[] = {
    {"[7]",                                                          "/sweep",                          "an object"   },
    { "{}",                                                          "/sweep/grid",                     "is missing"  },
    { "{\"grid\": []}",                                              "/sweep/grid",                     "no object"   },
    { "{\"grid\": {}}",                                              "/sweep/grid",                     "0 keys"      },
    { "{\"grid\": {\"/seed\": []}}",                                 "/sweep/grid/~1seed",              "0 values"    },
    { "{\"grid\": {\"/seed\": 1}}",                                  "/sweep/grid/~1seed",              "a list"      },
    { "{\"grid\": {\"seed\": [1]}}",                                 "/sweep/grid/seed",                "JSON pointer"},
    { "{\"grid\": {\"\": [1]}}",                                     "/sweep/grid/",                    "JSON pointer"},
    { "{\"grid\": {\"/a~2\": [1]}}",                                 "/sweep/grid/~1a~02",              "no such"     },
    { "{\"grid\": {\"/levels/2/epochs\": [1]}}",                     "/sweep/grid/~1levels~12~1epochs",
     "no such"                                                                                                        },
    { "{\"grid\": {\"/levels/00\": [1]}}",                           "/sweep/grid/~1levels~100",        "no such"     },
    { "{\"grid\": {\"/model/step/x\": [1]}}",                        "/sweep/grid/~1model~1step~1x",    "no such"     },
    { "{\"grid\": {\"/sweep/grid\": [1]}}",                          "/sweep/grid/~1sweep~1grid",       "swept"       },
    { "{\"grid\": {\"/model\": [{}], \"/model/step\": [1]}}",        "/sweep/grid/~1model~1step",
     "lies within"                                                                                                    },
    { "{\"grid\": {\"/seed\": [1]}, \"parallel\": 1}",               "/sweep/parallel",
     "max_parallel"                                                                                                   },
    { "{\"grid\": {\"/seed\": [1]}, \"promote\": {\"best\": -1}}",   "/sweep/promote/best",
     "below 0"                                                                                                        },
    { "{\"grid\": {\"/seed\": [1, 2]}, \"promote\": {\"best\": 3}}",
     "/sweep/promote/best",                                                                             "2 runs"      },
};

START_TEST(what_is_wrong_is_refused_where_it_stands)
{
    json_t *job = job_with(bad[_i].sweep), *complaints;
    struct sweep sweep;
    struct ode_err err;

    ck_assert_int_eq(sweep_read(job, &sweep, &complaints, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, bad[_i].at);
    ck_assert_msg(strstr(err.text, bad[_i].word) != NULL, "%s", err.text);
    ck_assert_uint_ge(json_array_size(complaints), 1);
    json_decref(complaints);
    json_decref(job);
}
END_TEST

START_TEST(too_many_combinations_are_refused)
{
    json_t *job = job_with("{\"grid\": {}}"), *complaints, *values = json_array();
    json_t *grid = json_object_get(json_object_get(job, "sweep"), "grid");
    struct sweep sweep;
    struct ode_err err;

    for (int i = 0; i < 11; i++)
        json_array_append_new(values, json_integer(i));
    json_object_set(grid, "/seed", values);
    json_object_set(grid, "/priority", values);
    ck_assert_int_eq(sweep_read(job, &sweep, &complaints, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/sweep/grid");
    ck_assert_ptr_nonnull(strstr(err.text, "more than 100"));
    json_decref(complaints);
    json_decref(values);
    json_decref(job);
}
END_TEST

START_TEST(one_recipe_has_no_sweep)
{
    json_t *job = job_with("{\"grid\": {\"/seed\": [1]}}"), *complaints;
    struct ode_recipe_spec recipe;
    struct ode_err err;

    ck_assert_int_eq(schema_recipe_read(job, &recipe, &complaints, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/sweep");
    ck_assert_ptr_nonnull(strstr(err.text, "odenetd"));
    ck_assert_uint_eq(json_array_size(complaints), 1);
    json_decref(complaints);
    json_decref(job);
}
END_TEST

START_TEST(the_schema_of_a_job_has_the_sweep)
{
    const json_t *sweep, *members;
    struct ode_err err;
    json_t *schema;

    test_ok(sweep_job_schema(&schema, &err), &err);
    sweep = json_object_get(json_object_get(schema, "properties"), "sweep");
    ck_assert_str_eq(
        json_string_value(json_array_get(json_object_get(sweep, "required"), 0)), "grid");
    members = json_object_get(sweep, "properties");
    ck_assert_uint_eq(json_object_size(members), 3);
    ck_assert_ptr_nonnull(
        json_object_get(json_object_get(members, "grid"), "propertyNames"));
    ck_assert_ptr_null(json_object_get(sweep, "$id"));
    json_decref(schema);
}
END_TEST

Suite *suite_sweep(void);
Suite *
suite_sweep(void)
{
    const TTest *single[] = {
        each_combination_is_a_run,         a_value_may_be_whole_and_its_parents_be_made,
        a_job_without_a_sweep_is_one_run,  a_place_in_a_run_is_found_in_the_grid,
        too_many_combinations_are_refused, one_recipe_has_no_sweep,
        the_schema_of_a_job_has_the_sweep
    };
    Suite *suite = suite_create("sweep");
    TCase *cases = tcase_create("sweep");

    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        tcase_add_test(cases, single[i]);
    tcase_add_loop_test(cases, what_is_wrong_is_refused_where_it_stands, 0,
                        sizeof bad / sizeof *bad);
    suite_add_tcase(suite, cases);
    return suite;
}
