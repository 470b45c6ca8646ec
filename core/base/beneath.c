/* beneath.c - openat2(), and a walk where there is none. */
#include "core/base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRIES = 16, PART = 256 };

#define FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Takes the result of an open(), and errno. */
static enum ode_status
finish(int file, const char *path, int *fd, size_t *bytes, struct ode_err *err)
{
    struct stat st;

    if (file < 0 && (errno == EXDEV || errno == ELOOP))
        return ode_fail(err, ODE_EIO, path, "this is a link to another place");
    if (file < 0)
        return ode_fail_errno(err,
                              errno == ENOENT || errno == ENOTDIR ? ODE_ENOENT : ODE_EIO,
                              path, "cannot open the file");
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(file);
        return ode_fail(err, ODE_EIO, path, "this is no regular file");
    }
    *fd = file;
    *bytes = (size_t)st.st_size;
    return ODE_OK;
}

static int
folder_open(const char *root)
{
    return open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* EAGAIN: something was renamed meanwhile, so that it could not be told where it lies. */
static int
file_openat2(int folder, const char *path)
{
    struct open_how how = { .flags = FLAGS,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long file = -1;

    for (int tries = 0; tries < TRIES; tries++) {
        file = syscall(SYS_openat2, folder, path, &how, sizeof how);
        if (file >= 0 || errno != EAGAIN)
            break;
    }
    return (int)file;
}

/* Opens the next part of *path, up to its slash, in the folder; takes the folder. */
static int
step(int folder, const char **path)
{
    size_t n = strcspn(*path, "/");
    bool last = !(*path)[n];
    char part[PART];
    int next = -1, why;

    errno = ENAMETOOLONG;
    if (n < sizeof part) {
        memcpy(part, *path, n);
        part[n] = '\0';
        errno = EXDEV;
        if (strcmp(part, "..") != 0)
            next = openat(folder, n ? part : ".",
                          O_NOFOLLOW | (last ? FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    why = errno;
    close(folder);
    errno = why;
    *path += n + !last;
    return next;
}

static int
file_walk(int folder, const char *path)
{
    int at = dup(folder);

    if (*path == '/' || !*path) {
        if (at >= 0)
            close(at);
        errno = *path ? EXDEV : ENOENT;
        return -1;
    }
    while (at >= 0 && *path)
        at = step(at, &path);
    return at;
}

static enum ode_status
open_by(int (*way)(int folder, const char *path), const char *root, const char *path,
        int *fd, size_t *bytes, struct ode_err *err)
{
    int folder = folder_open(root), file, why;

    if (folder < 0)
        return finish(folder, root, fd, bytes, err);
    file = way(folder, path);
    if (file < 0 && way == file_openat2 && (errno == ENOSYS || errno == EPERM))
        file = file_walk(folder, path);
    why = errno;
    close(folder);
    errno = why;
    return finish(file, path, fd, bytes, err);
}

enum ode_status
ode_beneath_open(const char *root, const char *path, int *fd, size_t *bytes,
                 struct ode_err *err)
{
    return open_by(file_openat2, root, path, fd, bytes, err);
}

enum ode_status
ode_beneath_walk(const char *root, const char *path, int *fd, size_t *bytes,
                 struct ode_err *err)
{
    return open_by(file_walk, root, path, fd, bytes, err);
}
