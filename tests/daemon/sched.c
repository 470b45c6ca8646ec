/* sched.c - what runs next. */
#include "daemon/sched.h"

#include "tests/daemon/world.h"
#include "tests/test.h"

static int64_t
next(struct world *world, int64_t now_ms)
{
    struct ode_err err;
    struct run run;
    bool found;

    test_ok(sched_next(&world->store, now_ms, &run, &found, &err), &err);
    return found ? run.number : 0;
}

START_TEST(priority_goes_before_time_and_time_decides_ties)
{
    static const struct {
        int64_t priority;
        int64_t place; /* in which it is to run */
    } runs[] = {
        {0,   2},
        { -5, 5},
        { 10, 1},
        { 0,  3},
        { 0,  4},
    };
    int64_t numbers[5];
    struct world world;
    struct ode_err err;

    world_open(&world);
    for (int i = 0; i < 5; i++) {
        struct run run = world_submit(
            &world, &(struct world_order){ .name = "n", .priority = runs[i].priority });

        numbers[runs[i].place - 1] = run.number;
    }
    for (int place = 0; place < 5; place++) {
        struct run run = world_run(&world, numbers[place]);

        ck_assert_int_eq(next(&world, store_now_ms()), numbers[place]);
        test_ok(queue_move(&world.queue, &run, RUN_STARTING, "", &err), &err);
    }
    ck_assert_int_eq(next(&world, store_now_ms()), 0);
    world_close(&world);
}
END_TEST

START_TEST(a_retry_keeps_its_place_but_waits_for_its_time)
{
    struct world world;
    struct ode_err err;
    struct run first, second;

    world_open(&world);
    first = world_submit(&world, &(struct world_order){ .name = "n" });
    second = world_submit(&world, &(struct world_order){ .name = "n" });
    first.not_before_ms = 5000;
    test_ok(run_save(&world.store, &first, &err), &err);
    ck_assert_int_eq(next(&world, 4999), second.number);
    ck_assert_int_eq(next(&world, 5000), first.number);
    world_close(&world);
}
END_TEST

START_TEST(the_spec_says_how_many_threads_before_the_settings_do)
{
    struct run asks = { .threads = 3 }, leaves = { .threads = 0 };

    ck_assert_int_eq(sched_threads(&asks, 2), 3);
    ck_assert_int_eq(sched_threads(&leaves, 2), 2);
    ck_assert_int_eq(sched_threads(&leaves, 0), 0);
}
END_TEST

TEST_SUITE(sched, 20, priority_goes_before_time_and_time_decides_ties,
           a_retry_keeps_its_place_but_waits_for_its_time,
           the_spec_says_how_many_threads_before_the_settings_do)
