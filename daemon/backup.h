/*
 * backup.h - copies of the database, made while it is used.
 *
 * A copy is a snapshot: what was committed when it began is in it, whoever writes
 * meanwhile, and nobody has to wait for it. It is a database of its own, without a log
 * beside it, checked, synced, and has its name only when all of that is done.
 */
#ifndef ODE_DAEMON_BACKUP_H
#define ODE_DAEMON_BACKUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/*
 * Copies the database `from` to the file `to`, with connections of its own: on any
 * thread, in any process. *bytes becomes its size. *stop (NULL: never) ends it early.
 * While it is made, and when it was killed, it is called TO.new.
 *
 * ODE_EEXIST if `to` is there already and is not to be replaced, ODE_ENOENT if `from` is
 * not, ODE_EFORMAT if the copy does not pass SQLite's integrity check, ODE_ESTATE when it
 * was stopped, else ODE_EIO; then `to` is as it was.
 */
enum ode_status backup_make(const char *from, const char *to, bool replace,
                            const atomic_bool *stop, int64_t *bytes, struct ode_err *err);

#endif
