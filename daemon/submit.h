/*
 * submit.h - from a valid spec to a job and its run, which is queued.
 */
#ifndef ODE_DAEMON_SUBMIT_H
#define ODE_DAEMON_SUBMIT_H

#include <jansson.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"
#include "daemon/store.h"
#include "daemon/ulid.h"

struct submit {
    struct store *store;   /* borrowed */
    const char *state_dir; /* borrowed; runs/ is in it */
    struct ulid ids;
};

struct submission {
    const json_t *spec;                   /* as it was given */
    const struct ode_recipe_spec *recipe; /* the same, checked and settled */
    const char *dataset;                  /* the name of its data set */
    int64_t memory_bytes;                 /* demand.h */
    const char *key;                      /* keys.h; NULL: none */
    const json_t *asked;                  /* the spec that the key stands for */
};

/*
 * Writes runs/<id>/spec.json, then commits the rows of the job and its run: a run without
 * a row is garbage, a row always has its spec. Writes the ids. On failure nothing is
 * kept. *answer: what the client is told, a new reference, which its key keeps.
 */
enum ode_status submit_job(struct submit *submit, const struct submission *submission,
                           char job[ULID_LENGTH + 1], char run[ULID_LENGTH + 1],
                           json_t **answer, struct ode_err *err);

#endif
