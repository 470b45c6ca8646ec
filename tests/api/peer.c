/* peer.c - tests api/peer.c: slow and idle clients, and many of them. */
#include "api/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define HALF "GET /livez HTTP/1.1\r\nHost: loc"

static double
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Five hundred clients that are half open; a newcomer does not wait for any of them. */
static void
storm(struct server_config *config, const char *words)
{
    struct client_answer answer = { 0 };
    double begin;
    struct fake fake;
    int fd[500];

    fake_open(&fake, config);
    for (int i = 0; i < 500; i++) {
        fd[i] = client_connect_from(2 + i % 200, fake_port(&fake));
        ck_assert_int_ge(fd[i], 0);
        client_send(fd[i], words, strlen(words)); /* some were closed already */
        if (i % 50 != 49)
            continue;
        begin = now_s();
        ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
        ck_assert_double_lt(now_s() - begin, 2);
    }
    for (int i = 0; i < 500; i++)
        close(fd[i]);
    client_release(&answer);
    fake_close(&fake);
}

START_TEST(five_hundred_silent_clients_keep_nobody_out)
{
    struct server_config config = { .connections = 64 };

    storm(&config, "");
}
END_TEST

START_TEST(five_hundred_half_requests_keep_nobody_out)
{
    struct server_config config = { .connections = 64 };

    storm(&config, HALF);
}
END_TEST

START_TEST(five_hundred_kept_connections_keep_nobody_out)
{
    struct server_config config = { .connections = 64, .peer_connections = 8 };

    storm(&config, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
END_TEST

START_TEST(a_header_that_drips_is_cut_off)
{
    struct server_config config = { .head_s = 1 };
    double begin = now_s();
    struct fake fake;
    int fd, sent = 0;

    fake_open(&fake, &config);
    fd = client_connect(fake_port(&fake));
    client_print(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    while (!client_closed(fd, 50) && now_s() - begin < 20) {
        client_send(fd, "x", 1); /* never silent, and never done */
        sent++;
    }
    ck_assert_int_gt(sent, 10);
    ck_assert_double_gt(now_s() - begin, 0.9);
    ck_assert_double_lt(now_s() - begin, 10);
    close(fd);
    fake_close(&fake);
}
END_TEST

START_TEST(a_body_may_drip_for_longer)
{
    struct server_config config = { .head_s = 1, .idle_s = 2 };
    static const char body[] =
        "{\"name\": \"slow\"                                     }";
    struct client_answer answer = { 0 };
    double begin = now_s();
    struct fake fake;
    int fd;

    fake_open(&fake, &config);
    fd = client_connect(fake_port(&fake));
    client_print(fd,
                 "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                 "application/json\r\nContent-Length: %zu\r\n\r\n",
                 sizeof body - 1);
    for (size_t i = 0; i < sizeof body - 1; i++) {
        ck_assert(client_send(fd, body + i, 1));
        usleep(50000); /* each well within the limit of silence */
    }
    ck_assert_int_eq(client_read(fd, false, &answer), 201);
    ck_assert_double_gt(now_s() - begin, 2); /* longer than a header, or silence, may */
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_body_that_stops_is_given_up)
{
    struct server_config config = { .idle_s = 1 };
    struct fake fake;
    int fd;

    fake_open(&fake, &config);
    fd = client_connect(fake_port(&fake));
    client_print(fd, "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                     "application/json\r\nContent-Length: 99\r\n\r\n{");
    ck_assert(client_closed(fd, 8000));
    close(fd);
    fake_close(&fake);
}
END_TEST

/* Makes n connections from one address that are in the middle of a request. */
static void
occupy(int number, int port, int *fd, int n)
{
    for (int i = 0; i < n; i++) {
        fd[i] = client_connect_from(number, port);
        client_print(fd[i], "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: 9\r\n\r\n{");
        ck_assert(!client_closed(fd[i], 20));
    }
}

START_TEST(an_address_has_its_share)
{
    struct server_config config = { .peer_connections = 4 };
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd[4], more, other;

    fake_open(&fake, &config);
    occupy(2, fake_port(&fake), fd, 4);
    more = client_connect_from(2, fake_port(&fake));
    ck_assert(client_closed(more, 5000)); /* none of the four is idle */
    other = client_connect_from(3, fake_port(&fake));
    ck_assert_int_eq(client_exchange(other, "GET", "/livez", "", NULL, &answer), 200);
    client_print(fd[0], "\"a\":1}  ");
    ck_assert_int_eq(client_read(fd[0], false, &answer), 422);
    do { /* takes the place of the first, as soon as that is idle */
        close(more);
        more = client_connect_from(2, fake_port(&fake));
    } while (client_exchange(more, "GET", "/livez", "", NULL, &answer) != 200);
    ck_assert(client_closed(fd[0], 5000));
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    close(more);
    close(other);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_user_has_a_share_too)
{
    char path[64];
    struct server_config config = { .peer_connections = 2, .socket = path };
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd[2], more;

    snprintf(path, sizeof path, "%.50s/socket", test_dir());
    fake_open(&fake, &config);
    for (int i = 0; i < 2; i++) {
        fd[i] = client_connect_local(path);
        client_print(fd[i], "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: 9\r\n\r\n{");
        ck_assert(!client_closed(fd[i], 50));
    }
    more = client_connect_local(path);
    ck_assert(client_closed(more, 5000));
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    for (int i = 0; i < 2; i++)
        close(fd[i]);
    close(more);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(two_hundred_users_of_the_socket_keep_nobody_out)
{
    char path[64];
    struct server_config config = { .socket = path };
    struct client_answer answer = { 0 };
    double begin;
    struct fake fake;
    int fd[200], local;

    snprintf(path, sizeof path, "%.50s/socket", test_dir());
    fake_open(&fake, &config);
    for (int i = 0; i < 200; i++) { /* more than three times its room */
        fd[i] = client_connect_local(path);
        ck_assert_int_ge(fd[i], 0);
        client_send(fd[i], HALF, i % 2 ? strlen(HALF) : 0);
        if (i % 40 != 39)
            continue;
        begin = now_s();
        local = client_connect_local(path);
        ck_assert_int_eq(client_exchange(local, "GET", "/livez", "", NULL, &answer), 200);
        ck_assert_double_lt(now_s() - begin, 2);
        close(local);
    }
    for (int i = 0; i < 200; i++)
        close(fd[i]);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(an_address_is_a_peer_and_of_ipv6_its_network)
{
    static const struct {
        const char *address, *name;
    } peers[] = {
        {"10.1.2.3",              "10.1.2.3"         },
        { "::ffff:10.1.2.3",      "10.1.2.3"         },
        { "::1",                  "::1"              },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        { "2001:db8:1:2:ffff::",  "2001:db8:1:2::/64"},
        { "2001:db8:1:3::1",      "2001:db8:1:3::/64"},
        { "fe80::1234:5678",      "fe80::/64"        },
    };
    char name[PEER_NAME];

    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        struct sockaddr_in v4 = { .sin_family = AF_INET };

        if (inet_pton(AF_INET6, peers[i].address, &v6.sin6_addr) == 1)
            peer_name((const struct sockaddr *)&v6, name);
        else {
            ck_assert_int_eq(inet_pton(AF_INET, peers[i].address, &v4.sin_addr), 1);
            peer_name((const struct sockaddr *)&v4, name);
        }
        ck_assert_str_eq(name, peers[i].name);
    }
}
END_TEST

TEST_SUITE(api_peer, 60, five_hundred_silent_clients_keep_nobody_out,
           five_hundred_half_requests_keep_nobody_out,
           five_hundred_kept_connections_keep_nobody_out, a_header_that_drips_is_cut_off,
           a_body_may_drip_for_longer, a_body_that_stops_is_given_up,
           an_address_has_its_share, a_user_has_a_share_too,
           two_hundred_users_of_the_socket_keep_nobody_out,
           an_address_is_a_peer_and_of_ipv6_its_network)
