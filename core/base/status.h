/*
 * status.h - how functions fail.
 *
 * What can fail returns enum ode_status and takes, last, a struct ode_err that the caller
 * owns and that may be NULL. The error is filled once, where it happened: `at` says where
 * (a JSON pointer, or file:offset), `text` is one sentence with the numbers in it and
 * what to do. Layers above pass it on unchanged. On failure outputs are untouched.
 */
#ifndef ODE_CORE_BASE_STATUS_H
#define ODE_CORE_BASE_STATUS_H

enum ode_status {
#define ODE_STATUS(name, text) ODE_##name,
#include "core/base/status.def"
#undef ODE_STATUS
    ODE_STATUS_COUNT
};

struct ode_err {
    enum ode_status code;
    char at[128];
    char text[256];
};

/* The short name, as in "EDATA"; never NULL. */
const char *ode_status_name(enum ode_status status);

/* The general meaning, as in "unusable data set"; never NULL. */
const char *ode_status_text(enum ode_status status);

/* Fills err (if not NULL) and returns code, so that `return ode_fail(...)` reads well.
 * `at` is copied and may be NULL for "nowhere in particular". */
enum ode_status ode_fail(struct ode_err *err, enum ode_status code, const char *at,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* As ode_fail(), for a failed system call: appends the text of errno. */
enum ode_status ode_fail_errno(struct ode_err *err, enum ode_status code, const char *at,
                               const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Hands a failure up; only where nothing needs releasing. */
#define ODE_TRY(call)                         \
    do {                                      \
        enum ode_status try_status_ = (call); \
        if (try_status_ != ODE_OK)            \
            return try_status_;               \
    } while (0)

#endif
