/* accept.c - lists of what a client will take, with their weights. */
#include "api/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* One entry of a list: its name, and what follows it up to the next comma. */
struct entry {
    const char *name, *parameters, *end;
    size_t n; /* of the name */
};

/* Takes the next entry off *list; false: there is none. */
static bool
entry_take(const char **list, struct entry *entry)
{
    const char *at = *list + strspn(*list, BLANKS ",");

    if (!*at)
        return false;
    entry->name = at;
    entry->n = strcspn(at, ";," BLANKS);
    entry->parameters = at + entry->n;
    entry->end = at + strcspn(at, ",");
    *list = entry->end;
    return true;
}

/* Whether the weight is above 0; without a weight it is 1. */
static bool
is_wanted(const struct entry *entry)
{
    const char *at = entry->parameters;

    while (at < entry->end) {
        at += strspn(at, BLANKS ";");
        if (strncasecmp(at, "q=", 2) == 0)
            return strtod(at + 2, NULL) > 0;
        at += strcspn(at, ";,");
    }
    return true;
}

/* How closely a media range names the type: 3 the type, 2 all of its kind, 1 anything,
 * 0 not at all. */
static int
closeness(const struct entry *entry, const char *type)
{
    const size_t kind = strcspn(type, "/") + 1, whole = strcspn(type, ";");

    if (entry->n == whole && strncasecmp(entry->name, type, whole) == 0)
        return 3;
    if (entry->n == kind + 1 && entry->name[kind] == '*'
        && strncasecmp(entry->name, type, kind) == 0)
        return 2;
    return entry->n == 3 && strncmp(entry->name, "*/*", 3) == 0;
}

bool
accept_type(const char *header, const char *type)
{
    struct entry entry;
    bool wanted = false;
    int best = 0, close;

    if (!header || !header[strspn(header, BLANKS)])
        return true;
    while (entry_take(&header, &entry)) {
        close = closeness(&entry, type);
        if (close <= best)
            continue;
        best = close;
        wanted = is_wanted(&entry);
    }
    return wanted;
}

bool
accept_gzip(const char *header)
{
    struct entry entry;
    bool any = false;

    while (header && entry_take(&header, &entry)) {
        if (entry.n == 4 && strncasecmp(entry.name, "gzip", 4) == 0)
            return is_wanted(&entry);
        if (entry.n == 1 && *entry.name == '*')
            any = is_wanted(&entry);
    }
    return any;
}

int
accept_wait(const char *prefer)
{
    struct entry entry;
    size_t digits;

    while (prefer && entry_take(&prefer, &entry)) {
        if (entry.n <= 5 || strncasecmp(entry.name, "wait=", 5) != 0)
            continue;
        digits = strspn(entry.name + 5, "0123456789");
        return digits == entry.n - 5 && digits <= 9 ? atoi(entry.name + 5) : -1;
    }
    return -1;
}
