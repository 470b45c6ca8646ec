/* place.c - tests client/place.c */
#include "client/place.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

START_TEST(urls_and_sockets_are_places)
{
    static const struct {
        const char *url, *base, *socket;
        bool loopback, clear;
    } cases[] = {
        {"http://127.0.0.1:7433",          "http://127.0.0.1:7433",        "",                true,  true},
        { "http://127.0.0.1:7433/",        "http://127.0.0.1:7433",        "",                true,  true},
        { "http://LocalHost:1//",          "http://LocalHost:1",           "",                true,  true},
        { "http://[::1]:7433",             "http://[::1]:7433",            "",                true,  true},
        { "https://train.example/odenet/", "https://train.example/odenet", "",                false,
         false                                                                                           },
        { "http://10.0.0.7",               "http://10.0.0.7",              "",                false, true},
        { "unix:/run/odenet/api",          "http://localhost",             "/run/odenet/api", true,  true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct place place = { 0 };
        struct ode_err err = { 0 };

        test_ok(place_parse(cases[i].url, &place, &err), &err);
        ck_assert_str_eq(place.base, cases[i].base);
        ck_assert_str_eq(place.socket, cases[i].socket);
        ck_assert_int_eq(place.loopback, cases[i].loopback);
        ck_assert_int_eq(place.clear, cases[i].clear);
    }
}
END_TEST

static const char longer_than_a_socket[] =
    "unix:/1234567890123456789012345678901234567890123456789012345678901234567890"
    "12345678901234567890123456789012345678901234567890";

START_TEST(what_is_no_place_is_refused)
{
    static const char *const urls[] = {
        "",
        "127.0.0.1:7433",
        "ftp://127.0.0.1",
        "http://",
        "http://user@host",
        "http://user:secret@host",
        "http://host/?query=1",
        "http://host/#part",
        "http://host:70000",
        "file:///etc/passwd",
        "unix:relative",
        "unix:",
        longer_than_a_socket,
    };

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct place place = { .base = "before" };
        struct ode_err err = { 0 };

        ck_assert_msg(place_parse(urls[i], &place, &err) == ODE_EARG, "%s", urls[i]);
        ck_assert(err.text[0]);
        ck_assert_str_eq(place.base, "before");
    }
}
END_TEST

static enum ode_status
token_of(const char *content, struct place *place)
{
    char path[120];
    FILE *file;

    snprintf(path, sizeof path, "%s/token", test_dir());
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
    return place_read_token(path, place, NULL);
}

START_TEST(a_token_is_the_only_line_of_its_file)
{
    struct place place = { 0 };
    char longest[PLACE_TOKEN + 1];

    ck_assert_int_eq(token_of("abc-DEF_123\n", &place), ODE_OK);
    ck_assert_str_eq(place.token, "abc-DEF_123");
    ck_assert_int_eq(token_of("other", &place), ODE_OK);
    ck_assert_str_eq(place.token, "other");
    ck_assert_int_eq(token_of("", &place), ODE_EFORMAT);
    ck_assert_int_eq(token_of("\n", &place), ODE_EFORMAT);
    ck_assert_int_eq(token_of("two\nlines\n", &place), ODE_EFORMAT);
    ck_assert_int_eq(token_of("with space", &place), ODE_EFORMAT);
    memset(longest, 'x', PLACE_TOKEN);
    longest[PLACE_TOKEN] = '\0';
    ck_assert_int_eq(token_of(longest, &place), ODE_EFORMAT);
    ck_assert_int_eq(place_read_token("/nowhere/token", &place, NULL), ODE_ENOENT);
    ck_assert_str_eq(place.token, "other");
}
END_TEST

TEST_SUITE(place, 30, urls_and_sockets_are_places, what_is_no_place_is_refused,
           a_token_is_the_only_line_of_its_file)
