/* log.c - one line an event, and nothing in a value that could break out of it. */
#include "daemon/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/stamp.h"

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *const format_names[] = { "text", "json", "journal", "auto" };

struct line {
    char text[LOG_LINE_BYTES];
    size_t used, room;
};

/* The last bytes are kept for the newline, and what is to close before it. */
enum { KEPT = 2, JSON_KEPT = KEPT + 2 /* "} */, JSON_FIELD = 32 /* beside its key */ };

/* What does not fit is left out whole. */
static void
put(struct line *line, const char *bytes, size_t n)
{
    if (line->used + n > line->room)
        return;
    memcpy(line->text + line->used, bytes, n);
    line->used += n;
}

static void
put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* --- text -----------------------------------------------------------------------------
 */

static bool
plain(const char *text)
{
    static const char unquoted[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_.,:/+@%#~*()[]<>|&;!?$^{}";

    return *text && text[strspn(text, unquoted)] == '\0';
}

/* Bytes of the UTF-8 sequence at s, and its code; 0 if it is none. */
static size_t
read_utf8(const unsigned char *s, unsigned *read)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;
    unsigned code = n < 2 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (n == 0 || code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *read = code;
    return n;
}

/* Control characters, and the marks that turn the direction of writing, are not. */
static bool
printable(unsigned code)
{
    return code >= ' ' && (code < 0x7f || code >= 0xa0)
           && (code < 0x2028 || code > 0x202e) && (code < 0x2066 || code > 0x2069);
}

static void
put_escaped(struct line *line, unsigned char byte)
{
    char hex[8];

    switch (byte) {
    case '\n':
        put(line, "\\n", 2);
        return;
    case '\t':
        put(line, "\\t", 2);
        return;
    default:
        snprintf(hex, sizeof hex, "\\x%02x", byte);
        put(line, hex, 4);
    }
}

static void
put_quoted(struct line *line, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    put(line, "\"", 1);
    while (*s) {
        unsigned code;
        size_t n = read_utf8(s, &code);

        n = n && printable(code) ? n : 0;
        if (*s == '"' || *s == '\\')
            put(line, "\\", 1);
        if (n)
            put(line, (const char *)s, n);
        else
            put_escaped(line, *s);
        s += n ? n : 1;
    }
    put(line, "\"", 1);
}

static void
put_field(struct line *line, const struct log_field *field)
{
    char number[32];

    put_text(line, " ");
    put_text(line, field->key);
    put_text(line, "=");
    if (!field->text) {
        snprintf(number, sizeof number, "%lld", (long long)field->number);
        put_text(line, number);
    } else if (plain(field->text)) {
        put_text(line, field->text);
    } else {
        put_quoted(line, field->text);
    }
}

static void
write_text(struct line *line, enum log_level level, const char *component,
           const char *event, const struct log_field *fields)
{
    put_text(line, level_names[level]);
    put_text(line, " ");
    put_text(line, component);
    put_text(line, " ");
    put_text(line, event);
    for (; fields->key; fields++)
        put_field(line, fields);
}

/* For systemd: a priority of syslog's before the line. */
static void
write_journal(struct line *line, enum log_level level, const char *component,
              const char *event, const struct log_field *fields)
{
    static const char *const priorities[] = { "<7>", "<6>", "<4>", "<3>" };

    put_text(line, priorities[level]);
    write_text(line, level, component, event, fields);
}

/* --- JSON -----------------------------------------------------------------------------
 */

static void
put_unicode(struct line *line, unsigned code)
{
    char escape[16];

    snprintf(escape, sizeof escape, "\\u%04x", code);
    put_text(line, escape);
}

/* A string without its last quote. */
static void
put_string(struct line *line, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    put_text(line, "\"");
    while (*s) {
        unsigned code = 0xfffd;
        size_t n = read_utf8(s, &code);

        if (*s == '"' || *s == '\\')
            put(line, *s == '"' ? "\\\"" : "\\\\", 2);
        else if (n && printable(code))
            put(line, (const char *)s, n);
        else
            put_unicode(line, code);
        s += n ? n : 1;
    }
}

/* A field for which there is no room is left out, and a value that is too long is cut:
 * what closes it always fits. */
static void
put_member(struct line *line, const char *key, const char *text, int64_t number)
{
    char digits[32];

    if (line->used + strlen(key) + JSON_FIELD > line->room)
        return;
    put_text(line, line->used > 1 ? ",\"" : "\"");
    put_text(line, key);
    put_text(line, "\":");
    if (text) {
        put_string(line, text);
        line->text[line->used++] = '"';
    } else {
        snprintf(digits, sizeof digits, "%lld", (long long)number);
        put_text(line, digits);
    }
}

static void
write_json(struct line *line, enum log_level level, const char *component,
           const char *event, const struct log_field *fields)
{
    char now[STAMP_BYTES];

    stamp_now(now);
    line->room = sizeof line->text - JSON_KEPT;
    put_text(line, "{");
    put_member(line, "time", now, 0);
    put_member(line, "level", level_names[level], 0);
    put_member(line, "component", component, 0);
    put_member(line, "event", event, 0);
    for (; fields->key; fields++)
        put_member(line, fields->key, fields->text, fields->number);
    line->text[line->used++] = '}';
}

/* --- lines ----------------------------------------------------------------------------
 */

void
log_write(const struct log *log, enum log_level level, const char *component,
          const char *event, const struct log_field *fields)
{
    static void (*const write[])(struct line *, enum log_level, const char *,
                                 const char *, const struct log_field *) = {
        [LOG_TEXT] = write_text, [LOG_JSON] = write_json, [LOG_JOURNAL] = write_journal
    };
    struct line line;

    if (!log->out || level < log->least)
        return;
    line.used = 0;
    line.room = sizeof line.text - KEPT;
    write[log->format](&line, level, component, event, fields);
    line.text[line.used++] = '\n';
    fwrite(line.text, 1, line.used, log->out);
    fflush(log->out);
}

void
log_failure(const struct log *log, enum log_level level, const char *component,
            const char *attempted, const struct ode_err *err)
{
    log_event(log, level, component, "failed", log_text("to", attempted),
              log_text("code", ode_status_name(err->code)), log_text("at", err->at),
              log_text("error", err->text));
}

bool
log_level_from_name(const char *name, enum log_level *level)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

bool
log_format_from_name(const char *name, enum log_format *format)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, format_names[i]) == 0) {
            *format = (enum log_format)i;
            return true;
        }
    return false;
}

/* $JOURNAL_STREAM is "device:inode" of the stream that systemd has connected. */
static bool
is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    char rest;

    return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) == 2
           && fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

enum log_format
log_format_for(enum log_format format, int fd)
{
    if (format != LOG_AUTO)
        return format;
    return is_journal(fd) ? LOG_JOURNAL : LOG_TEXT;
}
