/*
 * files.h - files and directories of the state directory.
 */
#ifndef ODE_DAEMON_FILES_H
#define ODE_DAEMON_FILES_H

#include <stddef.h>

#include "core/base/status.h"

/* Makes the directory if it is not there; its parent must be. */
enum ode_status files_make_dir(const char *path, struct ode_err *err);

/* Removes a directory and all in it. Links are removed, not followed. */
enum ode_status files_remove_tree(const char *path, struct ode_err *err);

#endif
