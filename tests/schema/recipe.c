/* recipe.c - tests of the job spec: what is taken, what is refused, where and why. */
#include "schema/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json.h"
#include "tests/test.h"

/* As in the manual, with every kind of member. */
static const char good[] =
    "{\"name\": \"cifar10-hamiltonian\","
    " \"data\": {\"set\": \"cifar10\", \"train_fraction\": 1.0,"
    "  \"augment\": {\"crop\": 4, \"flip\": \"random\"}},"
    " \"model\": {\"block\": \"hamiltonian\", \"activation\": \"relu\", \"norm\": "
    "\"none\","
    "  \"step\": 0.1, \"units\": [{\"channels\": 32, \"blocks\": 6},"
    "  {\"channels\": 64, \"blocks\": 6}, {\"channels\": 112, \"blocks\": 6}]},"
    " \"train\": {\"batch\": 100,"
    "  \"optimizer\": {\"type\": \"sgd\", \"momentum\": 0.9, \"nesterov\": true},"
    "  \"weight_decay\": 2e-4, \"smoothness\": 2e-4, \"memory\": \"reverse\"},"
    " \"levels\": ["
    "  {\"resolution\": 16, \"blocks\": [3, 3, 3], \"epochs\": 10,"
    "   \"lr\": {\"schedule\": \"triangular\", \"peak\": 0.1}},"
    "  {\"resolution\": 16, \"blocks\": [6, 6, 6], \"epochs\": 5,"
    "   \"lr\": {\"schedule\": \"triangular\", \"peak\": 0.1}},"
    "  {\"resolution\": 32, \"blocks\": [6, 6, 6], \"epochs\": 10,"
    "   \"lr\": {\"schedule\": \"triangular\", \"peak\": 0.1}}],"
    " \"transfer\": {\"space\": \"bilinear\", \"time\": \"linear\"},"
    " \"seed\": 1,"
    " \"resources\": {\"threads\": 2, \"time_limit_s\": 7200, \"max_retries\": 2},"
    " \"priority\": 0}";

static json_t *
parsed(const char *text)
{
    struct ode_err err;
    json_t *value = NULL;

    test_ok(schema_json_parse(text, strlen(text), "spec", &value, &err), &err);
    return value;
}

/* The good spec with the value at the pointer replaced, or taken out if value is "". */
static json_t *
changed(const char *pointer, const char *value)
{
    json_t *spec = parsed(good), *at = spec, *inside = NULL;
    char name[64] = "", *end;
    json_error_t error;

    while (*pointer) {
        size_t n = strcspn(++pointer, "/");

        inside = at;
        ck_assert_uint_lt(n, sizeof name);
        memcpy(name, pointer, n);
        name[n] = '\0';
        pointer += n;
        at = json_is_array(inside) ? json_array_get(inside, strtoul(name, &end, 10))
                                   : json_object_get(inside, name);
    }
    if (!inside) {
        json_decref(spec);
        return json_loads(value, JSON_DECODE_ANY, &error);
    }
    if (!*value)
        ck_assert_int_eq(json_object_del(inside, name), 0);
    else if (json_is_array(inside))
        json_array_set_new(inside, strtoul(name, &end, 10),
                           json_loads(value, JSON_DECODE_ANY, &error));
    else
        json_object_set_new(inside, name, json_loads(value, JSON_DECODE_ANY, &error));
    return spec;
}

struct bad {
    const char *change, *value, *pointer, *word;
};

/* What is changed in the good spec, where the complaint must point, a part of its text.
 */
static const struct bad bads[] = {
    {"",                           "[]",                                                        "",                              "an object is wanted"          },
    { "",                          "{}",                                                        "/levels",                       "missing"                      },
    { "/name",                     "7",                                                         "/name",                         "a string is wanted"           },
    { "/name",                     "\"a\\tb\"",                                                 "/name",                         "control character"            },
    { "/nane",                     "\"x\"",                                                     "/nane",                         "did you mean name?"           },
    { "/a~1b~0",                   "1",                                                         "/a~01b~00",                     "no member"                    },
    { "/data/set",                 "\"cifar\"",                                                 "/data/set",                     "\"cifar10\""                  },
    { "/data/set",                 "3",                                                         "/data/set",                     "a string is wanted"           },
    { "/data/train_fraction",      "0",                                                         "/data/train_fraction",          "below"                        },
    { "/data/train_fraction",      "1.5",                                                       "/data/train_fraction",          "above 1"                      },
    { "/data/train_size",          "50001",                                                     "/data/train_size",              "50000"                        },
    { "/data/test_size",           "10001",                                                     "/data/test_size",               "10000"                        },
    { "/data/train_size",          "99",                                                        "/train/batch",                  "99 training examples"         },
    { "/data/augment/crop",        "32",                                                        "/data/augment/crop",            "32x32"                        },
    { "/data/augment/crop",        "-1",                                                        "/data/augment/crop",            "-1 is below 0"                },
    { "/data/augment/flip",        "true",                                                      "/data/augment/flip",            "not true"                     },
    { "/data/augment",             "null",                                                      "/data/augment",                 "not null"                     },
    { "/model",                    "",                                                          "/model/units",                  "missing"                      },
    { "/model",                    "[1]",                                                       "/model",                        "not a list"                   },
    { "/model/step",               "\"0.1\"",                                                   "/model/step",                   "a number is wanted"           },
    { "/model/step",               "0",                                                         "/model/step",                   "below 1e-06"                  },
    { "/model/units",              "[]",                                                        "/model/units",                  "are missing"                  },
    { "/model/units",              "{}",                                                        "/model/units",                  "a list is wanted"             },
    { "/model/units/1",            "64",                                                        "/model/units/1",                "an object is wanted"          },
    { "/model/units/0/channels",   "33",                                                        "/model/units/0/channels",       "odd"                          },
    { "/model/units/1/channels",   "30",                                                        "/model/units/1/channels",       "use 32 or more"               },
    { "/model/units/1/channels",   "",                                                          "/model/units/1/channels",       "missing"                      },
    { "/model/units/2/blocks",     "1",                                                         "/model/units/2/blocks",         "2 blocks"                     },
    { "/model/units/2/blocks",     "0",                                                         "/model/units/2/blocks",         "0 is below 1"                 },
    { "/model/units/2/block",      "6",                                                         "/model/units/2/block",          "did you mean blocks?"         },
    { "/model/units",
     "[{\"channels\": 2, \"blocks\": 2}, {\"channels\": 2, \"blocks\": 2}, "
      "{\"channels\": 2, "
      "\"blocks\": 2}, {\"channels\": 2, \"blocks\": 2}, {\"channels\": 2, \"blocks\": "
      "2}, "
      "{\"channels\": 2, \"blocks\": 2}]",                                                      "/levels/0/resolution",          "halved 4 times"               },
    { "/model/layer",              "\"residual\"",                                              "/model/layer",                  "use auto, single or symmetric"},
    { "/model/start",              "\"taylor\"",                                                "/model/start",                  "needs no start"               },
    { "/model/norm_before",        "true",                                                      "/model/norm_before",            "no normalisation"             },
    { "/model/closing",            "65",                                                        "/model/closing",                "use 66"                       },
    { "/model/head",               "\"flattened\"",                                             "/model/head",                   "\"flat\""                     },
    { "/model/preset",             "\"hamiltonian-75\"",                                        "/model/preset",                 "not known"                    },
    { "/model/connector",          "\"zeros\"",                                                 "/model/connector",              "\"pointwise\""                },
    { "/train/optimizer/beta1",    "0.8",                                                       "/train/optimizer/beta1",        "only goes with"               },
    { "/train/classifier",         "{\"cg\": 5}",                                               "/train/classifier/cg",          "only goes with"               },
    { "/train/label_smoothing",    "1",                                                         "/train/label_smoothing",        "above 0.9"                    },
    { "/train/ema",                "1",                                                         "/train/ema",                    "above"                        },
    { "/resources/memory_mib",     "0",                                                         "/resources/memory_mib",         "below 1"                      },
    { "/train/batch",              "0",                                                         "/train/batch",                  "0 is below 1"                 },
    { "/train/batch",              "50.5",                                                      "/train/batch",                  "whole number"                 },
    { "/train/batch",              "9223372036854775807",                                       "/train/batch",                  "9223372036854775807"          },
    { "/train/batch",              "1e300",                                                     "/train/batch",                  "above 65536"                  },
    { "/train/optimizer/type",     "\"adam\"",                                                  "/train/optimizer/type",         "\"sgd\""                      },
    { "/train/optimizer/nesterov", "1",                                                         "/train/optimizer/nesterov",     "true or false"                },
    { "/train/memory",             "\"none\"",                                                  "/train/memory",                 "\"reverse\""                  },
    { "/train/momentum",           "0.9",                                                       "/train/momentum",               "no member"                    },
    { "/levels",                   "",                                                          "/levels",                       "missing"                      },
    { "/levels",                   "[]",                                                        "/levels",                       "0 entries; use 1 to 32"       },
    { "/levels/1/epochs",          "-3",                                                        "/levels/1/epochs",              "-3 is below 0"                },
    { "/levels/1/epochs",          "",                                                          "/levels/1/epochs",              "missing"                      },
    { "/levels/1/epoch",           "3",                                                         "/levels/1/epoch",               "did you mean epochs?"         },
    { "/levels/1/resolution",      "24",                                                        "/levels/1/resolution",          "use 32, 16, 8 or 4"           },
    { "/levels/1/resolution",      "64",                                                        "/levels/1/resolution",          "use 32, 16, 8 or 4"           },
    { "/levels/1/resolution",      "2",                                                         "/levels/1/resolution",          "2 can be halved once"         },
    { "/levels/1/resolution",      "\"16\"",                                                    "/levels/1/resolution",          "whole number"                 },
    { "/levels/1/blocks",          "[6, 6]",                                                    "/levels/1/blocks",              "2 entries"                    },
    { "/levels/1/blocks",          "[6, 6, 1]",                                                 "/levels/1/blocks/2",            "2 blocks"                     },
    { "/levels/1/blocks",          "[6, 0, 6]",                                                 "/levels/1/blocks/1",            "0 is below 1"                 },
    { "/levels/1/blocks",          "6",                                                         "/levels/1/blocks",              "a list is wanted"             },
    { "/levels/1/lr/peek",         "0.1",                                                       "/levels/1/lr/peek",             "did you mean peak?"           },
    { "/levels/1/lr/factor",       "0.1",                                                       "/levels/1/lr/factor",           "\"step\""                     },
    { "/levels/1/lr/at",           "[3]",                                                       "/levels/1/lr/at",               "\"step\""                     },
    { "/levels/1/lr/floor",        "0.01",                                                      "/levels/1/lr/floor",            "\"cosine\""                   },
    { "/levels/1/lr",              "{\"schedule\": \"constant\", \"warmup\": 0.1}",
     "/levels/1/lr/warmup",                                                                                                      "\"triangular\""               },
    { "/levels/1/lr",              "{\"factor\": 0.1}",                                         "/levels/1/lr/factor",           "as none is given"             },
    { "/levels/1/lr",              "{\"schedule\": \"cosine\", \"peak\": 0.1, \"floor\": 0.2}",
     "/levels/1/lr/floor",                                                                                                       "above the peak of 0.1"        },
    { "/levels/1/lr",              "{\"schedule\": \"step\", \"at\": [3, 2]}",                  "/levels/1/lr/at/1",
     "ascending"                                                                                                                                                },
    { "/levels/1/lr",              "{\"schedule\": \"step\", \"at\": [3, 5]}",                  "/levels/1/lr/at/1",
     "ends at epoch 5"                                                                                                                                          },
    { "/levels/1/lr",              "{\"schedule\": \"step\", \"at\": [\"3\"]}",                 "/levels/1/lr/at/0",
     "whole number"                                                                                                                                             },
    { "/transfer/damping",         "17",                                                        "/transfer/damping",             "above 16"                     },
    { "/transfer/damping",         "-1",                                                        "/transfer/damping",             "below 0"                      },
    { "/transfer/damping",         "0.5",                                                       "/transfer/damping",             "use 1 to 16, or 0"            },
    { "/transfer",                 "{\"space\": \"constant\", \"damping\": 4}",                 "/transfer/damping",
     "\"bilinear\""                                                                                                                                             },
    { "/transfer",                 "{\"on_jump\": \"fail\"}",                                   "/transfer/on_jump",             "give max_jump"                },
    { "/transfer/max_jump",        "-0.1",                                                      "/transfer/max_jump",            "below 0"                      },
    { "/transfer/on_jump",         "\"stop\"",                                                  "/transfer/on_jump",             "\"rollback\""                 },
    { "/transfer/adjust",          "\"scale\"",                                                 "/transfer/adjust",              "\"damp\""                     },
    { "/levels/1/plateau",         "{\"epochs\": -1}",                                          "/levels/1/plateau/epochs",      "below 0"                      },
    { "/levels/1/plateau",         "{\"improvement\": 2}",                                      "/levels/1/plateau/improvement",
     "above 1"                                                                                                                                                  },
    { "/transfer/space",           "\"linear\"",                                                "/transfer/space",               "\"bilinear\""                 },
    { "/seed",                     "-1",                                                        "/seed",                         "below 0"                      },
    { "/seed",                     "1.5",                                                       "/seed",                         "whole number"                 },
    { "/resources/threads",        "257",                                                       "/resources/threads",            "257 is above 256"             },
    { "/priority",                 "1001",                                                      "/priority",                     "1001 is above 1000"           },
    { "/sweep",                    "{}",                                                        "/sweep",                        "many runs"                    },
};

static const char *
detail_at(const json_t *complaints, const char *pointer)
{
    size_t i;
    json_t *one;

    json_array_foreach (complaints, i, one)
        if (strcmp(json_string_value(json_object_get(one, "pointer")), pointer) == 0)
            return json_string_value(json_object_get(one, "detail"));
    return NULL;
}

START_TEST(takes_the_manuals_example)
{
    struct ode_recipe_spec recipe;
    json_t *spec = parsed(good), *complaints;
    struct ode_err err;

    test_ok(schema_recipe_read(spec, &recipe, &complaints, &err), &err);
    ck_assert_ptr_null(complaints);
    ck_assert_str_eq(recipe.name, "cifar10-hamiltonian");
    ck_assert_int_eq(recipe.data.set, ODE_SET_CIFAR10);
    ck_assert_int_eq(recipe.data.augment.crop, 4);
    ck_assert_int_eq(recipe.data.augment.flip, ODE_FLIP_RANDOM);
    ck_assert_uint_eq(recipe.model.units_n, 3);
    ck_assert_int_eq(recipe.model.units[2].channels, 112);
    ck_assert_uint_eq(recipe.levels_n, 3);
    ck_assert_int_eq(recipe.levels[0].blocks[2], 3);
    ck_assert_int_eq(recipe.levels[2].resolution, 32);
    ck_assert_double_eq(recipe.levels[1].lr.peak, 0.1);
    ck_assert_double_eq(recipe.levels[1].lr.warmup, 0.2);
    ck_assert_int_eq(recipe.resources.time_limit_s, 7200);
    json_decref(spec);
}
END_TEST

START_TEST(each_bad_spec_is_refused_where_and_for_what_it_is)
{
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        const struct bad *b = &bads[i];
        struct ode_recipe_spec recipe;
        json_t *spec = changed(b->change, b->value), *complaints = NULL;
        const char *detail;
        struct ode_err err;

        ck_assert_msg(spec, "row %zu: %s is no JSON", i, b->value);
        memset(&recipe, 0x5a, sizeof recipe);
        ck_assert_msg(schema_recipe_read(spec, &recipe, &complaints, &err) == ODE_ESPEC,
                      "%s: %s is taken", b->change, b->value);
        ck_assert_int_eq(err.code, ODE_ESPEC);
        ck_assert_msg(((unsigned char *)&recipe)[0] == 0x5a, "%s: written", b->change);
        detail = detail_at(complaints, b->pointer);
        ck_assert_msg(detail, "%s = %s: nothing at %s, but at %s: %s", b->change,
                      b->value, b->pointer, err.at, err.text);
        ck_assert_msg(strstr(detail, b->word), "%s: \"%s\" says nothing of \"%s\"",
                      b->pointer, detail, b->word);
        ck_assert_uint_lt(strlen(detail), sizeof err.text - 1);
        json_decref(complaints);
        json_decref(spec);
    }
}
END_TEST

/* --- levels that are made ------------------------------------------------------------
 */

/* The good spec with these levels and this budget ("": none). */
static json_t *
with_budget(const char *levels, const char *budget)
{
    json_t *spec = changed("/levels", levels);

    if (*budget)
        json_object_set_new(spec, "budget", json_loads(budget, 0, NULL));
    return spec;
}

START_TEST(levels_may_be_auto_with_one_budget)
{
    static const char *const budgets[] = { "{\"epochs\": 20}", "{\"work\": 1e6}",
                                           "{\"deadline_s\": 600, \"peak\": 0.05}" };

    for (size_t i = 0; i < 3; i++) {
        json_t *spec = with_budget("\"auto\"", budgets[i]), *written;
        struct ode_recipe_spec first, second;
        struct ode_err err;

        test_ok(schema_recipe_read(spec, &first, NULL, &err), &err);
        ck_assert(first.levels_auto);
        ck_assert_uint_eq(first.levels_n, 0);
        test_ok(schema_recipe_write(&first, &written, &err), &err);
        ck_assert_str_eq(json_string_value(json_object_get(written, "levels")), "auto");
        ck_assert_ptr_nonnull(json_object_get(written, "budget"));
        test_ok(schema_recipe_read(written, &second, NULL, &err), &err);
        ck_assert_mem_eq(&first, &second, sizeof first);
        json_decref(written);
        json_decref(spec);
    }
}
END_TEST

START_TEST(listed_levels_are_written_without_a_budget)
{
    json_t *spec = parsed(good), *written;
    struct ode_recipe_spec recipe;
    struct ode_err err;

    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    ck_assert(!recipe.levels_auto);
    recipe.budget.epochs = 20; /* what they were made from */
    test_ok(schema_recipe_write(&recipe, &written, &err), &err);
    ck_assert(json_is_array(json_object_get(written, "levels")));
    ck_assert_ptr_null(json_object_get(written, "budget"));
    json_decref(written);
    json_decref(spec);
}
END_TEST

START_TEST(what_is_wrong_with_a_budget_has_a_place)
{
    static const struct {
        const char *levels, *budget, *pointer, *word;
    } cases[] = {
        {"\"auto\"",                               "",                               "/budget",          "need one of"       },
        { "\"auto\"",                              "{}",                             "/budget",          "need one of"       },
        { "\"auto\"",                              "{\"epochs\": 0}",                "/budget",          "above 0"           },
        { "\"auto\"",                              "{\"epochs\": 2, \"work\": 1e9}", "/budget",          "keep one"          },
        { "\"auto\"",                              "{\"work\": 100}",                "/budget/work",     "use 50000 or more" },
        { "\"auto\"",                              "{\"epochs\": 1.5}",              "/budget/epochs",   "whole number"      },
        { "\"auto\"",                              "{\"deadline\": 5}",              "/budget/deadline", "deadline_s?"       },
        { "\"atuo\"",                              "{\"epochs\": 2}",                "/levels",          "a list or \"auto\""},
        { "{}",                                    "{\"epochs\": 2}",                "/levels",          "a list or \"auto\""},
        { "[{\"resolution\": 32, \"epochs\": 1}]", "{\"epochs\": 2}",                "/budget",
         "only goes with the levels \"auto\""                                                                                },
        { "[{\"resolution\": 32, \"epochs\": 1}]", "{}",                             "/budget",          "take it out"       },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *spec = with_budget(cases[i].levels, cases[i].budget), *complaints = NULL;
        struct ode_recipe_spec recipe;
        const char *detail;

        ck_assert_int_eq(schema_recipe_read(spec, &recipe, &complaints, NULL), ODE_ESPEC);
        detail = detail_at(complaints, cases[i].pointer);
        ck_assert_msg(detail != NULL, "row %zu: nothing at %s", i, cases[i].pointer);
        ck_assert_msg(strstr(detail, cases[i].word) != NULL, "row %zu: %s", i, detail);
        json_decref(complaints);
        json_decref(spec);
    }
}
END_TEST

START_TEST(an_automatic_ladder_needs_a_finest_level)
{
    static const char text[] =
        "{\"data\": {\"set\": \"mnist\"}, \"model\": {\"units\": ["
        "{\"channels\": 8, \"blocks\": 2}, {\"channels\": 8, \"blocks\": 2}, "
        "{\"channels\": 8, \"blocks\": 2}, {\"channels\": 8, \"blocks\": 2}]}, "
        "\"levels\": \"auto\", \"budget\": {\"epochs\": 3}}";
    struct ode_recipe_spec recipe;
    struct ode_err err;

    ck_assert_int_eq(schema_recipe_parse(text, strlen(text), "spec", &recipe, NULL, &err),
                     ODE_ESPEC);
    ck_assert_str_eq(err.at, "/levels");
    ck_assert_ptr_nonnull(strstr(err.text, "28 can be halved twice"));
}
END_TEST

/* A model of these members in the good spec: its error, or ODE_OK. */
static enum ode_status
with_model(const char *model, struct ode_recipe_spec *recipe, struct ode_err *err)
{
    json_t *spec = changed("/model", model);
    enum ode_status status = schema_recipe_read(spec, recipe, NULL, err);

    json_decref(spec);
    return status;
}

START_TEST(a_preset_decides_what_is_left_out)
{
    struct ode_recipe_spec r, again;
    json_t *resolved;
    struct ode_err err;

    test_ok(with_model("{\"preset\": \"pde-second-order\", \"step\": 0.5, "
                       "\"activation\": \"tanh\"}",
                       &r, &err),
            &err);
    ck_assert_int_eq(r.model.block, ODE_BLOCK_LEAPFROG);
    ck_assert_int_eq(r.model.start, ODE_START_NEUMANN);
    ck_assert_int_eq(r.model.norm, ODE_NORM_TV);
    ck_assert_int_eq(r.model.connector, ODE_LINK_POINTWISE);
    ck_assert_int_eq(r.model.closing, 112);
    ck_assert_uint_eq(r.model.units_n, 3);
    ck_assert_int_eq(r.model.units[2].channels, 112);
    ck_assert_double_eq(r.model.step, 0.5);
    ck_assert_int_eq(r.model.activation, ODE_ACTIVATION_TANH);
    test_ok(schema_recipe_write(&r, &resolved, &err), &err);
    test_ok(schema_recipe_read(resolved, &again, NULL, &err), &err);
    ck_assert_mem_eq(&r.model, &again.model, sizeof r.model);
    json_decref(resolved);
    test_ok(with_model("{\"units\": [{\"channels\": 16, \"blocks\": 3}, {\"channels\": "
                       "32, \"blocks\": 6}, {\"channels\": 32, \"blocks\": 6}], "
                       "\"preset\": \"resnet-32\"}",
                       &r, &err),
            &err);
    ck_assert_int_eq(r.model.block, ODE_BLOCK_EULER);
    ck_assert_int_eq(r.model.units[0].channels, 16);
}
END_TEST

/* Oracle E 30: the start without a limit is refused where the depth changes. */
START_TEST(leapfrog_from_zero_cannot_change_its_depth)
{
    static const char model[] =
        "{\"block\": \"leapfrog\", \"start\": \"%s\", \"units\": [{\"channels\": 8, "
        "\"blocks\": 6}, {\"channels\": 8, \"blocks\": 6}, {\"channels\": 8, "
        "\"blocks\": 6}]}";
    struct ode_recipe_spec r;
    struct ode_err err;
    char text[256];

    snprintf(text, sizeof text, model, "taylor");
    test_ok(with_model(text, &r, &err), &err);
    snprintf(text, sizeof text, model, "zero");
    ck_assert_int_eq(with_model(text, &r, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/model/start");
    ck_assert_ptr_nonnull(strstr(err.text, "no limit"));
}
END_TEST

/* Odd widths are for states in one part, narrower units for connectors that can. */
START_TEST(widths_are_judged_by_the_integrator_and_the_connector)
{
    static const char model[] =
        "{\"block\": \"%s\", \"connector\": \"%s\", \"units\": [{\"channels\": 9, "
        "\"blocks\": 6}, {\"channels\": 7, \"blocks\": 6}, {\"channels\": 7, "
        "\"blocks\": 6}]}";
    struct ode_recipe_spec r;
    struct ode_err err;
    char text[256];

    snprintf(text, sizeof text, model, "euler", "pointwise");
    test_ok(with_model(text, &r, &err), &err);
    snprintf(text, sizeof text, model, "euler", "zero");
    ck_assert_int_eq(with_model(text, &r, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/model/units/1/channels");
    snprintf(text, sizeof text, model, "revnet", "pointwise");
    ck_assert_int_eq(with_model(text, &r, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/model/units/0/channels");
}
END_TEST

/* 112 channels of 8x8 pixels: 86,016 bytes an example. */
START_TEST(a_solve_for_a_flat_head_has_to_fit)
{
    static const char classifier[] = "{\"solver\": \"newton\", \"examples\": %d}";
    char text[80];

    for (int more = 0; more < 2; more++)
        for (int flat = 0; flat < 2; flat++) {
            json_t *spec, *train;
            struct ode_recipe_spec r;
            struct ode_err err;

            snprintf(text, sizeof text, classifier, (int)((4096ll << 20) / 86016) + more);
            spec = parsed(good);
            train = json_object_get(spec, "train");
            json_object_set_new(train, "classifier", parsed(text));
            json_object_set_new(json_object_get(spec, "model"), "head",
                                json_string(flat ? "flat" : "average"));
            ck_assert_int_eq(schema_recipe_read(spec, &r, NULL, &err),
                             flat && more ? ODE_ESPEC : ODE_OK);
            if (flat && more) {
                ck_assert_str_eq(err.at, "/train/classifier/examples");
                ck_assert_ptr_nonnull(strstr(err.text, "use 49932 or less"));
            }
            json_decref(spec);
        }
}
END_TEST

START_TEST(a_flat_head_sees_so_many_numbers_at_most)
{
    json_t *spec =
        changed("/model", "{\"head\": \"flat\", \"units\": [{\"channels\": 1024, "
                          "\"blocks\": 2}]}");
    json_t *level, *model = json_object_get(spec, "model");
    struct ode_recipe_spec r;
    struct ode_err err;
    size_t k;

    json_array_foreach (json_object_get(spec, "levels"), k, level)
        json_object_del(level, "blocks");
    test_ok(schema_recipe_read(spec, &r, NULL, &err), &err);
    json_object_set_new(model, "closing", json_integer(1026));
    ck_assert_int_eq(schema_recipe_read(spec, &r, NULL, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/model/head");
    ck_assert_ptr_nonnull(strstr(err.text, "1026 channels of 32x32"));
    json_decref(spec);
}
END_TEST

/* Sixteen levels of 4096 blocks are what may be, and one block more is not. */
START_TEST(all_levels_have_so_many_blocks_at_most)
{
    json_t *spec =
        parsed("{\"model\": {\"units\": [{\"channels\": 2, \"blocks\": 4096}]},"
               " \"levels\": []}");
    json_t *levels = json_object_get(spec, "levels");
    struct ode_recipe_spec r;
    struct ode_err err;

    for (int k = 0; k < 16; k++)
        json_array_append_new(levels,
                              json_pack("{s:i, s:i}", "resolution", 8, "epochs", 1));
    test_ok(schema_recipe_read(spec, &r, NULL, &err), &err);
    json_array_append_new(levels, json_pack("{s:i, s:i, s:[i]}", "resolution", 8,
                                            "epochs", 1, "blocks", 1));
    ck_assert_int_eq(schema_recipe_read(spec, &r, NULL, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/levels");
    ck_assert_ptr_nonnull(strstr(err.text, "65537 blocks"));
    json_decref(spec);
}
END_TEST

START_TEST(one_mistake_is_one_complaint)
{
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        struct ode_recipe_spec recipe;
        json_t *spec = changed(bads[i].change, bads[i].value), *complaints = NULL;
        struct ode_err err;

        /* Too little is wrong in two places, and many units are wrong for each level. */
        if (*bads[i].change && strcmp(bads[i].word, "halved 4 times") != 0) {
            schema_recipe_read(spec, &recipe, &complaints, &err);
            ck_assert_msg(json_array_size(complaints) == 1, "%s: %zu complaints",
                          bads[i].change, json_array_size(complaints));
            json_decref(complaints);
        }
        json_decref(spec);
    }
}
END_TEST

START_TEST(complains_about_everything_at_once)
{
    json_t *spec = changed("/levels/1/epochs", "-3"), *complaints = NULL;
    struct ode_recipe_spec recipe;
    struct ode_err err;

    json_object_set_new(spec, "sede", json_integer(1));
    json_object_set_new(json_object_get(spec, "train"), "batch", json_true());
    ck_assert_int_eq(schema_recipe_read(spec, &recipe, &complaints, &err), ODE_ESPEC);
    ck_assert_uint_eq(json_array_size(complaints), 3);
    ck_assert_ptr_nonnull(detail_at(complaints, "/levels/1/epochs"));
    ck_assert_ptr_nonnull(detail_at(complaints, "/sede"));
    ck_assert_ptr_nonnull(detail_at(complaints, "/train/batch"));
    json_decref(complaints);
    json_decref(spec);
}
END_TEST

START_TEST(least_spec_takes_the_presets)
{
    struct ode_recipe_spec recipe;
    json_t *spec = parsed("{\"model\": {\"units\": [{\"channels\": 8, \"blocks\": 3}]},"
                          " \"levels\": [{\"resolution\": 24, \"epochs\": 1}]}");
    struct ode_err err;

    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    ck_assert_str_eq(recipe.name, "");
    ck_assert_int_eq(recipe.data.set, ODE_SET_STROKES);
    ck_assert_double_eq(recipe.data.train_fraction, 1);
    ck_assert_double_eq(recipe.model.step, 0.1);
    ck_assert_int_eq(recipe.train.batch, 100);
    ck_assert_double_eq(recipe.train.optimizer.momentum, 0.9);
    ck_assert(recipe.train.optimizer.nesterov);
    ck_assert_double_eq(recipe.train.weight_decay, 2e-4);
    ck_assert_int_eq(recipe.train.memory, ODE_MEMORY_REVERSE);
    ck_assert_int_eq(recipe.levels[0].lr.schedule, ODE_SCHEDULE_TRIANGULAR);
    ck_assert_uint_eq(recipe.levels[0].blocks_n, 1); /* filled in: the finest depth */
    ck_assert_int_eq(recipe.levels[0].blocks[0], 3);
    ck_assert_int_eq(recipe.seed, 1);
    ck_assert_int_eq(recipe.resources.max_retries, 2);
    ck_assert_double_eq(recipe.resources.checkpoint_s, 30);
    json_decref(spec);
}
END_TEST

/* Drawn digits have no size of their own: the finest level says it. */
START_TEST(drawn_digits_take_sizes_a_power_of_two_apart)
{
    static const struct {
        int coarse, fine;
        const char *pointer; /* NULL: good */
    } rows[] = {
        {12,   24,  NULL                  },
        { 8,   256, NULL                  },
        { 24,  12,  NULL                  }, /* downwards */
        { 20,  20,  NULL                  },
        { 16,  24,  "/levels/0/resolution"},
        { 4,   8,   "/levels/0/resolution"},
        { 256, 512, "/levels/1/resolution"},
    };
    const char *format = "{\"model\": {\"units\": [{\"channels\": 8, \"blocks\": 3}]},"
                         " \"levels\": [{\"resolution\": %d, \"epochs\": 1},"
                         " {\"resolution\": %d, \"epochs\": 1}]}";

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ode_recipe_spec recipe;
        char text[256];
        struct ode_err err = { 0 };
        json_t *spec;

        snprintf(text, sizeof text, format, rows[i].coarse, rows[i].fine);
        spec = parsed(text);
        ck_assert_msg((schema_recipe_read(spec, &recipe, NULL, &err) == ODE_OK)
                          == !rows[i].pointer,
                      "%d, %d: %s: %s", rows[i].coarse, rows[i].fine, err.at, err.text);
        if (rows[i].pointer)
            ck_assert_str_eq(err.at, rows[i].pointer);
        json_decref(spec);
    }
}
END_TEST

START_TEST(odd_sizes_say_how_often_they_can_be_halved)
{
    json_t *spec = changed("/data/set", "\"mnist\""), *complaints = NULL;
    json_t *levels = json_object_get(spec, "levels");
    struct ode_recipe_spec recipe;
    struct ode_err err;

    for (size_t k = 0; k < 3; k++)
        json_object_set_new(json_array_get(levels, k), "resolution",
                            json_integer(k == 1 ? 14 : 28));
    ck_assert_int_eq(schema_recipe_read(spec, &recipe, &complaints, &err), ODE_ESPEC);
    ck_assert_uint_eq(json_array_size(complaints), 1);
    ck_assert_str_eq(err.at, "/levels/1/resolution");
    ck_assert_str_eq(err.text, "14 can be halved once, but the 3 units need it halved "
                               "twice; use 28");
    json_decref(complaints);
    json_decref(spec);
}
END_TEST

START_TEST(written_and_read_again_it_is_the_same)
{
    static const char *const rates[] = {
        "{\"schedule\": \"constant\", \"peak\": 0.3}",
        "{\"schedule\": \"step\", \"factor\": 0.7, \"at\": [1, 3]}",
        "{\"schedule\": \"cosine\", \"floor\": 1e-17}",
        "{\"schedule\": \"triangular\", \"warmup\": 0.333}"
    };

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct ode_recipe_spec first, second;
        json_t *spec = changed("/levels/1/lr", rates[i]), *written;
        struct ode_err err;
        char *text;

        json_object_del(json_array_get(json_object_get(spec, "levels"), 1), "blocks");
        test_ok(schema_recipe_read(spec, &first, NULL, &err), &err);
        test_ok(schema_recipe_write(&first, &written, &err), &err);
        text = json_dumps(written, 0);
        test_ok(schema_recipe_parse(text, strlen(text), "again", &second, NULL, &err),
                &err);
        ck_assert_mem_eq(&first, &second, sizeof first);
        ck_assert_ptr_nonnull(
            json_object_get(json_object_get(written, "resources"), "checkpoint_s"));
        free(text);
        json_decref(written);
        json_decref(spec);
    }
}
END_TEST

START_TEST(whole_numbers_may_have_a_zero_fraction)
{
    json_t *spec = changed("/levels/1/epochs", "3.0");
    struct ode_recipe_spec recipe;
    struct ode_err err;

    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    ck_assert_int_eq(recipe.levels[1].epochs, 3);
    json_decref(spec);
}
END_TEST

/* A name of so many characters that have four bytes each. */
static json_t *
named(size_t characters)
{
    char name[512] = "\"";

    for (size_t i = 0; i < characters; i++)
        strcat(name, "\xf0\x9f\x99\x82");
    strcat(name, "\"");
    return changed("/name", name);
}

START_TEST(a_name_is_measured_in_characters)
{
    struct ode_recipe_spec recipe;
    json_t *spec = named(100);
    struct ode_err err;

    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    ck_assert_uint_eq(strlen(recipe.name), 400);
    json_decref(spec);
    spec = named(101);
    ck_assert_int_eq(schema_recipe_read(spec, &recipe, NULL, &err), ODE_ESPEC);
    ck_assert_str_eq(err.at, "/name");
    ck_assert_ptr_nonnull(strstr(err.text, "101 characters"));
    json_decref(spec);
}
END_TEST

START_TEST(files_that_are_not_json_say_the_line)
{
    struct ode_recipe_spec recipe;
    char path[256], at[300];
    struct ode_err err;
    json_t *complaints;
    FILE *file;

    snprintf(path, sizeof path, "%s/spec.json", test_dir());
    ck_assert_int_eq(schema_recipe_load(path, &recipe, &complaints, &err), ODE_ENOENT);
    file = fopen(path, "w");
    fputs("{\"name\": \"x\",\n  \"seed\": NaN}\n", file);
    fclose(file);
    ck_assert_int_eq(schema_recipe_load(path, &recipe, &complaints, &err), ODE_ESPEC);
    snprintf(at, sizeof at, "%s:2:", path);
    ck_assert_msg(strncmp(err.at, at, strlen(at)) == 0, "%s", err.at);
    ck_assert_int_eq(err.code, ODE_ESPEC);
    ck_assert_ptr_null(complaints);
    file = fopen(path, "w");
    fputs(good, file);
    fclose(file);
    test_ok(schema_recipe_load(path, &recipe, &complaints, &err), &err);
}
END_TEST

TEST_SUITE(recipe, 20, levels_may_be_auto_with_one_budget,
           listed_levels_are_written_without_a_budget,
           what_is_wrong_with_a_budget_has_a_place,
           an_automatic_ladder_needs_a_finest_level, takes_the_manuals_example,
           each_bad_spec_is_refused_where_and_for_what_it_is,
           one_mistake_is_one_complaint, complains_about_everything_at_once,
           least_spec_takes_the_presets, drawn_digits_take_sizes_a_power_of_two_apart,
           odd_sizes_say_how_often_they_can_be_halved,
           written_and_read_again_it_is_the_same, whole_numbers_may_have_a_zero_fraction,
           a_name_is_measured_in_characters, files_that_are_not_json_say_the_line,
           a_preset_decides_what_is_left_out, leapfrog_from_zero_cannot_change_its_depth,
           widths_are_judged_by_the_integrator_and_the_connector,
           a_solve_for_a_flat_head_has_to_fit, a_flat_head_sees_so_many_numbers_at_most,
           all_levels_have_so_many_blocks_at_most)
