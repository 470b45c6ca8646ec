/* warm.c - tests cli/warm.c, and with it core/train/warm.c and core/recipe/continues.c.
 */
#include "cli/warm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "core/base/hash.h"
#include "tests/cli/command.h"
#include "tests/cli/training.h"
#include "tests/test.h"

/* A spec of one level, the parent's last, that begins with this level of "parent". */
static json_t *
branch(int level)
{
    json_t *spec = training_spec();

    json_array_remove(json_object_get(spec, "levels"), 0);
    json_array_remove(json_object_get(spec, "levels"), 0);
    json_object_set_new(spec, "warm_start",
                        json_pack("{s:s, s:i}", "run", "parent", "level", level));
    return spec;
}

static void
parent_train(struct training *t)
{
    json_t *spec = training_spec();

    training_open(t);
    ck_assert_int_eq(training_run(t, spec, "parent", NULL, NULL, NULL), CMD_OK);
    json_decref(spec);
}

static void
train(const struct training *t, const json_t *spec, const char *name)
{
    ck_assert_msg(training_run(t, spec, name, NULL, NULL, NULL) == CMD_OK, "%s",
                  command_complaint);
}

static void
folder_rename(const struct training *t, const char *from, const char *to)
{
    char path[500];

    snprintf(path, sizeof path, "%s", training_path(t, from, ""));
    ck_assert_int_eq(rename(path, training_path(t, to, "")), 0);
}

/* The last checkpoint of the run's level, opened. */
static struct weights
last_of(const struct training *t, const char *name, int level)
{
    char path[CHECKPOINT_PATH];
    struct weights w;
    struct ode_err err;

    test_ok(checkpoint_last(training_path(t, name, ""), level, path, &err), &err);
    test_ok(checkpoint_open(path, &w, &err), &err);
    return w;
}

static double
number(const json_t *record, const char *object, const char *member)
{
    return json_number_value(json_object_get(json_object_get(record, object), member));
}

/* The tensors with this prefix are equal in both, and there are some. */
static void
same_tensors(const struct weights *a, const struct weights *b, const char *prefix)
{
    const size_t n = strlen(prefix);
    size_t found = 0;

    for (size_t i = 0; i < a->file.n; i++) {
        const struct safetensors_tensor *t = &a->file.tensor[i],
                                        *u = safetensors_find(&b->file, t->name);

        if (strncmp(t->name, prefix, n) != 0)
            continue;
        ck_assert_ptr_nonnull(u);
        ck_assert_mem_eq(t->data, u->data, safetensors_bytes(t));
        found++;
    }
    ck_assert_uint_gt(found, 0);
}

START_TEST(a_branch_begins_with_what_the_parent_ended_with)
{
    json_t *spec = branch(-1), *hello, *transfer, *ours, *theirs;
    struct weights from, to;
    struct training t;
    struct ode_err err;
    char hash[ODE_HASH_HEX];
    int64_t age;

    parent_train(&t);
    training_set(spec, "/levels/0/epochs", json_integer(0));
    train(&t, spec, "child");
    transfer = training_record(&t, "child", "transfer", 0);
    ck_assert_int_eq(json_integer_value(json_object_get(transfer, "level")), 0);
    ck_assert_double_eq(number(transfer, "before", "accuracy"),
                        number(transfer, "after", "accuracy"));
    ck_assert_double_eq(number(transfer, "before", "loss"),
                        number(transfer, "after", "loss"));
    ours = training_record(&t, "child", "final", 0);
    theirs = training_record(&t, "parent", "final", 0);
    ck_assert_double_eq(number(ours, "metrics", "test.loss"),
                        number(theirs, "metrics", "test.loss"));
    ck_assert_double_eq(number(ours, "metrics", "test.accuracy"),
                        number(theirs, "metrics", "test.accuracy"));
    from = last_of(&t, "parent", 2);
    to = last_of(&t, "child", 0);
    same_tensors(&from, &to, ""); /* weights, momentum, second moments, average, ... */
    test_ok(weights_integer(&to, "moments_age", &age, &err), &err);
    ck_assert_int_eq(age, 6);
    hello = training_record(&t, "child", "hello", 0);
    ck_assert_int_eq(number(hello, "warm_start", "level"), 2);
    test_ok(ode_hash_file(from.file.path, hash, &err), &err);
    ck_assert_str_eq(json_string_value(
                         json_object_get(json_object_get(hello, "warm_start"), "sha256")),
                     hash);
    weights_close(&from);
    weights_close(&to);
    json_decref(hello);
    json_decref(transfer);
    json_decref(ours);
    json_decref(theirs);
    json_decref(spec);
}
END_TEST

START_TEST(what_one_of_both_lacks_begins_anew)
{
    json_t *spec = branch(2);
    struct weights from, to;
    struct training t;
    struct ode_err err;
    size_t n;
    float *room, most = 0;

    parent_train(&t);
    training_set(spec, "/levels/0/epochs", json_integer(0));
    training_set(spec, "/train/optimizer", json_pack("{s:s}", "type", "sgd"));
    training_set(spec, "/train/ema", json_integer(0));
    train(&t, spec, "child");
    from = last_of(&t, "parent", 2);
    to = last_of(&t, "child", 0);
    same_tensors(&to, &from, "unit.");
    n = to.net.params.theta_n;
    room = calloc(2 * n + to.net.params.statistic_n, sizeof *room);
    test_ok(weights_get(&to,
                        &(struct weights_room){ .theta = room,
                                                .momentum = room + n,
                                                .statistics = room + 2 * n },
                        &err),
            &err);
    for (size_t i = 0; i < n; i++)
        most = room[n + i] > most ? room[n + i] : most;
    ck_assert_float_eq(most, 0); /* a mean of gradients is no velocity */
    ck_assert_ptr_null(safetensors_text(&to.file, "moments_age"));
    free(room);
    weights_close(&from);
    weights_close(&to);
    json_decref(spec);
}
END_TEST

START_TEST(a_branch_changes_resolution_and_depth)
{
    json_t *spec = branch(0), *transfer, *expected;
    struct training t;

    parent_train(&t);
    train(&t, spec, "child");
    transfer = training_record(&t, "child", "transfer", 0);
    expected = json_pack("[[i, i], [[i, i], [i, i]]]", 8, 16, 2, 2, 4, 4);
    ck_assert(
        json_equal(json_object_get(transfer, "resolution"), json_array_get(expected, 0)));
    ck_assert(
        json_equal(json_object_get(transfer, "blocks"), json_array_get(expected, 1)));
    ck_assert_double_gt(number(transfer, "after", "loss"), 0);
    json_decref(transfer);
    json_decref(expected);

    /* to coarser images than the parent's, which have to be drawn for it */
    json_decref(spec);
    spec = branch(2);
    training_set(spec, "/levels/0/resolution", json_integer(8));
    train(&t, spec, "coarse");
    transfer = training_record(&t, "coarse", "transfer", 0);
    expected = json_pack("[i, i]", 16, 8);
    ck_assert(json_equal(json_object_get(transfer, "resolution"), expected));
    json_decref(transfer);
    json_decref(expected);
    json_decref(spec);
}
END_TEST

START_TEST(a_branch_of_another_run_has_other_keys)
{
    json_t *spec = branch(2), *parent = training_spec();
    struct training t;

    parent_train(&t);
    train(&t, spec, "plain");
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    ck_assert_int_eq(training_cached(&t, spec, "second"), 0);
    ck_assert_str_eq(training_model(&t, "first"), training_model(&t, "plain"));
    ck_assert_str_eq(training_model(&t, "second"), training_model(&t, "plain"));
    folder_rename(&t, "parent", "renamed.run");
    training_set(spec, "/warm_start/run", json_string("renamed")); /* the same weights */
    ck_assert_int_eq(training_cached(&t, spec, "third"), 0);
    training_set(parent, "/seed", json_integer(2));
    train(&t, parent, "renamed"); /* goes before renamed.run */
    ck_assert_int_eq(training_cached(&t, spec, "fourth"), -1);
    json_decref(parent);
    json_decref(spec);
}
END_TEST

START_TEST(a_branch_that_goes_on_needs_its_parent_no_more)
{
    json_t *spec = branch(2), *hello;
    struct training t;

    parent_train(&t);
    training_set(spec, "/levels/0/epochs", json_integer(2));
    training_set(spec, "/resources/checkpoint_s", json_integer(0));
    train(&t, spec, "plain");
    train(&t, spec, "child");
    /* as if it were killed a step before its end */
    ck_assert_int_eq(unlink(training_path(&t, "child", "model.safetensors")), 0);
    ck_assert_int_eq(
        unlink(training_path(&t, "child", "checkpoints/00-000000000004-end.safetensors")),
        0);
    folder_rename(&t, "parent", "elsewhere");
    ck_assert_int_eq(training_run(&t, spec, "child", "--resume", NULL, NULL), CMD_OK);
    ck_assert_str_eq(training_model(&t, "child"), training_model(&t, "plain"));
    hello = training_record(&t, "child", "hello", 1);
    ck_assert_int_eq(number(hello, "resumed_from", "step"), 3);
    ck_assert_int_eq(number(hello, "warm_start", "level"), 2);
    json_decref(hello);
    ck_assert_int_eq(training_run(&t, spec, "late", NULL, NULL, NULL), CMD_USAGE);
    ck_assert_ptr_nonnull(strstr(command_complaint, "/warm_start/run: there is no run"));
    /* where it is now */
    training_set(spec, "/warm_start/run", json_string("elsewhere"));
    ck_assert_int_eq(training_run(&t, spec, "late", "--runs", t.dir, NULL), CMD_OK);
    json_decref(spec);
}
END_TEST

START_TEST(what_cannot_go_on_is_refused_with_its_place)
{
    static const struct {
        const char *pointer, *value, *place;
    } wrong[] = {
        {"/warm_start/run",          "\"nobody\"",    "/warm_start/run: there is no run"},
        { "/warm_start/run",         "\"../parent\"", "/warm_start/run: \"../parent\""  },
        { "/warm_start/run",         "\"..\"",        "/warm_start/run: \"..\""         },
        { "/warm_start/run",         "\"child\"",     "/warm_start/run: child is this"  },
        { "/warm_start/run",         "\"\"",          "/warm_start/level: 2 is a level" },
        { "/warm_start/level",       "3",             "/warm_start/level: run parent"   },
        { "/warm_start/level",       "32",            "/warm_start/level: 32"           },
        { "/model/block",            "\"leapfrog\"",  "/model/block: is leapfrog, but"  },
        { "/model/layer",            "\"single\"",    "/model/layer: is single, but sy" },
        { "/model/norm",             "\"batch\"",     "/model/norm: is batch"           },
        { "/model/head",             "\"flat\"",      "/model/head: is flat"            },
        { "/model/head_norm",        "\"none\"",      "/model/head_norm: is none"       },
        { "/model/activation",       "\"tanh\"",      "/model/activation: is tanh"      },
        { "/model/closing",          "8",             "/model/closing: is 8, but 0"     },
        { "/model/units/1/channels", "12",            "/model/units/1/channels: is 12"  },
        { "/levels/0/resolution",    "24",            "/levels/0/resolution: 24 is not" }
    };
    struct training t;

    parent_train(&t);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *spec = branch(2);

        training_set(spec, wrong[i].pointer,
                     json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        ck_assert_int_eq(training_run(&t, spec, "child", NULL, NULL, NULL), CMD_USAGE);
        ck_assert_msg(strstr(command_complaint, wrong[i].place) != NULL, "%s = %s: %s",
                      wrong[i].pointer, wrong[i].value, command_complaint);
        json_decref(spec);
    }
}
END_TEST

TEST_SUITE(warm, 60, a_branch_begins_with_what_the_parent_ended_with,
           what_one_of_both_lacks_begins_anew, a_branch_changes_resolution_and_depth,
           a_branch_of_another_run_has_other_keys,
           a_branch_that_goes_on_needs_its_parent_no_more,
           what_cannot_go_on_is_refused_with_its_place)
