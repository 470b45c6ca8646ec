/*
 * follow.h - the daemon's events as they happen, over restarts of it.
 *
 * A stream of lines (application/x-ndjson). Where it breaks off it is asked for again,
 * with pauses, behind the last event that came, so that none is missed and none comes
 * twice.
 */
#ifndef ODE_CLIENT_FOLLOW_H
#define ODE_CLIENT_FOLLOW_H

#include <jansson.h>

#include "client/call.h"
#include "client/lines.h"

struct follow {
    struct ctl *ctl;         /* borrowed */
    const char *path;        /* borrowed: "/v1/events" */
    long long last;          /* the newest event that came; -1: none */
    bool ended;              /* the daemon said that nothing will follow */
    struct exchange *stream; /* NULL: between two connections */
    struct lines lines;
    int failures;                                     /* since something came */
    int64_t failing_ms;                               /* since then */
    int64_t again_ms;                                 /* when to ask again */
    void (*tell)(void *context, const json_t *event); /* borrows the event */
    void *context;
};

/* Follows the events behind `last` (-1: as the daemon begins). follow_release() ends it.
 */
void follow_init(struct follow *f, struct ctl *ctl, const char *path, long long last,
                 void (*tell)(void *context, const json_t *event), void *context);
void follow_release(struct follow *f);

/*
 * Lets things happen for at most ms milliseconds; tell() is called for what came. CTL_OK,
 * or the exit code: a signal came, the daemon refused, or patience is over.
 */
int follow_pump(struct follow *f, int ms);

#endif
