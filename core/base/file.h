/*
 * file.h - whole files: read at once, or written so that a crash leaves the old or the
 * new one, never half of one.
 */
#ifndef ODE_CORE_BASE_FILE_H
#define ODE_CORE_BASE_FILE_H

#include <stddef.h>
#include <sys/uio.h>

#include "core/base/status.h"

/*
 * Reads all of a regular file. *data is the caller's to free(); a zero byte follows the
 * *size bytes. ODE_ENOENT if there is none, ODE_EFORMAT if it is longer than limit,
 * ODE_EIO otherwise.
 */
enum ode_status ode_file_read(const char *path, size_t limit, void **data, size_t *size,
                              struct ode_err *err);

/*
 * Writes n pieces, one after the other, to PATH.tmp, syncs it, renames it to path, and
 * syncs the directory: on success the file is there and stays. On ODE_EIO PATH.tmp is
 * gone and path as it was before, but for the case that only the directory could not be
 * synced. A process killed midway leaves PATH.tmp behind, which the next write of the
 * same path replaces. A path has one writer at a time.
 */
enum ode_status ode_file_write_atomic(const char *path, const struct iovec *piece,
                                      size_t n, struct ode_err *err);

/* Gives a finished file its place: syncs it, renames it to path, and syncs the directory.
 * ODE_EIO, and both are as they were, but for the same case. */
enum ode_status ode_file_place(const char *finished, const char *path,
                               struct ode_err *err);

#endif
