/*
 * backend.h - what the API asks of the daemon.
 *
 * A table of functions, so that the HTTP side is tested against a fake one. All are called
 * on the loop's thread and return in a few milliseconds. Documents come back as new
 * references that the caller owns; their shapes are ARCHITECTURE.md section 3's. Failures:
 * ODE_ENOENT (404), ODE_ESTATE (409), ODE_ESPEC and ODE_EARG (400/422), ODE_EDATA (422),
 * ODE_EIO (503), others 500.
 */
#ifndef ODE_API_BACKEND_H
#define ODE_API_BACKEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

struct backend_page {
    const char *state;  /* runs: only this state; NULL: all */
    const char *cursor; /* id after which the page begins; NULL: the newest */
    int limit;
};

struct backend {
    void *self; /* borrowed, outlives the server */

    /* *complaints becomes an array of {"pointer", "detail"} when the spec is refused. */
    enum ode_status (*job_submit)(void *self, const json_t *spec, json_t **answer,
                                  json_t **complaints, struct ode_err *err);
    enum ode_status (*job_get)(void *self, const char *id, json_t **job,
                               struct ode_err *err);
    enum ode_status (*job_list)(void *self, const struct backend_page *page,
                                json_t **list, struct ode_err *err);
    enum ode_status (*run_get)(void *self, const char *id, json_t **run,
                               struct ode_err *err);
    enum ode_status (*run_list)(void *self, const struct backend_page *page,
                                json_t **list, struct ode_err *err);
    enum ode_status (*run_levels)(void *self, const char *id, json_t **levels,
                                  struct ode_err *err);
    /* names: an array of n metric names, n 0 for all; points <= 0: all. */
    enum ode_status (*run_metrics)(void *self, const char *id, const char *const *names,
                                   size_t n, int points, json_t **series,
                                   struct ode_err *err);
    /* A descriptor of the file, open for reading, which the caller closes, and its size. */
    enum ode_status (*run_log)(void *self, const char *id, int *fd, size_t *bytes,
                               struct ode_err *err);
    enum ode_status (*run_artifact)(void *self, const char *id, const char *name, int *fd,
                                    size_t *bytes, struct ode_err *err);
    /* *done: whether the run is cancelled already (else it will be). */
    enum ode_status (*run_cancel)(void *self, const char *id, json_t **run, bool *done,
                                  struct ode_err *err);
    enum ode_status (*datasets)(void *self, json_t **sets, struct ode_err *err);
    enum ode_status (*ready)(void *self, struct ode_err *err);
};

#endif
