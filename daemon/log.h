/*
 * log.h - one line an event: `level component event key=value ...`.
 *
 * That is the format "text". "journal" puts the priority before it, as <6>, for systemd's
 * journal, and "json" makes an object of it: {"time", "level", "component", "event", and
 * the fields}.
 *
 *     log_event(log, LOG_WARN, "ingest", "malformed", log_text("run", id),
 *               log_int("offset", offset));
 *
 * A value that is empty or has anything but plain characters in it is quoted; control
 * characters, quotes, backslashes and bytes that are no UTF-8 are escaped (\n, \", \x1b;
 * in JSON \u001b, and \ufffd for what is no UTF-8), so that nobody who names a run can
 * forge a line or drive a terminal. A line is written with one call and has at most
 * LOG_LINE_BYTES: values that are too long are cut, and a JSON line stays an object.
 */
#ifndef ODE_DAEMON_LOG_H
#define ODE_DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

enum { LOG_LINE_BYTES = 4096 };

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON, LOG_JOURNAL, LOG_AUTO };

struct log {
    FILE *out; /* borrowed; NULL: nothing is written */
    enum log_level least;
    enum log_format format; /* not LOG_AUTO */
};

struct log_field {
    const char *key, *text; /* key NULL ends a list; text NULL: the number */
    int64_t number;
};

static inline struct log_field
log_text(const char *key, const char *text)
{
    return (struct log_field){ key, text ? text : "", 0 };
}

static inline struct log_field
log_int(const char *key, int64_t number)
{
    return (struct log_field){ key, NULL, number };
}

#define LOG_END       \
    {                 \
        NULL, NULL, 0 \
    }
#define log_event(log, level, component, event, ...) \
    log_write(log, level, component, event,          \
              (const struct log_field[]){ __VA_ARGS__, LOG_END })

void log_write(const struct log *log, enum log_level level, const char *component,
               const char *event, const struct log_field *fields);

/* A failure as the event "failed", with what was attempted. */
void log_failure(const struct log *log, enum log_level level, const char *component,
                 const char *attempted, const struct ode_err *err);

/* "debug", "info", "warn", "error" to *level; false for another name. */
bool log_level_from_name(const char *name, enum log_level *level);

/* "text", "json", "journal", "auto" to *format; false for another name. */
bool log_format_from_name(const char *name, enum log_format *format);

/* LOG_AUTO becomes LOG_JOURNAL where $JOURNAL_STREAM names this descriptor, by device and
 * inode, and else LOG_TEXT; other formats stay. */
enum log_format log_format_for(enum log_format format, int fd);

#endif
