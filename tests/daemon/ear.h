/*
 * ear.h - a service manager that only listens: the other end of $NOTIFY_SOCKET.
 */
#ifndef ODE_TESTS_DAEMON_EAR_H
#define ODE_TESTS_DAEMON_EAR_H

#include <stdbool.h>

struct ear {
    int fd;
    char heard[1024]; /* the newest message */
};

/* Listens at this name, "/path" or "@abstract", and puts it into the environment. */
void ear_open(struct ear *ear, const char *name);
/* At a fresh path. */
void ear_open_anywhere(struct ear *ear);
void ear_close(struct ear *ear);

/* The next message, if one comes within so many milliseconds. */
bool ear_hears(struct ear *ear, long ms);

/* Until a message has this in it; fails the test where none comes. */
void ear_await(struct ear *ear, const char *part);

/* Until nothing is said for so long; fails the test where that never is. */
void ear_await_silence(struct ear *ear, long ms);

#endif
