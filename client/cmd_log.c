/* cmd_log.c - odenetctl log: what a run's worker wrote for people. */
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/names.h"
#include "client/words.h"

#define PACE_MS 1000 /* between two looks at a log that grows */

static const struct ctl_usage usage = { "log RUN [--tail N] [--follow]",
                                        "What the run's worker wrote for people. "
                                        "--follow goes on until the run has ended; the\n"
                                        "exit status is 0 whatever became of it.\n" };

/* How much of a log was shown. */
struct log {
    struct ctl *ctl;
    const char *id;
    long long shown;     /* bytes */
    char etag[WIRE_TAG]; /* of the log as it was then */
};

/* Where the last n lines of a text begin; 0: all of it. */
static size_t
tail_begin(const char *text, size_t bytes, long n)
{
    size_t at = bytes;

    if (n <= 0)
        return 0;
    if (at > 0 && text[at - 1] == '\n')
        at--; /* this newline begins no line */
    for (; at > 0; at--)
        if (text[at - 1] == '\n' && --n == 0)
            break;
    return at;
}

static int
print(const char *text, size_t n)
{
    if (fwrite(text, 1, n, stdout) == n && fflush(stdout) == 0)
        return CTL_OK;
    ctl_say("the output cannot be written");
    return CTL_ERROR;
}

/*
 * The part of an answer that was not shown yet. A daemon that knows ranges sends only
 * that (206), another one all of the log; one that is shorter than what was shown has
 * begun anew.
 */
static int
print_news(struct log *log, const struct wire_answer *answer)
{
    const long long begin = answer->status == 206 ? answer->range_begin : 0;
    const long long end = begin + (long long)answer->body_n;
    long long skip = log->shown - begin;

    if (skip < 0 || end < log->shown) {
        ctl_say("the log was written anew; this is its beginning");
        log->shown = begin;
        skip = 0;
    }
    log->shown = end;
    snprintf(log->etag, sizeof log->etag, "%s", answer->etag);
    return print(answer->body ? answer->body + skip : "", (size_t)(end - begin - skip));
}

/* Asks for what is new: nothing where the log is still the one that was shown. */
static int
look(struct log *log)
{
    struct wire_answer answer;
    char path[64], range[60], known[WIRE_TAG + 20];
    int code;

    snprintf(path, sizeof path, "/v1/runs/%s/log", log->id);
    snprintf(range, sizeof range, "Range: bytes=%lld-", log->shown);
    snprintf(known, sizeof known, "If-None-Match: %s", log->etag);
    code =
        call(log->ctl,
             &(struct wire_request){
                 .method = "GET",
                 .path = path,
                 .header = {log->shown > 0 ? range : NULL, *log->etag ? known : NULL}
    },
             true, NULL, &answer);
    if (code == CTL_OK && answer.status != 304)
        code = print_news(log, &answer);
    wire_answer_release(&answer);
    return code;
}

/* The log as it is, or its last lines. */
static int
show(struct log *log, long tail, bool whole)
{
    struct wire_answer answer;
    char path[80];
    size_t begin;
    int code;

    snprintf(path, sizeof path, "/v1/runs/%s/log", log->id);
    if (tail > 0 && !whole)
        snprintf(path, sizeof path, "/v1/runs/%s/log?tail=%ld", log->id, tail);
    code = call(log->ctl, &(struct wire_request){ .method = "GET", .path = path }, true,
                NULL, &answer);
    if (code == CTL_OK && answer.body) {
        begin = tail_begin(answer.body, answer.body_n, tail);
        log->shown = (long long)answer.body_n;
        snprintf(log->etag, sizeof log->etag, "%s", answer.etag);
        code = print(answer.body + begin, answer.body_n - begin);
    }
    wire_answer_release(&answer);
    return code;
}

static int
has_ended(struct ctl *ctl, const char *id, bool *ended)
{
    json_t *run;
    int code = call_get(ctl, &run, "/v1/runs/%s", id);

    if (code != CTL_OK)
        return code;
    *ended = words_is_final(json_string_value(json_object_get(run, "state")));
    json_decref(run);
    return CTL_OK;
}

/* The run's state is asked for before the log, so that nothing is missed at its end. */
static int
follow(struct log *log)
{
    bool ended = false;
    int code;

    for (;;) {
        code = has_ended(log->ctl, log->id, &ended);
        if (code == CTL_OK)
            code = look(log);
        if (code != CTL_OK || ended)
            return code;
        code = call_sleep(log->ctl, PACE_MS);
        if (code != CTL_OK)
            return code;
    }
}

int
cmd_log(struct ctl *ctl, int argc, char **argv)
{
    bool goes_on = false;
    long tail = 0;
    const struct ctl_option own[] = {
        CTL_OPTION_NUMBER("tail", 'n', "N", 1, 100000, "only the last N lines", &tail),
        CTL_OPTION_FLAG("follow", 'f', "go on with what is written", &goes_on),
        CTL_OPTION_END,
    };
    struct log log = { .ctl = ctl };
    char id[NAMES_ID];
    int first, code;

    if (!ctl_options(ctl, &usage, own, argc, argv, &first, &code))
        return code;
    if (argc - first != 1)
        return ctl_misused("the log of one run");
    code = ctl_open(ctl);
    if (code == CTL_OK)
        code = names_find(ctl, argv[first], NAMES_RUN, id);
    if (code != CTL_OK)
        return code;
    if (goes_on)
        ctl_be_patient(ctl);
    log.id = id;
    code = show(&log, tail, goes_on);
    return code == CTL_OK && goes_on ? follow(&log) : code;
}
