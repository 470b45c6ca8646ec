/* script.c - a server that gives the answers of a list. */
#include "tests/client/script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

const char script_silence[] = "";

static int
listen_tcp(struct script *server)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static int
listen_unix(struct script *server, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    snprintf(server->url, sizeof server->url, "unix:%s", path);
    return fd;
}

/* Whether the request is there with its whole body. */
static bool
is_whole(const char *request, size_t n)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\nContent-Length:");

    if (!end)
        return false;
    return !length || n >= (size_t)(end + 4 - request) + strtoul(length + 17, NULL, 10);
}

static void
serve_one(int fd, int asked, const char *answer)
{
    char request[65536];
    size_t n = 0;
    ssize_t got;

    request[0] = '\0';
    while (!is_whole(request, n) && n + 1 < sizeof request
           && (got = read(fd, request + n, sizeof request - 1 - n)) > 0) {
        n += (size_t)got;
        request[n] = '\0';
    }
    if (write(asked, request, n) != (ssize_t)n)
        _exit(1);
    while (answer == script_silence)
        pause();
    if (write(fd, answer, strlen(answer)) != (ssize_t)strlen(answer))
        _exit(1);
    close(fd);
}

void
script_start(struct script *server, const char *path, const char *const *answers)
{
    const int fd = path ? listen_unix(server, path) : listen_tcp(server);
    int asked;

    snprintf(server->asked, sizeof server->asked, "%s/asked", test_dir());
    asked = open(server->asked, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(asked, 0);
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0) {
        for (; *answers; answers++)
            serve_one(accept(fd, NULL, NULL), asked, *answers);
        _exit(0);
    }
    close(fd);
    close(asked);
}

static const char *
requests_read(const struct script *server)
{
    static char text[1 << 17];
    FILE *file = fopen(server->asked, "r");

    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

const char *
script_end(struct script *server)
{
    int status;

    ck_assert_int_eq(waitpid(server->pid, &status, 0), server->pid);
    ck_assert_int_eq(status, 0);
    return requests_read(server);
}

const char *
script_stop(struct script *server)
{
    kill(server->pid, SIGKILL);
    ck_assert_int_eq(waitpid(server->pid, NULL, 0), server->pid);
    return requests_read(server);
}

int
script_count(const char *text, const char *part)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}
