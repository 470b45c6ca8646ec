/* sched.c - what runs next. */
#include "daemon/sched.h"

#include <string.h>

#include "tests/daemon/world.h"
#include "tests/test.h"

static int64_t
next(struct world *world, int64_t now_ms)
{
    struct ode_err err;
    struct run run;
    bool found;

    test_ok(sched_next(&world->store, &(struct sched_room){ .slots = 1 }, now_ms, &run,
                       &found, &err),
            &err);
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

START_TEST(who_would_never_fit_is_passed_over)
{
    const struct sched_room total = { .slots = 1, .threads = 2, .memory_bytes = 1000 };
    struct world world;
    struct ode_err err;
    struct run run[3];
    bool found;

    world_open(&world);
    for (int i = 0; i < 3; i++)
        run[i] = world_submit(
            &world, &(struct world_order){ .name = "n",
                                           .threads = i == 0 ? 3 : 2,
                                           .memory_bytes = i == 1 ? 1001 : 1000 });
    test_ok(sched_next(&world.store, &total, 1, &run[0], &found, &err), &err);
    ck_assert(found);
    ck_assert_int_eq(run[0].number, run[2].number);
    world_close(&world);
}
END_TEST

START_TEST(the_spec_says_how_many_threads_before_the_settings_do)
{
    struct run asks = { .threads = 3, .memory_bytes = 7 }, leaves = { .threads = 0 };

    ck_assert_int_eq(sched_share_of(&asks, 2).threads, 3);
    ck_assert_int_eq(sched_share_of(&asks, 2).memory_bytes, 7);
    ck_assert_int_eq(sched_share_of(&leaves, 2).threads, 2);
}
END_TEST

START_TEST(what_fits_is_bound_by_each_of_three)
{
    const struct sched_room total = { .slots = 3, .threads = 4, .memory_bytes = 100 };
    const struct sched_seat seats[] = {
        {.share = { 1, 40 }},
        {                 .share = { 1, 20 }                },
        { .share = { 1, 0 },                 .leaving = true }
    };

    ck_assert(sched_fits(&total, seats, 2, &(struct sched_share){ 2, 40 }));
    ck_assert(!sched_fits(&total, seats, 2, &(struct sched_share){ 3, 40 }));
    ck_assert(!sched_fits(&total, seats, 2, &(struct sched_share){ 2, 41 }));
    /* who leaves is not gone yet */
    ck_assert(!sched_fits(&total, seats, 3, &(struct sched_share){ 1, 1 }));
    ck_assert(sched_fits(&(struct sched_room){ .slots = 3 }, seats, 2,
                         &(struct sched_share){ 99, 1 << 30 }));
}
END_TEST

/* Seats as "priority:threads" with "-" for one that leaves already; the answer has "x"
 * for each that is chosen. */
static const struct {
    const char *what;
    int cores, wanted;
    int64_t priority;
    struct sched_seat seats[4];
    int n;
    const char *chosen;
} rooms[] = {
    {"the lowest goes",
     2, 1,
     5, { { { 1, 0 }, 1, 1, 0, 0 }, { { 1, 0 }, 2, 0, 0, 0 } },
     2, ".x"},
    { "of equal ones the last submitted",
     2, 1,
     5, { { { 1, 0 }, 1, 0, 0, 0 }, { { 1, 0 }, 2, 0, 0, 0 } },
     2, ".x"},
    { "as many as it takes",
     2, 2,
     5, { { { 1, 0 }, 1, 0, 0, 0 }, { { 1, 0 }, 2, 4, 0, 0 } },
     2, "xx"},
    { "nobody of the same priority",
     2, 1,
     0, { { { 1, 0 }, 1, 0, 0, 0 }, { { 1, 0 }, 2, 0, 0, 0 } },
     2, ".."},
    { "nobody in vain",
     2, 2,
     1, { { { 1, 0 }, 1, 0, 0, 0 }, { { 1, 0 }, 2, 1, 0, 0 } },
     2, ".."},
    { "nobody beside one who leaves",
     2, 1,
     5, { { { 1, 0 }, 1, 0, 0, 0 }, { { 1, 0 }, 2, 0, 1, 0 } },
     2, ".."},
    { "nobody who is too small to help",
     4, 4,
     5, { { { 1, 0 }, 1, 0, 0, 0 }, { { 3, 0 }, 2, 9, 0, 0 } },
     2, ".."},
    { "the small one stays if the big one goes",
     4, 3,
     5, { { { 1, 0 }, 1, 0, 0, 0 }, { { 3, 0 }, 2, 1, 0, 0 } },
     2, ".x"},
};

START_TEST(who_makes_room_is_the_lowest_and_no_more_than_need_be)
{
    struct sched_seat seats[4];
    const struct sched_room total = { .slots = 9, .threads = rooms[_i].cores };
    const struct sched_share share = { .threads = rooms[_i].wanted };
    const size_t n = (size_t)rooms[_i].n;
    bool any;

    memcpy(seats, rooms[_i].seats, sizeof seats);
    any = sched_choose(&total, seats, n, &share, rooms[_i].priority);
    ck_assert_msg(any == (strchr(rooms[_i].chosen, 'x') != NULL), "%s", rooms[_i].what);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(seats[i].chosen == (rooms[_i].chosen[i] == 'x'), "%s: %zu",
                      rooms[_i].what, i);
}
END_TEST

static const struct {
    struct sched_room total;
    struct sched_share share;
    int64_t not_before_ms;
    bool next;
    const char *text;
} waits[] = {
    {{ 1, 2, 0 },          { 1, 0 },         0,    false, "waits for its turn"                     },
    { { 1, 2, 0 },         { 1, 0 },         0,    true,  "waits for a slot; 1 of 1 are taken"     },
    { { 9, 2, 0 },
     { 1, 0 },
     0,                                            true,
     "waits for threads: needs 1, and 2 of 2 are taken"                                            },
    { { 9, 9, 300 << 20 },
     { 1, 200 << 20 },
     0,                                            true,
     "waits for memory: needs 200 MiB, and 150 of 300 are taken"                                   },
    { { 9, 9, 500 << 20 }, { 1, 200 << 20 }, 0,    true,  "is about to start"                      },
    { { 9, 9, 0 },         { 1, 0 },         5000, true,  "tries again at 1970-01-01T00:00:05.000Z"},
    { { 9, 9, 0 },
     { 10, 0 },
     0,                                            false,
     "needs 10 threads, and all runs have 9 (odenetd --cores)"                                     },
    { { 9, 9, 100 << 20 },
     { 1, 200 << 20 },
     0,                                            false,
     "needs 200 MiB of memory, and all runs have 100 (odenetd --memory-mib)"                       },
};

START_TEST(waiting_has_its_reason)
{
    const struct sched_seat seat = {
        .share = {2, 150 << 20}
    };
    const struct run run = { .not_before_ms = waits[_i].not_before_ms };
    char text[160];

    sched_explain(&waits[_i].total, &seat, 1, &run, &waits[_i].share, waits[_i].next,
                  1000, text, sizeof text);
    ck_assert_str_eq(text, waits[_i].text);
}
END_TEST

Suite *suite_sched(void);

Suite *
suite_sched(void)
{
    const TTest *tests[] = { priority_goes_before_time_and_time_decides_ties,
                             a_retry_keeps_its_place_but_waits_for_its_time,
                             who_would_never_fit_is_passed_over,
                             the_spec_says_how_many_threads_before_the_settings_do,
                             what_fits_is_bound_by_each_of_three };
    Suite *suite = test_suite("sched", tests, sizeof tests / sizeof *tests, 20);
    TCase *tables = tcase_create("tables");

    tcase_add_loop_test(tables, who_makes_room_is_the_lowest_and_no_more_than_need_be, 0,
                        sizeof rooms / sizeof *rooms);
    tcase_add_loop_test(tables, waiting_has_its_reason, 0, sizeof waits / sizeof *waits);
    suite_add_tcase(suite, tables);
    return suite;
}
