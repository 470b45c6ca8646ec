/*
 * stamp.h - times as the API and the journal write them: RFC 3339, UTC, milliseconds, as
 * in "2026-03-01T09:30:00.250Z". In memory they are milliseconds of the Unix epoch.
 */
#ifndef ODE_DAEMON_STAMP_H
#define ODE_DAEMON_STAMP_H

#include <stdbool.h>
#include <stdint.h>

enum { STAMP_BYTES = 32 };

void stamp_format(int64_t ms, char text[STAMP_BYTES]);
void stamp_now(char text[STAMP_BYTES]);

/* Reads "YYYY-MM-DDThh:mm:ss[.fraction]Z"; false, and *ms untouched, for anything else.
 */
bool stamp_parse(const char *text, int64_t *ms);

#endif
