/*
 * ctl.h - what the commands of odenetctl share: exit codes, options, the way to the
 * daemon.
 *
 * A command is a function of its words that returns the exit code. Results go to stdout,
 * what is for people to stderr; with --json results are JSON. Whoever fails has said so
 * on stderr by then: an exit code that is handed up needs no more words.
 */
#ifndef ODE_CLIENT_CTL_H
#define ODE_CLIENT_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "client/place.h"

struct wire;

/* The exit codes, which scripts rely on. */
enum ctl_exit {
    CTL_OK = 0,          /* done; of a run: succeeded */
    CTL_ERROR = 1,       /* anything else */
    CTL_USAGE = 2,       /* the command line, or what was submitted, is not valid */
    CTL_FAILED = 3,      /* the run has failed */
    CTL_CANCELLED = 4,   /* the run was cancelled */
    CTL_UNREACHABLE = 5, /* no daemon answers there */
    CTL_TIMEOUT = 6,     /* the run had not ended in time */
    CTL_INTERRUPTED = 130
};

enum { CTL_PATIENCE_S = 10, CTL_LONG_PATIENCE_S = 300 };

struct ctl {
    const char *url, *token_file, *cacert; /* as given; NULL: from the environment */
    bool json;
    long patience_s;     /* for a daemon that does not answer; -1: the command's */
    int64_t deadline_ms; /* of ctl_now_ms(); 0: none */
    struct place place;
    struct wire *wire; /* owned; NULL until ctl_open() */
};

/* --- options -------------------------------------------------------------------------
 */

enum ctl_option_kind { CTL_FLAG, CTL_TEXT, CTL_NUMBER };

/* An option, said once: its name, what help says of it, and where its value goes (a bool,
 * a const char * or a long). The last one of a list has no name. */
struct ctl_option {
    enum ctl_option_kind kind;
    const char *name;
    char letter; /* of its short form, or 0 */
    const char *argument, *doc;
    void *to;
    long least, most;
};

#define CTL_OPTION_FLAG(name, letter, doc, to)      \
    {                                               \
        CTL_FLAG, name, letter, NULL, doc, to, 0, 0 \
    }
#define CTL_OPTION_TEXT(name, letter, argument, doc, to) \
    {                                                    \
        CTL_TEXT, name, letter, argument, doc, to, 0, 0  \
    }
#define CTL_OPTION_NUMBER(name, letter, argument, least, most, doc, to) \
    {                                                                   \
        CTL_NUMBER, name, letter, argument, doc, to, least, most        \
    }
#define CTL_OPTION_END                            \
    {                                             \
        CTL_FLAG, NULL, 0, NULL, NULL, NULL, 0, 0 \
    }

/* What --help says of a command. */
struct ctl_usage {
    const char *synopsis; /* "wait RUN|JOB... [--timeout S]" */
    const char *doc;      /* whole lines */
};

/* Texts of printf, with "odenetctl: " before and a newline after them, on stderr. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As ctl_say(), and CTL_USAGE. */
int ctl_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Reads the options of a command and those that all have. Operands may stand among them,
 * and are moved behind them: the first is argv[*first]. True where the command is to go
 * on; else *code is its exit code, and --help was answered or the mistake told.
 */
bool ctl_options(struct ctl *ctl, const struct ctl_usage *usage,
                 const struct ctl_option *own, int argc, char **argv, int *first,
                 int *code);

/* The same for what stands before the command's name, at which it stops. */
bool ctl_globals(struct ctl *ctl, const char *help, int argc, char **argv, int *first,
                 int *code);

/* --- the way to the daemon -----------------------------------------------------------
 */

/* Makes ready to ask the daemon: place, token, libcurl. Connects to nothing yet. */
int ctl_open(struct ctl *ctl);

/* SIGINT and SIGTERM end waiting, with CTL_INTERRUPTED, instead of the program, from now
 * on; to be called after ctl_open(). */
int ctl_catch_signals(struct ctl *ctl);

void ctl_close(struct ctl *ctl);

/* A clock that never goes back. */
int64_t ctl_now_ms(void);

/* Asks for patience with a daemon that restarts, but where the user has said how much. */
void ctl_be_patient(struct ctl *ctl);

/* --- the commands, a file each -------------------------------------------------------
 */

int cmd_submit(struct ctl *ctl, int argc, char **argv);
int cmd_wait(struct ctl *ctl, int argc, char **argv);
int cmd_watch(struct ctl *ctl, int argc, char **argv);
int cmd_list(struct ctl *ctl, int argc, char **argv);
int cmd_show(struct ctl *ctl, int argc, char **argv);
int cmd_log(struct ctl *ctl, int argc, char **argv);
int cmd_events(struct ctl *ctl, int argc, char **argv);
int cmd_fetch(struct ctl *ctl, int argc, char **argv);
int cmd_act(struct ctl *ctl, int argc, char **argv); /* cancel, pause, ... by argv[0] */
int cmd_delete(struct ctl *ctl, int argc, char **argv);

/* odenetctl itself: options, a command and its words; the exit code. */
int ctl_main(int argc, char **argv);

#endif
