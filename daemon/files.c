/* files.c - files and directories of the state directory. */
#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, DIRECTORIES_OPEN = 16 };

enum ode_status
files_make_dir(const char *path, struct ode_err *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return ode_fail_errno(err, ODE_EIO, path, "cannot make the directory");
    return ODE_OK;
}

static enum ode_status
sync_parent(const char *path, struct ode_err *err)
{
    char parent[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int fd, failed;

    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1,
             slash ? path : ".");
    fd = open(*parent ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    failed = fd < 0 || fsync(fd) != 0;
    if (fd >= 0)
        close(fd);
    return failed ? ode_fail_errno(err, ODE_EIO, parent, "cannot sync the directory")
                  : ODE_OK;
}

static int
write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);

        if (done < 0 && errno != EINTR)
            return -1;
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
    return fsync(fd);
}

enum ode_status
files_write(const char *path, const char *bytes, size_t n, struct ode_err *err)
{
    char temporary[PATH_BYTES];
    int fd, failed;

    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= PATH_BYTES)
        return ode_fail(err, ODE_EIO, path, "the path is too long");
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return ode_fail_errno(err, ODE_EIO, path, "cannot write");
    failed = write_all(fd, bytes, n) != 0;
    if (close(fd) != 0 || failed || rename(temporary, path) != 0) {
        enum ode_status status = ode_fail_errno(err, ODE_EIO, path, "cannot write");

        unlink(temporary);
        return status;
    }
    return sync_parent(path, err);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

enum ode_status
files_remove_tree(const char *path, struct ode_err *err)
{
    if (nftw(path, remove_one, DIRECTORIES_OPEN, FTW_DEPTH | FTW_PHYS) != 0
        && errno != ENOENT)
        return ode_fail_errno(err, ODE_EIO, path, "cannot remove the directory");
    return ODE_OK;
}

enum ode_status
files_open(const char *path, int *fd, size_t *bytes, struct ode_err *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (file < 0)
        return ode_fail_errno(err, errno == ENOENT ? ODE_ENOENT : ODE_EIO, path,
                              "cannot open the file");
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(file);
        return ode_fail(err, ODE_EIO, path, "this is no regular file");
    }
    *fd = file;
    *bytes = (size_t)st.st_size;
    return ODE_OK;
}
