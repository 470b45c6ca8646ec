/* control.c - what is asked of a run while it trains. */
#include "cli/control.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void
control_open(struct control *c, const char *run_dir)
{
    *c = (struct control){ .advance = -1, .hold_at = -1 };
    snprintf(c->path, sizeof c->path, "%s/control.json", run_dir);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* null, or the number of a level: nothing else could be one. */
static bool
is_level(const json_t *value)
{
    return json_is_null(value)
           || (json_is_integer(value) && json_integer_value(value) >= 0
               && json_integer_value(value) <= INT_MAX);
}

/* What is wrong with the file; NULL: nothing, and its members are taken over. */
static const char *
members_take(struct control *c, const json_t *file)
{
    const json_t *hold = json_object_get(file, "hold");
    const json_t *advance = json_object_get(file, "advance");
    const json_t *hold_at = json_object_get(file, "hold_at");

    if (!json_is_object(file))
        return "it is no JSON object";
    if (hold && !json_is_boolean(hold))
        return "\"hold\" is neither true nor false";
    if (advance && !is_level(advance))
        return "\"advance\" is neither the number of a level nor null";
    if (hold_at && !is_level(hold_at))
        return "\"hold_at\" is neither the number of a level nor null";
    c->hold = json_is_true(hold);
    c->hold_at = json_is_integer(hold_at) ? (int)json_integer_value(hold_at) : -1;
    c->advance = json_is_integer(advance) ? (int)json_integer_value(advance) : -1;
    return NULL;
}

bool
control_holds(const struct control *c, int level)
{
    return c->hold || (c->hold_at >= 0 && level >= c->hold_at);
}

void
control_look(struct control *c, const char **why)
{
    struct stat now = { 0 };
    const char *wrong;
    json_t *file;

    if (why)
        *why = NULL;
    if (stat(c->path, &now) != 0)
        memset(&now, 0, sizeof now);
    if (same_file(&now, &c->seen))
        return;
    c->seen = now;
    c->hold = false;
    c->advance = c->hold_at = -1;
    if (now.st_ino == 0)
        return;
    file = json_load_file(c->path, JSON_REJECT_DUPLICATES, NULL);
    wrong = members_take(c, file);
    json_decref(file);
    if (why)
        *why = wrong;
}
