/*
 * runs.h - runs until they have ended: waited for, or watched.
 */
#ifndef ODE_CLIENT_RUNS_H
#define ODE_CLIENT_RUNS_H

#include <jansson.h>

#include "client/ctl.h"

/* The exit code of a run that ended so. */
int runs_exit(const char *state);

/* Of two runs: that of the worse. */
int runs_worse(int a, int b);

/*
 * Waits until the run has ended; *run is its document, the caller's. CTL_OK whatever
 * became of it, CTL_TIMEOUT at the deadline, CTL_INTERRUPTED, or what went wrong.
 */
int runs_wait(struct ctl *ctl, const char *id, json_t **run);

/* The same, and shows on stderr how it trains and what happens to it. */
int runs_watch(struct ctl *ctl, const char *id, json_t **run);

/* Says on stderr that whoever stops waiting leaves the run alone: for CTL_INTERRUPTED and
 * CTL_TIMEOUT. Returns the code. */
int runs_left(const char *id, int code);

/* Prints how the run ended: "ID STATE", or its document with --json; the exit code. */
int runs_print(const struct ctl *ctl, const json_t *run);

#endif
