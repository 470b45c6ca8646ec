/* socket.c - tests api/socket.c. */
#include "api/socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/test.h"

static const char *
path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

START_TEST(places_are_told)
{
    static const struct {
        const char *address, *name;
    } places[] = {
        {"127.0.0.1",  "127.0.0.1:"},
        { "127.1.2.3", "127.1.2.3:"},
        { "localhost", "127.0.0.1:"},
        { "::1",       "[::1]:"    },
    };
    struct socket_place place;
    struct ode_err err;
    char name[64];
    int fd;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        test_ok(socket_tcp(places[i].address, 0, &fd, &err), &err);
        test_ok(socket_look(fd, &place, &err), &err);
        ck_assert(place.loopback && !place.local && place.port > 0);
        snprintf(name, sizeof name, "%s%d", places[i].name, place.port);
        ck_assert_str_eq(place.name, name);
        close(fd);
    }
}
END_TEST

START_TEST(public_addresses_are_known)
{
    static const char *const public[] = { "0.0.0.0", "::",          "10.0.0.1", "8.8.8.8",
                                          "fe80::1", "2001:db8::1", "128.0.0.1" };
    static const char *const own[] = { "127.0.0.1", "127.9.9.9", "::1", "localhost" };

    for (size_t i = 0; i < sizeof public / sizeof *public; i++)
        ck_assert_msg(socket_is_public(public[i]), "%s", public[i]);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        ck_assert_msg(!socket_is_public(own[i]), "%s", own[i]);
}
END_TEST

START_TEST(only_listening_sockets_will_do)
{
    struct socket_place place;
    struct ode_err err;
    int pair[2], file = open("/dev/null", O_RDONLY);

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(socket_look(pair[0], &place, &err), ODE_EARG);
    ck_assert_int_eq(socket_look(file, &place, &err), ODE_EARG);
    ck_assert_int_eq(socket_look(-1, &place, &err), ODE_EARG);
    ck_assert_ptr_nonnull(strstr(err.text, "descriptor -1"));
    close(pair[0]);
    close(pair[1]);
    close(file);
}
END_TEST

START_TEST(a_file_has_the_permissions_that_were_asked_for)
{
    static const mode_t modes[] = { 0600, 0660, 0666 };
    const char *path = path_of("mode");
    struct ode_err err;
    struct stat st;
    int fd;

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        test_ok(socket_unix(path, modes[i], (gid_t)-1, &fd, &err), &err);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert(S_ISSOCK(st.st_mode));
        ck_assert_uint_eq(st.st_mode & 07777, modes[i]);
        close(fd);
    }
}
END_TEST

START_TEST(what_nobody_listens_on_is_replaced)
{
    const char *path = path_of("left");
    struct socket_place place;
    struct ode_err err;
    int fd, client;

    test_ok(socket_unix(path, 0600, (gid_t)-1, &fd, &err), &err);
    close(fd); /* as a daemon that was killed */
    test_ok(socket_unix(path, 0600, (gid_t)-1, &fd, &err), &err);
    client = client_connect_local(path);
    ck_assert_int_ge(client, 0);
    test_ok(socket_look(fd, &place, &err), &err);
    ck_assert(place.local && place.loopback && place.port == 0);
    ck_assert_str_eq(place.name + strlen("unix:"), path);
    close(client);
    close(fd);
}
END_TEST

START_TEST(what_is_in_use_is_not)
{
    const char *path = path_of("used");
    struct ode_err err;
    int fd, other = -7;

    test_ok(socket_unix(path, 0600, (gid_t)-1, &fd, &err), &err);
    ck_assert_int_eq(socket_unix(path, 0600, (gid_t)-1, &other, &err), ODE_EBUSY);
    ck_assert_int_eq(other, -7);
    ck_assert_int_eq(access(path, F_OK), 0);
    close(fd);
}
END_TEST

START_TEST(no_other_file_is_touched)
{
    const char *path = path_of("precious");
    FILE *file = fopen(path, "w");
    char name[200];
    struct ode_err err;
    struct stat st;
    int fd;

    ck_assert_ptr_nonnull(file);
    fputs("text", file);
    fclose(file);
    ck_assert_int_eq(socket_unix(path, 0600, (gid_t)-1, &fd, &err), ODE_EIO);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq((int)st.st_size, 4);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(socket_unix(name, 0600, (gid_t)-1, &fd, &err), ODE_EARG);
}
END_TEST

TEST_SUITE(api_socket, 20, places_are_told, public_addresses_are_known,
           only_listening_sockets_will_do, a_file_has_the_permissions_that_were_asked_for,
           what_nobody_listens_on_is_replaced, what_is_in_use_is_not,
           no_other_file_is_touched)
