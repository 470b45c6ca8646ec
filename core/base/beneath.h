/*
 * beneath.h - files below a folder, and never elsewhere.
 *
 * For files that others write, or whose names others say: no "..", no symbolic link, and
 * nobody who swaps one for a folder meanwhile, leads out of the folder. A link that stays
 * inside is followed where the system can tell (openat2), else refused.
 */
#ifndef ODE_CORE_BASE_BENEATH_H
#define ODE_CORE_BASE_BENEATH_H

#include <stddef.h>

#include "core/base/status.h"

/*
 * Opens for reading a regular file at `path` below the folder `root`, which itself may be
 * reached by links. *fd is the caller's to close. ODE_ENOENT if there is none, ODE_EIO
 * for what is no regular file, cannot be read, or lies elsewhere.
 */
enum ode_status ode_beneath_open(const char *root, const char *path, int *fd,
                                 size_t *bytes, struct ode_err *err);

/* The same where the system has no openat2: part by part, without any link. */
enum ode_status ode_beneath_walk(const char *root, const char *path, int *fd,
                                 size_t *bytes, struct ode_err *err);

#endif
