/* server.c - tests api/server.c: opening, limits, time, closing. */
#include "api/server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static double
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void
open_fails(const char *address, int port, enum ode_status expected, const char *text)
{
    struct server_config config = { .listen = address, .port = port };
    struct ode_err err = { 0 };
    struct server server;
    uv_loop_t loop;

    uv_loop_init(&loop);
    ck_assert_int_eq(server_open(&server, &loop, &config, NULL, &err), expected);
    ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
    ck_assert_int_eq(uv_loop_close(&loop), 0); /* nothing was left in it */
}

START_TEST(beyond_loopback_tokens_and_tls_are_wanted)
{
    open_fails("0.0.0.0", 0, ODE_EARG, "loopback");
    open_fails("::", 0, ODE_EARG, "loopback");
    open_fails("192.168.1.1", 0, ODE_EARG, "loopback");
    open_fails("example.com", 0, ODE_EARG, "no address");
    open_fails("127.0.0.1:80", 0, ODE_EARG, "no address");
    open_fails("127.0.0.1", 65536, ODE_EARG, "65536");
}
END_TEST

START_TEST(a_taken_port_is_named)
{
    struct fake fake;
    char port[16];

    fake_open(&fake, NULL);
    snprintf(port, sizeof port, "port %d", fake_port(&fake));
    open_fails("127.0.0.1", fake_port(&fake), ODE_EIO, port);
    fake_close(&fake);
}
END_TEST

START_TEST(a_connection_is_kept)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = client_connect(fake_port(&fake));
    for (int i = 0; i < 200; i++) {
        client_print(fd, "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n");
        ck_assert_int_eq(client_read(fd, false, &answer), 200);
        ck_assert_str_eq(answer.body, "{\"version\":\"unknown\",\"api\":1}");
    }
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(requests_may_be_sent_ahead)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = client_connect(fake_port(&fake));
    for (int i = 0; i < 20; i++)
        client_print(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(client_read(fd, false, &answer), 200);
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

/* Fills the server with clients that say this and then nothing; a newcomer must be served
 * once they have timed out. */
static void
recovers_from(const char *words)
{
    struct server_config config = { .connections = 8, .idle_s = 1 };
    struct client_answer answer = { 0 };
    double begin;
    struct fake fake;
    int fd[8];

    fake_open(&fake, &config);
    for (int i = 0; i < 8; i++) {
        fd[i] = client_connect(fake_port(&fake));
        ck_assert_int_ge(fd[i], 0);
        client_send(fd[i], words, strlen(words));
    }
    begin = now_s();
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    ck_assert_double_lt(now_s() - begin, 5);
    for (int i = 0; i < 8; i++)
        close(fd[i]);
    client_release(&answer);
    fake_close(&fake);
}

START_TEST(silent_clients_do_not_wedge_it)
{
    recovers_from("");
}
END_TEST

START_TEST(half_sent_requests_do_not_wedge_it)
{
    recovers_from("GET /livez HTTP/1.1\r\nHost: loc");
}
END_TEST

START_TEST(kept_connections_do_not_wedge_it)
{
    recovers_from("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
END_TEST

START_TEST(worker_processes_inherit_no_connection)
{
    struct client_answer answer = { 0 };
    struct stat st;
    struct fake fake;
    int fd, sockets = 0;

    fake_open(&fake, NULL);
    fd = client_connect(fake_port(&fake));
    client_print(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    for (int i = 3; i < 256; i++) {
        if (fstat(i, &st) != 0 || !S_ISSOCK(st.st_mode))
            continue;
        sockets++;
        ck_assert_msg(fcntl(i, F_GETFD) & FD_CLOEXEC, "descriptor %d", i);
    }
    ck_assert_int_ge(sockets, 3); /* the listener, and both ends of the connection */
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(clients_that_stop_reading_do_not_stop_others)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    FILE *file;
    int fd;

    fake_open(&fake, NULL);
    file = fopen(fake.model_path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), 64 << 20), 0);
    ck_assert_int_eq(fclose(file), 0);
    fd = client_connect(fake_port(&fake));
    client_print(fd, "GET /v1/runs/" FAKE_RUN "/artifacts/model.safetensors HTTP/1.1\r\n"
                     "Host: localhost\r\n\r\n");
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    ck_assert_uint_eq(answer.body_n, 64 << 20);
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(clients_that_leave_in_the_middle_do_no_harm)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    FILE *file;

    fake_open(&fake, NULL);
    file = fopen(fake.model_path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), 64 << 20), 0);
    ck_assert_int_eq(fclose(file), 0);
    for (int i = 0; i < 20; i++) {
        int fd = client_connect(fake_port(&fake));

        client_print(fd,
                     "GET /v1/runs/" FAKE_RUN "/artifacts/model.safetensors HTTP/1.1\r\n"
                     "Host: localhost\r\n\r\n");
        ck_assert_int_eq((int)read(fd, answer.head, 15), 15);
        close(fd); /* with the rest unread: a reset */
    }
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(noise_does_no_harm)
{
    static const char *const noise[] = { "\r\n\r\n\r\n",
                                         "\x16\x03\x01\x02",
                                         "GET\r\n\r\n",
                                         "GET / HTTP/9.9\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
                                         "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                                         "Content-Length: -5\r\n\r\n",
                                         "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\nzz\r\n" };
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        int fd = client_connect(fake_port(&fake));

        client_send(fd, noise[i], strlen(noise[i]));
        client_closed(fd, 50);
        close(fd);
        ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(closing_lets_a_download_end)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    FILE *file;
    int fd;

    fake_open(&fake, NULL);
    file = fopen(fake.model_path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), 32 << 20), 0);
    ck_assert_int_eq(fclose(file), 0);
    fd = client_connect(fake_port(&fake));
    client_print(fd, "GET /v1/runs/" FAKE_RUN "/artifacts/model.safetensors HTTP/1.1\r\n"
                     "Host: localhost\r\n\r\n");
    ck_assert_int_eq((int)recv(fd, answer.head, 1, MSG_PEEK), 1); /* it has begun */
    fake_stop(&fake);
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    ck_assert_uint_eq(answer.body_n, 32 << 20);
    ck_assert(client_closed(fd, 5000));
    close(fd);
    fake_close(&fake);
    client_release(&answer);
}
END_TEST

START_TEST(closing_does_not_wait_for_ever)
{
    double begin = now_s();
    struct fake fake;
    int idle, half;

    fake_open(&fake, NULL);
    idle = client_connect(fake_port(&fake));
    half = client_connect(fake_port(&fake));
    client_print(half, "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
    fake_close(&fake);
    ck_assert_double_lt(now_s() - begin, 8);
    ck_assert(client_closed(idle, 1000));
    ck_assert(client_closed(half, 1000));
    ck_assert_int_lt(client_connect(fake_port(&fake)), 0);
    close(idle);
    close(half);
}
END_TEST

TEST_SUITE(api_server, 60, beyond_loopback_tokens_and_tls_are_wanted,
           a_taken_port_is_named, a_connection_is_kept, requests_may_be_sent_ahead,
           silent_clients_do_not_wedge_it, half_sent_requests_do_not_wedge_it,
           kept_connections_do_not_wedge_it, worker_processes_inherit_no_connection,
           clients_that_stop_reading_do_not_stop_others,
           clients_that_leave_in_the_middle_do_no_harm, noise_does_no_harm,
           closing_lets_a_download_end, closing_does_not_wait_for_ever)
