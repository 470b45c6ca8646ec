/* backups.c - a copy at a time, on a thread of its own. */
#include "daemon/backups.h"

#include <stdio.h>

#include "daemon/backup.h"
#include "daemon/files.h"
#include "daemon/stamp.h"

#define FIRST_TICKET (UINT64_C(1) << 62) /* plans count from 1 */

enum { PATH_BYTES = 4300 };

/* --- on request -----------------------------------------------------------------------
 */

static void
on_work(uv_work_t *work)
{
    struct backups *backups = work->data;

    backups->status = backup_make(backups->from, backups->to, false, &backups->stop,
                                  &backups->bytes, &backups->err);
}

static void
on_worked(uv_work_t *work, int code)
{
    struct backups *backups = work->data;

    (void)code;
    backups->running = false;
    if (backups->status == ODE_OK)
        log_event(backups->log, LOG_INFO, "backup", "made", log_text("file", backups->to),
                  log_int("bytes", backups->bytes));
    else
        log_failure(backups->log, LOG_ERROR, "backup", "copy the database",
                    &backups->err);
    if (backups->done && backups->awaited)
        backups->done(backups->done_context, backups->ticket);
    if (backups->closed)
        backups->closed(backups->closed_context);
}

/* odenet-20260301T093000.250Z.db */
static void
name_now(char *name, size_t size)
{
    char now[STAMP_BYTES];
    size_t n = 0;

    stamp_now(now);
    for (const char *c = now; *c; c++)
        if (*c != '-' && *c != ':')
            now[n++] = *c;
    now[n] = '\0';
    snprintf(name, size, "odenet-%s.db", now);
}

enum ode_status
backups_begin(struct backups *backups, uint64_t *ticket, struct ode_err *err)
{
    char folder[PATH_BYTES];

    if (backups->running || backups->awaited || backups->closed)
        return ode_fail(err, ODE_EIO, "", "a backup is being made already");
    snprintf(folder, sizeof folder, "%s/backups", backups->state_dir);
    ODE_TRY(files_make_dir(folder, err));
    name_now(backups->name, sizeof backups->name);
    snprintf(backups->from, sizeof backups->from, "%s/odenet.db", backups->state_dir);
    snprintf(backups->to, sizeof backups->to, "%s/backups/%s", backups->state_dir,
             backups->name);
    backups->work.data = backups;
    if (uv_queue_work(backups->loop, &backups->work, on_work, on_worked) != 0)
        return ode_fail(err, ODE_EIO, "", "no thread can be had for the backup");
    backups->running = backups->awaited = true;
    backups->ticket = backups->ticket ? backups->ticket + 1 : FIRST_TICKET;
    *ticket = backups->ticket;
    return ODE_OK;
}

enum ode_status
backups_take(struct backups *backups, uint64_t ticket, json_t **answer,
             struct ode_err *err)
{
    if (ticket != backups->ticket || !backups->awaited)
        return ode_fail(err, ODE_EINTERNAL, "", "nobody waits for this backup");
    if (backups->running)
        return ODE_OK;
    backups->awaited = false;
    if (backups->status != ODE_OK) {
        if (err)
            *err = backups->err;
        return backups->status;
    }
    *answer =
        json_pack("{ss sI}", "name", backups->name, "bytes", (json_int_t)backups->bytes);
    return *answer ? ODE_OK : ode_fail(err, ODE_ENOMEM, "", "no memory for the answer");
}

void
backups_drop(struct backups *backups, uint64_t ticket)
{
    if (ticket == backups->ticket)
        backups->awaited = false;
}

void
backups_stop(struct backups *backups, backups_closed_fn *closed, void *context)
{
    atomic_store(&backups->stop, true);
    backups->closed = closed;
    backups->closed_context = context;
    if (!backups->running)
        closed(context);
}
