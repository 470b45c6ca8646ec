/* check.c - the table of checks, and their rows. */
#include "core/check/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/check/row.h"

#define CHECK(name, doc) { #name, doc, ode_check_##name },
const struct ode_check_about ode_check_list[] = {
#include "core/check/checks.def"
    { 0 },
};
#undef CHECK

enum ode_status
ode_check_level(const struct ode_check *check, struct ode_err *err)
{
    for (const struct ode_check_about *c = ode_check_list; c->name; c++)
        ODE_TRY(c->run(check, err));
    return ODE_OK;
}

/* --- rows -------------------------------------------------------------------------- */

struct ode_check_row
ode_row(const char *check, const char *figure, const char *where_format, ...)
{
    struct ode_check_row row = { .check = check, .figure = figure };
    va_list args;

    va_start(args, where_format);
    vsnprintf(row.where, sizeof row.where, where_format, args);
    va_end(args);
    return row;
}

void
ode_row_note(struct ode_check_row *row, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(row->note, sizeof row->note, format, args);
    va_end(args);
}

static void
row_tell(const struct ode_check *check, struct ode_check_row *row, bool good)
{
    row->verdict = good ? ODE_VERDICT_PASSED : ODE_VERDICT_FAILED;
    check->row(check->row_context, row);
}

void
ode_row_most(const struct ode_check *check, struct ode_check_row *row, double measured,
             double tolerance)
{
    row->measured = measured;
    row->tolerance = tolerance;
    row_tell(check, row, measured <= tolerance);
}

void
ode_row_least(const struct ode_check *check, struct ode_check_row *row, double measured,
              double tolerance)
{
    row->measured = measured;
    row->tolerance = tolerance;
    row->at_least = true;
    row_tell(check, row, measured >= tolerance);
}

void
ode_row_none(const struct ode_check *check, struct ode_check_row *row)
{
    row->figure = NULL;
    row->verdict = ODE_VERDICT_NONE;
    check->row(check->row_context, row);
}
