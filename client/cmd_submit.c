/* cmd_submit.c - odenetctl submit: a job spec becomes a job, once, however often it is
 * sent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/names.h"
#include "client/runs.h"
#include "client/words.h"

#define SPEC_MAX ((size_t)16 << 20)

static const struct ctl_usage usage = {
    "submit SPEC.json|- [--wait] [--watch] [--dry-run] [--key KEY] [--priority N]",
    "Submits a job spec (-: from standard input) and prints the run's id. Each "
    "submission\n"
    "has a key, so that it makes one job although it may be sent twice. With --wait or\n"
    "--watch the exit status is the run's: 0 succeeded, 3 failed, 4 cancelled.\n"
};

enum { KEY_TEXT = 256, PRIORITY_NONE = 1000001 };

struct order {
    const char *path, *key;
    bool wait, watch, dry;
    long priority, timeout_s;
};

/* --- the spec ------------------------------------------------------------------------
 */

/* All of the file as text of malloc(); NULL, with the reason told. */
static char *
spec_read(const char *path, size_t *n)
{
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *text = from ? malloc(SPEC_MAX + 1) : NULL;
    bool good;

    if (!text) {
        ctl_say("%s: %s", path, strerror(errno));
        if (from && from != stdin)
            fclose(from);
        return NULL;
    }
    *n = fread(text, 1, SPEC_MAX + 1, from);
    good = !ferror(from) && *n <= SPEC_MAX;
    if (!good)
        ctl_say("%s: %s", path, ferror(from) ? strerror(errno) : "more than 16 MiB");
    if (from != stdin)
        fclose(from);
    if (good)
        return text;
    free(text);
    return NULL;
}

/* The spec with another priority, of malloc(); takes the text. NULL, with the reason
 * told. */
static char *
spec_prioritise(char *text, size_t *n, const struct order *order)
{
    json_error_t error;
    json_t *spec = json_loadb(text, *n, JSON_REJECT_DUPLICATES, &error);
    char *changed = NULL;

    free(text);
    if (!spec) {
        ctl_say("%s:%d:%d: %s", order->path, error.line, error.column, error.text);
        return NULL;
    }
    if (!json_is_object(spec))
        ctl_say("%s: a job spec is an object", order->path);
    else if (json_object_set_new(spec, "priority", json_integer(order->priority)) == 0)
        changed = json_dumps(spec, JSON_COMPACT);
    json_decref(spec);
    *n = changed ? strlen(changed) : 0;
    return changed;
}

/* --- asking --------------------------------------------------------------------------
 */

/* The user's key, or 128 random bits. */
static void
key_header(const struct order *order, char header[KEY_TEXT + 20])
{
    if (order->key)
        snprintf(header, KEY_TEXT + 20, "Idempotency-Key: %s", order->key);
    else
        snprintf(header, KEY_TEXT + 20, "Idempotency-Key: odenetctl-%08x%08x%08x%08x",
                 call_random(), call_random(), call_random(), call_random());
}

static bool
key_is_good(const char *key)
{
    const size_t n = strlen(key);

    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return n > 0 && n < KEY_TEXT;
}

static int
post(struct ctl *ctl, const struct order *order, const char *spec, size_t n,
     json_t **document)
{
    struct wire_answer answer;
    char header[KEY_TEXT + 20];
    int code;

    key_header(order, header);
    code = call(
        ctl,
        &(struct wire_request){ .method = "POST",
                                .path = order->dry ? "/v1/jobs?dry_run=true" : "/v1/jobs",
                                .body = spec,
                                .body_n = n,
                                .header = { order->dry ? NULL : header } },
        true, NULL, &answer);
    if (code == CTL_OK)
        code = call_json(ctl, &answer, document);
    wire_answer_release(&answer);
    return code;
}

/* --- what came of it -----------------------------------------------------------------
 */

static int
dump(const json_t *document)
{
    json_dumpf(document, stdout, JSON_INDENT(2));
    putchar('\n');
    return CTL_OK;
}

static double
number_of(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* The ladder that was planned, a row for each level. */
static int
plan_print(const json_t *plan)
{
    const json_t *level, *levels = json_object_get(plan, "levels");
    const json_t *total = json_object_get(plan, "seconds");
    char blocks[WORDS_BLOCKS], span[WORDS_SPAN];
    size_t i;

    printf("LEVEL  RESOLUTION  BLOCKS        EPOCHS     STEPS    MEMORY  TIME\n");
    json_array_foreach (levels, i, level) {
        const json_t *seconds = json_object_get(level, "seconds");

        printf("%5zu  %4.0fx%-5.0f  %-12s  %6.0f  %8.0f  %4.0f MiB  %s\n", i + 1,
               number_of(level, "resolution"), number_of(level, "resolution"),
               words_blocks(json_object_get(level, "blocks"), blocks),
               number_of(level, "epochs"), number_of(level, "steps"),
               number_of(level, "memory_bytes") / (1 << 20),
               json_is_object(seconds) ? words_span(number_of(seconds, "expected"), span)
                                       : "-");
    }
    if (json_is_object(total))
        printf("total  %s\n", words_span(number_of(total, "expected"), span));
    return CTL_OK;
}

/* The job is there: its run's id, and its end if that was asked for. */
static int
submitted(struct ctl *ctl, const struct order *order, const json_t *answer)
{
    const json_t *first = json_array_get(json_object_get(answer, "runs"), 0);
    const char *job = json_string_value(json_object_get(answer, "id"));
    const char *id = json_string_value(json_object_get(first, "id"));
    const bool stays = order->wait || order->watch;
    json_t *run;
    int code;

    if (!job || !id || !names_is_id(job) || !names_is_id(id)) {
        ctl_say("the daemon's answer names no run");
        return CTL_ERROR;
    }
    ctl_say("job %s, run %s", job, id);
    if (ctl->json && !stays)
        return dump(answer);
    if (!ctl->json)
        printf("%s\n", id);
    fflush(stdout);
    if (!stays)
        return CTL_OK;
    ctl_be_patient(ctl);
    code = order->watch ? runs_watch(ctl, id, &run) : runs_wait(ctl, id, &run);
    if (code != CTL_OK)
        return runs_left(id, code);
    code = runs_print(ctl, run);
    json_decref(run);
    return code;
}

static int
submit(struct ctl *ctl, const struct order *order)
{
    json_t *document = NULL;
    size_t n;
    char *spec = spec_read(order->path, &n);
    int code;

    if (spec && order->priority != PRIORITY_NONE)
        spec = spec_prioritise(spec, &n, order);
    if (!spec)
        return CTL_USAGE;
    code = ctl_open(ctl);
    if (code == CTL_OK && (order->wait || order->watch))
        code = ctl_catch_signals(ctl);
    if (code == CTL_OK)
        code = post(ctl, order, spec, n, &document);
    free(spec);
    if (code != CTL_OK)
        return code;
    if (order->timeout_s > 0)
        ctl->deadline_ms = ctl_now_ms() + order->timeout_s * 1000;
    if (order->dry)
        code = ctl->json ? dump(document) : plan_print(json_object_get(document, "plan"));
    else
        code = submitted(ctl, order, document);
    json_decref(document);
    return code;
}

int
cmd_submit(struct ctl *ctl, int argc, char **argv)
{
    struct order order = { .priority = PRIORITY_NONE };
    const struct ctl_option own[] = {
        CTL_OPTION_FLAG("wait", 0, "wait until the run has ended", &order.wait),
        CTL_OPTION_FLAG("watch", 0, "and show how it trains", &order.watch),
        CTL_OPTION_NUMBER("timeout", 0, "S", 1, 31536000,
                          "with these: for at most so many seconds", &order.timeout_s),
        CTL_OPTION_FLAG("dry-run", 0, "only plan it: levels, memory, time", &order.dry),
        CTL_OPTION_TEXT(
            "key", 0, "KEY",
            "of this submission: the same key makes no second job for a day;\n"
            "else a random one",
            &order.key),
        CTL_OPTION_NUMBER("priority", 0, "N", -1000000, 1000000, "instead of the spec's",
                          &order.priority),
        CTL_OPTION_END,
    };
    int first, code;

    if (!ctl_options(ctl, &usage, own, argc, argv, &first, &code))
        return code;
    if (argc - first != 1)
        return ctl_misused("submit one spec");
    if (order.dry && (order.wait || order.watch || order.key))
        return ctl_misused("a dry run makes no job: no --wait, --watch or --key");
    if (order.timeout_s > 0 && !order.wait && !order.watch)
        return ctl_misused("--timeout goes with --wait or --watch");
    if (order.key && !key_is_good(order.key))
        return ctl_misused("a key is 1 to 255 visible ASCII characters");
    order.path = argv[first];
    return submit(ctl, &order);
}
