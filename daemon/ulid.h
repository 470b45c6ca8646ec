/*
 * ulid.h - identifiers that sort by time.
 *
 * 26 characters of Crockford's base 32 in lower case: 48 bits of milliseconds, then 80
 * random bits. Within one generator ids only ever grow, also when the clock stands still
 * or goes back: then the random part is counted up. Source: github.com/ulid/spec.
 */
#ifndef ODE_DAEMON_ULID_H
#define ODE_DAEMON_ULID_H

#include <stdbool.h>
#include <stdint.h>

enum { ULID_LENGTH = 26 };

struct ulid {
    uint64_t ms;        /* of the last id */
    uint8_t random[10]; /* of the last id, most significant byte first */
};

/* Writes the next id and a NUL. now_ms: milliseconds of the Unix epoch. */
void ulid_next(struct ulid *last, int64_t now_ms, char id[ULID_LENGTH + 1]);

/* Whether the text has the form of an id (26 characters of the alphabet, first <= '7').
 */
bool ulid_valid(const char *id);

#endif
