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

START_TEST(beyond_loopback_tokens_and_tls_are_wanted)
{
    static const struct {
        const char *listen, *tokens, *cert, *key;
        int proxy;
        const char *at, *about; /* NULL: fine */
    } cases[] = {
        {"127.0.0.1",    "",  "",  "",  0, NULL,         NULL          },
        { "127.1.2.3",   "",  "",  "",  0, NULL,         NULL          },
        { "::1",         "",  "",  "",  0, NULL,         NULL          },
        { "localhost",   "t", "",  "",  0, NULL,         NULL          },
        { "",            "",  "",  "",  0, "--listen",   "no address"  },
        { "example.org", "t", "c", "k", 0, "--listen",   "no address"  },
        { "0.0.0.0",     "",  "",  "",  0, "--listen",   "--token-file"},
        { "::",          "",  "c", "k", 1, "--listen",   "--token-file"},
        { "192.168.1.5", "t", "",  "",  0, "--listen",   "--tls-cert"  },
        { "192.168.1.5", "t", "",  "",  1, NULL,         NULL          },
        { "0.0.0.0",     "t", "c", "k", 0, NULL,         NULL          },
        { "::1",         "",  "c", "",  0, "--tls-key",  "together"    },
        { "::1",         "",  "",  "k", 0, "--tls-cert", "together"    },
    };
    struct ode_err err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings = presets();

        strcpy(settings.listen, cases[i].listen);
        strcpy(settings.token_file, cases[i].tokens);
        strcpy(settings.tls_cert, cases[i].cert);
        strcpy(settings.tls_key, cases[i].key);
        settings.behind_proxy = cases[i].proxy;
        if (!cases[i].at) {
            test_ok(settings_settle(&settings, &err), &err);
            continue;
        }
        ck_assert_msg(settings_settle(&settings, &err) == ODE_EARG, "case %zu", i);
        ck_assert_str_eq(err.at, cases[i].at);
        ck_assert_msg(strstr(err.text, cases[i].about) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(a_name_wants_tokens)
{
    struct settings settings = presets();
    struct ode_err err;

    strcpy(settings.host, "train.example.org");
    ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
    ck_assert_str_eq(err.at, "--host");
    strcpy(settings.token_file, "/etc/odenet/tokens");
    test_ok(settings_settle(&settings, &err), &err);
}
END_TEST

START_TEST(tokens_may_be_a_credential)
{
    struct settings settings = presets();
    struct ode_err err;
    char path[256];
    FILE *file;

    setenv("CREDENTIALS_DIRECTORY", test_dir(), 1);
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_str_eq(settings.token_file, "");
    snprintf(path, sizeof path, "%s/tokens", getenv("CREDENTIALS_DIRECTORY"));
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_str_eq(settings.token_file, path);
    strcpy(settings.token_file, "/given");
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_str_eq(settings.token_file, "/given");
}
END_TEST

START_TEST(a_socket_has_permissions_and_perhaps_a_group)
{
    static const char *const wrong[] = {
        "", "6", "0800", "01777", "rw-", "777777", "-600"
    };
    struct settings settings = presets();
    struct ode_err err;
    gid_t group = 7;

    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_uint_eq(settings_socket_mode(&settings), 0600);
    ck_assert(!settings_socket_group(&settings, &group));
    strcpy(settings.socket_group, "root");
    strcpy(settings.socket_mode, "660");
    test_ok(settings_settle(&settings, &err), &err);
    ck_assert_uint_eq(settings_socket_mode(&settings), 0660);
    ck_assert(settings_socket_group(&settings, &group));
    ck_assert_uint_eq(group, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        strcpy(settings.socket_mode, wrong[i]);
        ck_assert_msg(settings_settle(&settings, &err) == ODE_EARG, "%s", wrong[i]);
        ck_assert_str_eq(err.at, "--socket-mode");
    }
    strcpy(settings.socket_mode, "0600");
    strcpy(settings.socket_group, "no such group");
    ck_assert_int_eq(settings_settle(&settings, &err), ODE_EARG);
    ck_assert_str_eq(err.at, "--socket-group");
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

START_TEST(a_service_manager_says_where_the_file_is)
{
    char dir[200], path[SETTING_BYTES];
    FILE *file;

    unsetenv("CONFIGURATION_DIRECTORY");
    ck_assert(!settings_file(path));
    snprintf(dir, sizeof dir, "%s", test_dir());
    setenv("CONFIGURATION_DIRECTORY", dir, 1);
    ck_assert(!settings_file(path)); /* there is none */
    snprintf(path, sizeof path, "%s/odenetd.conf", dir);
    file = fopen(path, "w");
    fclose(file);
    strcat(dir, ":/etc/other");
    setenv("CONFIGURATION_DIRECTORY", dir, 1);
    ck_assert(settings_file(path));
    ck_assert_ptr_nonnull(strstr(path, "/odenetd.conf"));
    ck_assert_ptr_null(strchr(path, ':'));
}
END_TEST

START_TEST(what_can_change_while_it_runs_is_told_apart)
{
    struct settings settings = presets(), fresh = presets();
    char names[64];

    settings_differing(&settings, &fresh, true, names, sizeof names);
    ck_assert_str_eq(names, "");
    fresh.slots = 3;
    fresh.port = 80;
    strcpy(fresh.preempt, "level");
    strcpy(fresh.state_dir, "/elsewhere");
    settings_differing(&settings, &fresh, true, names, sizeof names);
    ck_assert_str_eq(names, "slots,preempt");
    settings_differing(&settings, &fresh, false, names, sizeof names);
    ck_assert_str_eq(names, "state_dir,port");
    settings_differing(&settings, &fresh, false, names, sizeof "state_dir,por");
    ck_assert_str_eq(names, "state_dir");
    settings_renew(&settings, &fresh);
    ck_assert_int_eq(settings.slots, 3);
    ck_assert_str_eq(settings.preempt, "level");
    ck_assert_int_eq(settings.port, 7433);
    ck_assert_str_eq(settings.state_dir, "");
}
END_TEST

START_TEST(thirteen_settings_can_change_while_it_runs)
{
    size_t n, live = 0;
    const struct setting *list = settings_list(&n);

    for (size_t i = 0; i < n; i++)
        live += settings_live(&list[i]);
    ck_assert_uint_eq(live, 13); /* each name in the list is a setting's */
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

TEST_SUITE(settings, 10, a_service_manager_says_where_the_file_is,
           what_can_change_while_it_runs_is_told_apart,
           thirteen_settings_can_change_while_it_runs, presets_are_within_their_bounds,
           a_file_changes_what_it_names, a_wrong_file_is_told_of_and_changes_nothing,
           a_flag_is_checked, beyond_loopback_tokens_and_tls_are_wanted,
           a_name_wants_tokens, tokens_may_be_a_credential,
           a_socket_has_permissions_and_perhaps_a_group,
           a_receiver_has_a_url_and_a_secret, the_environment_says_where_things_are)
