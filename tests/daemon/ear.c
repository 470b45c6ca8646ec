/* ear.c - listens to what a service says. */
#include "tests/daemon/ear.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/store.h"
#include "tests/test.h"

enum { DEADLINE_MS = 30000 };

void
ear_open(struct ear *ear, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path)
                                       + strlen(name) + (name[0] == '/'));

    strcpy(address.sun_path, name);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    ear->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(ear->fd, 0);
    ck_assert_int_eq(bind(ear->fd, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void
ear_open_anywhere(struct ear *ear)
{
    char path[108];

    snprintf(path, sizeof path, "%.90s/notify", test_dir());
    ear_open(ear, path);
}

void
ear_close(struct ear *ear)
{
    close(ear->fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

bool
ear_hears(struct ear *ear, long ms)
{
    struct pollfd ready = { .fd = ear->fd, .events = POLLIN };
    ssize_t n;

    if (poll(&ready, 1, (int)ms) != 1)
        return false;
    n = recv(ear->fd, ear->heard, sizeof ear->heard - 1, 0);
    ck_assert_int_gt(n, 0);
    ear->heard[n] = '\0';
    return true;
}

void
ear_await(struct ear *ear, const char *part)
{
    const int64_t until = store_now_ms() + DEADLINE_MS;

    do
        ck_assert_msg(ear_hears(ear, DEADLINE_MS) && store_now_ms() < until,
                      "\"%s\" was not said", part);
    while (!strstr(ear->heard, part));
}

void
ear_await_silence(struct ear *ear, long ms)
{
    const int64_t until = store_now_ms() + DEADLINE_MS;

    while (ear_hears(ear, ms))
        ck_assert_int_lt(store_now_ms(), until);
}
