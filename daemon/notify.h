/*
 * notify.h - what a service tells its manager: sd_notify's protocol, without libsystemd.
 *
 * A message is one datagram of lines KEY=VALUE to the Unix socket that $NOTIFY_SOCKET
 * names. Without one, all of these do nothing.
 */
#ifndef ODE_DAEMON_NOTIFY_H
#define ODE_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/status.h"

enum { NOTIFY_BYTES = 512 /* of a message, at most */ };

/* Begins as zeros. */
struct notify {
    bool open;
    int fd;
    struct sockaddr_un address;
    socklen_t address_size;
    uint64_t watchdog_us; /* a sign of life is due at least so often; 0: none is wanted */
};

/*
 * Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and takes them out of the
 * environment, as they are not meant for workers. A watchdog that names another process
 * is not ours. ODE_EARG, and nobody will be told anything, if the socket's name is
 * neither a path nor an abstract one ("@name"); ODE_EIO.
 */
enum ode_status notify_open(struct notify *notify, struct ode_err *err);
void notify_close(struct notify *notify); /* safe on zeros and twice */

/* Sends a message; it waits for a second at most where the manager does not read. False
 * where it was not sent, with errno; true where nobody listens. */
bool notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* It reads its settings anew; READY=1 is to follow. */
bool notify_reloading(const struct notify *notify);

#endif
