/* files.c - files and directories of the state directory. */
#include "daemon/files.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DIRECTORIES_OPEN = 16 };

enum ode_status
files_make_dir(const char *path, struct ode_err *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return ode_fail_errno(err, ODE_EIO, path, "cannot make the directory");
    return ODE_OK;
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
