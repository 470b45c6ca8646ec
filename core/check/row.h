/* row.h - how a check says what it found. */
#ifndef ODE_CORE_CHECK_ROW_H
#define ODE_CORE_CHECK_ROW_H

#include "core/check/check.h"

/* The begin of a row. */
struct ode_check_row ode_row(const char *check, const char *figure,
                             const char *where_format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a note. */
void ode_row_note(struct ode_check_row *row, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells the row, with the verdict of its figure: at most, or at least, the tolerance. */
void ode_row_most(const struct ode_check *check, struct ode_check_row *row,
                  double measured, double tolerance);
void ode_row_least(const struct ode_check *check, struct ode_check_row *row,
                   double measured, double tolerance);

/* Tells the row without a verdict; its note says why. */
void ode_row_none(const struct ode_check *check, struct ode_check_row *row);

#endif
