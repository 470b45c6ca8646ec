/* client.c - HTTP by hand. */
#include "tests/api/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 10

static bool
patience_set(int fd)
{
    struct timeval patience = { .tv_sec = PATIENCE_S };

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0
           && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0;
}

int
client_connect_from(int number, int port)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)number);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)port);
    if (fd >= 0
        && (!patience_set(fd) || bind(fd, (struct sockaddr *)&from, sizeof from) != 0
            || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

int
client_connect(int port)
{
    return client_connect_from(1, port);
}

int
client_connect_local(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (fd >= 0
        && (!patience_set(fd) || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool
client_send(int fd, const void *data, size_t n)
{
    const char *from = data;

    while (n > 0) {
        ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        from += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool
client_print(int fd, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    bool sent;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return false;
    sent = client_send(fd, text, (size_t)n);
    free(text);
    return sent;
}

/* Byte by byte up to the empty line, so that nothing of the body is taken. */
static bool
head_read(int fd, struct client_answer *answer)
{
    size_t n = 0;

    while (n < sizeof answer->head - 1) {
        if (recv(fd, answer->head + n, 1, 0) != 1)
            return false;
        answer->head[++n] = '\0';
        if (n >= 4 && memcmp(answer->head + n - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static bool
body_read(int fd, size_t n, struct client_answer *answer)
{
    answer->body = malloc(n + 1);
    if (!answer->body)
        return false;
    while (answer->body_n < n) {
        ssize_t got = recv(fd, answer->body + answer->body_n, n - answer->body_n, 0);

        if (got <= 0)
            return false;
        answer->body_n += (size_t)got;
    }
    answer->body[n] = '\0';
    return true;
}

const char *
client_header(struct client_answer *answer, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = answer->head; (line = strstr(line, "\r\n"));) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            line += n + 1;
            line += strspn(line, " ");
            snprintf(answer->value, sizeof answer->value, "%.*s",
                     (int)strcspn(line, "\r"), line);
            return answer->value;
        }
    }
    return NULL;
}

int
client_read(int fd, bool head, struct client_answer *answer)
{
    const char *length;

    client_release(answer);
    if (!head_read(fd, answer)
        || sscanf(answer->head, "HTTP/1.%*d %d", &answer->status) != 1)
        return answer->status = 0;
    length = client_header(answer, "Content-Length");
    if (!head && length && answer->status != 304
        && !body_read(fd, strtoul(length, NULL, 10), answer))
        answer->status = 0;
    return answer->status;
}

int
client_exchange(int fd, const char *method, const char *target, const char *headers,
                const char *body, struct client_answer *answer)
{
    client_print(fd, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, target, headers);
    if (body)
        client_print(fd, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    else
        client_print(fd, "\r\n");
    return client_read(fd, strcmp(method, "HEAD") == 0, answer);
}

int
client_ask(int port, const char *method, const char *target, const char *headers,
           const char *body, struct client_answer *answer)
{
    int fd = client_connect(port);

    client_release(answer);
    if (fd < 0)
        return 0;
    client_exchange(fd, method, target, headers, body, answer);
    close(fd);
    return answer->status;
}

int
client_get(int port, const char *target, struct client_answer *answer)
{
    return client_ask(port, "GET", target, "", NULL, answer);
}

void
client_release(struct client_answer *answer)
{
    free(answer->body);
    memset(answer, 0, sizeof *answer);
}

bool
client_closed(int fd, int ms)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&wait, 1, ms) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}
