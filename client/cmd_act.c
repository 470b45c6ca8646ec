/* cmd_act.c - odenetctl cancel, pause, resume, retry, hold, advance, delete. */
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/names.h"
#include "client/words.h"

static const struct ctl_usage act_usage = {
    "cancel|pause|resume|retry|hold|advance RUN...",
    "Asks this of each run, and prints \"ID STATE\" of it as it is then: a run that "
    "trains\n"
    "ends or pauses a moment later. What a run's state forbids is an error, and the "
    "others\n"
    "are asked all the same.\n"
};

static const struct ctl_usage delete_usage = {
    "delete JOB...", "Removes jobs that have ended, with their runs and all files of "
                     "them, and prints their\n"
                     "ids. There is no way back.\n"
};

/* Asks with a method that is not repeated when its answer was lost: what it does twice is
 * not always what it does once. */
static int
ask(struct ctl *ctl, const char *method, const char *path, struct wire_answer *answer)
{
    return call(ctl, &(struct wire_request){ .method = method, .path = path }, false,
                NULL, answer);
}

static int
act(struct ctl *ctl, const char *action, const char *typed)
{
    struct wire_answer answer;
    char id[NAMES_ID], path[64], state[40];
    json_t *run = NULL;
    int code = names_find(ctl, typed, NAMES_RUN, id);

    if (code != CTL_OK)
        return code;
    snprintf(path, sizeof path, "/v1/runs/%s/%s", id, action);
    code = ask(ctl, "POST", path, &answer);
    if (code == CTL_OK)
        code = call_json(ctl, &answer, &run);
    wire_answer_release(&answer);
    if (code != CTL_OK)
        return code;
    if (ctl->json)
        json_dumpf(run, stdout, JSON_COMPACT);
    else
        printf("%s %s", id,
               words_clean(json_string_value(json_object_get(run, "state")), state,
                           sizeof state));
    putchar('\n');
    json_decref(run);
    return CTL_OK;
}

static int delete (struct ctl *ctl, const char *typed)
{
    struct wire_answer answer;
    char id[NAMES_ID], path[64];
    int code = names_find(ctl, typed, NAMES_JOB, id);

    if (code != CTL_OK)
        return code;
    snprintf(path, sizeof path, "/v1/jobs/%s", id);
    code = ask(ctl, "DELETE", path, &answer);
    wire_answer_release(&answer);
    if (code == CTL_OK)
        printf("%s\n", id);
    return code;
}

/* Each of the operands, also when one failed; the first failure's exit code. A signal and
 * a daemon that is not there end it. */
static int
each(struct ctl *ctl, int argc, char **argv, int first, bool removes)
{
    int code = ctl_open(ctl), one;

    for (int i = first; i < argc; i++) {
        if (code == CTL_UNREACHABLE || !ctl->wire)
            return code;
        one = removes ? delete (ctl, argv[i]) : act(ctl, argv[0], argv[i]);
        code = code == CTL_OK || one == CTL_UNREACHABLE ? one : code;
    }
    return code;
}

int
cmd_act(struct ctl *ctl, int argc, char **argv)
{
    int first, code;

    if (!ctl_options(ctl, &act_usage, NULL, argc, argv, &first, &code))
        return code;
    if (first == argc)
        return ctl_misused("%s which run?", argv[0]);
    return each(ctl, argc, argv, first, false);
}

int
cmd_delete(struct ctl *ctl, int argc, char **argv)
{
    int first, code;

    if (!ctl_options(ctl, &delete_usage, NULL, argc, argv, &first, &code))
        return code;
    if (first == argc)
        return ctl_misused("delete which job?");
    return each(ctl, argc, argv, first, true);
}
