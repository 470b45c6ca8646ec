/* gauges.c - numbers for monitoring. */
#include "daemon/gauges.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "api/openmetrics.h"

enum { PATH_BYTES = 4096 };

/* --- runs -----------------------------------------------------------------------------
 */

/* How many there are of each state. */
static enum ode_status
count_runs(struct store *store, int64_t counts[RUN_STATES], struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(store, STORE_RUN_COUNTS, NULL, 0);
    enum run_state state;
    enum ode_status status;
    bool row;

    memset(counts, 0, RUN_STATES * sizeof *counts);
    while ((status = store_step(query, &row, err)) == ODE_OK && row)
        if (run_state_from_name(store_column_text(query, 0), &state))
            counts[state] = sqlite3_column_int64(query, 1);
    store_done(query);
    return status;
}

static void
write_runs(const int64_t counts[RUN_STATES], FILE *out)
{
    openmetrics_head(out, "odenet_runs", "gauge", "",
                     "Runs that are stored, by their state; the queue are those that are "
                     "queued.");
    for (int i = 0; i < RUN_STATES; i++)
        openmetrics_int(out, "odenet_runs", "state", run_state_name((enum run_state)i),
                        counts[i]);
}

static void
write_workers(const struct supervise *sup, FILE *out)
{
    const struct supervise_counts *counts = &sup->counts;

    openmetrics_gauge(out, "odenet_workers", "", sup->attempts_n,
                      "Worker processes that are followed.");
    openmetrics_counter(out, "odenet_worker_starts", "", (double)counts->starts,
                        "Workers that were started.");
    openmetrics_counter(out, "odenet_worker_retries", "", (double)counts->retries,
                        "Runs that were queued again as their worker was lost.");
    openmetrics_counter(out, "odenet_preemptions", "", (double)counts->preemptions,
                        "Runs that were told to make room for others.");
    openmetrics_counter(out, "odenet_journal_records", "", (double)sup->ingest.records,
                        "Records of workers' journals that were taken in.");
}

/* --- storage --------------------------------------------------------------------------
 */

/* 0 where there is no such file. */
static double
bytes_of(const struct supervise *sup, const char *name)
{
    char path[PATH_BYTES];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", sup->rules.state_dir, name);
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void
write_storage(const struct supervise *sup, FILE *out)
{
    struct statvfs disk;

    openmetrics_gauge(out, "odenet_database_bytes", "bytes", bytes_of(sup, "odenet.db"),
                      "Size of the database.");
    openmetrics_gauge(
        out, "odenet_database_wal_bytes", "bytes", bytes_of(sup, "odenet.db-wal"),
        "Size of its write-ahead log; it grows while a reader does not end.");
    openmetrics_gauge(out, "odenet_disk_floor_bytes", "bytes",
                      (double)sup->rules.disk_floor_bytes,
                      "What is to stay free; below it no run is started.");
    openmetrics_gauge(out, "odenet_disk_full", "", sup->full,
                      "1 while less than that is free.");
    if (statvfs(sup->rules.state_dir, &disk) != 0)
        return;
    openmetrics_gauge(out, "odenet_disk_free_bytes", "bytes",
                      (double)disk.f_bavail * (double)disk.f_frsize,
                      "Free on the file system of the state directory.");
    openmetrics_gauge(out, "odenet_disk_bytes", "bytes",
                      (double)disk.f_blocks * (double)disk.f_frsize, "Its size.");
}

/* --- the process ----------------------------------------------------------------------
 */

static double
seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + 1e-6 * (double)time->tv_usec;
}

static double
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Without the one that counts. */
static int
open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    int n = 0;

    while (dir && (entry = readdir(dir)))
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n > 0 ? n - 1 : 0;
}

static void
write_process(FILE *out)
{
    struct rusage usage;
    struct rlimit files;

    if (getrusage(RUSAGE_SELF, &usage) == 0)
        openmetrics_counter(out, "process_cpu_seconds", "seconds",
                            seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime),
                            "Processor time of the daemon, without its workers.");
    openmetrics_gauge(out, "process_resident_memory_bytes", "bytes", resident_bytes(),
                      "Resident memory of the daemon, without its workers.");
    openmetrics_gauge(out, "process_open_fds", "", open_files(), "Open descriptors.");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        openmetrics_gauge(out, "process_max_fds", "", (double)files.rlim_cur,
                          "Descriptors that may be open.");
}

enum ode_status
gauges_write(const struct supervise *sup, FILE *out, struct ode_err *err)
{
    int64_t counts[RUN_STATES];

    ODE_TRY(count_runs(sup->store, counts, err));
    write_runs(counts, out);
    write_workers(sup, out);
    write_storage(sup, out);
    write_process(out);
    openmetrics_head(out, "odenet_build", "info", "", "The program.");
    openmetrics_int(out, "odenet_build_info", "version", PACKAGE_VERSION, 1);
    return ODE_OK;
}
