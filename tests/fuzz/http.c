/*
 * http.c - fuzzes the server: an input is what a client sends on one connection.
 *
 * The real server, over the tests' fake backend, in this thread. The connection is a pair
 * of sockets that is handed to libmicrohttpd. When nothing more comes back the client
 * goes away and the server is closed, whatever still waits or streams then.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/request.h"
#include "tests/api/fake.h"
#include "tests/fuzz/fuzz.h"
#include "tests/test.h"

enum { INPUT_MOST = 100000, SILENT_TURNS = 8 };

/* As the other tests have it: where the fake keeps its log and its model. */
const char *
test_dir(void)
{
    return fuzz_folder();
}

/* The fake's assertions are Check's, which wants a runner around them: here they have
 * none.
 */
void(_mark_point)(const char *file, int line)
{
    (void)file, (void)line;
}

void
_ck_assert_failed(const char *file, int line, const char *expression, const char *message,
                  ...)
{
    (void)message;
    fuzz_fail(file, line, expression);
}

/* Something to be read behind /log and /artifacts. */
static void
files_make(const struct fake *fake)
{
    const char *const paths[] = { fake->log_path, fake->model_path };

    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(paths[i], "w");

        fuzz_require(file && fputs("one\ntwo\nthree\n", file) >= 0 && fclose(file) == 0);
    }
}

static int
connect_to(struct fake *fake)
{
    const struct sockaddr_in from = { .sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int end[2];

    fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, end)
                 == 0);
    fuzz_require(MHD_add_connection(fake->server.listener[0].http, end[1],
                                    (const struct sockaddr *)&from, sizeof from)
                 == MHD_YES);
    return end[0];
}

/* Reads what is there; false where nothing is, or no more will be. */
static bool
drain(int fd)
{
    char block[65536];

    return recv(fd, block, sizeof block, 0) > 0;
}

/* Sends, and runs the loop until the server has had nothing to say for some turns. */
static void
talk(struct fake *fake, int fd, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    int silent = 0;

    while (silent < SILENT_TURNS) {
        const ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
        const bool moved = sent < size && n > 0;

        sent += moved ? (size_t)n : 0;
        listener_kick(&fake->server.listener[0]);
        uv_run(&fake->loop, UV_RUN_NOWAIT);
        silent = drain(fd) || moved ? 0 : silent + 1;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct server_config config = { .max_body_bytes = 4096,
                                          .job_schema = "{}",
                                          .openapi = "{}" };
    struct fake fake;
    int fd;

    if (size > INPUT_MOST)
        return 0;
    fake_open_here(&fake, &config);
    files_make(&fake);
    fake_happen(&fake, 3);
    fd = connect_to(&fake);
    talk(&fake, fd, data, size);
    close(fd);
    fake_close_here(&fake);
    return 0;
}
