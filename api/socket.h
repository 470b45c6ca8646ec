/*
 * socket.h - listening sockets: made here, or by somebody else, as systemd.
 */
#ifndef ODE_API_SOCKET_H
#define ODE_API_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/status.h"

/* Where a listening socket is. */
struct socket_place {
    bool local;     /* a Unix socket                                 */
    bool loopback;  /* nobody but this machine can reach it          */
    int port;       /* of TCP                                        */
    char name[160]; /* for people: "127.0.0.1:7433", "unix:/run/ode" */
};

/* Whether this is an address to listen on; and whether it is one that others than this
 * machine may reach. */
bool socket_is_address(const char *address);
bool socket_is_public(const char *address);

/* Listens on an address of this machine: IPv4, IPv6, or "localhost". *fd is the caller's
 * to close. ODE_EARG, ODE_EIO. */
enum ode_status socket_tcp(const char *address, int port, int *fd, struct ode_err *err);

/*
 * Listens on a Unix socket, with these permissions and, if not (gid_t)-1, this group. A
 * socket that nobody listens on any more is replaced. *fd is the caller's to close, the
 * file to remove. ODE_EARG for a path that is too long, ODE_EBUSY where somebody listens,
 * ODE_EIO.
 */
enum ode_status socket_unix(const char *path, mode_t mode, gid_t group, int *fd,
                            struct ode_err *err);

/* What a descriptor listens on; makes it close-on-exec and non-blocking. ODE_EARG for one
 * that is no listening stream socket of these families. */
enum ode_status socket_look(int fd, struct socket_place *place, struct ode_err *err);

#endif
