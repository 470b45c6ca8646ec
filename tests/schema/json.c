/* json.c - tests of texts as such: what is JSON, what is too much, how places are told.
 */
#include "schema/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/recipe/recipe.h"
#include "tests/test.h"

static enum ode_status
parse(const char *text, json_t **value, struct ode_err *err)
{
    return schema_json_parse(text, strlen(text), "body", value, err);
}

START_TEST(texts_that_are_not_json_are_refused_with_line_and_column)
{
    static const struct {
        const char *text, *at, *word;
    } rows[] = {
        {"",                               "body:1:0",  "ends too early"     },
        { "{",                             "body:1:1",  "ends too early"     },
        { "{\"a\": 1,\n \"b\": NaN}",      "body:2:9",  "NaN"                },
        { "{\"a\": Infinity}",             "body:1:14", "Infinity"           },
        { "{\"a\": 1e999}",                "body:1:11", "overflow"           },
        { "{\"a\": 1, \"a\": 2}",          "body:1:12", "duplicate"          },
        { "{\"a\": 99999999999999999999}", "body:1:26", "big integer"        },
        { "[1] x",                         "body:1:5",  "end of file"        },
        { "[\"\xff\"]",                    "body:1:",   "not UTF-8"          },
        { "7",                             "body:1:1",  "'[' or '{' expected"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = NULL;
        struct ode_err err;

        ck_assert_msg(parse(rows[i].text, &value, &err) == ODE_EFORMAT, "%s is taken",
                      rows[i].text);
        ck_assert_msg(strncmp(err.at, rows[i].at, strlen(rows[i].at)) == 0,
                      "%s: at %s, not %s", rows[i].text, err.at, rows[i].at);
        ck_assert_msg(strstr(err.text, rows[i].word), "%s: %s", rows[i].text, err.text);
        ck_assert_ptr_null(value);
    }
}
END_TEST

START_TEST(deep_and_long_texts_are_refused)
{
    size_t n = SCHEMA_JSON_MAX + 1;
    char *text = malloc(n + 1);
    json_t *value = NULL;
    struct ode_err err;

    memset(text, '[', n);
    text[n] = '\0';
    ck_assert_int_eq(schema_json_parse(text, n, "body", &value, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "1048577 bytes"));
    ck_assert_int_eq(schema_json_parse(text, n - 1, "body", &value, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "nested too deeply"));
    memset(text, ' ', n - 1);
    memcpy(text, "[]", 2);
    test_ok(schema_json_parse(text, n - 1, "body", &value, &err), &err);
    json_decref(value);
    free(text);
}
END_TEST

START_TEST(complaints_stop_at_their_most)
{
    json_t *value = json_object(), *complaints = json_array();
    struct ode_lr_spec lr;
    struct ode_err err;
    char key[16];

    for (int i = 0; i < 2 * SCHEMA_COMPLAINTS_MAX; i++) {
        snprintf(key, sizeof key, "x%d", i);
        json_object_set_new(value, key, json_null());
    }
    ck_assert_int_eq(schema_json_read(&ode_lr_object, value, &lr, complaints, &err),
                     ODE_ESPEC);
    ck_assert_uint_eq(json_array_size(complaints), SCHEMA_COMPLAINTS_MAX);
    ck_assert_str_eq(err.at, "/x0");
    json_decref(complaints);
    json_decref(value);
}
END_TEST

/* Long names are cut between characters, so that what is said of them is still UTF-8. */
START_TEST(names_of_any_length_are_told_in_utf8)
{
    struct ode_lr_spec lr;
    char key[200];

    for (size_t n = 1; n < 60; n++) {
        json_t *value = json_object(), *complaints = json_array(), *pointer;
        struct ode_err err;

        key[0] = '\0';
        for (size_t i = 0; i < n; i++)
            strcat(key, i % 3 ? "\xe2\x82\xac" : "~");
        json_object_set_new(value, key, json_string(key));
        json_object_set_new(value, "schedule", json_string(key));
        ck_assert_int_eq(schema_json_read(&ode_lr_object, value, &lr, complaints, &err),
                         ODE_ESPEC);
        ck_assert_uint_eq(json_array_size(complaints), 2);
        pointer = json_object_get(json_array_get(complaints, 0), "pointer");
        ck_assert_int_eq(strncmp(json_string_value(pointer), "/~0", 3), 0);
        json_decref(complaints);
        json_decref(value);
    }
}
END_TEST

START_TEST(nothing_of_an_array_or_a_number_is_a_spec)
{
    struct ode_lr_spec lr;
    struct ode_err err;
    json_t *value = json_array();

    ck_assert_int_eq(schema_json_read(&ode_lr_object, value, &lr, NULL, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "");
    json_decref(value);
}
END_TEST

/* Walks a table and the printed schema side by side. */
static void
schema_matches(const struct ode_object *object, const json_t *schema)
{
    json_t *members = json_object_get(schema, "properties");
    size_t n = 0, required = 0;

    ck_assert_str_eq(json_string_value(json_object_get(schema, "type")), "object");
    ck_assert(json_is_false(json_object_get(schema, "additionalProperties")));
    for (const struct ode_field *f = object->fields; f->name; f++, n++) {
        json_t *member = json_object_get(members, f->name);

        ck_assert_msg(member, "%s has no %s", object->name, f->name);
        ck_assert_str_eq(json_string_value(json_object_get(member, "description")),
                         f->doc);
        required += f->required;
        if (f->kind == ODE_FIELD_INT || f->kind == ODE_FIELD_REAL) {
            ck_assert_double_eq(json_number_value(json_object_get(member, "minimum")),
                                f->min);
            ck_assert_double_eq(json_number_value(json_object_get(member, "maximum")),
                                f->max);
        }
        if (f->kind == ODE_FIELD_OBJECT)
            schema_matches(f->object, member);
        if (f->may_be_auto) {
            const json_t *either = json_object_get(member, "anyOf");
            const json_t *word = json_object_get(json_array_get(either, 0), "const");

            ck_assert_str_eq(json_string_value(word), "auto");
            member = json_array_get(either, 1);
        }
        if (f->kind == ODE_FIELD_LIST) {
            ck_assert_str_eq(json_string_value(json_object_get(member, "type")), "array");
            schema_matches(f->object, json_object_get(member, "items"));
        }
    }
    ck_assert_uint_eq(json_object_size(members), n);
    ck_assert_uint_ge(json_array_size(json_object_get(schema, "required")), required);
}

START_TEST(the_schema_says_what_the_table_says)
{
    struct ode_err err;
    json_t *schema, *lr, *needed, *rule;

    test_ok(schema_json_describe(&ode_recipe_object, "job.json", &schema, &err), &err);
    schema_matches(&ode_recipe_object, schema);
    needed = json_object_get(schema, "required");
    ck_assert_uint_eq(json_array_size(needed), 1);
    ck_assert_str_eq(json_string_value(json_array_get(needed, 0)), "levels");
    rule = json_object_get(json_object_get(schema, "dependentSchemas"), "budget");
    rule = json_object_get(rule, "properties");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(rule, "levels"), "const")),
        "auto");
    json_decref(schema);
    test_ok(schema_json_describe(&ode_lr_object, "lr.json", &lr, &err), &err);
    ck_assert_uint_eq(json_object_size(json_object_get(lr, "dependentSchemas")), 4);
    ck_assert_str_eq(json_string_value(json_object_get(lr, "$id")), "lr.json");
    json_decref(lr);
}
END_TEST

static bool
all_zero(const void *bytes, size_t n)
{
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++)
        if (b[i])
            return false;
    return true;
}

/* Each member's preset lies within its own bounds. */
static void
presets_fit(const struct ode_object *object)
{
    for (const struct ode_field *f = object->fields; f->name; f++) {
        if (f->kind == ODE_FIELD_OBJECT || f->kind == ODE_FIELD_LIST)
            presets_fit(f->object);
        if ((f->kind == ODE_FIELD_INT || f->kind == ODE_FIELD_REAL) && !f->required)
            ck_assert_msg(f->preset >= f->min && f->preset <= f->max, "%s.%s: %g",
                          object->name, f->name, f->preset);
    }
}

START_TEST(presets_are_those_of_the_table)
{
    struct ode_recipe_spec recipe;

    memset(&recipe, 0x5a, sizeof recipe);
    presets_fit(&ode_recipe_object);
    ode_object_preset(&ode_recipe_object, &recipe);
    ck_assert_int_eq(recipe.train.batch, 100);
    ck_assert_double_eq(recipe.train.optimizer.momentum, 0.9);
    ck_assert(recipe.train.optimizer.nesterov);
    ck_assert_int_eq(recipe.transfer.time, ODE_TIME_LINEAR);
    ck_assert_int_eq(recipe.train.memory, ODE_MEMORY_REVERSE);
    ck_assert_double_eq(recipe.resources.checkpoint_s, 30);
    ck_assert_uint_eq(recipe.levels_n, 0);
    ck_assert(all_zero(recipe.levels, sizeof recipe.levels));
    ck_assert(all_zero(recipe.name, sizeof recipe.name));
}
END_TEST

TEST_SUITE(json, 20, texts_that_are_not_json_are_refused_with_line_and_column,
           deep_and_long_texts_are_refused, complaints_stop_at_their_most,
           names_of_any_length_are_told_in_utf8,
           nothing_of_an_array_or_a_number_is_a_spec, the_schema_says_what_the_table_says,
           presets_are_those_of_the_table)
