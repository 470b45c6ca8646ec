/* names.c - from what was typed to ids. */
#include "client/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "client/call.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* of ULIDs */

static bool
is_begin(const char *text)
{
    const size_t n = strlen(text);

    return n > 0 && n < NAMES_ID && strspn(text, alphabet) == n;
}

bool
names_is_id(const char *text)
{
    return strlen(text) == NAMES_ID - 1 && is_begin(text);
}

static const char *
id_of(const json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id"));

    return id && strlen(id) < NAMES_ID ? id : "";
}

static void
match(const char *candidate, const char *begin, char id[NAMES_ID], int *found)
{
    if (strncmp(candidate, begin, strlen(begin)) != 0)
        return;
    if (*found == 0)
        strcpy(id, candidate);
    ++*found;
}

void
names_match(const json_t *jobs, const char *begin, enum names_kind kind,
            char id[NAMES_ID], int *found)
{
    const json_t *job, *run;
    size_t i, k;

    json_array_foreach (jobs, i, job) {
        if (kind == NAMES_JOB) {
            match(id_of(job), begin, id, found);
            continue;
        }
        json_array_foreach (json_object_get(job, "runs"), k, run)
            match(id_of(run), begin, id, found);
    }
}

/* Looks through all jobs, page by page. */
static int
search(struct ctl *ctl, const char *begin, enum names_kind kind, char id[NAMES_ID],
       int *found)
{
    char cursor[NAMES_ID] = "";
    const char *next;
    json_t *page;
    int code;

    *found = 0;
    do {
        code = call_get(ctl, &page, "/v1/jobs?limit=500%s%s", *cursor ? "&cursor=" : "",
                        cursor);
        if (code != CTL_OK)
            return code;
        names_match(json_object_get(page, "jobs"), begin, kind, id, found);
        next = json_string_value(json_object_get(page, "next"));
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        json_decref(page);
    } while (*cursor);
    return CTL_OK;
}

/* The newest job, or its last run. */
static int
newest(struct ctl *ctl, enum names_kind kind, char id[NAMES_ID])
{
    json_t *page, *job, *runs;
    const char *found;
    int code = call_get(ctl, &page, "/v1/jobs?limit=1");

    if (code != CTL_OK)
        return code;
    job = json_array_get(json_object_get(page, "jobs"), 0);
    runs = json_object_get(job, "runs");
    found = kind == NAMES_JOB ? id_of(job)
                              : id_of(json_array_get(runs, json_array_size(runs) - 1));
    if (*found)
        strcpy(id, found);
    else
        ctl_say("there is no %s yet", kind == NAMES_JOB ? "job" : "run");
    code = *found ? CTL_OK : CTL_ERROR;
    json_decref(page);
    return code;
}

/* What was typed in lower case, as ids are; false, with the mistake told, where no id
 * begins so. */
static bool
lower(const char *typed, char text[NAMES_ID])
{
    size_t n = strlen(typed);

    if (n < NAMES_ID)
        for (size_t i = 0; i <= n; i++)
            text[i] = (char)tolower((unsigned char)typed[i]);
    if (n < NAMES_ID && is_begin(text))
        return true;
    ctl_say("\"%s\" is no id, nor the beginning of one", typed);
    return false;
}

static int
ambiguous(const char *typed, enum names_kind kind, int found)
{
    ctl_say("%d %s begin with \"%s\": type more of it", found,
            kind == NAMES_JOB ? "jobs" : "runs", typed);
    return CTL_ERROR;
}

int
names_find(struct ctl *ctl, const char *typed, enum names_kind kind, char id[NAMES_ID])
{
    char begin[NAMES_ID];
    int found = 0, code;

    if (strcmp(typed, "last") == 0)
        return newest(ctl, kind, id);
    if (!lower(typed, begin))
        return CTL_USAGE;
    if (names_is_id(begin)) {
        strcpy(id, begin);
        return CTL_OK;
    }
    code = search(ctl, begin, kind, id, &found);
    if (code != CTL_OK || found == 1)
        return code;
    if (found > 1)
        return ambiguous(typed, kind, found);
    ctl_say("no %s begins with \"%s\"", kind == NAMES_JOB ? "job" : "run", typed);
    return CTL_ERROR;
}

static void
append_runs(json_t *ids, const json_t *job)
{
    const json_t *run;
    size_t i;

    json_array_foreach (json_object_get(job, "runs"), i, run)
        json_array_append(ids, json_object_get(run, "id"));
}

/* Of a whole id, which is a run's or a job's. */
static int
runs_of(struct ctl *ctl, const char *id, json_t *ids)
{
    json_t *document;
    int code = call_find(ctl, &document, "/v1/runs/%s", id);

    if (code == CTL_OK && document) {
        json_array_append_new(ids, json_string(id));
    } else if (code == CTL_OK) {
        code = call_find(ctl, &document, "/v1/jobs/%s", id);
        append_runs(ids, document);
        if (code == CTL_OK && !document) {
            ctl_say("there is neither a run nor a job %s", id);
            code = CTL_ERROR;
        }
    }
    json_decref(document);
    return code;
}

static int
runs_beginning(struct ctl *ctl, const char *begin, json_t *ids)
{
    char id[NAMES_ID] = "";
    int found = 0, code = search(ctl, begin, NAMES_RUN, id, &found);

    if (code != CTL_OK)
        return code;
    if (found > 1)
        return ambiguous(begin, NAMES_RUN, found);
    if (found == 1) {
        json_array_append_new(ids, json_string(id));
        return CTL_OK;
    }
    code = names_find(ctl, begin, NAMES_JOB, id);
    return code == CTL_OK ? runs_of(ctl, id, ids) : code;
}

int
names_runs(struct ctl *ctl, const char *typed, json_t *ids)
{
    char begin[NAMES_ID];
    int code;

    if (strcmp(typed, "last") == 0) {
        code = newest(ctl, NAMES_RUN, begin);
        if (code == CTL_OK)
            json_array_append_new(ids, json_string(begin));
        return code;
    }
    if (!lower(typed, begin))
        return CTL_USAGE;
    return names_is_id(begin) ? runs_of(ctl, begin, ids)
                              : runs_beginning(ctl, begin, ids);
}
