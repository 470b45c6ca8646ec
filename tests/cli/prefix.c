/* prefix.c - tests cli/prefix.c and numbers.c: what is trained once. */
#include "cli/prefix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/numbers.h"
#include "schema/recipe.h"
#include "tests/cli/command.h"
#include "tests/cli/training.h"
#include "tests/test.h"

enum { PATH_BYTES = 500 };

/* Entries of the cache, their paths in no order; *bytes of all of them. */
static int
entries(const struct training *t, char path[][PATH_BYTES], long long *bytes)
{
    DIR *dir = opendir(t->cache);
    struct dirent *one;
    struct stat st;
    int n = 0;

    *bytes = 0;
    while (dir && (one = readdir(dir)))
        if (strstr(one->d_name, ".safetensors")) {
            ck_assert_int_lt(n, 16);
            snprintf(path[n], PATH_BYTES, "%s/%s", t->cache, one->d_name);
            ck_assert_int_eq(stat(path[n++], &st), 0);
            *bytes += st.st_size;
        }
    if (dir)
        closedir(dir);
    return n;
}

static int
count(const struct training *t)
{
    char path[16][PATH_BYTES];
    long long bytes;

    return entries(t, path, &bytes);
}

/* --- what a run says and makes --------------------------------------------------- */

START_TEST(a_run_with_the_same_beginning_starts_behind_it)
{
    json_t *spec = training_spec(), *record, *one, *other;
    struct training t;

    training_open(&t);
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    ck_assert_int_eq(count(&t), 3);
    training_set(spec, "/levels/2/epochs", json_integer(2));
    training_set(spec, "/levels/2/blocks", json_pack("[i, i]", 3, 4)); /* cheaper work */
    ck_assert_int_eq(training_run(&t, spec, "plain", NULL, NULL, NULL), CMD_OK);
    ck_assert_int_eq(training_cached(&t, spec, "second"), 1);
    ck_assert_ptr_nonnull(strstr(command_complaint, "level 2 of 3 comes from the cache"));
    ck_assert_ptr_null(strstr(command_complaint, "level 1 of 3: 8x8"));
    ck_assert_str_eq(training_model(&t, "second"), training_model(&t, "plain"));
    for (int k = 0; k < 2; k++) {
        record = training_record(&t, "second", "level", k);
        ck_assert_int_eq(json_integer_value(json_object_get(record, "level")), k);
        ck_assert_str_eq(json_string_value(json_object_get(record, "state")), "done");
        ck_assert(json_is_true(json_object_get(record, "cached")));
        ck_assert(json_is_number(
            json_object_get(json_object_get(record, "metrics"), "test.accuracy")));
        json_decref(record);
    }
    record = training_record(&t, "second", "level", 2);
    ck_assert_str_eq(json_string_value(json_object_get(record, "state")), "running");
    json_decref(record);
    for (int k = 0; k < 2; k++) { /* in the second's own units */
        json_t *plain = training_record(&t, "plain", "level", 2 * k + 1);

        record = training_record(&t, "second", "level", k);
        ck_assert(
            json_equal(json_object_get(record, "work"), json_object_get(plain, "work")));
        json_decref(record);
        json_decref(plain);
    }
    one = training_record(&t, "second", "final", 0);
    other = training_record(&t, "plain", "final", 0);
    ck_assert(json_equal(json_object_get(one, "work"), json_object_get(other, "work")));
    ck_assert(json_equal(json_object_get(one, "step"), json_object_get(other, "step")));
    json_decref(one);
    json_decref(other);
    json_decref(spec);
}
END_TEST

START_TEST(a_run_that_was_there_writes_its_model)
{
    json_t *spec = training_spec(), *one, *other;
    struct training t;

    training_open(&t);
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    training_set(spec, "/name", json_string("again"));
    training_set(spec, "/resources/threads", json_integer(1));
    training_set(spec, "/train/memory", json_string("store"));
    ck_assert_int_eq(training_cached(&t, spec, "second"), 2);
    ck_assert_int_eq(training_run(&t, spec, "plain", NULL, NULL, NULL), CMD_OK);
    ck_assert_str_eq(training_model(&t, "second"), training_model(&t, "plain"));
    one = training_record(&t, "first", "level", 5);
    other = training_record(&t, "second", "level", 2);
    ck_assert(
        json_equal(json_object_get(one, "metrics"), json_object_get(other, "metrics")));
    ck_assert(json_equal(json_object_get(one, "time"), json_object_get(other, "time")));
    ck_assert(json_equal(json_object_get(one, "work"), json_object_get(other, "work")));
    ck_assert_ptr_null(training_record(&t, "second", "level", 3));
    json_decref(one);
    json_decref(other);
    json_decref(spec);
}
END_TEST

START_TEST(a_run_is_resumed_from_what_it_found)
{
    json_t *spec = training_spec(), *hello;
    struct training t;
    char path[PATH_BYTES];

    training_open(&t);
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    training_set(spec, "/name", json_string("another"));
    training_set(spec, "/levels/2/lr/peak", json_real(0.02));
    ck_assert_int_eq(training_run(&t, spec, "plain", NULL, NULL, NULL), CMD_OK);
    ck_assert_int_eq(training_cached(&t, spec, "second"), 1);
    /* as if it were killed as soon as it had the other's, and the cache were gone */
    ck_assert_int_eq(unlink(training_path(&t, "second",
                                          "checkpoints/02-000000000006-end.safetensors")),
                     0);
    snprintf(path, sizeof path, "%s",
             training_path(&t, "first", "checkpoints/01-000000000004-end.safetensors"));
    ck_assert_int_eq(unlink(training_path(&t, "second",
                                          "checkpoints/01-000000000004-end.safetensors")),
                     0);
    ck_assert_int_eq(
        link(path,
             training_path(&t, "second", "checkpoints/01-000000000004-end.safetensors")),
        0);
    ck_assert_int_eq(rename(t.cache, training_path(&t, "elsewhere", "")), 0);
    ck_assert_int_eq(training_run(&t, spec, "second", "--resume", NULL, NULL), CMD_OK);
    hello = training_record(&t, "second", "hello", 1);
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(hello, "resumed_from"), "level")),
                     1);
    ck_assert(json_is_null(json_object_get(hello, "cached")));
    ck_assert_str_eq(training_model(&t, "second"), training_model(&t, "plain"));
    json_decref(hello);
    json_decref(spec);
}
END_TEST

/* --- keys ------------------------------------------------------------------------ */

struct keys {
    size_t n;
    char key[PREFIX_LEVELS][ODE_HASH_HEX];
};

static struct keys
keys_of(const json_t *spec, const char *warm, const char *engine)
{
    struct ode_recipe_spec recipe;
    struct ode_plan plan;
    struct checkpoint_origin origin = { .warm_level = -1 };
    struct prefix p = { .recipe = &recipe, .plan = &plan, .origin = &origin };
    struct keys keys = { 0 };
    struct ode_err err;
    size_t train_n, test_n;

    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    test_ok(ode_dataset_sizes(&recipe.data, &train_n, &test_n, &err), &err);
    test_ok(ode_plan_make(&plan, &recipe, train_n, test_n, 1, &err), &err);
    snprintf(origin.warm, sizeof origin.warm, "%s", warm);
    snprintf(p.engine, sizeof p.engine, "%s", engine);
    keys.n = recipe.levels_n;
    for (size_t k = 0; k < keys.n; k++)
        test_ok(prefix_key(&p, (int)k, keys.key[k], &err), &err);
    return keys;
}

/* How many levels both have in common; keys that differ once differ from there on. */
static int
common(const struct keys *a, const struct keys *b)
{
    size_t n = 0;

    while (n < a->n && n < b->n && strcmp(a->key[n], b->key[n]) == 0)
        n++;
    for (size_t k = n; k < a->n && k < b->n; k++)
        ck_assert_str_ne(a->key[k], b->key[k]);
    return (int)n;
}

START_TEST(keys_follow_from_what_the_bits_follow_from)
{
    static const struct {
        const char *pointer, *value;
        int levels; /* that stay the same */
    } changes[] = {
        {"/seed",                     "2",                                   0},
        { "/data/train_size",         "101",                                 0},
        { "/data/test_size",          "41",                                  0},
        { "/data/set",                "\"mnist\"",                           0},
        { "/data/augment",            "{\"crop\": 1}",                       0},
        { "/model/step",              "0.2",                                 0},
        { "/model/units/0/blocks",    "8",                                   0},
        { "/model/opening",           "\"whitening\"",                       0},
        { "/model/init",              "\"constant\"",                        0},
        { "/train/batch",             "25",                                  0},
        { "/train/ema",               "0",                                   0},
        { "/train/memory",            "\"reverse-inexact\"",                 0},
        { "/train/convolution",       "\"direct\"",                          0},
        { "/transfer",                "{\"gradient\": \"finest\"}",          0},
        { "/levels/0/lr/peak",        "0.02",                                0},
        { "/levels/0/epochs",         "2",                                   0},
        { "/levels/2/resolution",     "32",                                  0},
        { "/levels/1/epochs",         "2",                                   1},
        { "/levels/1/lr/schedule",    "\"constant\"",                        1},
        { "/levels/2/blocks",         "[3, 4]",                              2},
        { "/levels/2/epochs",         "0",                                   2},
        { "/levels/0/accuracy_floor", "0.5",                                 3},
        { "/name",                    "\"another\"",                         3},
        { "/priority",                "5",                                   3},
        { "/resources",               "{\"threads\": 1, \"memory_mib\": 9}", 3},
        { "/train/memory",            "\"store\"",                           3},
        { "/train/memory",            "\"auto\"",                            3},
        { "/train/checkpoint_every",  "1",                                   3},
        { "/model/units/1/memory",    "\"store\"",                           3},
        { "/warm_start",              "{\"run\": \"another-name\"}",         3}
    };
    json_t *spec = training_spec();
    struct keys plain, other;

    plain = keys_of(spec, "", "e");
    ck_assert_uint_eq(plain.n, 3);
    ck_assert_int_eq(common(&plain, &plain), 3);
    ck_assert_str_ne(plain.key[0], plain.key[1]);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        json_t *changed = json_deep_copy(spec);

        training_set(changed, changes[i].pointer,
                     json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
        if (strcmp(changes[i].value, "\"mnist\"") == 0)
            for (int k = 0; k < 3; k++) /* 28x28, with resolutions that fit */
                training_set(changed,
                             (const char *[]){ "/levels/0/resolution",
                                               "/levels/1/resolution",
                                               "/levels/2/resolution" }[k],
                             json_integer(k ? 28 : 14));
        other = keys_of(changed, "", "e");
        ck_assert_msg(common(&plain, &other) == changes[i].levels,
                      "%s = %s: %d levels in common", changes[i].pointer,
                      changes[i].value, common(&plain, &other));
        json_decref(changed);
    }
    other = keys_of(spec, "00ff", "e");
    ck_assert_int_eq(common(&plain, &other), 0);
    other = keys_of(spec, "", "f");
    ck_assert_int_eq(common(&plain, &other), 0);
    json_array_remove(json_object_get(spec, "levels"), 2);
    other = keys_of(spec, "", "e");
    ck_assert_int_eq(common(&plain, &other), 2);
    json_decref(spec);
}
END_TEST

START_TEST(other_kernels_are_another_engine)
{
    struct ode_kernels same = *ode_kernels_best(ODE_ISA_ALL), other = same;
    char a[ODE_HASH_HEX], b[ODE_HASH_HEX];
    struct ode_err err;

    test_ok(numbers_engine(&same, a, &err), &err);
    test_ok(numbers_engine(&same, b, &err), &err);
    ck_assert_str_eq(a, b);
    other.name = "abacus";
    test_ok(numbers_engine(&other, b, &err), &err);
    ck_assert_str_ne(a, b);
}
END_TEST

/* The finest resolution is where initial weights and digits are drawn. */
START_TEST(a_finer_level_that_comes_later_is_missed)
{
    json_t *spec = training_spec();
    struct training t;

    training_open(&t);
    for (int k = 0; k < 3; k++)
        training_set(spec,
                     (const char *[]){ "/levels/0/lr/peak", "/levels/1/lr/peak",
                                       "/levels/2/lr/peak" }[k],
                     json_real(1e-4));
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    training_set(spec, "/levels/2/resolution", json_integer(32));
    ck_assert_int_eq(training_cached(&t, spec, "second"), -1);
    ck_assert_int_eq(training_run(&t, spec, "plain", NULL, NULL, NULL), CMD_OK);
    ck_assert_str_eq(training_model(&t, "second"), training_model(&t, "plain"));
    json_decref(spec);
}
END_TEST

/* --- what is wrong with the folder ----------------------------------------------- */

static void
overwrite(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_TRUNC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(entries_that_are_no_good_are_removed)
{
    json_t *spec = training_spec();
    char path[16][PATH_BYTES], key[PATH_BYTES], kept[PATH_BYTES];
    struct training t;
    json_t *hello;
    long long bytes;

    training_open(&t);
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    ck_assert_int_eq(entries(&t, path, &bytes), 3);
    for (int i = 0; i < 3; i++)
        overwrite(path[i], i ? "not a checkpoint" : "");
    ck_assert_int_eq(training_cached(&t, spec, "second"), -1);
    ck_assert_ptr_nonnull(strstr(command_complaint, "removed from the cache"));
    ck_assert_str_eq(training_model(&t, "second"), training_model(&t, "first"));

    /* a good checkpoint under the name of another: of the last level, by the first's */
    ck_assert_int_eq(training_cached(&t, spec, "third"), 2);
    hello = training_record(&t, "third", "hello", 0);
    snprintf(key, sizeof key, "%s/%s.safetensors", t.cache,
             json_string_value(json_object_get(json_object_get(hello, "cached"), "key")));
    json_decref(hello);
    ck_assert_int_eq(entries(&t, path, &bytes), 3);
    for (int i = 0; i < 3; i++)
        if (strcmp(path[i], key) != 0)
            memcpy(kept, path[i], sizeof kept);
    ck_assert_int_eq(unlink(key), 0);
    ck_assert_int_eq(link(kept, key), 0);
    ck_assert_int_eq(training_cached(&t, spec, "fourth"), 1);
    ck_assert_ptr_nonnull(strstr(command_complaint, "not the checkpoint"));
    ck_assert_str_eq(training_model(&t, "fourth"), training_model(&t, "first"));
    json_decref(spec);
}
END_TEST

START_TEST(a_cache_that_cannot_be_written_only_warns)
{
    json_t *spec = training_spec();
    struct training t;
    FILE *file;

    training_open(&t);
    file = fopen(t.cache, "w"); /* a file where the folder should be */
    ck_assert_ptr_nonnull(file);
    fclose(file);
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    ck_assert_ptr_nonnull(strstr(command_complaint, "the cache does not keep"));
    json_decref(spec);
}
END_TEST

static int warnings;

static void
count_warning(void *context, const char *text)
{
    (void)context, (void)text;
    warnings++;
}

START_TEST(what_was_used_longest_ago_goes_first)
{
    const struct timespec old[] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    json_t *spec = training_spec();
    char path[16][PATH_BYTES];
    struct training t;
    struct prefix p = { .warn = count_warning };
    struct ode_recipe_spec recipe;
    struct ode_plan plan;
    struct checkpoint_origin origin = { .warm_level = -1 };
    struct ode_state state = { .at = { .level = 0 } };
    struct ode_err err;
    long long bytes;

    training_open(&t);
    ck_assert_int_eq(training_cached(&t, spec, "first"), -1);
    ck_assert_int_eq(entries(&t, path, &bytes), 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(utimensat(AT_FDCWD, path[i], old, 0), 0);
    ck_assert_int_eq(training_cached(&t, spec, "second"), 2); /* all were used */
    ck_assert_int_eq(utimensat(AT_FDCWD, path[1], old, 0), 0);

    /* one more, into a folder that has room for three */
    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    recipe.seed = 77;
    test_ok(ode_plan_make(&plan, &recipe, 100, 40, 1, &err), &err);
    state.level_step = state.at.step = plan.levels[0].steps;
    strcpy(p.engine, "e");
    strcpy(origin.engine, "e");
    p.dir = t.cache;
    p.most_bytes = bytes;
    p.recipe = &recipe;
    p.plan = &plan;
    p.origin = &origin;
    prefix_put(&p, &state, t.dir, "nothing.json");
    ck_assert_int_eq(warnings, 1);
    ck_assert_int_eq(count(&t), 3);
    prefix_put(&p, &state, t.dir, "first.json");
    ck_assert_int_eq(access(path[1], F_OK), -1);
    ck_assert_int_eq(access(path[0], F_OK), 0);
    ck_assert_int_eq(access(path[2], F_OK), 0);
    ck_assert_int_eq(count(&t), 3);
    json_decref(spec);
}
END_TEST

/* A level with fewer steps than planned, or that two engines have worked on, follows from
 * more than its key says. */
START_TEST(only_pure_levels_are_kept)
{
    json_t *spec = training_spec();
    struct training t;
    struct ode_recipe_spec recipe;
    struct ode_plan plan;
    struct checkpoint_origin origin = { .warm_level = -1, .engine = "e" };
    struct prefix p = { .recipe = &recipe,
                        .plan = &plan,
                        .origin = &origin,
                        .engine = "e",
                        .warn = count_warning };
    struct ode_state state = {
        .at = {.level = 1, .step = 4},
          .level_step = 2
    };
    struct ode_err err;
    FILE *file;

    training_open(&t);
    p.dir = t.cache;
    file = fopen(training_path(&t, "end", ""), "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    test_ok(schema_recipe_read(spec, &recipe, NULL, &err), &err);
    test_ok(ode_plan_make(&plan, &recipe, 100, 40, 1, &err), &err);
    state.level_step = 1;
    prefix_put(&p, &state, t.dir, "end");
    state.level_step = 2;
    state.at.step = 3;
    prefix_put(&p, &state, t.dir, "end");
    state.at.step = 4;
    strcpy(origin.engine, "mixed");
    prefix_put(&p, &state, t.dir, "end");
    ck_assert_int_eq(count(&t), 0);
    strcpy(origin.engine, "e");
    prefix_put(&p, &state, t.dir, "end");
    ck_assert_int_eq(count(&t), 1);
    ck_assert_int_eq(warnings, 0);
    json_decref(spec);
}
END_TEST

TEST_SUITE(prefix, 60, a_run_with_the_same_beginning_starts_behind_it,
           a_run_that_was_there_writes_its_model, a_run_is_resumed_from_what_it_found,
           keys_follow_from_what_the_bits_follow_from, other_kernels_are_another_engine,
           a_finer_level_that_comes_later_is_missed, entries_that_are_no_good_are_removed,
           a_cache_that_cannot_be_written_only_warns,
           what_was_used_longest_ago_goes_first, only_pure_levels_are_kept)
