/* world.c - the daemon's parts on a loop of their own. */
#include "tests/daemon/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/test.h"

enum { DEADLINE_MS = 20000, POLL_MS = 25 };

const char *
world_worker(void)
{
    static char path[512];

    ck_assert_ptr_nonnull(realpath("fake-worker", path));
    return path;
}

const char *
world_script(const char *text)
{
    static char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/worker", test_dir());
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    chmod(path, 0755);
    return path;
}

void
world_reopen(struct world *world, const char *dir)
{
    char path[512], kept[256];
    struct ode_err err;

    snprintf(kept, sizeof kept, "%s", dir); /* it may be this world's own */
    memset(world, 0, sizeof *world);
    memcpy(world->dir, kept, sizeof kept);
    snprintf(path, sizeof path, "%s/runs", kept);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/odenet.db", kept);
    test_ok(store_open(&world->store, path, &err), &err);
    world->log = (struct log){ .out = getenv("ODENET_TEST_LOG") ? stderr : NULL,
                               .least = LOG_DEBUG };
    world->queue = (struct queue){ .store = &world->store };
    world->submit = (struct submit){ .store = &world->store, .state_dir = world->dir };
    ck_assert_int_eq(uv_loop_init(&world->loop), 0);
}

void
world_open(struct world *world)
{
    world_reopen(world, test_dir());
}

void
world_supervise(struct world *world, int slots, int64_t grace_ms)
{
    struct ode_err err;

    world->sup = (struct supervise){
        .loop = &world->loop,
        .store = &world->store,
        .queue = &world->queue,
        .log = &world->log,
        .launcher = &launch_local_ops,
        .rules = {.state_dir = world->dir,
                  .data_dir = "",
                  .worker = world_worker(),
                  .room = { .slots = slots },
                  .grace_ms = grace_ms,
                  .poll_ms = POLL_MS},
    };
    test_ok(supervise_init(&world->sup, &err), &err);
    test_ok(supervise_recover(&world->sup, &err), &err);
    world->supervised = true;
}

static void
on_stopped(void *context)
{
    ((struct world *)context)->stopped = true;
}

void
world_close(struct world *world)
{
    if (world->supervised) {
        supervise_stop(&world->sup, on_stopped, world);
        while (!world->stopped)
            uv_run(&world->loop, UV_RUN_ONCE);
    }
    ck_assert_int_eq(uv_loop_close(&world->loop), 0);
    store_close(&world->store);
}

/* A killed process gives nothing back; what is left is kept in sight of the leak checker.
 */
static struct left {
    struct world world;
    struct left *next;
} * left;

void
world_crash(struct world *world)
{
    struct left *one = malloc(sizeof *one);

    store_close(&world->store);
    one->world = *world;
    one->next = left;
    left = one;
}

static const char *
first_run(const json_t *answer)
{
    const json_t *run = json_array_get(json_object_get(answer, "runs"), 0);

    return json_string_value(json_object_get(run, "id"));
}

struct run
world_submit(struct world *world, const struct world_order *order)
{
    struct order_run one = { .dataset = "strokes", .memory_bytes = order->memory_bytes };
    struct ode_recipe_spec *recipe = &one.recipe;
    struct order job = { .runs = &one, .sweep = { .runs = 1 } };
    struct ode_err err;
    struct run run;
    json_t *answer, *spec = json_pack("{ss s[{si} {si}]}", "name", order->name, "levels",
                                      "resolution", 8, "resolution", 16);

    snprintf(recipe->name, sizeof recipe->name, "%s", order->name);
    recipe->priority = order->priority;
    recipe->resources.max_retries = order->max_retries;
    recipe->resources.time_limit_s = order->time_limit_s;
    recipe->resources.threads = order->threads;
    recipe->levels_n = 2;
    for (int i = 0; i < 2; i++)
        recipe->levels[i] = (struct ode_level_spec){
            .resolution = 8 << i, .epochs = 1, .blocks_n = 1, .blocks = { 2 }
        };
    job.spec = one.spec = spec;
    test_ok(submit_job(&world->submit, &job, NULL, &answer, &err), &err);
    test_ok(run_load(&world->store, first_run(answer), &run, &err), &err);
    json_decref(answer);
    json_decref(spec);
    return run;
}

struct run
world_run(struct world *world, int64_t number)
{
    struct run run = { .number = number };
    struct ode_err err;

    test_ok(run_reload(&world->store, &run, &err), &err);
    return run;
}

static void
turn(struct world *world, uint64_t began, const struct run *run)
{
    ck_assert_msg(uv_hrtime() / 1000000 - began < DEADLINE_MS,
                  "run still %s (%s) at step %lld", run->state, run->reason,
                  (long long)run->step);
    uv_run(&world->loop, UV_RUN_ONCE);
}

struct run
world_wait(struct world *world, int64_t number, enum run_state state)
{
    uint64_t began = uv_hrtime() / 1000000;
    struct run run;

    supervise_dispatch(&world->sup);
    while (run = world_run(world, number), run_state_of(&run) != state)
        turn(world, began, &run);
    return run;
}

struct run
world_wait_step(struct world *world, int64_t number, int64_t step)
{
    uint64_t began = uv_hrtime() / 1000000;
    struct run run;

    supervise_dispatch(&world->sup);
    while (run = world_run(world, number), run.step < step)
        turn(world, began, &run);
    return run;
}

static char *
dump(struct world *world, const char *sql)
{
    sqlite3_stmt *query;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    ck_assert_int_eq(sqlite3_prepare_v2(world->store.db, sql, -1, &query, NULL),
                     SQLITE_OK);
    while (sqlite3_step(query) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(query); i++)
            fprintf(out, "%s%s", i ? "|" : "", store_column_text(query, i));
        fputc('\n', out);
    }
    sqlite3_finalize(query);
    fclose(out);
    return text;
}

char *
world_tables(struct world *world, int64_t number)
{
    char sql[1024];

    snprintf(
        sql, sizeof sql,
        "SELECT n.name, m.level, m.step, m.value, m.epoch, m.work, m.time FROM metrics m "
        "JOIN metric_names n ON n.id = m.name WHERE run = %lld UNION ALL "
        "SELECT n.name, level, step, value, '', '', '' FROM newest_metrics m "
        "JOIN metric_names n ON n.id = m.name WHERE run = %lld UNION ALL "
        "SELECT state, level, resolution, blocks, steps, work || metrics, "
        "time_end - time_begin FROM levels WHERE run = %lld UNION ALL "
        "SELECT state, level, step, steps, work, total_work, epoch || model_sha256 "
        "FROM runs WHERE number = %lld ORDER BY 1, 2, 3, 4, 5",
        (long long)number, (long long)number, (long long)number, (long long)number);
    return dump(world, sql);
}

char *
world_ask(struct world *world, const char *sql)
{
    char *text = dump(world, sql);

    text[strcspn(text, "|\n")] = '\0';
    return text;
}

void
world_assert(struct world *world, const char *sql, const char *expected)
{
    char *text = world_ask(world, sql);

    ck_assert_str_eq(text, expected);
    free(text);
}

struct run
world_set_out(struct world *world, const char *orders, int64_t max_retries,
              int64_t grace_ms)
{
    struct world_order order = { .name = orders, .max_retries = max_retries };
    struct run run;

    world_open(world);
    run = world_submit(world, &order);
    world_supervise(world, 1, grace_ms);
    return run;
}

char *
world_undisturbed(void)
{
    struct world world;
    struct run run = world_set_out(&world, "steps=10", 0, WORLD_GRACE_MS);
    char *text;

    run = world_wait(&world, run.number, RUN_SUCCEEDED);
    text = world_tables(&world, run.number);
    world_close(&world);
    return text;
}

void
world_slots(struct world *world, int slots)
{
    world->sup.rules.room.slots = slots;
    supervise_dispatch(&world->sup);
}

void
world_request(struct world *world, enum request_kind kind, struct run *run)
{
    struct ode_err err;

    test_ok(supervise_request(&world->sup, run->id, kind, run, &err), &err);
}
