/*
 * client.h - a small HTTP client on raw sockets, for tests: it sends exactly what it is
 * told, and waits ten seconds at most for anything.
 */
#ifndef ODE_TESTS_API_CLIENT_H
#define ODE_TESTS_API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client_answer {
    int status;      /* 0: the connection ended, or nothing came in time */
    char head[8192]; /* status line and headers, lines ended by \r\n */
    char *body;      /* owned, a NUL behind it; NULL: none */
    size_t body_n;
    char value[512]; /* what client_header() returned last */
};

/* A connection to 127.0.0.1, from it or from another address of loopback (its last
 * number); or to a Unix socket. -1 where that fails. */
int client_connect(int port);
int client_connect_from(int number, int port);
int client_connect_local(const char *path);

/* False once the other side is gone. */
bool client_send(int fd, const void *data, size_t n);
bool client_print(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads one answer, of a HEAD request (no body) or another. Any earlier body in *answer
 * is freed; it begins as zeros. Returns the status. */
int client_read(int fd, bool head, struct client_answer *answer);

/* One request on its own connection, with `Host: localhost`, these further header lines
 * (each with \r\n, or "") and this body (NULL: none, else with Content-Length). */
int client_ask(int port, const char *method, const char *target, const char *headers,
               const char *body, struct client_answer *answer);

/* The same on a connection that is there and stays. */
int client_exchange(int fd, const char *method, const char *target, const char *headers,
                    const char *body, struct client_answer *answer);

int client_get(int port, const char *target, struct client_answer *answer);

/* The value of a header of the answer, or NULL. Valid until the next call. */
const char *client_header(struct client_answer *answer, const char *name);

void client_release(struct client_answer *answer);

/* Whether the other side closes within so many milliseconds. */
bool client_closed(int fd, int ms);

#endif
