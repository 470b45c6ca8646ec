/*
 * backend.h - the daemon's answers to the API.
 *
 * Not to be confused with api/backend.h, the table of what can be asked, which this
 * fills.
 */
#ifndef ODE_DAEMON_BACKEND_H
#define ODE_DAEMON_BACKEND_H

#include "api/backend.h"
#include "daemon/backups.h"
#include "daemon/planner.h"
#include "daemon/probe.h"
#include "daemon/store.h"
#include "daemon/submit.h"
#include "daemon/supervise.h"

struct backend_parts {
    struct store *store; /* borrowed, as all of these */
    struct submit *submit;
    struct supervise *sup;
    const struct probe *probe;
    struct planner *planner;
    struct backups *backups;
};

/* Fills the table; parts must outlive it. */
void backend_fill(struct backend *backend, struct backend_parts *parts);

#endif
