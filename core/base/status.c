/* status.c - failures: their names, and the one place that fills struct ode_err. */
#include "core/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
} status_words[] = {
#define ODE_STATUS(name, text) { #name, text },
#include "core/base/status.def"
#undef ODE_STATUS
};

const char *
ode_status_name(enum ode_status status)
{
    return (unsigned)status < ODE_STATUS_COUNT ? status_words[status].name : "EUNKNOWN";
}

const char *
ode_status_text(enum ode_status status)
{
    return (unsigned)status < ODE_STATUS_COUNT ? status_words[status].text
                                               : "unknown error";
}

static void
err_fill(struct ode_err *err, enum ode_status code, const char *at, const char *format,
         va_list args)
{
    err->code = code;
    snprintf(err->at, sizeof err->at, "%s", at ? at : "");
    vsnprintf(err->text, sizeof err->text, format, args);
}

enum ode_status
ode_fail(struct ode_err *err, enum ode_status code, const char *at, const char *format,
         ...)
{
    va_list args;

    if (err) {
        va_start(args, format);
        err_fill(err, code, at, format, args);
        va_end(args);
    }
    return code;
}

enum ode_status
ode_fail_errno(struct ode_err *err, enum ode_status code, const char *at,
               const char *format, ...)
{
    int saved = errno;
    va_list args;
    size_t used;

    if (err) {
        va_start(args, format);
        err_fill(err, code, at, format, args);
        va_end(args);
        used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(saved));
    }
    return code;
}
