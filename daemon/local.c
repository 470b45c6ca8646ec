/* local.c - the launcher of workers on this machine: a process and a locked file each. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/launch.h"

enum { PATH_BYTES = 4096, LOCK_FD = 3, ARGUMENTS = 20 };

static bool
path_in(const char *dir, const char *name, char path[PATH_BYTES])
{
    return snprintf(path, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES;
}

/* *fd: the lock file, locked. ODE_EBUSY if somebody else holds it. The descriptor is not
 * inherited by chance: a lock lives as long as any copy of it. */
static enum ode_status
take_lock(const char *run_dir, int *fd, struct ode_err *err)
{
    char path[PATH_BYTES];
    int file;

    if (!path_in(run_dir, "worker.lock", path))
        return ode_fail(err, ODE_EIO, run_dir, "the path is too long");
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return ode_fail_errno(err, ODE_EIO, path, "cannot open the worker's lock");
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        enum ode_status status =
            errno == EWOULDBLOCK
                ? ode_fail(err, ODE_EBUSY, path, "the run has a worker already")
                : ode_fail_errno(err, ODE_EIO, path, "cannot lock");

        close(file);
        return status;
    }
    *fd = file;
    return ODE_OK;
}

static void
on_exit_of(uv_process_t *process, int64_t code, int signal)
{
    struct worker *worker = process->data;

    worker->running = false;
    worker->ended(worker->context, (int)code, signal);
}

/* Behind the last of the arguments. */
static void
add_flag(const char *arguments[ARGUMENTS], const char *flag, const char *value)
{
    int n = 0;

    while (arguments[n])
        n++;
    assert(n + 2 < ARGUMENTS);
    arguments[n] = flag;
    arguments[n + 1] = value;
}

/* The worker gets a session of its own, so that the end of the daemon or its terminal is
 * none of its business; descriptor 3 is the locked file. */
static int
spawn(struct worker *worker, uv_loop_t *loop, const struct launch_plan *plan, int log,
      int lock)
{
    char spec[PATH_BYTES], threads[16], cache_mib[24];
    const char *arguments[ARGUMENTS] = { "odenet",      "train",     spec,    "--run-dir",
                                         plan->run_dir, "--threads", threads, "--lock-fd",
                                         "3",           "--resume" };
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {  .flags = UV_INHERIT_FD,    .data.fd = log },
        { .flags = UV_INHERIT_FD,    .data.fd = log },
        { .flags = UV_INHERIT_FD,   .data.fd = lock },
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = plan->program,
        .args = (char **)(uintptr_t)arguments,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = LOCK_FD + 1,
        .stdio = stdio,
    };

    if (!path_in(plan->run_dir, "spec.json", spec))
        return UV_ENAMETOOLONG;
    snprintf(threads, sizeof threads, "%d", plan->threads);
    snprintf(cache_mib, sizeof cache_mib, "%lld", (long long)plan->cache_mib);
    if (*plan->data_dir)
        add_flag(arguments, "--data-dir", plan->data_dir);
    if (*plan->cache) {
        add_flag(arguments, "--cache", plan->cache);
        add_flag(arguments, "--cache-mib", cache_mib);
    }
    worker->process.data = worker;
    worker->open = true; /* also a handle that failed to start wants closing */
    return uv_spawn(loop, &worker->process, &options);
}

static enum ode_status
local_start(struct worker *worker, uv_loop_t *loop, const struct launch_plan *plan,
            struct ode_err *err)
{
    enum ode_status status = ODE_OK;
    char path[PATH_BYTES];
    int lock, log, code;

    ODE_TRY(take_lock(plan->run_dir, &lock, err));
    path_in(plan->run_dir, "worker.log", path);
    log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (log < 0) {
        status = ode_fail_errno(err, ODE_EIO, path, "cannot open the worker's log");
        close(lock);
        return status;
    }
    code = spawn(worker, loop, plan, log, lock);
    if (code == 0) {
        worker->pid = worker->process.pid;
        worker->running = true;
    } else {
        status =
            ode_fail(err, ODE_EIO, plan->program, "cannot start the worker %.120s: %s",
                     plan->program, uv_strerror(code));
    }
    close(log);
    close(lock);
    return status;
}

static enum ode_status
local_alive(const char *run_dir, bool *alive, struct ode_err *err)
{
    struct ode_err why;
    enum ode_status status;
    int fd;

    status = take_lock(run_dir, &fd, &why);
    if (status == ODE_OK)
        close(fd);
    if (status != ODE_OK && status != ODE_EBUSY) {
        if (err)
            *err = why;
        return status;
    }
    *alive = status == ODE_EBUSY;
    return ODE_OK;
}

/* --- signals ------------------------------------------------------------------------ */

/* Whether the process has this file open: then it is a worker of the run, and not another
 * program that has been given its number since. */
static bool
holds(pid_t pid, const struct stat *lock)
{
    char path[300];
    bool found = false;
    struct dirent *entry;
    struct stat st;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    while (!found && dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, entry->d_name);
        found = stat(path, &st) == 0 && st.st_dev == lock->st_dev
                && st.st_ino == lock->st_ino;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* A worker that has not said hello yet is looked for among all processes. */
static pid_t
find_holder(const struct stat *lock)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (!found && dir && (entry = readdir(dir))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 1 && pid != getpid() && holds(pid, lock))
            found = pid;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* To the worker's group, or to itself where somebody had started it by hand. */
static bool
send_signal(pid_t pid, int signal)
{
    if (getpgid(pid) == pid)
        return kill(-pid, signal) == 0;
    return kill(pid, signal) == 0;
}

static bool
local_signal(struct worker *worker, const char *run_dir, pid_t pid, int signal)
{
    char path[PATH_BYTES];
    struct stat lock;

    if (worker->pid) /* not waited for yet, so the number is still its own */
        return worker->running && send_signal(worker->pid, signal);
    if (!path_in(run_dir, "worker.lock", path) || stat(path, &lock) != 0)
        return false;
    if (pid < 2 || pid == getpid() || !holds(pid, &lock))
        pid = find_holder(&lock);
    return pid > 1 && send_signal(pid, signal);
}

static void
on_close(uv_handle_t *handle)
{
    struct worker *worker = handle->data;

    worker->open = false;
    worker->closed(worker->context);
}

static void
local_close(struct worker *worker)
{
    if (worker->open)
        uv_close((uv_handle_t *)&worker->process, on_close);
    else
        worker->closed(worker->context);
}

const struct launch_ops launch_local_ops = {
    .name = "local",
    .start = local_start,
    .alive = local_alive,
    .signal = local_signal,
    .close = local_close,
};
