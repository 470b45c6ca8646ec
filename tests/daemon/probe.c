/* probe.c - tests daemon/probe.c: asking the worker program. */
#include "daemon/probe.h"

#include <stdio.h>
#include <string.h>

#include "tests/daemon/world.h"
#include "tests/test.h"

struct stage {
    uv_loop_t loop;
    struct probe probe;
    struct log log;
    FILE *out;
    char said[1024]; /* what was logged */
    int closed;
};

static void
on_closed(void *context)
{
    ((struct stage *)context)->closed++;
}

static void
stage_start(struct stage *stage, const char *program)
{
    *stage = (struct stage){ .closed = 0 };
    stage->out = fmemopen(stage->said, sizeof stage->said - 1, "w");
    ck_assert_ptr_nonnull(stage->out);
    stage->log = (struct log){ .out = stage->out, .least = LOG_DEBUG };
    ck_assert_int_eq(uv_loop_init(&stage->loop), 0);
    probe_start(&stage->probe, &stage->loop, &stage->log, program);
}

/* Stops, closes all; the answer stays. */
static void
stage_stop(struct stage *stage)
{
    probe_stop(&stage->probe, on_closed, stage);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(stage->closed, 1);
    ck_assert_int_eq(uv_loop_close(&stage->loop), 0);
    fclose(stage->out);
}

/* What is logged about a program that gives no answer; static. */
static const char *
said_of(const char *program)
{
    static struct stage stage;

    stage_start(&stage, program);
    uv_run(&stage.loop, UV_RUN_DEFAULT);
    stage_stop(&stage);
    ck_assert_ptr_null(stage.probe.facts);
    probe_release(&stage.probe);
    return stage.said;
}

START_TEST(the_worker_is_asked_and_its_answer_kept)
{
    const json_t *blas;
    struct stage stage;

    stage_start(&stage, world_worker());
    uv_run(&stage.loop, UV_RUN_DEFAULT);
    stage_stop(&stage);
    blas = json_object_get(stage.probe.facts, "blas");
    ck_assert_str_eq(json_string_value(json_object_get(blas, "core")), "Fake");
    ck_assert_pstr_eq(stage.said, "info probe answered kernels=none blas=Fake\n"
                                  "warn probe slow text=slow\n");
    probe_release(&stage.probe);
}
END_TEST

START_TEST(no_answer_costs_a_line_in_the_log)
{
    ck_assert_ptr_nonnull(
        strstr(said_of("/nowhere/odenet"), "warn probe failed program="));
    ck_assert_ptr_nonnull(
        strstr(said_of(world_script("exit 2")), "warn probe failed text="));
    ck_assert_ptr_nonnull(strstr(said_of(world_script("echo '{'")), "warn probe failed"));
    ck_assert_ptr_nonnull(
        strstr(said_of(world_script("echo '[1]'")), "warn probe failed"));
    ck_assert_ptr_nonnull(strstr(said_of(world_script("yes")), "warn probe failed"));
}
END_TEST

START_TEST(a_stop_does_not_wait_for_the_answer)
{
    struct stage stage;

    stage_start(&stage, world_script("exec sleep 1000"));
    uv_run(&stage.loop, UV_RUN_NOWAIT);
    stage_stop(&stage);
    ck_assert_ptr_null(stage.probe.facts);
    ck_assert_str_eq(stage.said, "");
}
END_TEST

START_TEST(what_never_started_stops_at_once)
{
    struct probe probe = { 0 };
    struct stage stage = { .closed = 0 };

    probe_stop(&probe, on_closed, &stage);
    ck_assert_int_eq(stage.closed, 1);
    probe_release(&probe);
}
END_TEST

TEST_SUITE(probe, 20, the_worker_is_asked_and_its_answer_kept,
           no_answer_costs_a_line_in_the_log, a_stop_does_not_wait_for_the_answer,
           what_never_started_stops_at_once)
