/* main.c - odenetd: arguments to settings, settings to a daemon. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/tokens.h"
#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/log.h"

enum { FLAGS_MOST = 64, FLAG_BYTES = 64, EXIT_USAGE = 2 };
enum {
    OPT_CONFIG = 1000,
    OPT_BACKUP,
    OPT_CHECK,
    OPT_TOKEN,
    OPT_VERSION,
    OPT_HELP
}; /* above all settings */

struct flags {
    struct option options[FLAGS_MOST];
    char names[FLAGS_MOST][FLAG_BYTES];
};

/* grace_s becomes grace-s. */
static const char *
flag_name(const struct setting *setting, char name[FLAG_BYTES])
{
    snprintf(name, FLAG_BYTES, "%s", setting->name);
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = '-';
    return name;
}

static void
make_flags(struct flags *flags)
{
    static const struct option own[] = {
        {"config",        required_argument, NULL, OPT_CONFIG },
        { "backup",       required_argument, NULL, OPT_BACKUP },
        { "check-config", no_argument,       NULL, OPT_CHECK  },
        { "make-token",   required_argument, NULL, OPT_TOKEN  },
        { "version",      no_argument,       NULL, OPT_VERSION},
        { "help",         no_argument,       NULL, OPT_HELP   },
        { NULL,           0,                 NULL, 0          }
    };
    size_t n;
    const struct setting *list = settings_list(&n);

    for (size_t i = 0; i < n; i++)
        flags->options[i] = (struct option){ flag_name(&list[i], flags->names[i]),
                                             required_argument, NULL, (int)i };
    memcpy(flags->options + n, own, sizeof own);
}

static void
print_help(void)
{
    size_t n;
    const struct setting *list = settings_list(&n);
    char name[FLAG_BYTES], left[FLAG_BYTES + 32];

    printf("Usage: odenetd [OPTION]...\n"
           "Trains networks, coarse to fine, for whoever asks over HTTP.\n\n");
    for (size_t i = 0; i < n; i++) {
        snprintf(left, sizeof left, "--%s %s", flag_name(&list[i], name),
                 list[i].argument);
        printf("  %-22s %s", left, list[i].doc);
        if (!list[i].text)
            printf(" [%lld]", (long long)list[i].preset);
        else if (*list[i].text_preset)
            printf(" [%s]", list[i].text_preset);
        putchar('\n');
    }
    printf("  %-22s %s\n", "--config FILE",
           "a JSON object of these settings, with _ for -; flags go before it");
    printf("  %-22s %s\n", "--backup FILE",
           "copy the database to a new file, also while it is used, and end");
    printf("  %-22s %s\n", "--check-config", "check the settings, and end");
    printf("  %-22s %s\n", "--make-token NAME ROLE [END]",
           "print a new token, and the line for --token-file; ROLE: read, submit or "
           "admin");
    printf("  %-22s %s\n", "--version", "print the version, and end");
    printf("  %-22s %s\n", "--help", "print this, and end");
}

static int
complain(const struct ode_err *err)
{
    const bool journal = log_format_for(LOG_AUTO, STDERR_FILENO) == LOG_JOURNAL;

    fprintf(stderr, "%sodenetd: %s%s%s\n", journal ? "<3>" : "", err->at,
            *err->at ? ": " : "", err->text);
    return err->code == ODE_EARG || err->code == ODE_ENOENT ? EXIT_USAGE : EXIT_FAILURE;
}

static int
misused(void)
{
    fprintf(stderr, "odenetd: try odenetd --help\n");
    return EXIT_USAGE;
}

struct command {
    struct flags flags;
    int argc;
    char **argv;
};

/* The settings file, wherever its flag stands, goes before all other flags. */
static enum ode_status
read_config(const struct command *command, struct settings *settings, struct ode_err *err)
{
    char usual[SETTING_BYTES];
    bool named = false;
    int option;

    optind = 0;
    opterr = 0;
    while ((option = getopt_long(command->argc, command->argv, "", command->flags.options,
                                 NULL))
           != -1)
        if (option == OPT_CONFIG) {
            ODE_TRY(settings_read(settings, optarg, err));
            named = true;
        }
    if (!named && settings_file(usual))
        return settings_read(settings, usual, err);
    return ODE_OK;
}

struct orders {
    bool check, help, version, wrong;
    const char *backup; /* the file; NULL: none is made */
    const char *token;  /* the name of one to make, or NULL; */
    char **words;       /* what follows the flags */
};

/* Prints a token, which nobody will see again, and what is to be known of it. */
static enum ode_status
make_token(const struct orders *orders, struct ode_err *err)
{
    const char *role = orders->words[0], *end = role ? orders->words[1] : NULL;
    char text[TOKEN_TEXT], line[TOKEN_LINE];

    if (!role || (end && orders->words[2]))
        return ode_fail(err, ODE_EARG, "--make-token",
                        "a name, a role and perhaps a date are expected, as in "
                        "--make-token ci submit 2027-01-31");
    ODE_TRY(tokens_make(orders->token, role, end, text, line, err));
    fprintf(stderr,
            "The token, which is kept nowhere, and the line for the token file:\n");
    printf("%s\n%s\n", text, line);
    return ODE_OK;
}

static enum ode_status
read_flags(const struct command *command, struct settings *settings,
           struct orders *orders, struct ode_err *err)
{
    size_t n;
    const struct setting *list = settings_list(&n);
    char at[FLAG_BYTES + 2];
    int option;

    optind = 0;
    opterr = 1;
    while ((option = getopt_long(command->argc, command->argv, "", command->flags.options,
                                 NULL))
           != -1) {
        orders->check |= option == OPT_CHECK;
        orders->help |= option == OPT_HELP;
        orders->version |= option == OPT_VERSION;
        if (option == OPT_TOKEN)
            orders->token = optarg;
        orders->wrong |= option == '?';
        if (option == OPT_BACKUP)
            orders->backup = optarg;
        if (option < (int)n && option >= 0 && option != '?') {
            snprintf(at, sizeof at, "--%s", command->flags.names[option]);
            ODE_TRY(settings_set(settings, &list[option], optarg, at, err));
        }
    }
    orders->words = command->argv + optind;
    if (optind < command->argc && !orders->wrong && !orders->token)
        return ode_fail(err, ODE_EARG, "", "%.60s: no argument was expected",
                        command->argv[optind]);
    return ODE_OK;
}

/* Each goes over what was before. */
static enum ode_status
gather(const struct command *command, struct settings *settings, struct orders *orders,
       struct ode_err *err)
{
    settings_preset(settings);
    ODE_TRY(read_config(command, settings, err));
    return read_flags(command, settings, orders, err);
}

/* The same flags, and the file as it is now. */
static enum ode_status
gather_again(void *context, struct settings *settings, struct ode_err *err)
{
    struct orders known = { 0 };

    ODE_TRY(gather(context, settings, &known, err));
    return settings_settle(settings, err);
}

/* Of the state directory's database, whether a daemon uses it or not. */
static enum ode_status
back_up(const struct settings *settings, const char *file, struct ode_err *err)
{
    char database[SETTING_BYTES + 16];
    int64_t bytes;

    snprintf(database, sizeof database, "%s/odenet.db", settings->state_dir);
    ODE_TRY(backup_make(database, file, false, NULL, &bytes, err));
    printf("%s: %lld bytes\n", file, (long long)bytes);
    return ODE_OK;
}

int
main(int argc, char **argv)
{
    struct command command = { .argc = argc, .argv = argv };
    const struct settings_source source = { gather_again, &command };
    struct orders orders = { 0 };
    struct settings settings;
    struct ode_err err;

    make_flags(&command.flags);
    if (gather(&command, &settings, &orders, &err) != ODE_OK)
        return complain(&err);
    if (orders.wrong)
        return misused();
    if (orders.help)
        return print_help(), EXIT_SUCCESS;
    if (orders.version)
        return puts("odenetd " PACKAGE_VERSION), EXIT_SUCCESS;
    if (orders.token)
        return make_token(&orders, &err) == ODE_OK ? EXIT_SUCCESS : complain(&err);
    if (settings_settle(&settings, &err) != ODE_OK)
        return complain(&err);
    if (orders.check)
        return puts("the settings are good"), EXIT_SUCCESS;
    if (orders.backup)
        return back_up(&settings, orders.backup, &err) == ODE_OK ? EXIT_SUCCESS
                                                                 : complain(&err);
    if (daemon_run(&settings, &source, &err) != ODE_OK)
        return complain(&err);
    return EXIT_SUCCESS;
}
