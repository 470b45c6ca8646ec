/* lines.h - whole lines from pieces of a stream. */
#ifndef ODE_CLIENT_LINES_H
#define ODE_CLIENT_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum { LINES_MOST = 1 << 20 }; /* bytes of a line */

struct lines {
    char *text; /* owned: the beginning of a line whose end is to come */
    size_t n, room;
};

/* Takes a piece, and calls fn for each line that it completes, without its newline and
 * with a NUL behind it. False where memory is short or a line is longer than LINES_MOST.
 */
bool lines_feed(struct lines *lines, const char *data, size_t n,
                void (*fn)(void *context, char *line), void *context);

/* Forgets what has begun. */
void lines_release(struct lines *lines);

#endif
