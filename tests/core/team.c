/* team.c - tests core/base/team.h and the memory that its members work in. */
#include "core/base/team.h"

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/arena.h"
#include "tests/test.h"

enum { TASKS = 500, THREADS = 3 };

struct seen {
    int times[TASKS];
    bool strange; /* a thread that is not one of the team's */
    volatile float tiny, product[TASKS];
};

static void
task(void *context, int thread, int n)
{
    struct seen *seen = context;

    seen->times[n]++;
    if (thread < 0 || thread >= THREADS)
        seen->strange = true;
    seen->product[n] = seen->tiny * 0.5f;
}

static void
team_run(struct seen *seen, int threads)
{
    struct ode_team *team;
    struct ode_err err;

    seen->tiny = FLT_MIN;
    test_ok(ode_team_new(&team, threads, &err), &err);
    ck_assert_int_eq(ode_team_threads(team), threads);
    ode_team_run(team, task, seen, TASKS);
    ode_team_free(team);
}

START_TEST(every_task_is_done_once)
{
    for (int threads = 1; threads <= THREADS; threads++) {
        struct seen seen = { .strange = false };

        team_run(&seen, threads);
        for (int i = 0; i < TASKS; i++)
            ck_assert_int_eq(seen.times[i], 1);
        ck_assert(!seen.strange);
    }
}
END_TEST

/* In tasks only: the caller's arithmetic is what it was. */
START_TEST(denormal_numbers_are_zero_in_tasks)
{
    struct seen seen = { .strange = false };

    team_run(&seen, THREADS);
#ifdef __SSE__
    for (int i = 0; i < TASKS; i++)
        ck_assert(seen.product[i] == 0);
#endif
    ck_assert(seen.tiny * 0.5f > 0);
}
END_TEST

START_TEST(an_arena_is_aligned_and_zero)
{
    static const size_t sizes[] = { 0, 1, 100, 4096, (2 << 20) - 1, (5 << 20) + 7 };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ode_arena arena;
        struct ode_err err;
        const unsigned char *at;
        unsigned any = 0;

        test_ok(ode_arena_init(&arena, sizes[i], &err), &err);
        at = ode_arena_take(&arena, sizes[i], 1);
        ck_assert_uint_eq((uintptr_t)at % ODE_ALIGN, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            any |= at[j];
        ck_assert_uint_eq(any, 0);
        ode_arena_release(&arena);
        ode_arena_release(&arena);
    }
}
END_TEST

/* AddressSanitizer takes the wish itself for an error. */
START_TEST(too_large_an_arena_is_an_error)
{
#ifndef __SANITIZE_ADDRESS__
    struct ode_arena arena = { 0 };
    struct ode_err err;

    ck_assert_int_eq(ode_arena_init(&arena, (size_t)1 << 60, &err), ODE_ENOMEM);
    ck_assert_ptr_nonnull(strstr(err.text, "MiB"));
    ck_assert_ptr_null(arena.base);
#endif
}
END_TEST

TEST_SUITE(team, 20, every_task_is_done_once, denormal_numbers_are_zero_in_tasks,
           an_arena_is_aligned_and_zero, too_large_an_arena_is_an_error)
