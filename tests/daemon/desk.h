/*
 * desk.h - a world and the backend over it, as the API's side sees it.
 */
#ifndef ODE_TESTS_DAEMON_DESK_H
#define ODE_TESTS_DAEMON_DESK_H

#include <jansson.h>

#include "daemon/backend.h"
#include "tests/daemon/world.h"

struct desk {
    struct world world;
    struct probe probe;
    struct backend_parts parts;
    struct backend api;
};

/* Ended by world_close(). */
void desk_open(struct desk *desk, int slots);
/* As the next daemon finds the directory. */
void desk_reopen(struct desk *desk, const char *dir, int slots);

/* A spec of two levels; to be released. */
json_t *desk_spec(const char *set);

/* The id of the first run that the answer to a submission names. */
void desk_first_run(const json_t *answer, char id[ULID_LENGTH + 1]);

/* Submits it, with drawn digits; *run becomes its id. The answer, to be released. */
json_t *desk_submit(struct desk *desk, char run[ULID_LENGTH + 1]);

/* A member that must be there. */
const json_t *desk_at(const json_t *json, const char *member);

#endif
