/* cmd_list.c - odenetctl list, show: runs as they are now. */
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/names.h"
#include "client/words.h"

#define PAGE_MOST 500

static const struct ctl_usage list_usage = {
    "list [--state STATE] [--limit N]",
    "Runs, the newest first. With --json they are {\"runs\": [...]}.\n"
};

static const struct ctl_usage show_usage = {
    "show RUN",
    "A run, member by member, and its levels. With --json it is the run's document.\n"
};

/* --- list ----------------------------------------------------------------------------
 */

static const char *const states[] = { "queued",    "starting", "running",  "paused",
                                      "succeeded", "failed",   "cancelled" };

static bool
is_state(const char *word)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i], word) == 0)
            return true;
    return false;
}

/* Appends up to `limit` runs, page by page. */
static int
collect(struct ctl *ctl, const char *state, long limit, json_t *runs)
{
    char cursor[NAMES_ID] = "";
    const char *next;
    json_t *page;
    int code;

    do {
        const long left = limit - (long)json_array_size(runs);

        code = call_get(ctl, &page, "/v1/runs?limit=%ld%s%s%s%s",
                        left < PAGE_MOST ? left : PAGE_MOST, state ? "&state=" : "",
                        state ? state : "", *cursor ? "&cursor=" : "", cursor);
        if (code != CTL_OK)
            return code;
        json_array_extend(runs, json_object_get(page, "runs"));
        next = json_string_value(json_object_get(page, "next"));
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        json_decref(page);
    } while (*cursor && (long)json_array_size(runs) < limit);
    return CTL_OK;
}

static void
list_print(const struct ctl *ctl, const json_t *runs)
{
    char text[WORDS_LINE];
    const json_t *run;
    size_t i;

    if (ctl->json) {
        fputs("{\"runs\": ", stdout);
        json_dumpf(runs, stdout, JSON_INDENT(2));
        puts("}");
        return;
    }
    puts(words_head(text));
    json_array_foreach (runs, i, run)
        puts(words_row(run, text));
}

int
cmd_list(struct ctl *ctl, int argc, char **argv)
{
    const char *state = NULL;
    long limit = 20;
    const struct ctl_option own[] = {
        CTL_OPTION_TEXT("state", 0, "STATE", "only those in this state", &state),
        CTL_OPTION_NUMBER("limit", 'n', "N", 1, 1000000, "so many at the most (20)",
                          &limit),
        CTL_OPTION_END,
    };
    json_t *runs;
    int first, code;

    if (!ctl_options(ctl, &list_usage, own, argc, argv, &first, &code))
        return code;
    if (first != argc)
        return ctl_misused("list takes no \"%s\"", argv[first]);
    if (state && !is_state(state))
        return ctl_misused("--state is \"%s\", and no run is in that", state);
    code = ctl_open(ctl);
    if (code != CTL_OK)
        return code;
    runs = json_array();
    code = collect(ctl, state, limit, runs);
    if (code == CTL_OK)
        list_print(ctl, runs);
    json_decref(runs);
    return code;
}

/* --- show ----------------------------------------------------------------------------
 */

static const char *const shown[] = {
    "id",         "job",         "name",    "state",       "reason",      "waits",
    "priority",   "threads",     "attempt", "max_retries", "dataset",     "created_at",
    "started_at", "finished_at", "step",    "steps",       "model_sha256"
};

static void
member_print(const char *name, const json_t *value)
{
    char text[400];

    if (json_is_string(value))
        printf("%-13s %s\n", name,
               words_clean(json_string_value(value), text, sizeof text));
    else if (json_is_number(value))
        printf("%-13s %.10g\n", name, json_number_value(value));
}

static void
run_print(const json_t *run, const json_t *levels)
{
    const size_t n = json_array_size(levels);
    const json_t *level;
    char text[WORDS_LINE];
    size_t i;

    for (i = 0; i < sizeof shown / sizeof *shown; i++)
        member_print(shown[i], json_object_get(run, shown[i]));
    if (words_is_final(json_string_value(json_object_get(run, "state"))))
        printf("%-13s %s\n", "outcome", words_end(run, text));
    else
        printf("%-13s %s\n", "progress", words_progress(run, NULL, 0, text));
    json_array_foreach (levels, i, level)
        puts(words_level(level, (int)n, text));
}

int
cmd_show(struct ctl *ctl, int argc, char **argv)
{
    json_t *run = NULL, *levels = NULL;
    char id[NAMES_ID];
    int first, code;

    if (!ctl_options(ctl, &show_usage, NULL, argc, argv, &first, &code))
        return code;
    if (argc - first != 1)
        return ctl_misused("show one run");
    code = ctl_open(ctl);
    if (code == CTL_OK)
        code = names_find(ctl, argv[first], NAMES_RUN, id);
    if (code == CTL_OK)
        code = call_get(ctl, &run, "/v1/runs/%s", id);
    if (code == CTL_OK && !ctl->json)
        code = call_get(ctl, &levels, "/v1/runs/%s/levels", id);
    if (code == CTL_OK && ctl->json) {
        json_dumpf(run, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (code == CTL_OK) {
        run_print(run, json_object_get(levels, "levels"));
    }
    json_decref(levels);
    json_decref(run);
    return code;
}
