/*
 * order.h - a job that was posted, checked and made ready to be written down.
 *
 * A job has one run, or with a sweep (schema/sweep.h) many. Each run's spec is checked as
 * if it had been posted alone: that it is one, that its data are there, that what it
 * begins with is finished, that it could ever start here.
 */
#ifndef ODE_DAEMON_ORDER_H
#define ODE_DAEMON_ORDER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"
#include "daemon/sched.h"
#include "daemon/store.h"
#include "schema/sweep.h"

/* What an order is checked against; borrowed. */
struct order_rules {
    struct store *store;
    const char *data_dir;
    const struct sched_room *room;
    int threads; /* of a run whose spec does not say */
};

struct order_run {
    json_t *spec;   /* owned: as it is kept, with choices that were left to the daemon */
    json_t *values; /* owned: what a sweep has chosen; NULL: nothing */
    struct ode_recipe_spec recipe;
    const char *dataset;  /* the name of its data set */
    int64_t memory_bytes; /* demand.h */
};

struct order {
    const json_t *asked; /* borrowed: what was posted */
    json_t *spec;        /* owned: what is kept of it */
    struct sweep sweep;
    struct order_run *runs; /* sweep.runs of them, owned */
};

/*
 * Reads what was posted, which outlives the order. Refused with ODE_ESPEC or ODE_EDATA:
 * err, and complaints as schema/recipe.h has them, point into what was posted. On failure
 * there is nothing to release.
 */
enum ode_status order_read(const struct order_rules *rules, const json_t *asked,
                           struct order *order, json_t **complaints, struct ode_err *err);
void order_release(struct order *order);

#endif
