/*
 * sockets.h - listening sockets that were opened before this process was: systemd holds
 * them, so that no request is lost while no daemon runs.
 */
#ifndef ODE_DAEMON_SOCKETS_H
#define ODE_DAEMON_SOCKETS_H

#include <stddef.h>

#include "core/base/status.h"

enum { SOCKETS_MOST = 15 };

struct sockets {
    int fd[SOCKETS_MOST]; /* the caller's to close */
    size_t n;
};

/*
 * Takes those that $LISTEN_FDS tells of, if $LISTEN_PID is this process; else none. The
 * variables are taken out of the environment: they are not for workers. ODE_EARG names
 * a descriptor (as $LISTEN_FDNAMES calls it) that is not there.
 */
enum ode_status sockets_take(struct sockets *sockets, struct ode_err *err);

#endif
