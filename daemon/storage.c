/* storage.c - free space, weights, and checkpoints that are not needed any more. */
#include "daemon/storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/run.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

enum { PATH_BYTES = 4200, TIDY_MOST = 16 };

int64_t
storage_free(const char *dir)
{
    struct statvfs disk;

    if (statvfs(dir, &disk) != 0)
        return INT64_MAX;
    return (int64_t)((uint64_t)disk.f_bavail * disk.f_frsize);
}

bool
storage_full(int64_t free, int64_t floor, bool was_full)
{
    return floor > 0 && (free < floor || (was_full && free - floor < floor / 4));
}

/* --- a run's directory ----------------------------------------------------------------
 */

static int64_t
weigh_files(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int64_t bytes = 0;
    struct stat st;

    while (dir && (entry = readdir(dir)))
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode))
            bytes += st.st_size;
    if (dir)
        closedir(dir);
    return bytes;
}

int64_t
storage_weigh(const char *run_dir)
{
    char checkpoints[PATH_BYTES];

    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", run_dir);
    return weigh_files(run_dir) + weigh_files(checkpoints);
}

/* Whether this is a checkpoint within a level. */
static bool
is_passing(const char *name)
{
    static const char end[] = ".safetensors";
    const size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0 && !strstr(name, "-end.");
}

int
storage_trim(const char *run_dir)
{
    char checkpoints[PATH_BYTES];
    const struct dirent *entry;
    int gone = 0;
    DIR *dir;

    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", run_dir);
    dir = opendir(checkpoints);
    while (dir && (entry = readdir(dir)))
        if (is_passing(entry->d_name))
            gone += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
    if (dir)
        closedir(dir);
    return gone;
}

/* --- all of them ----------------------------------------------------------------------
 */

static enum ode_status
weigh_all(struct store *store, int64_t *bytes, struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(store, STORE_RUN_BYTES, NULL, 0);
    bool row = false;
    enum ode_status status = store_step(query, &row, err);

    if (status == ODE_OK)
        *bytes = row ? sqlite3_column_int64(query, 0) : 0;
    store_done(query);
    return status;
}

static enum ode_status
keep_trimmed(struct store *store, struct run *run, int gone, int64_t freed,
             int64_t now_ms, struct ode_err *err)
{
    char text[128];

    ODE_TRY(run_save(store, run, err));
    if (gone == 0)
        return ODE_OK;
    snprintf(text, sizeof text,
             "%d checkpoints of %.1f MiB were deleted, as it has ended", gone,
             (double)freed / 1048576);
    return run_event(store, run->number, now_ms, "storage", text, NULL, err);
}

/* Trims a run that has ended; *freed: bytes that this gave back. */
static enum ode_status
trim(struct store *store, const char *state_dir, struct run *run, int64_t now_ms,
     int64_t *freed, struct ode_err *err)
{
    const int64_t before = run->bytes;
    char dir[PATH_BYTES - 64];
    int gone;

    snprintf(dir, sizeof dir, "%s/runs/%s", state_dir, run->id);
    gone = storage_trim(dir);
    run->bytes = storage_weigh(dir);
    run->tidied_ms = now_ms > run->finished_ms ? now_ms : run->finished_ms;
    *freed = before > run->bytes ? before - run->bytes : 0;
    ODE_TRY(store_begin(store, err));
    return store_end(store, keep_trimmed(store, run, gone, *freed, now_ms, err), err);
}

enum ode_status
storage_tidy(struct store *store, const char *state_dir, const struct storage_keep *keep,
             int64_t now_ms, struct ode_err *err)
{
    int64_t all = 0, freed = 0;

    if (keep->bytes)
        ODE_TRY(weigh_all(store, &all, err));
    for (int i = 0; i < TIDY_MOST; i++, all -= freed) {
        const bool heavy = keep->bytes && all > keep->bytes;
        const int64_t until = heavy        ? INT64_MAX
                              : keep->days ? now_ms - keep->days * DAY_MS
                                           : 0;
        struct run run;
        bool found;

        ODE_TRY(run_first(store_query(store, STORE_RUN_UNTIDY, store_int(until)), &run,
                          &found, err));
        if (!found)
            return ODE_OK;
        ODE_TRY(trim(store, state_dir, &run, now_ms, &freed, err));
    }
    return ODE_OK;
}
