/* cmd_wait.c - odenetctl wait, watch: until runs have ended. */
#include "client/call.h"
#include "client/names.h"
#include "client/runs.h"

static const struct ctl_usage wait_usage = {
    "wait RUN|JOB... [--timeout S]",
    "Waits until all of these have ended, and prints \"ID STATE\" of each. The exit "
    "status\n"
    "is 0 where all succeeded, 3 where one failed, else 4 where one was cancelled; 6 "
    "where\n"
    "they had not ended in time. Ctrl-C leaves them going.\n"
};

static const struct ctl_usage watch_usage = {
    "watch RUN", "Shows how a run trains, and what happens to it, until it has ended: on "
                 "a terminal with\n"
                 "a bar for its level, else a line for each epoch. Prints \"ID STATE\"; "
                 "the exit status is\n"
                 "that of wait. Ctrl-C leaves the run going.\n"
};

static int
wait_all(struct ctl *ctl, const json_t *ids)
{
    int worst = CTL_OK, code;
    const json_t *id;
    json_t *run;
    size_t i;

    json_array_foreach (ids, i, id) {
        code = runs_wait(ctl, json_string_value(id), &run);
        if (code != CTL_OK)
            return runs_left(json_string_value(id), code);
        worst = runs_worse(worst, runs_print(ctl, run));
        json_decref(run);
    }
    return worst;
}

int
cmd_wait(struct ctl *ctl, int argc, char **argv)
{
    long timeout_s = 0;
    const struct ctl_option own[] = {
        CTL_OPTION_NUMBER("timeout", 0, "S", 1, 31536000,
                          "wait for at most so many seconds", &timeout_s),
        CTL_OPTION_END,
    };
    json_t *ids;
    int first, code;

    if (!ctl_options(ctl, &wait_usage, own, argc, argv, &first, &code))
        return code;
    if (first == argc)
        return ctl_misused("wait for which run?");
    ctl_be_patient(ctl);
    if (timeout_s > 0)
        ctl->deadline_ms = ctl_now_ms() + timeout_s * 1000;
    code = ctl_open(ctl);
    if (code == CTL_OK)
        code = ctl_catch_signals(ctl);
    ids = json_array();
    for (int i = first; i < argc && code == CTL_OK; i++)
        code = names_runs(ctl, argv[i], ids);
    if (code == CTL_OK)
        code = wait_all(ctl, ids);
    json_decref(ids);
    return code;
}

int
cmd_watch(struct ctl *ctl, int argc, char **argv)
{
    char id[NAMES_ID];
    json_t *run;
    int first, code;

    if (!ctl_options(ctl, &watch_usage, NULL, argc, argv, &first, &code))
        return code;
    if (argc - first != 1)
        return ctl_misused("watch one run");
    code = ctl_open(ctl);
    if (code == CTL_OK)
        code = names_find(ctl, argv[first], NAMES_RUN, id);
    if (code == CTL_OK)
        code = ctl_catch_signals(ctl);
    if (code != CTL_OK)
        return code;
    ctl_be_patient(ctl);
    code = runs_watch(ctl, id, &run);
    if (code != CTL_OK)
        return runs_left(id, code);
    code = runs_print(ctl, run);
    json_decref(run);
    return code;
}
