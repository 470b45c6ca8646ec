/* socket.c - TCP and Unix sockets that listen. */
#include "api/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 256

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* --- TCP ------------------------------------------------------------------------------
 */

static enum ode_status
address_parse(const char *text, int port, union address *address, socklen_t *size,
              struct ode_err *err)
{
    memset(address, 0, sizeof *address);
    if (port < 0 || port > 65535)
        return ode_fail(err, ODE_EARG, NULL, "port %d is not from 0 to 65535", port);
    if (strcmp(text, "localhost") == 0)
        text = "127.0.0.1";
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        *size = sizeof address->v6;
        return ODE_OK;
    }
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) != 1)
        return ode_fail(err, ODE_EARG, NULL,
                        "cannot listen on \"%.64s\": this is no address, such as "
                        "127.0.0.1, ::1 or 0.0.0.0",
                        text);
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)port);
    *size = sizeof address->v4;
    return ODE_OK;
}

static bool
is_loopback_v4(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

bool
socket_is_address(const char *address)
{
    union address where;
    socklen_t size;

    return address_parse(address, 0, &where, &size, NULL) == ODE_OK;
}

bool
socket_is_public(const char *address)
{
    union address where;
    socklen_t size;

    if (address_parse(address, 0, &where, &size, NULL) != ODE_OK)
        return false;
    return where.any.sa_family == AF_INET ? !is_loopback_v4(where.v4.sin_addr)
                                          : !IN6_IS_ADDR_LOOPBACK(&where.v6.sin6_addr);
}

static bool
tcp_listen(int fd, const union address *address, socklen_t size)
{
    int one = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0
           && bind(fd, &address->any, size) == 0 && listen(fd, BACKLOG) == 0;
}

enum ode_status
socket_tcp(const char *address, int port, int *fd, struct ode_err *err)
{
    union address where;
    socklen_t size = 0;
    int made;

    ODE_TRY(address_parse(address, port, &where, &size, err));
    made = socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0)
        return ode_fail_errno(err, ODE_EIO, NULL, "cannot make a socket");
    if (!tcp_listen(made, &where, size)) {
        ode_fail_errno(err, ODE_EIO, NULL, "cannot listen on %.64s port %d", address,
                       port);
        close(made);
        return ODE_EIO;
    }
    *fd = made;
    return ODE_OK;
}

/* --- Unix sockets ---------------------------------------------------------------------
 */

static int
local_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Removes a socket that nobody listens on; any other file is left to make bind() fail. */
static enum ode_status
leftover_remove(const union address *address, struct ode_err *err)
{
    const char *path = address->local.sun_path;
    struct stat st;
    int fd, refused;

    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return ODE_OK;
    fd = local_socket();
    if (fd < 0)
        return ode_fail_errno(err, ODE_EIO, NULL, "cannot make a socket");
    refused =
        connect(fd, &address->any, sizeof address->local) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!refused)
        return ode_fail(err, ODE_EBUSY, path, "another program listens on this socket");
    if (unlink(path) != 0 && errno != ENOENT)
        return ode_fail_errno(err, ODE_EIO, path, "cannot remove the old socket");
    return ODE_OK;
}

/* Nobody may connect before the permissions are what they shall be. */
static bool
local_listen(int fd, const union address *address, mode_t mode, gid_t group)
{
    const char *path = address->local.sun_path;
    mode_t mask = umask(0177);
    int bound = bind(fd, &address->any, sizeof address->local);

    umask(mask);
    if (bound != 0)
        return false;
    if ((group == (gid_t)-1 || chown(path, (uid_t)-1, group) == 0)
        && chmod(path, mode) == 0 && listen(fd, BACKLOG) == 0)
        return true;
    bound = errno;
    unlink(path);
    errno = bound;
    return false;
}

enum ode_status
socket_unix(const char *path, mode_t mode, gid_t group, int *fd, struct ode_err *err)
{
    union address where = { .local = { .sun_family = AF_UNIX } };
    int made;

    if (strlen(path) >= sizeof where.local.sun_path)
        return ode_fail(err, ODE_EARG, path,
                        "the path of a socket can have at most %zu bytes",
                        sizeof where.local.sun_path - 1);
    strcpy(where.local.sun_path, path);
    ODE_TRY(leftover_remove(&where, err));
    made = local_socket();
    if (made < 0)
        return ode_fail_errno(err, ODE_EIO, NULL, "cannot make a socket");
    if (!local_listen(made, &where, mode, group)) {
        ode_fail_errno(err, ODE_EIO, path, "cannot listen on this socket");
        close(made);
        return ODE_EIO;
    }
    *fd = made;
    return ODE_OK;
}

/* --- any ------------------------------------------------------------------------------
 */

static void
place_of_v4(const union address *address, struct socket_place *place)
{
    char text[INET_ADDRSTRLEN];

    place->port = ntohs(address->v4.sin_port);
    place->loopback = is_loopback_v4(address->v4.sin_addr);
    inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof text);
    snprintf(place->name, sizeof place->name, "%s:%d", text, place->port);
}

static void
place_of_v6(const union address *address, struct socket_place *place)
{
    char text[INET6_ADDRSTRLEN];

    place->port = ntohs(address->v6.sin6_port);
    place->loopback = IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof text);
    snprintf(place->name, sizeof place->name, "[%s]:%d", text, place->port);
}

static void
place_of_local(const union address *address, socklen_t size, struct socket_place *place)
{
    size_t n = size - offsetof(struct sockaddr_un, sun_path);
    const char *path = address->local.sun_path;

    place->local = place->loopback = true;
    if (size <= offsetof(struct sockaddr_un, sun_path))
        n = 0;
    snprintf(place->name, sizeof place->name, "unix:%s%.*s", n && !*path ? "@" : "",
             (int)(n && !*path ? n - 1 : n), n && !*path ? path + 1 : path);
}

static bool
is_listening(int fd)
{
    int type = 0, listens = 0;
    socklen_t a = sizeof type, b = sizeof listens;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &a) == 0 && type == SOCK_STREAM
           && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &b) == 0 && listens;
}

enum ode_status
socket_look(int fd, struct socket_place *place, struct ode_err *err)
{
    union address address;
    struct socket_place found = { 0 };
    socklen_t size = sizeof address;

    memset(&address, 0, sizeof address);
    if (!is_listening(fd) || getsockname(fd, &address.any, &size) != 0)
        return ode_fail(err, ODE_EARG, NULL,
                        "descriptor %d is no stream socket that listens", fd);
    switch (address.any.sa_family) {
    case AF_INET:
        place_of_v4(&address, &found);
        break;
    case AF_INET6:
        place_of_v6(&address, &found);
        break;
    case AF_UNIX:
        place_of_local(&address, size, &found);
        break;
    default:
        return ode_fail(err, ODE_EARG, NULL,
                        "descriptor %d is neither a TCP nor a Unix socket", fd);
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0
        || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return ode_fail_errno(err, ODE_EIO, NULL, "cannot use descriptor %d", fd);
    *place = found;
    return ODE_OK;
}
