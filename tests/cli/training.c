/* training.c - short runs of odenet train. */
#include "tests/cli/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "core/base/hash.h"
#include "tests/cli/command.h"
#include "tests/test.h"

void
training_open(struct training *t)
{
    snprintf(t->dir, sizeof t->dir, "%s", test_dir());
    snprintf(t->cache, sizeof t->cache, "%s/cache", t->dir);
}

json_t *
training_spec(void)
{
    json_t *spec = json_loads(
        "{\"data\": {\"set\": \"strokes\", \"train_size\": 100, \"test_size\": 40},"
        " \"model\": {\"units\": [{\"channels\": 4, \"blocks\": 4},"
        "                         {\"channels\": 8, \"blocks\": 4}]},"
        " \"train\": {\"batch\": 50, \"optimizer\": {\"type\": \"adamw\"}, \"ema\": 0.9},"
        " \"levels\": ["
        "  {\"resolution\": 8, \"blocks\": [2, 2], \"epochs\": 1, \"lr\": {\"peak\": "
        "0.01}},"
        "  {\"resolution\": 16, \"blocks\": [2, 2], \"epochs\": 1, \"lr\": {\"peak\": "
        "0.01}},"
        "  {\"resolution\": 16, \"blocks\": [4, 4], \"epochs\": 1, \"lr\": {\"peak\": "
        "0.01}}]}",
        0, NULL);

    ck_assert_ptr_nonnull(spec);
    return spec;
}

void
training_set(json_t *spec, const char *pointer, json_t *value)
{
    char text[100], *rest = text + 1, *word;
    json_t *at = spec;

    snprintf(text, sizeof text, "%s", pointer);
    while (word = strsep(&rest, "/"), rest) {
        json_t *next = json_is_array(at) ? json_array_get(at, strtoul(word, NULL, 10))
                                         : json_object_get(at, word);

        if (!next) {
            next = json_object();
            ck_assert_int_eq(json_object_set_new(at, word, next), 0);
        }
        at = next;
    }
    if (json_is_array(at))
        ck_assert_int_eq(json_array_set_new(at, strtoul(word, NULL, 10), value), 0);
    else
        ck_assert_int_eq(json_object_set_new(at, word, value), 0);
}

const char *
training_path(const struct training *t, const char *name, const char *below)
{
    static char path[500];

    snprintf(path, sizeof path, "%s/%s%s%s", t->dir, name, *below ? "/" : "", below);
    return path;
}

/* A worker holds its folder until its process ends; here the test's goes on. */
static void
locks_close(void)
{
    for (int fd = 3; fd < 64; fd++) {
        char link[40], path[500];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        if (strstr(path, "/worker.lock"))
            close(fd);
    }
}

int
training_run(const struct training *t, const json_t *spec, const char *name,
             const char *first, const char *second, const char *third)
{
    char file[300], folder[300];
    const char *words[] = { "train", file,  "--run-dir", folder, "--threads",
                            "2",     first, second,      third,  NULL };
    int n = 6, code;

    snprintf(file, sizeof file, "%s/%s.json", t->dir, name);
    snprintf(folder, sizeof folder, "%s/%s", t->dir, name);
    ck_assert_int_eq(json_dump_file(spec, file, 0), 0);
    while (words[n])
        n++;
    code = command_run(cmd_train, n, words);
    locks_close();
    return code;
}

int
training_cached(const struct training *t, const json_t *spec, const char *name)
{
    json_t *hello, *cached;
    int level = -1;

    ck_assert_msg(training_run(t, spec, name, "--cache", t->cache, NULL) == CMD_OK, "%s",
                  command_complaint);
    hello = training_record(t, name, "hello", 0);
    cached = json_object_get(hello, "cached");
    ck_assert_ptr_nonnull(cached);
    if (json_is_object(cached))
        level = (int)json_integer_value(json_object_get(cached, "level"));
    json_decref(hello);
    return level;
}

const char *
training_model(const struct training *t, const char *name)
{
    static char hash[4][ODE_HASH_HEX];
    static int last;
    struct ode_err err;

    last = (last + 1) % 4;
    test_ok(ode_hash_file(training_path(t, name, "model.safetensors"), hash[last], &err),
            &err);
    return hash[last];
}

json_t *
training_record(const struct training *t, const char *name, const char *type, int n)
{
    FILE *file = fopen(training_path(t, name, "journal.ndjson"), "r");
    json_t *found = NULL;
    char line[1 << 16];

    ck_assert_ptr_nonnull(file);
    while (!found && fgets(line, sizeof line, file)) {
        json_t *record = json_loads(line, 0, NULL);

        ck_assert_ptr_nonnull(record);
        if (strcmp(json_string_value(json_object_get(record, "type")), type) == 0
            && n-- == 0)
            found = json_incref(record);
        json_decref(record);
    }
    fclose(file);
    return found;
}
