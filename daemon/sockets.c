/* sockets.c - $LISTEN_FDS. */
#include "daemon/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3 };

/* A positive number, or 0. */
static long
number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    long number;

    if (!text)
        return 0;
    errno = 0;
    number = strtol(text, &end, 10);
    return end == text || *end || errno || number < 0 ? 0 : number;
}

/* The nth of the names between colons. */
static void
name_of(size_t n, char *name, size_t size)
{
    const char *names = getenv("LISTEN_FDNAMES");

    for (; names && n > 0; n--) {
        names = strchr(names, ':');
        names = names ? names + 1 : NULL;
    }
    snprintf(name, size, "%.*s", names ? (int)strcspn(names, ":") : 0,
             names ? names : "");
}

static enum ode_status
take(struct sockets *found, long n, struct ode_err *err)
{
    char name[64];

    if (n > SOCKETS_MOST)
        return ode_fail(err, ODE_EARG, "LISTEN_FDS", "%ld sockets are more than %d", n,
                        SOCKETS_MOST);
    for (found->n = 0; found->n < (size_t)n; found->n++) {
        found->fd[found->n] = FIRST + (int)found->n;
        name_of(found->n, name, sizeof name);
        if (fcntl(found->fd[found->n], F_SETFD, FD_CLOEXEC) != 0)
            return ode_fail_errno(err, ODE_EARG, "LISTEN_FDS",
                                  "there is no descriptor %d (\"%s\")",
                                  found->fd[found->n], name);
    }
    return ODE_OK;
}

enum ode_status
sockets_take(struct sockets *sockets, struct ode_err *err)
{
    struct sockets found = { .n = 0 };
    enum ode_status status = ODE_OK;

    if (number_of("LISTEN_PID") == (long)getpid())
        status = take(&found, number_of("LISTEN_FDS"), err);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (status == ODE_OK)
        *sockets = found;
    return status;
}
