/* remove.c - deletes jobs. */
#include "daemon/remove.h"

#include "daemon/files.h"
#include "daemon/ulid.h"

enum { PATH_BYTES = 4096 };

static enum ode_status
check_exists(struct store *store, const char *id, struct ode_err *err)
{
    sqlite3_stmt *query = store_query(store, STORE_JOB_GET, store_text(id));
    bool found = false;
    enum ode_status status = store_step(query, &found, err);

    store_done(query);
    if (status == ODE_OK && !found)
        return ode_fail(err, ODE_ENOENT, "", "there is no job %s", id);
    return status;
}

/* The next run of the job behind *run. */
static enum ode_status
next_run(struct store *store, const char *job, struct run *run, bool *found,
         struct ode_err *err)
{
    return run_first(store_query(store, STORE_RUN_OF_JOB_NEXT, store_text(job),
                                 store_int(run->number)),
                     run, found, err);
}

static enum ode_status
check_ended(struct store *store, const char *id, struct ode_err *err)
{
    struct run run = { .number = 0 };
    bool found = true;

    while (found) {
        ODE_TRY(next_run(store, id, &run, &found, err));
        if (found && !run_state_final(run_state_of(&run)))
            return ode_fail(err, ODE_ESTATE, "",
                            "run %s is %s; cancel it, and delete the job when it has "
                            "ended",
                            run.id, run.state);
    }
    return ODE_OK;
}

static enum ode_status
remove_rows(struct store *store, const char *id, struct ode_err *err)
{
    ODE_TRY(check_exists(store, id, err));
    ODE_TRY(check_ended(store, id, err));
    ODE_TRY(store_exec(store, STORE_RUN_DELETE, err, store_text(id)));
    return store_exec(store, STORE_JOB_DELETE, err, store_text(id));
}

/* Whatever stands in the directories of runs that no row tells of any more. */
static void
remove_directories(struct supervise *sup, char (*ids)[ULID_LENGTH + 1], size_t n)
{
    char path[PATH_BYTES];
    struct ode_err err;

    for (size_t i = 0; i < n; i++)
        if (supervise_path(sup, ids[i], "", path, sizeof path)
            && files_remove_tree(path, &err) != ODE_OK)
            log_failure(sup->log, LOG_WARN, "remove", "remove a directory", &err);
}

enum ode_status
remove_job(struct supervise *sup, const char *id, struct ode_err *err)
{
    enum { RUNS = 64 }; /* directories of more are collected at the next start */
    char ids[RUNS][ULID_LENGTH + 1];
    struct run run = { .number = 0 };
    enum ode_status status;
    bool found = true;
    size_t n = 0;

    ODE_TRY(store_begin(sup->store, err));
    while ((status = next_run(sup->store, id, &run, &found, err)) == ODE_OK && found
           && n < RUNS)
        run_text(ids[n++], sizeof *ids, run.id);
    if (status == ODE_OK)
        status = remove_rows(sup->store, id, err);
    ODE_TRY(store_end(sup->store, status, err));
    remove_directories(sup, ids, n);
    log_event(sup->log, LOG_INFO, "remove", "deleted", log_text("job", id),
              log_int("runs", (int64_t)n));
    return ODE_OK;
}
