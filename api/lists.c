/* lists.c - what all lists have in common: filters, a limit, a cursor, the next page. */
#include <stdio.h>
#include <string.h>

#include "api/request.h"

#define LIST_PRESET  50
#define LIST_MAX     500
#define NAME_MAX_LEN 100

static const char states[] = "queued,starting,running,paused,succeeded,failed,cancelled";

/* A list of states, each of them known. */
static bool
states_parse(struct request *r, const char **list, struct problem *problem)
{
    const char *text = query_get(&r->query, "state");
    char one[16];

    *list = text;
    while (text) {
        const size_t n = strcspn(text, ",");

        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one - 1),
                 text);
        if (n >= sizeof one || !query_listed(states, one)) {
            query_refuse(problem, "state", "\"%.32s\" is none of %s", text, states);
            return false;
        }
        text = text[n] ? text + n + 1 : NULL;
    }
    return true;
}

static bool
id_parse(struct request *r, const char *key, const char **id, const char *otherwise,
         struct problem *problem)
{
    *id = query_get(&r->query, key);
    if (!*id || router_is_ulid(*id))
        return true;
    query_refuse(problem, key, "%s", otherwise);
    return false;
}

static bool
text_parse(struct request *r, const char *key, const char **text, struct problem *problem)
{
    *text = query_get(&r->query, key);
    if (!*text || (**text && strlen(*text) <= NAME_MAX_LEN))
        return true;
    query_refuse(problem, key, "1 to %d bytes are wanted", NAME_MAX_LEN);
    return false;
}

bool
page_parse(struct request *r, struct backend_page *page, struct problem *problem)
{
    return id_parse(r, "cursor", &page->cursor, "no list gave this as its next", problem)
           && id_parse(r, "job", &page->job, "an id is 26 lower-case characters", problem)
           && states_parse(r, &page->states, problem)
           && text_parse(r, "name", &page->name, problem)
           && text_parse(r, "dataset", &page->dataset, problem)
           && query_int(&r->query, "limit", LIST_PRESET, 1, LIST_MAX, &page->limit,
                        problem);
}

/* Appends text as a query has it: letters and digits as they are. */
static void
encode(char *to, size_t size, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~,";
    size_t used = strlen(to);

    for (; *text && used + 4 < size; text++)
        used += (size_t)snprintf(to + used, size - used,
                                 strchr(plain, *text) ? "%c" : "%%%02X",
                                 (unsigned char)*text);
}

static void
add_pair(char *to, size_t size, const char *key, const char *value)
{
    const size_t used = strlen(to);

    snprintf(to + used, size - used, "%c%s=", strchr(to, '?') ? '&' : '?', key);
    encode(to, size, value);
}

/* The same list, from the cursor on. */
static void
next_link(struct request *r, const char *cursor)
{
    char target[360];

    snprintf(target, sizeof target, "%s", r->match.route->pattern);
    for (size_t i = 0; i < r->query.n; i++)
        if (strcmp(r->query.pair[i].key, "cursor") != 0)
            add_pair(target, sizeof target, r->query.pair[i].key, r->query.pair[i].value);
    if (strlen(target) + sizeof "&cursor=" + strlen(cursor) > sizeof target)
        return; /* the body has the cursor, too */
    add_pair(target, sizeof target, "cursor", cursor);
    reply_header(r, "Link", "<%s>; rel=\"next\"", target);
}

enum MHD_Result
list_reply(struct request *r, json_t *list)
{
    const char *next = json_string_value(json_object_get(list, "next"));

    if (next)
        next_link(r, next);
    return reply_json(r, MHD_HTTP_OK, list);
}
