/* file.c - whole files, read and written. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- reading -------------------------------------------------------------------- */

/* Exactly size bytes; false with errno set, 0 where the file ended early. */
static bool
read_all(int fd, char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, data + done, size - done);

        if (n == 0)
            errno = 0;
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static enum ode_status
read_open(int fd, const char *path, size_t limit, void **data, size_t *size,
          struct ode_err *err)
{
    struct stat st;
    size_t n;
    char *bytes;

    if (fstat(fd, &st) != 0)
        return ode_fail_errno(err, ODE_EIO, path, "cannot look at the file");
    if (!S_ISREG(st.st_mode))
        return ode_fail(err, ODE_EIO, path, "is not a regular file");
    if ((uintmax_t)st.st_size > limit)
        return ode_fail(err, ODE_EFORMAT, path, "has %ju bytes; at most %zu may be",
                        (uintmax_t)st.st_size, limit);
    n = (size_t)st.st_size;
    bytes = n < SIZE_MAX ? malloc(n + 1) : NULL;
    if (!bytes)
        return ode_fail(err, ODE_ENOMEM, path, "no memory to read %zu bytes", n);
    if (!read_all(fd, bytes, n)) {
        free(bytes);
        return errno ? ode_fail_errno(err, ODE_EIO, path, "cannot read the file")
                     : ode_fail(err, ODE_EIO, path, "became shorter while it was read");
    }
    bytes[n] = '\0';
    *data = bytes;
    *size = n;
    return ODE_OK;
}

enum ode_status
ode_file_read(const char *path, size_t limit, void **data, size_t *size,
              struct ode_err *err)
{
    /* Not to hang on a pipe that nobody writes to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum ode_status status;

    if (fd < 0)
        return ode_fail_errno(err, errno == ENOENT ? ODE_ENOENT : ODE_EIO, path,
                              "cannot open the file");
    status = read_open(fd, path, limit, data, size, err);
    close(fd);
    return status;
}

/* --- writing -------------------------------------------------------------------- */

static int
write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno != EINTR)
            return -1;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Makes the file with these contents, safely on disk. */
static int
write_synced(const char *path, const struct iovec *piece, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int failed = fd < 0, saved;

    for (size_t i = 0; i < n && !failed; i++)
        failed = write_all(fd, piece[i].iov_base, piece[i].iov_len);
    failed = failed || fsync(fd) != 0;
    saved = errno;
    if (fd >= 0 && close(fd) != 0 && !failed)
        return -1;
    errno = saved;
    return failed ? -1 : 0;
}

static int
sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    int fd, failed, saved;

    if (slash) /* the length was checked by the caller */
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path),
                 path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    failed = fsync(fd);
    saved = errno;
    close(fd);
    errno = saved;
    return failed;
}

enum ode_status
ode_file_write_atomic(const char *path, const struct iovec *piece, size_t n,
                      struct ode_err *err)
{
    char temporary[PATH_MAX];
    struct stat st;
    int saved;

    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
        return ode_fail(err, ODE_EIO, path, "the path has more than %d bytes",
                        PATH_MAX - 5);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* a device would be replaced */
        return ode_fail(err, ODE_EIO, path, "this is not a plain file; name another");
    if (write_synced(temporary, piece, n) != 0 || rename(temporary, path) != 0) {
        saved = errno;
        unlink(temporary);
        errno = saved;
        return ode_fail_errno(err, ODE_EIO, path, "cannot write the file");
    }
    if (sync_folder(path) != 0)
        return ode_fail_errno(err, ODE_EIO, path,
                              "cannot make the file's place in its folder permanent");
    return ODE_OK;
}

static int
sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), failed, saved;

    if (fd < 0)
        return -1;
    failed = fsync(fd);
    saved = errno;
    close(fd);
    errno = saved;
    return failed;
}

enum ode_status
ode_file_place(const char *finished, const char *path, struct ode_err *err)
{
    if (strlen(path) >= PATH_MAX)
        return ode_fail(err, ODE_EIO, path, "the path has more than %d bytes",
                        PATH_MAX - 1);
    if (sync_file(finished) != 0 || rename(finished, path) != 0)
        return ode_fail_errno(err, ODE_EIO, path, "cannot write the file");
    if (sync_folder(path) != 0)
        return ode_fail_errno(err, ODE_EIO, path,
                              "cannot make the file's place in its folder permanent");
    return ODE_OK;
}
