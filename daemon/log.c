/* log.c - one line an event, and nothing in a value that could break out of it. */
#include "daemon/log.h"

#include <string.h>

static const char *const level_names[] = { "debug", "info", "warn", "error" };

struct line {
    char text[LOG_LINE_BYTES];
    size_t used;
};

/* The last bytes are kept for the newline; what does not fit is left out whole. */
static void
put(struct line *line, const char *bytes, size_t n)
{
    if (line->used + n > sizeof line->text - 2)
        return;
    memcpy(line->text + line->used, bytes, n);
    line->used += n;
}

static bool
plain(const char *text)
{
    static const char unquoted[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_.,:/+@%#~*()[]<>|&;!?$^{}";

    return *text && text[strspn(text, unquoted)] == '\0';
}

/* Bytes of the UTF-8 sequence at s; 0 if it is none, or a control character. */
static size_t
printable_utf8(const unsigned char *s)
{
    static const unsigned least[] = { 0, 0, 0xa0, 0x800, 0x10000 };
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;
    unsigned code;

    if (n < 2)
        return n == 1 && s[0] >= ' ' && s[0] != 0x7f ? 1 : 0;
    code = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    /* Surrogates, and the marks that turn the direction of writing, are no text. */
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)
        || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
        return 0;
    return n;
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
        size_t n = printable_utf8(s);

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

    put(line, " ", 1);
    put(line, field->key, strlen(field->key));
    put(line, "=", 1);
    if (!field->text) {
        snprintf(number, sizeof number, "%lld", (long long)field->number);
        put(line, number, strlen(number));
    } else if (plain(field->text)) {
        put(line, field->text, strlen(field->text));
    } else {
        put_quoted(line, field->text);
    }
}

void
log_write(const struct log *log, enum log_level level, const char *component,
          const char *event, const struct log_field *fields)
{
    struct line line = { .used = 0 };

    if (!log->out || level < log->least)
        return;
    put(&line, level_names[level], strlen(level_names[level]));
    put(&line, " ", 1);
    put(&line, component, strlen(component));
    put(&line, " ", 1);
    put(&line, event, strlen(event));
    for (; fields->key; fields++)
        put_field(&line, fields);
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
