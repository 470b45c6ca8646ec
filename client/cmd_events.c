/* cmd_events.c - odenetctl events: what happened, in order, and why. */
#include <stdio.h>

#include "client/call.h"
#include "client/follow.h"
#include "client/names.h"
#include "client/words.h"

static const struct ctl_usage usage = { "events [RUN] [--follow]",
                                        "What happened to a run, or to all of them: a "
                                        "line for each event; with --json as JSON.\n"
                                        "--follow goes on with what happens: of a run "
                                        "until it has ended, of all runs from now\n"
                                        "on until Ctrl-C.\n" };

struct view {
    const struct ctl *ctl;
    bool with_run;
};

static void
event_print(void *context, const json_t *event)
{
    const struct view *view = context;
    const char *kind = json_string_value(json_object_get(event, "kind"));
    char text[WORDS_LINE];

    if (view->ctl->json) {
        json_dumpf(event, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (kind && json_object_get(event, "id")) {
        puts(words_event(event, view->with_run, text));
    }
    fflush(stdout);
}

/* All pages up to now. */
static int
print_all(struct ctl *ctl, const char *path, struct view *view)
{
    json_t *page, *next;
    const json_t *event;
    json_int_t after = 0;
    size_t i;
    int code;

    for (bool more = true; more;) {
        code = call_get(ctl, &page, "%s?limit=500&after=%lld", path, (long long)after);
        if (code != CTL_OK)
            return code;
        json_array_foreach (json_object_get(page, "events"), i, event)
            event_print(view, event);
        next = json_object_get(page, "next");
        more = json_is_integer(next) && json_integer_value(next) > after;
        after = json_integer_value(next);
        json_decref(page);
    }
    return CTL_OK;
}

/* The newest event that there is: to say where the stream of all runs begins, so that one
 * that breaks off at once goes on there, too. */
static int
newest(struct ctl *ctl, long long *id)
{
    json_t *page;
    int code = call_get(ctl, &page, "/v1/events?limit=1");

    if (code != CTL_OK)
        return code;
    *id = json_integer_value(json_object_get(page, "newest"));
    json_decref(page);
    return CTL_OK;
}

static int
follow(struct ctl *ctl, const char *path, struct view *view)
{
    struct follow f;
    long long last = -1;
    int code = view->with_run ? newest(ctl, &last) : CTL_OK;

    if (code != CTL_OK)
        return code;
    follow_init(&f, ctl, path, last, event_print, view);
    while (code == CTL_OK && !f.ended)
        code = follow_pump(&f, 1000);
    follow_release(&f);
    return code;
}

int
cmd_events(struct ctl *ctl, int argc, char **argv)
{
    bool goes_on = false;
    const struct ctl_option own[] = {
        CTL_OPTION_FLAG("follow", 'f', "go on with what happens", &goes_on),
        CTL_OPTION_END,
    };
    struct view view = { .ctl = ctl };
    char id[NAMES_ID], path[64] = "/v1/events";
    int first, code;

    if (!ctl_options(ctl, &usage, own, argc, argv, &first, &code))
        return code;
    if (argc - first > 1)
        return ctl_misused("events of one run, or of all");
    view.with_run = first == argc;
    code = ctl_open(ctl);
    if (code == CTL_OK && first < argc) {
        code = names_find(ctl, argv[first], NAMES_RUN, id);
        snprintf(path, sizeof path, "/v1/runs/%s/events", code == CTL_OK ? id : "");
    }
    if (code != CTL_OK)
        return code;
    if (goes_on)
        ctl_be_patient(ctl);
    return goes_on ? follow(ctl, path, &view) : print_all(ctl, path, &view);
}
