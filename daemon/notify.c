/* notify.c - datagrams to the service manager. */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum ode_status
read_address(struct notify *notify, const char *name, struct ode_err *err)
{
    const size_t n = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || n < 2
        || n >= sizeof notify->address.sun_path)
        return ode_fail(err, ODE_EARG, "$NOTIFY_SOCKET",
                        "%.100s is neither the path of a socket nor @name", name);
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, n + 1);
    notify->address_size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
    if (name[0] == '@') /* an abstract name begins with NUL, and ends without one */
        notify->address.sun_path[0] = '\0';
    return ODE_OK;
}

static enum ode_status
open_socket(struct notify *notify, struct ode_err *err)
{
    const struct timeval patience = { .tv_sec = 1 };
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return ode_fail_errno(err, ODE_EIO, "$NOTIFY_SOCKET", "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    notify->fd = fd;
    notify->open = true;
    return ODE_OK;
}

/* Microseconds; 0 if nothing is wanted, of this process. */
static uint64_t
read_watchdog(const char *period, const char *process)
{
    char *end;
    unsigned long long us;

    if (!period || *period < '0' || *period > '9')
        return 0;
    if (process && strtoll(process, NULL, 10) != (long long)getpid())
        return 0;
    errno = 0;
    us = strtoull(period, &end, 10);
    return *end || errno ? 0 : us;
}

enum ode_status
notify_open(struct notify *notify, struct ode_err *err)
{
    struct notify fresh = { 0 };
    const char *name = getenv("NOTIFY_SOCKET");
    enum ode_status status = ODE_OK;

    if (name && *name) {
        fresh.watchdog_us =
            read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
        status = read_address(&fresh, name, err);
        if (status == ODE_OK)
            status = open_socket(&fresh, err);
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    *notify = status == ODE_OK ? fresh : (struct notify){ 0 };
    return status;
}

void
notify_close(struct notify *notify)
{
    if (notify->open)
        close(notify->fd);
    *notify = (struct notify){ 0 };
}

bool
notify_send(const struct notify *notify, const char *format, ...)
{
    char text[NOTIFY_BYTES];
    va_list args;
    int n;

    if (!notify->open)
        return true;
    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) {
        errno = EMSGSIZE;
        return false;
    }
    return sendto(notify->fd, text, (size_t)n, MSG_NOSIGNAL,
                  (const struct sockaddr *)&notify->address, notify->address_size)
           == n;
}

bool
notify_reloading(const struct notify *notify)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
                       (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}
