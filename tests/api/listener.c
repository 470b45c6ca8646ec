/* listener.c - tests api/listener.c: several sockets, and those that outlive a server. */
#include "api/listener.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define RUN "/v1/runs/" FAKE_RUN

static double
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void
socket_path(char path[64])
{
    snprintf(path, 64, "%.50s/socket", test_dir());
}

/* A socket that listens, on a free port, as systemd would hold it. */
static int
held_socket(int *port)
{
    struct socket_place place;
    struct ode_err err;
    int fd;

    test_ok(socket_tcp("127.0.0.1", 0, &fd, &err), &err);
    test_ok(socket_look(fd, &place, &err), &err);
    *port = place.port;
    return fd;
}

static void
open_on(struct fake *fake, int held)
{
    const int fd = dup(held);
    struct server_config config = { .sockets = &fd, .socket_n = 1 };

    ck_assert_int_ge(fd, 0);
    fake_open(fake, &config);
}

START_TEST(a_port_and_a_socket_are_served_at_once)
{
    char path[64];
    struct server_config config = { .socket = path };
    struct client_answer answer = { 0 };
    struct fake fake;
    int local, remote;

    socket_path(path);
    fake_open(&fake, &config);
    local = client_connect_local(path);
    remote = client_connect(fake_port(&fake));
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(client_exchange(local, "GET", RUN, "", NULL, &answer), 200);
        ck_assert_int_eq(client_exchange(remote, "GET", RUN, "", NULL, &answer), 200);
    }
    close(local);
    close(remote);
    client_release(&answer);
    fake_close(&fake);
    ck_assert_int_ne(access(path, F_OK), 0); /* the file goes with the server */
}
END_TEST

START_TEST(clients_of_each_wait_and_are_woken)
{
    char path[64];
    struct server_config config = { .socket = path };
    struct client_answer answer = { 0 };
    double begin = now_s();
    struct fake fake;
    int fd[2];

    socket_path(path);
    fake_open(&fake, &config);
    fd[0] = client_connect_local(path);
    fd[1] = client_connect(fake_port(&fake));
    for (int i = 0; i < 2; i++)
        client_print(fd[i], "GET " RUN "?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    fake_await_gets(&fake, 2);
    fake_change(&fake, "succeeded");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(client_read(fd[i], false, &answer), 200);
        ck_assert_ptr_nonnull(strstr(answer.body, "succeeded"));
        close(fd[i]);
    }
    ck_assert_double_lt(now_s() - begin, 5);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_full_port_leaves_the_socket_free)
{
    char path[64];
    struct server_config config = { .socket = path, .connections = 4 };
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd[4], local;

    socket_path(path);
    fake_open(&fake, &config);
    for (int i = 0; i < 4; i++) { /* busy, so none of them can make room */
        fd[i] = client_connect(fake_port(&fake));
        client_print(fd[i], "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: 9\r\n\r\n{");
    }
    local = client_connect_local(path);
    ck_assert_int_eq(client_exchange(local, "GET", "/livez", "", NULL, &answer), 200);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    close(local);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_held_socket_loses_no_request_between_two_servers)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int port, held = held_socket(&port), early, late;

    early = client_connect(port); /* before there is any server */
    client_print(early, "GET " RUN " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        open_on(&fake, held);
        ck_assert_int_eq(client_read(early, false, &answer), 200);
        close(early);
        late = client_connect(port);
        ck_assert_int_eq(client_exchange(late, "GET", RUN, "", NULL, &answer), 200);
        close(late);
        fake_close(&fake);
        early = client_connect(port); /* its queue goes on without a server */
        ck_assert_int_ge(early, 0);
        client_print(early, "GET " RUN " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    close(early);
    close(held);
    client_release(&answer);
}
END_TEST

START_TEST(who_connected_before_the_end_is_answered)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int port, held = held_socket(&port), asked, fd;

    open_on(&fake, held);
    fd = client_connect(port);
    asked = client_connect(port);
    ck_assert_int_eq(client_exchange(asked, "GET", "/livez", "", NULL, &answer), 200);
    fake_stop(&fake); /* the first was accepted with the second, and has not asked yet */
    ck_assert(!client_closed(fd, 100));
    ck_assert_int_eq(client_exchange(fd, "GET", RUN, "", NULL, &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Connection"), "close");
    fake_close(&fake);
    close(fd);
    close(asked);
    close(held);
    client_release(&answer);
}
END_TEST

START_TEST(what_was_handed_over_is_closed_where_it_cannot_be_used)
{
    static const char *const token_files[] = { NULL, "/nowhere/tokens" };
    struct server server;
    struct ode_err err;
    uv_loop_t loop;

    uv_loop_init(&loop);
    for (size_t i = 0; i < sizeof token_files / sizeof *token_files; i++) {
        int port, pair[2], held = held_socket(&port);

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        ck_assert_int_ne(server_open(&server, &loop,
                                     &(struct server_config){
                                         .sockets = (int[]){held, pair[0], pair[1]},
                                         .socket_n = 3,
                                         .token_file = token_files[i]
        },
                                     NULL, &err),
                         ODE_OK);
        ck_assert_int_eq(fcntl(held, F_GETFD), -1);
        ck_assert_int_eq(fcntl(pair[0], F_GETFD), -1);
        ck_assert_int_eq(fcntl(pair[1], F_GETFD), -1);
    }
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

TEST_SUITE(api_listener, 60, a_port_and_a_socket_are_served_at_once,
           clients_of_each_wait_and_are_woken, a_full_port_leaves_the_socket_free,
           a_held_socket_loses_no_request_between_two_servers,
           who_connected_before_the_end_is_answered,
           what_was_handed_over_is_closed_where_it_cannot_be_used)
