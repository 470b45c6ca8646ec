/* backup.c - SQLite's backup, in slices. */
#include "daemon/backup.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"

enum { SLICE_PAGES = 256, BUSY_TIMEOUT_MS = 5000, PATH_BYTES = 4300 };

/* --- one copy -------------------------------------------------------------------------
 */

struct copy {
    sqlite3 *from, *to;
    const char *path; /* of the copy, as it is called at last */
    char temporary[PATH_BYTES];
};

static enum ode_status
fail_sql(sqlite3 *db, const struct copy *copy, const char *what, struct ode_err *err)
{
    return ode_fail(err, ODE_EIO, copy->path, "cannot %s: %s", what, sqlite3_errmsg(db));
}

static enum ode_status
open_both(struct copy *copy, const char *from, struct ode_err *err)
{
    struct stat st;

    if (stat(from, &st) != 0)
        return ode_fail_errno(err, errno == ENOENT ? ODE_ENOENT : ODE_EIO, from,
                              "cannot find the database");
    if (sqlite3_open_v2(from, &copy->from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return fail_sql(copy->from, copy, "open the database", err);
    sqlite3_busy_timeout(copy->from, BUSY_TIMEOUT_MS);
    if (unlink(copy->temporary) != 0 && errno != ENOENT)
        return ode_fail_errno(err, ODE_EIO, copy->temporary,
                              "cannot remove what a backup before has left");
    if (sqlite3_open_v2(copy->temporary, &copy->to,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL)
        != SQLITE_OK)
        return fail_sql(copy->to, copy, "make the copy", err);
    return ODE_OK;
}

/* The transaction keeps the snapshot while others write; without one each of their writes
 * would have the copying begin anew. */
static enum ode_status
copy_pages(struct copy *copy, const atomic_bool *stop, struct ode_err *err)
{
    sqlite3_backup *backup;
    int code = sqlite3_exec(copy->from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL,
                            NULL, NULL);

    if (code != SQLITE_OK)
        return fail_sql(copy->from, copy, "read the database", err);
    backup = sqlite3_backup_init(copy->to, "main", copy->from, "main");
    if (!backup)
        return fail_sql(copy->to, copy, "begin the copy", err);
    do
        code = sqlite3_backup_step(backup, SLICE_PAGES);
    while (code == SQLITE_OK && !(stop && atomic_load(stop)));
    sqlite3_backup_finish(backup);
    if (code == SQLITE_OK)
        return ode_fail(err, ODE_ESTATE, copy->path, "the backup was stopped");
    if (code != SQLITE_DONE)
        return ode_fail(err, ODE_EIO, copy->path, "cannot copy the database: %s",
                        sqlite3_errstr(code));
    return ODE_OK;
}

static enum ode_status
check(struct copy *copy, struct ode_err *err)
{
    sqlite3_stmt *query = NULL;
    enum ode_status status = ODE_OK;
    const char *said = "";

    if (sqlite3_exec(copy->to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL)
            != SQLITE_OK
        || sqlite3_prepare_v2(copy->to, "PRAGMA integrity_check(1)", -1, &query, NULL)
               != SQLITE_OK)
        return fail_sql(copy->to, copy, "check the copy", err);
    if (sqlite3_step(query) == SQLITE_ROW)
        said = (const char *)sqlite3_column_text(query, 0);
    if (!said || strcmp(said, "ok") != 0)
        status = ode_fail(err, ODE_EFORMAT, copy->path,
                          "the copy is damaged, and so the database may be: %.100s",
                          said ? said : "");
    sqlite3_finalize(query);
    return status;
}

static enum ode_status
fill(struct copy *copy, const char *from, const atomic_bool *stop, struct ode_err *err)
{
    enum ode_status status = open_both(copy, from, err);

    if (status == ODE_OK)
        status = copy_pages(copy, stop, err);
    if (status == ODE_OK)
        status = check(copy, err);
    sqlite3_close(copy->from);
    sqlite3_close(copy->to);
    return status;
}

static enum ode_status
check_target(const char *from, const char *to, bool replace, struct ode_err *err)
{
    struct stat here, there;

    if (stat(to, &there) != 0)
        return ODE_OK;
    if (!replace)
        return ode_fail(err, ODE_EEXIST, to, "the file is there already; name another");
    if (stat(from, &here) == 0 && here.st_dev == there.st_dev
        && here.st_ino == there.st_ino)
        return ode_fail(err, ODE_EEXIST, to, "this is the database itself");
    return ODE_OK;
}

enum ode_status
backup_make(const char *from, const char *to, bool replace, const atomic_bool *stop,
            int64_t *bytes, struct ode_err *err)
{
    struct copy copy = { .path = to };
    enum ode_status status;
    struct stat st;

    ODE_TRY(check_target(from, to, replace, err));
    if ((size_t)snprintf(copy.temporary, sizeof copy.temporary, "%s.new", to)
        >= sizeof copy.temporary)
        return ode_fail(err, ODE_EIO, to, "the path is too long");
    status = fill(&copy, from, stop, err);
    if (status == ODE_OK)
        status = ode_file_place(copy.temporary, to, err);
    if (status != ODE_OK) {
        unlink(copy.temporary);
        return status;
    }
    *bytes = stat(to, &st) == 0 ? st.st_size : 0;
    return ODE_OK;
}
