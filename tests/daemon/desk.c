/* desk.c - a backend over a world. */
#include "tests/daemon/desk.h"

#include <stdio.h>

#include "tests/test.h"

static void
desk_begin(struct desk *desk, int slots)
{
    world_supervise(&desk->world, slots, WORLD_GRACE_MS);
    desk->probe = (struct probe){ 0 };
    desk->parts = (struct backend_parts){ &desk->world.store,
                                          &desk->world.submit,
                                          &desk->world.sup,
                                          &desk->probe,
                                          NULL,
                                          NULL };
    backend_fill(&desk->api, &desk->parts);
}

void
desk_open(struct desk *desk, int slots)
{
    world_open(&desk->world);
    desk_begin(desk, slots);
}

void
desk_reopen(struct desk *desk, const char *dir, int slots)
{
    world_reopen(&desk->world, dir);
    desk_begin(desk, slots);
}

json_t *
desk_spec(const char *set)
{
    return json_pack("{ss s{ss} s{s[{si si}]} s[{si s[i] si} {si si}] si}", "name",
                     "steps=4", "data", "set", set, "model", "units", "channels", 8,
                     "blocks", 2, "levels", "resolution", 8, "blocks", 1, "epochs", 1,
                     "resolution", 16, "epochs", 2, "priority", 3);
}

void
desk_first_run(const json_t *answer, char id[ULID_LENGTH + 1])
{
    const json_t *runs = json_object_get(answer, "runs");

    snprintf(id, ULID_LENGTH + 1, "%s",
             json_string_value(json_object_get(json_array_get(runs, 0), "id")));
    ck_assert(ulid_valid(id));
}

json_t *
desk_submit(struct desk *desk, char run[ULID_LENGTH + 1])
{
    json_t *spec = desk_spec("strokes"), *answer = NULL, *complaints = NULL;
    struct ode_err err;

    test_ok(desk->api.job_submit(desk->api.self, spec, NULL, &answer, &complaints, &err),
            &err);
    ck_assert_ptr_null(complaints);
    desk_first_run(answer, run);
    json_decref(spec);
    return answer;
}

const json_t *
desk_at(const json_t *json, const char *member)
{
    const json_t *found = json_object_get(json, member);

    ck_assert_msg(found != NULL, "no member %s", member);
    return found;
}
