/*
 * submit.h - writes an order down: a job and its runs, which are queued.
 */
#ifndef ODE_DAEMON_SUBMIT_H
#define ODE_DAEMON_SUBMIT_H

#include <jansson.h>

#include "core/base/status.h"
#include "daemon/order.h"
#include "daemon/store.h"
#include "daemon/ulid.h"

struct submit {
    struct store *store;   /* borrowed */
    const char *state_dir; /* borrowed; runs/ is in it */
    struct ulid ids;
};

/*
 * Writes runs/<id>/spec.json for each run, then commits the rows of the job and its runs:
 * a run without a row is garbage, a row always has its spec. On failure nothing is kept.
 * key: the client's (keys.h), or NULL. *answer: what he is told, {"id", "runs": [{"id",
 * "state"}]}, a new reference, which the key keeps.
 */
enum ode_status submit_job(struct submit *submit, const struct order *order,
                           const char *key, json_t **answer, struct ode_err *err);

#endif
