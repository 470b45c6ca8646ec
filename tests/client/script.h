/*
 * script.h - a server that gives the answers of a list, one a connection, and keeps what
 * it was asked.
 */
#ifndef ODE_TESTS_CLIENT_SCRIPT_H
#define ODE_TESTS_CLIENT_SCRIPT_H

#include <sys/types.h>

struct script {
    pid_t pid;
    char url[160];  /* as --url takes it */
    char asked[96]; /* the file that requests are appended to */
};

/* The beginnings of answers; each ends with its connection. */
#define SCRIPT_ANSWER(status) "HTTP/1.1 " status "\r\nConnection: close\r\n"
#define SCRIPT_JSON(json) \
    SCRIPT_ANSWER("200 OK") "Content-Type: application/json\r\n\r\n" json
#define SCRIPT_PROBLEM(status, json) \
    SCRIPT_ANSWER(status) "Content-Type: application/problem+json\r\n\r\n" json
extern const char script_silence[]; /* the connection stays, and nothing comes */
#define SCRIPT_NONE ""              /* the connection ends without an answer */

/* Starts it, on a free port of loopback; path: on that Unix socket instead, or NULL. It
 * ends by itself after the last answer. The list ends with NULL. */
void script_start(struct script *server, const char *path, const char *const *answers);

/* Waits for its end, which comes when it was asked as often as it has answers; the
 * requests as text, static. */
const char *script_end(struct script *server);

/* Ends it now, although it may have answers left; the requests. */
const char *script_stop(struct script *server);

/* How often the text stands in another one. */
int script_count(const char *text, const char *part);

#define SCRIPT_START(server, ...) \
    script_start(server, NULL, (const char *const[]){ __VA_ARGS__, NULL })

#endif
