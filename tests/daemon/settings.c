/* settings.c - presets, file, flags, environment. */
#include "daemon/settings.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static const char *
file_of(const char *text)
{
    static char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/config.json", test_dir());
    file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

static struct settings
presets(void)
{
    struct settings settings;

    settings_preset(&settings);
    return settings;
}

START_TEST(presets_are_within_their_bounds)
{
    size_t n;
    const struct setting *list = settings_list(&n);
    struct settings settings = presets();

    for (size_t i = 0; i < n; i++)
        if (!list[i].text) {
            ck_assert_int_ge(list[i].preset, list[i].min);
            ck_assert_int_le(list[i].preset, list[i].max);
        }
    ck_assert_int_eq(settings.port, 7433);
    ck_assert_str_eq(settings.listen, "127.0.0.1");
}
END_TEST

START_TEST(a_file_changes_what_it_names)
{
    struct settings settings = presets();
    struct ode_err err;

    test_ok(settings_read(&settings, file_of("{\"port\": 0, \"worker\": \"/bin/true\"}"),
                          &err),
            &err);
    ck_assert_int_eq(settings.port, 0);
    ck_assert_str_eq(settings.worker, "/bin/true");
    ck_assert_int_eq(settings.slots, 0);
}
END_TEST

START_TEST(a_wrong_file_is_told_of_and_changes_nothing)
{
    static const struct {
        const char *text, *at, *about;
    } wrong[] = {
        {"{\"port\": 0, \"prot\": 1}",  "/prot",       "no such setting"                 },
        { "{\"port\": 70000}",          "/port",       "70000 is not between 0 and 65535"},
        { "{\"port\": \"80\"}",         "/port",       "whole number"                    },
        { "{\"listen\": 5}",            "/listen",     "text"                            },
        { "{\"port\": 1, \"port\": 2}", "config.json", "duplicate"                       },
        { "{\"port\": ",                "config.json", "line 1"                          },
        { "[]",                         "config.json", "object"                          },
    };
    struct settings settings = presets(), before = settings;
    struct ode_err err;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(settings_read(&settings, file_of(wrong[i].text), &err),
                         ODE_EARG);
        ck_assert_msg(strstr(err.at, wrong[i].at) != NULL, "%s", err.at);
        ck_assert_msg(strstr(err.text, wrong[i].about) != NULL, "%s", err.text);
        ck_assert_int_eq(settings.port, before.port);
    }
    ck_assert_int_eq(settings_read(&settings, "/nowhere/config.json", &err), ODE_ENOENT);
}
END_TEST

START_TEST(a_flag_is_checked)
{
    static const char *const wrong[] = { "",   "x",     "1x",
                                         "-1", "65536", "99999999999999999999" };
    struct settings settings = presets();
    const struct setting *port = NULL;
    struct ode_err err;
    size_t n;
    const struct setting *list = settings_list(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, "port") == 0)
            port = &list[i];
    ck_assert_ptr_nonnull(port);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_int_eq(settings_set(&settings, port, wrong[i], "--port", &err),
                         ODE_EARG);
    ck_assert_str_eq(err.at, "--port");
    test_ok(settings_set(&settings, port, "65535", "--port", &err), &err);
    ck_assert_int_eq(settings.port, 65535);
}
END_TEST

START_TEST(only_loopback_is_listened_at)
{
    static const char *const open[] = { "0.0.0.0", "::", "192.168.1.5", "example.org",
                                        "" };
    static const char *const closed[] = { "127.0.0.1", "127.1.2.3", "::1", "localhost" };
    struct ode_err err;

    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        struct settings settings = presets();

        strcpy(settings.listen, open[i]);
        ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
        ck_assert_str_eq(err.at, "--listen");
        ck_assert_ptr_nonnull(strstr(err.text, "loopback"));
    }
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        struct settings settings = presets();

        strcpy(settings.listen, closed[i]);
        test_ok(settings_settle(&settings, &err), &err);
    }
}
END_TEST

START_TEST(the_environment_says_where_things_are)
{
    struct settings settings = presets();
    struct ode_err err;

    unsetenv("STATE_DIRECTORY");
    setenv("XDG_STATE_HOME", "/xdg", 1);
    setenv("ODENET_DATA", "/sets", 1);
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_str_eq(settings.state_dir, "/xdg/odenet");
    ck_assert_str_eq(settings.data_dir, "/sets");
    settings = presets();
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/home/me", 1);
    strcpy(settings.data_dir, "/given");
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_str_eq(settings.state_dir, "/home/me/.local/state/odenet");
    ck_assert_str_eq(settings.data_dir, "/given");
    settings = presets();
    setenv("STATE_DIRECTORY", "/var/lib/odenet", 1); /* from systemd */
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_str_eq(settings.state_dir, "/var/lib/odenet");
}
END_TEST

START_TEST(a_receiver_has_a_url_and_a_secret)
{
    static const char *const wrong[] = {
        "receiver.example",      "ftp://receiver.example", "http://",
        "http://u:p@host/",      "http://u@host/",         "http://host/#part",
        "http://host/with space"
    };
    struct settings settings = presets();
    const char *secret = file_of("0123456789abcdef\n");
    struct ode_err err;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        strcpy(settings.webhook_url, wrong[i]);
        ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
        ck_assert_str_eq(err.at, "--webhook-url");
    }
    strcpy(settings.webhook_url, "https://receiver.example:8443/runs?of=odenet");
    ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
    ck_assert_str_eq(err.at, "--webhook-secret-file");
    strcpy(settings.webhook_secret_file, "/nowhere/secret");
    ck_assert_int_eq(settings_settle(&settings, &err), ODE_ENOENT);
    strcpy(settings.webhook_secret_file, secret);
    test_ok(settings_settle(&settings, &err), &err);
    strcpy(settings.webhook_secret_file, file_of("too short\n"));
    ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
    strcpy(settings.webhook_secret_file, file_of("0123456789abcdef\nanother line\n"));
    ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
}
END_TEST

TEST_SUITE(settings, 10, presets_are_within_their_bounds, a_file_changes_what_it_names,
           a_wrong_file_is_told_of_and_changes_nothing, a_flag_is_checked,
           only_loopback_is_listened_at, a_receiver_has_a_url_and_a_secret,
           the_environment_says_where_things_are)
