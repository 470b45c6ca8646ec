/* lines.c - whole lines from pieces of a stream. */
#include "client/lines.h"

#include <stdlib.h>
#include <string.h>

static bool
take(struct lines *lines, const char *data, size_t n)
{
    const size_t need = lines->n + n + 1;
    char *text;

    if (need > LINES_MOST)
        return false;
    if (need > lines->room) {
        text = realloc(lines->text, 2 * need);
        if (!text)
            return false;
        lines->text = text;
        lines->room = 2 * need;
    }
    memcpy(lines->text + lines->n, data, n);
    lines->n += n;
    lines->text[lines->n] = '\0';
    return true;
}

bool
lines_feed(struct lines *lines, const char *data, size_t n,
           void (*fn)(void *context, char *line), void *context)
{
    const char *end;

    while (n > 0 && (end = memchr(data, '\n', n))) {
        const size_t piece = (size_t)(end - data);

        if (!take(lines, data, piece))
            return false;
        lines->n = 0;
        fn(context, lines->text);
        data += piece + 1;
        n -= piece + 1;
    }
    return n == 0 || take(lines, data, n);
}

void
lines_release(struct lines *lines)
{
    free(lines->text);
    *lines = (struct lines){ 0 };
}
