/*
 * backend.h - what the API asks of the daemon.
 *
 * A table of functions, so that the HTTP side is tested against a fake one. All are set.
 * They are called on the loop's thread and return in a few milliseconds; they may call
 * server_run_changed(). Documents come back as new references that the caller owns: whole
 * answers in the shapes of ARCHITECTURE.md section 3, strings in UTF-8, numbers finite.
 * Ids that are asked for are well-formed, also that of a job in a list, states are known
 * ones, limits from 1 to 500. Failures: ODE_EARG 400, ODE_ENOENT 404, ODE_ESTATE 409,
 * ODE_ESPEC, ODE_EDATA, ODE_EEXIST 422, ODE_EIO 503, others 500. err->text becomes the
 * detail, so clients read it; err->at, if a JSON pointer, becomes the place of an
 * ODE_ESPEC or ODE_EDATA without complaints.
 */
#ifndef ODE_API_BACKEND_H
#define ODE_API_BACKEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

struct backend_page {
    const char *states;  /* runs: only these, separated by commas; NULL: all */
    const char *job;     /* runs: of this job; NULL: of all */
    const char *name;    /* names with this text in them; NULL: all */
    const char *dataset; /* runs: of this data set; NULL: all */
    const char *cursor;  /* id after which the page begins; NULL: the newest */
    int limit;
};

struct backend_series {
    const char *const *names; /* n of them; n 0: all that the run has */
    size_t n;
    int points;                      /* at most, of each; 0: all */
    int64_t after_level, after_step; /* only what comes behind this point; -1, -1: all */
};

enum backend_action {
    BACKEND_CANCEL,  /* the run ends */
    BACKEND_PAUSE,   /* it pauses now, at a checkpoint */
    BACKEND_RESUME,  /* it goes on from there */
    BACKEND_RETRY,   /* a failed or cancelled one goes on */
    BACKEND_HOLD,    /* it pauses at the end of its level */
    BACKEND_ADVANCE, /* it goes on with the next level now */
    BACKEND_ACTIONS
};

struct backend {
    void *self; /* borrowed, outlives the server */

    /* The answer has an "id" for Location. A key (NULL: none) that was used for an equal
     * spec gives the first answer again, for another one it is ODE_EEXIST. *complaints
     * becomes an array of {"pointer", "detail"} when the spec is refused, or stays NULL.
     */
    enum ode_status (*job_submit)(void *self, const json_t *spec, const char *key,
                                  json_t **answer, json_t **complaints,
                                  struct ode_err *err);
    /*
     * What a submission of the spec would come to, which takes a while: begun, and taken
     * when server_ticket_done() has told of the ticket, which is not 0; *answer stays
     * NULL before that. An answer, {"plan", "spec"}, and a failure end the ticket, and so
     * does ticket_drop(). ODE_EIO where too many are being made.
     */
    enum ode_status (*plan_begin)(void *self, const json_t *spec, bool measure,
                                  uint64_t *ticket, json_t **complaints,
                                  struct ode_err *err);
    enum ode_status (*plan_take)(void *self, uint64_t ticket, json_t **answer,
                                 json_t **complaints, struct ode_err *err);
    /* Nobody waits for it any more, a plan or a backup. A plan ends, a backup goes on. */
    void (*ticket_drop)(void *self, uint64_t ticket);
    /* A copy of the database: begun and taken as a plan is; the answer is {"name",
     * "bytes"}. ODE_EIO while another one is being made. */
    enum ode_status (*backup_begin)(void *self, uint64_t *ticket, struct ode_err *err);
    enum ode_status (*backup_take)(void *self, uint64_t ticket, json_t **answer,
                                   struct ode_err *err);
    enum ode_status (*job_get)(void *self, const char *id, json_t **job,
                               struct ode_err *err);
    /* With its runs; ODE_ESTATE where one of them has not ended. */
    enum ode_status (*job_delete)(void *self, const char *id, struct ode_err *err);
    enum ode_status (*job_list)(void *self, const struct backend_page *page,
                                json_t **list, struct ode_err *err);
    enum ode_status (*run_get)(void *self, const char *id, json_t **run,
                               struct ode_err *err);
    enum ode_status (*run_list)(void *self, const struct backend_page *page,
                                json_t **list, struct ode_err *err);
    /* Of a run, or (NULL) of all; behind the event `after`. */
    enum ode_status (*events)(void *self, const char *id, int after, int limit,
                              json_t **list, struct ode_err *err);
    /*
     * Of a run, or (NULL) of all, those that have changed behind the version `after`, in
     * that order: {"runs": as in lists, "version": what to ask for next}. after -1: none
     * of all, whatever one run is.
     */
    enum ode_status (*changes)(void *self, const char *id, int64_t after, int limit,
                               json_t **list, struct ode_err *err);
    enum ode_status (*run_levels)(void *self, const char *id, json_t **levels,
                                  struct ode_err *err);
    enum ode_status (*run_metrics)(void *self, const char *id,
                                   const struct backend_series *series, json_t **answer,
                                   struct ode_err *err);
    /* Of n runs, from 2 to COMPARE_RUNS, the first the control (schema/compare.h);
     * targets 0: the control's last accuracy. ODE_ESTATE for a run without test accuracy.
     */
    enum ode_status (*compare)(void *self, const char *const *ids, size_t n,
                               const double *accuracy, size_t targets, json_t **answer,
                               struct ode_err *err);
    /* A descriptor of the file, open for reading, which the caller closes, and its size.
     * name: spec.json or model.safetensors. ODE_ENOENT while there is no such file. */
    enum ode_status (*run_log)(void *self, const char *id, int *fd, size_t *bytes,
                               struct ode_err *err);
    enum ode_status (*run_artifact)(void *self, const char *id, const char *name, int *fd,
                                    size_t *bytes, struct ode_err *err);
    /* *done: whether what was asked for is so already (else it will be). ODE_ESTATE where
     * the run's state forbids it. */
    enum ode_status (*run_act)(void *self, const char *id, enum backend_action action,
                               json_t **run, bool *done, struct ode_err *err);
    /* Members of changes: "priority", an integer. ODE_ESPEC with a pointer, ODE_ESTATE
     * for a run that has ended. */
    enum ode_status (*run_change)(void *self, const char *id, const json_t *changes,
                                  json_t **run, struct ode_err *err);
    enum ode_status (*datasets)(void *self, json_t **sets, struct ode_err *err);
    /* What a training has on this machine; members are null while that is not known. */
    enum ode_status (*system)(void *self, json_t **facts, struct ode_err *err);
    enum ode_status (*ready)(void *self, struct ode_err *err);
    /* Writes families of OpenMetrics (api/openmetrics.h), without their end. */
    enum ode_status (*measure)(void *self, FILE *out, struct ode_err *err);
};

#endif
