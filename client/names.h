/*
 * names.h - the ids that people type: whole, a beginning that only one has, or "last".
 */
#ifndef ODE_CLIENT_NAMES_H
#define ODE_CLIENT_NAMES_H

#include <jansson.h>

#include "client/ctl.h"

enum { NAMES_ID = 27 /* with its NUL */ };

enum names_kind { NAMES_RUN, NAMES_JOB };

/* Whether the text has the form of a whole id. */
bool names_is_id(const char *text);

/*
 * Counts, in a list of jobs (its array), the runs or the jobs whose ids begin with the
 * text, and has the first of them in id if *found was 0. "last" is not looked at.
 */
void names_match(const json_t *jobs, const char *begin, enum names_kind kind,
                 char id[NAMES_ID], int *found);

/* The whole id of what was typed. CTL_OK, or the exit code: it has been told that there
 * is none, or more than one. A whole id is taken as it is, without asking. */
int names_find(struct ctl *ctl, const char *typed, enum names_kind kind,
               char id[NAMES_ID]);

/* The runs of what was typed, a run or a job: appends their ids to the array. Where a run
 * and a job both fit, it is the run. */
int names_runs(struct ctl *ctl, const char *typed, json_t *ids);

#endif
