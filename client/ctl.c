/* ctl.c - options, the way to the daemon, and which command it is. */
#include "client/ctl.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/wire.h"

enum { OPTIONS_MOST = 20, COLUMN = 20 };

static void say(const char *format, va_list args, const char *end)
    __attribute__((format(printf, 1, 0)));

static void
say(const char *format, va_list args, const char *end)
{
    fputs("odenetctl: ", stderr);
    vfprintf(stderr, format, args);
    fputs(end, stderr);
}

void
ctl_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(format, args, "\n");
    va_end(args);
}

int
ctl_misused(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(format, args, "; see odenetctl --help\n");
    va_end(args);
    return CTL_USAGE;
}

int64_t
ctl_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
ctl_be_patient(struct ctl *ctl)
{
    if (ctl->patience_s < 0)
        ctl->patience_s = CTL_LONG_PATIENCE_S;
}

/* --- options -------------------------------------------------------------------------
 */

/* Those that all commands have; *n are written. */
static void
options_common(struct ctl *ctl, struct ctl_option *to, size_t *n)
{
    const struct ctl_option common[] = {
        CTL_OPTION_TEXT("url", 0, "URL",
                        "where odenetd is: http://HOST:PORT, https://... or unix:/PATH;\n"
                        "else $ODENET_URL, else " PLACE_PRESET,
                        &ctl->url),
        CTL_OPTION_TEXT("token-file", 0, "FILE",
                        "holds the token that the daemon wants; else $ODENET_TOKEN_FILE",
                        &ctl->token_file),
        CTL_OPTION_TEXT("cacert", 0, "FILE",
                        "certificates to trust instead of the system's", &ctl->cacert),
        CTL_OPTION_FLAG("json", 0, "results as JSON", &ctl->json),
        CTL_OPTION_NUMBER("patience", 0, "S", 0, 86400,
                          "how long a daemon that does not answer is asked again: 10 s,\n"
                          "300 s for what waits",
                          &ctl->patience_s),
    };

    *n = sizeof common / sizeof *common;
    memcpy(to, common, sizeof common);
}

/* The options of a command and of all, in a list that getopt_long() reads. */
struct option_list {
    struct ctl_option all[OPTIONS_MOST];
    struct option known[OPTIONS_MOST];
    char letters[2 * OPTIONS_MOST + 2];
    size_t n;
};

static void
list_make(struct option_list *list, struct ctl *ctl, const struct ctl_option *own,
          const char *mode)
{
    size_t common, n = 0;
    char *letter = stpcpy(list->letters, mode);

    for (; own && own[n].name; n++)
        list->all[n] = own[n];
    options_common(ctl, list->all + n, &common);
    list->n = n + common;
    for (size_t i = 0; i < list->n; i++) {
        const bool takes = list->all[i].kind != CTL_FLAG;

        list->known[i] =
            (struct option){ list->all[i].name, takes ? required_argument : no_argument,
                             NULL, 1000 + (int)i };
        if (list->all[i].letter) {
            *letter++ = list->all[i].letter;
            if (takes)
                *letter++ = ':';
        }
    }
    list->known[list->n] = (struct option){ "help", no_argument, NULL, 'h' };
    list->known[list->n + 1] = (struct option){ NULL, 0, NULL, 0 };
    strcpy(letter, "h");
}

static void
option_print(const struct ctl_option *option)
{
    char left[60];

    snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    if (option->letter)
        printf("  -%c, %-*s ", option->letter, COLUMN - 4, left);
    else
        printf("  %-*s ", COLUMN, left);
    for (const char *c = option->doc; *c; c++) {
        putchar(*c);
        if (*c == '\n')
            printf("  %-*s ", COLUMN, "");
    }
    putchar('\n');
}

static void
list_print(const struct option_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        option_print(&list->all[i]);
    printf("  %-*s this text\n", COLUMN, "--help");
}

/* Stores what the option says; false, with the mistake told, where it cannot be that. */
static bool
option_take(const struct ctl_option *option, const char *text)
{
    char *end;
    long n;

    switch (option->kind) {
    case CTL_FLAG:
        *(bool *)option->to = true;
        return true;
    case CTL_TEXT:
        *(const char **)option->to = text;
        return true;
    case CTL_NUMBER:
        n = strtol(text, &end, 10);
        if (end == text || *end || n < option->least || n > option->most) {
            ctl_misused("--%s is \"%s\", not a whole number from %ld to %ld",
                        option->name, text, option->least, option->most);
            return false;
        }
        *(long *)option->to = n;
        return true;
    }
    return false;
}

/* The option that getopt_long() means: a number from 1000, or a letter. NULL for none. */
static const struct ctl_option *
option_of(const struct option_list *list, int c)
{
    if (c >= 1000)
        return &list->all[c - 1000];
    for (size_t i = 0; i < list->n; i++)
        if (list->all[i].letter == c)
            return &list->all[i];
    return NULL;
}

/* Whether to go on; `help` is set where that was asked for. */
static bool
list_read(const struct option_list *list, int argc, char **argv, int *first, bool *help)
{
    const struct ctl_option *option;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, list->letters, list->known, NULL)) != -1) {
        if (c == 'h') {
            *help = true;
            return false;
        }
        option = option_of(list, c);
        if (!option || !option_take(option, optarg))
            return false;
    }
    *first = optind;
    return true;
}

bool
ctl_options(struct ctl *ctl, const struct ctl_usage *usage, const struct ctl_option *own,
            int argc, char **argv, int *first, int *code)
{
    struct option_list list = { 0 };
    bool help = false;

    list_make(&list, ctl, own, "");
    if (list_read(&list, argc, argv, first, &help))
        return true;
    *code = help ? CTL_OK : CTL_USAGE;
    if (help) {
        printf("usage: odenetctl %s\n\n%s\n", usage->synopsis, usage->doc);
        list_print(&list);
    } else {
        fprintf(stderr, "usage: odenetctl %s\n", usage->synopsis);
    }
    return false;
}

bool
ctl_globals(struct ctl *ctl, const char *help_text, int argc, char **argv, int *first,
            int *code)
{
    bool version = false, help = false;
    const struct ctl_option own[] = {
        CTL_OPTION_FLAG("version", 0, "the version of this program", &version),
        CTL_OPTION_END,
    };
    struct option_list list = { 0 };
    bool good;

    list_make(&list, ctl, own, "+"); /* up to the command's name */
    good = list_read(&list, argc, argv, first, &help);
    *code = good || help ? CTL_OK : CTL_USAGE;
    if (help) {
        fputs(help_text, stdout);
        list_print(&list);
    } else if (good && version) {
        puts("odenetctl " PACKAGE_VERSION);
    }
    return good && !version;
}

/* --- the way to the daemon -----------------------------------------------------------
 */

static const char *
given_or(const char *given, const char *variable, const char *preset)
{
    const char *value = given ? given : getenv(variable);

    return value && *value ? value : preset;
}

static int
complain(const char *what, const struct ode_err *err)
{
    ctl_say("%s: %s%s%s", what, err->at, *err->at ? ": " : "", err->text);
    return err->code == ODE_ENOMEM || err->code == ODE_EIO ? CTL_ERROR : CTL_USAGE;
}

int
ctl_open(struct ctl *ctl)
{
    const char *token = given_or(ctl->token_file, "ODENET_TOKEN_FILE", NULL);
    struct ode_err err = { 0 };

    if (place_parse(given_or(ctl->url, "ODENET_URL", PLACE_PRESET), &ctl->place, &err)
        != ODE_OK)
        return complain("the daemon's URL", &err);
    if (token && place_read_token(token, &ctl->place, &err) != ODE_OK)
        return complain("the token's file", &err);
    if (token && ctl->place.clear && !ctl->place.loopback)
        ctl_say("warning: the token goes to %s as it is, for all on the way to read",
                ctl->place.base);
    return wire_new(&ctl->place, ctl->cacert, &ctl->wire, &err) == ODE_OK
               ? CTL_OK
               : complain("the connection", &err);
}

int
ctl_catch_signals(struct ctl *ctl)
{
    struct ode_err err = { 0 };

    return wire_catch_signals(ctl->wire, &err) == ODE_OK ? CTL_OK
                                                         : complain("signals", &err);
}

void
ctl_close(struct ctl *ctl)
{
    wire_free(ctl->wire);
    ctl->wire = NULL;
}

/* --- commands ------------------------------------------------------------------------
 */

static const struct command {
    const char *name;
    int (*run)(struct ctl *ctl, int argc, char **argv);
} commands[] = {
    {"submit",   cmd_submit},
    { "wait",    cmd_wait  },
    { "watch",   cmd_watch },
    { "list",    cmd_list  },
    { "show",    cmd_show  },
    { "log",     cmd_log   },
    { "events",  cmd_events},
    { "fetch",   cmd_fetch },
    { "cancel",  cmd_act   },
    { "pause",   cmd_act   },
    { "resume",  cmd_act   },
    { "retry",   cmd_act   },
    { "hold",    cmd_act   },
    { "advance", cmd_act   },
    { "delete",  cmd_delete},
};

static const char help[] =
    "usage: odenetctl [OPTION]... COMMAND [ARGUMENT]...\n"
    "\n"
    "Asks odenetd to train, and shows what it does.\n"
    "\n"
    "  submit SPEC.json|-    submit a job spec; --wait, --watch, --dry-run\n"
    "  wait RUN|JOB...       wait until runs have ended\n"
    "  watch RUN             show how a run trains, until it has ended\n"
    "  list                  runs, the newest first\n"
    "  show RUN              a run and its levels\n"
    "  log RUN               what its worker wrote for people; --follow\n"
    "  events [RUN]          what happened, and why; --follow\n"
    "  fetch RUN [NAME...]   its files: model.safetensors, metrics.csv, spec.json\n"
    "  cancel RUN...         end runs\n"
    "  pause RUN...          pause runs at their next checkpoint\n"
    "  resume RUN...         let paused runs go on\n"
    "  retry RUN...          let failed or cancelled runs go on\n"
    "  hold RUN...           pause runs at the end of their level\n"
    "  advance RUN...        go on with the next level\n"
    "  delete JOB...         remove jobs that have ended, with their runs and files\n"
    "\n"
    "RUN and JOB are ids, beginnings that only one of them has, or \"last\", the "
    "newest.\n"
    "`odenetctl COMMAND --help` says more.\n"
    "\n"
    "Exit status: 0 done (of a run: succeeded), 1 another error, 2 the command line or\n"
    "the spec is not valid, 3 the run failed, 4 it was cancelled, 5 no daemon answers,\n"
    "6 it had not ended in time, 130 interrupted.\n"
    "\n";

int
ctl_main(int argc, char **argv)
{
    struct ctl ctl = { .patience_s = -1 };
    int first = 0, code;

    if (!ctl_globals(&ctl, help, argc, argv, &first, &code))
        return code;
    if (first == argc)
        return ctl_misused("which command?");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[first], commands[i].name) == 0) {
            code = commands[i].run(&ctl, argc - first, argv + first);
            ctl_close(&ctl);
            if (fflush(stdout) != 0 && code == CTL_OK) {
                ctl_say("the output cannot be written");
                code = CTL_ERROR;
            }
            return code;
        }
    return ctl_misused("there is no command \"%s\"", argv[first]);
}
