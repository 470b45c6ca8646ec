/*
 * world.h - a state directory with a store, a queue and a supervisor on a loop of its
 * own, for tests of the daemon's parts.
 */
#ifndef ODE_TESTS_DAEMON_WORLD_H
#define ODE_TESTS_DAEMON_WORLD_H

#include <uv.h>

#include "daemon/queue.h"
#include "daemon/store.h"
#include "daemon/submit.h"
#include "daemon/supervise.h"

enum { WORLD_GRACE_MS = 3000 };

struct world {
    char dir[256];
    uv_loop_t loop;
    struct log log;
    struct store store;
    struct queue queue;
    struct submit submit;
    struct supervise sup;
    bool supervised, stopped;
};

/* The fake worker that the build made. */
const char *world_worker(void);

/* A program that does what the script says; the path is static, as the next one's. */
const char *world_script(const char *text);

/* In a fresh directory; ended by world_close(). */
void world_open(struct world *world);
/* The same directory again, as the next daemon finds it. dir is one of a former world. */
void world_reopen(struct world *world, const char *dir);
/* Begins to supervise, with the fake worker, short polls and this grace period. */
void world_supervise(struct world *world, int slots, int64_t grace_ms);
/* Drops everything at once, as if the process were killed; workers go on. */
void world_crash(struct world *world);
/* Stops the workers, drops everything. */
void world_close(struct world *world);

/* A run with this name (the fake worker's orders), of two levels. */
struct world_order {
    const char *name;
    int64_t priority, max_retries, time_limit_s, threads, memory_bytes;
};
struct run world_submit(struct world *world, const struct world_order *order);

/* The run as the database has it now. */
struct run world_run(struct world *world, int64_t number);

/* Runs the loop until the run has the state (or, final, has any final state); fails the
 * test after 20 s. */
struct run world_wait(struct world *world, int64_t number, enum run_state state);
/* In a fresh world: submits the orders, and supervises with one slot. */
struct run world_set_out(struct world *world, const char *orders, int64_t max_retries,
                         int64_t grace_ms);

/* What an undisturbed run of 10 steps a level leaves in the database, as world_tables().
 */
char *world_undisturbed(void);

/* From now on so many runs may have a worker. */
void world_slots(struct world *world, int slots);

/* A request that is granted; *run is the run after it. */
void world_request(struct world *world, enum request_kind kind, struct run *run);

/* Until the run's step is at least so large. */
struct run world_wait_step(struct world *world, int64_t number, int64_t step);

/* All that is stored of levels and metrics, without times of the clock; to be freed. */
char *world_tables(struct world *world, int64_t number);
/* The first column of the first row, as text; to be freed. */
char *world_ask(struct world *world, const char *sql);
void world_assert(struct world *world, const char *sql, const char *expected);

#endif
