/*
 * documents.h - jobs, runs, levels and metrics as the API's JSON.
 *
 * The shapes are ARCHITECTURE.md section 3's. Each *out is a new reference, the caller's.
 * Failures are the database's and ODE_ENOMEM.
 */
#ifndef ODE_DAEMON_DOCUMENTS_H
#define ODE_DAEMON_DOCUMENTS_H

#include <jansson.h>

#include "api/backend.h"
#include "core/base/status.h"
#include "daemon/run.h"
#include "daemon/store.h"

/* Says of a run what its row does not: what it takes, and why it waits, in `text`, ""
 * where it does not. May be NULL. */
struct document_turns {
    void (*tell)(void *context, const struct run *run, int *threads, char *text,
                 size_t size);
    void *context;
};

/* A run as it stands in lists. */
enum ode_status document_run(struct store *store, const struct document_turns *turns,
                             const struct run *run, json_t **out, struct ode_err *err);

/* The run of this id with its spec and the artifacts that lie in run_dir. */
enum ode_status document_run_whole(struct store *store,
                                   const struct document_turns *turns,
                                   const struct run *run, const char *run_dir,
                                   json_t **out, struct ode_err *err);

/* The newest runs that the page asks for. */
enum ode_status document_runs(struct store *store, const struct document_turns *turns,
                              const struct backend_page *page, json_t **out,
                              struct ode_err *err);

/* Of one run, or (NULL) of all, those that have changed behind a version; api/backend.h
 * says the rest. */
enum ode_status document_changes(struct store *store, const struct document_turns *turns,
                                 const struct run *run, int64_t after, int limit,
                                 json_t **out, struct ode_err *err);

/* A job with its spec; ODE_ENOENT. */
enum ode_status document_job(struct store *store, const char *id, json_t **out,
                             struct ode_err *err);
enum ode_status document_jobs(struct store *store, const struct backend_page *page,
                              json_t **out, struct ode_err *err);

/* What happened behind the event `after`, in its order: to a run, or (NULL) to all. */
enum ode_status document_events(struct store *store, const struct run *run, int64_t after,
                                int limit, json_t **out, struct ode_err *err);

enum ode_status document_levels(struct store *store, const struct run *run, json_t **out,
                                struct ode_err *err);

enum ode_status document_metrics(struct store *store, const struct run *run,
                                 const struct backend_series *series, json_t **out,
                                 struct ode_err *err);

#endif
