/*
 * server.h - a server that gives the answers of a list, one a connection, and keeps what
 * it was asked.
 */
#ifndef ODE_TESTS_CLIENT_SERVER_H
#define ODE_TESTS_CLIENT_SERVER_H

#include <sys/types.h>

struct server {
    pid_t pid;
    char url[160];  /* as --url takes it */
    char asked[96]; /* the file that requests are appended to */
};

/* The beginnings of answers; each ends with its connection. */
#define SERVER_ANSWER(status) "HTTP/1.1 " status "\r\nConnection: close\r\n"
#define SERVER_JSON(json) \
    SERVER_ANSWER("200 OK") "Content-Type: application/json\r\n\r\n" json
#define SERVER_PROBLEM(status, json) \
    SERVER_ANSWER(status) "Content-Type: application/problem+json\r\n\r\n" json
extern const char server_silence[]; /* the connection stays, and nothing comes */
#define SERVER_NONE ""              /* the connection ends without an answer */

/* Starts it, on a free port of loopback; path: on that Unix socket instead, or NULL. It
 * ends by itself after the last answer. The list ends with NULL. */
void server_start(struct server *server, const char *path, const char *const *answers);

/* Waits for its end, which comes when it was asked as often as it has answers; the
 * requests as text, static. */
const char *server_end(struct server *server);

/* Ends it now, although it may have answers left; the requests. */
const char *server_stop(struct server *server);

/* How often the text stands in another one. */
int server_count(const char *text, const char *part);

#define SERVER_START(server, ...) \
    server_start(server, NULL, (const char *const[]){ __VA_ARGS__, NULL })

#endif
