/* planner.c - tests daemon/planner.c: having the worker program plan. */
#include "daemon/planner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/daemon/world.h"
#include "tests/test.h"

struct stage {
    uv_loop_t loop;
    struct planner planner;
    struct log log;
    FILE *out;
    char said[1024]; /* what was logged */
    uint64_t done;   /* the ticket that was told of last */
    int closed;
};

static void
on_done(void *context, uint64_t ticket)
{
    ((struct stage *)context)->done = ticket;
}

static void
on_closed(void *context)
{
    ((struct stage *)context)->closed++;
}

static void
stage_open(struct stage *s, const char *program)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    *s = (struct stage){ .closed = 0 };
    s->out = fmemopen(s->said, sizeof s->said - 1, "w");
    ck_assert_ptr_nonnull(s->out);
    s->log = (struct log){ .out = s->out, .least = LOG_DEBUG };
    ck_assert_int_eq(uv_loop_init(&s->loop), 0);
    s->planner = (struct planner){ .loop = &s->loop,
                                   .log = &s->log,
                                   .program = program,
                                   .done = on_done,
                                   .done_context = s };
}

static void
stage_close(struct stage *s)
{
    planner_stop(&s->planner, on_closed, s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(s->closed, 1);
    ck_assert_int_eq(uv_loop_close(&s->loop), 0);
    fclose(s->out);
}

static enum ode_status
begin(struct stage *s, bool measure, int threads, uint64_t *ticket)
{
    json_t *spec = json_pack("{s:s}", "name", "it's");
    const struct planner_order order = { spec, 1, threads, measure };
    struct ode_err err;
    enum ode_status status = planner_begin(&s->planner, &order, ticket, &err);

    json_decref(spec);
    return status;
}

START_TEST(the_program_reads_the_spec_and_its_answer_is_taken)
{
    json_t *answer = NULL, *complaints = NULL;
    uint64_t ticket = 0;
    struct ode_err err;
    struct stage s;

    stage_open(&s,
               world_script("printf '{\"plan\": {\"asked\": \"%s\"}, \"spec\": ' \"$*\"; "
                            "cat; printf '}'"));
    ck_assert_int_eq(begin(&s, true, 3, &ticket), ODE_OK);
    ck_assert_uint_ne(ticket, 0);
    test_ok(planner_take(&s.planner, ticket, &answer, &complaints, &err), &err);
    ck_assert_ptr_null(answer); /* not yet */
    uv_run(&s.loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(s.done, ticket);
    test_ok(planner_take(&s.planner, ticket, &answer, &complaints, &err), &err);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(answer, "plan"), "asked")),
        "plan --json --resolve --threads 3 -");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(answer, "spec"), "name")),
        "it's");
    json_decref(answer);
    ck_assert_int_eq(planner_take(&s.planner, ticket, &answer, &complaints, &err),
                     ODE_EIO); /* only once */
    stage_close(&s);
}
END_TEST

START_TEST(measuring_can_be_left_out)
{
    json_t *answer = NULL, *complaints = NULL;
    uint64_t ticket = 0;
    struct ode_err err;
    struct stage s;

    stage_open(&s,
               world_script("cat > /dev/null; printf '{\"plan\": {\"asked\": \"%s\"}}' "
                            "\"$*\""));
    ck_assert_int_eq(begin(&s, false, 0, &ticket), ODE_OK);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    test_ok(planner_take(&s.planner, ticket, &answer, &complaints, &err), &err);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(answer, "plan"), "asked")),
        "plan --json --resolve --threads 0 - --no-measure");
    json_decref(answer);
    stage_close(&s);
}
END_TEST

/* What a program's answer comes to. */
static enum ode_status
status_of(const char *text, struct ode_err *err, json_t **complaints)
{
    json_t *answer = NULL;
    enum ode_status status;
    uint64_t ticket = 0;
    struct stage s;

    stage_open(&s, world_script(text));
    ck_assert_int_eq(begin(&s, true, 0, &ticket), ODE_OK);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(s.done, ticket);
    status = planner_take(&s.planner, ticket, &answer, complaints, err);
    ck_assert_ptr_null(answer);
    stage_close(&s);
    return status;
}

START_TEST(its_failures_are_the_specs)
{
    json_t *complaints = NULL;
    struct ode_err err;

    ck_assert_int_eq(status_of("echo '{\"error\": {\"code\": \"ESHAPE\", \"at\": "
                               "\"/levels/1\", \"text\": \"it does not fit\"}, "
                               "\"errors\": []}'; exit 2",
                               &err, &complaints),
                     ODE_ESPEC);
    ck_assert_str_eq(err.at, "/levels/1");
    ck_assert_str_eq(err.text, "it does not fit");
    ck_assert_ptr_null(complaints);
    ck_assert_int_eq(status_of("echo '{\"error\": {\"code\": \"ESPEC\", \"at\": \"\", "
                               "\"text\": \"x\"}, \"errors\": [{\"pointer\": \"/a\", "
                               "\"detail\": \"b\"}]}'; exit 2",
                               &err, &complaints),
                     ODE_ESPEC);
    ck_assert_uint_eq(json_array_size(complaints), 1);
    json_decref(complaints);
    complaints = NULL;
    ck_assert_int_eq(status_of("echo '{\"error\": {\"code\": \"ENOMEM\", \"at\": \"\", "
                               "\"text\": \"no memory\"}}'; exit 1",
                               &err, &complaints),
                     ODE_EIO);
}
END_TEST

START_TEST(no_answer_is_a_failure_of_the_service)
{
    static const char *const scripts[] = { "exit 1",   "echo '{\"plan\": {}}'; exit 1",
                                           "echo '{'", "echo '[]'",
                                           "yes",      "kill -9 $$" };
    json_t *complaints = NULL;
    struct ode_err err;
    struct stage s;
    uint64_t ticket = 0;

    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        ck_assert_int_eq(status_of(scripts[i], &err, &complaints), ODE_EIO);
        ck_assert_ptr_null(complaints);
    }
    stage_open(&s, "/nowhere/odenet");
    ck_assert_int_eq(begin(&s, true, 0, &ticket), ODE_EIO);
    ck_assert_uint_eq(ticket, 0);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(s.done, 0);
    ck_assert_int_eq(begin(&s, true, 0, &ticket), ODE_EIO); /* its place was given back */
    stage_close(&s);
    ck_assert_ptr_nonnull(strstr(s.said, "warn planner failed program=/nowhere/odenet"));
}
END_TEST

START_TEST(only_so_many_at_once_and_a_dropped_one_makes_room)
{
    uint64_t ticket[PLANNER_PLANS] = { 0 }, more = 0;
    struct stage s;
    int pid;

    stage_open(&s, world_script("exec sleep 1000"));
    for (int i = 0; i < PLANNER_PLANS; i++)
        ck_assert_int_eq(begin(&s, true, 0, &ticket[i]), ODE_OK);
    ck_assert_int_eq(begin(&s, true, 0, &more), ODE_EIO);
    pid = s.planner.plan[1].ask.process.pid;
    ck_assert_int_eq(kill(pid, 0), 0);
    planner_drop(&s.planner, ticket[1]);
    while (s.planner.plan[1].ask.open > 0)
        uv_run(&s.loop, UV_RUN_ONCE);
    ck_assert_int_ne(kill(pid, 0), 0); /* killed, and reaped */
    ck_assert_int_eq(begin(&s, true, 0, &more), ODE_OK);
    ck_assert_uint_ne(more, ticket[1]);
    stage_close(&s); /* kills those that are left */
    ck_assert_uint_eq(s.done, 0);
}
END_TEST

START_TEST(an_answer_that_nobody_takes_is_dropped)
{
    uint64_t ticket = 0;
    struct stage s;

    stage_open(&s, world_script("cat > /dev/null; echo '{\"plan\": {}}'"));
    ck_assert_int_eq(begin(&s, true, 0, &ticket), ODE_OK);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    planner_drop(&s.planner, ticket);
    planner_drop(&s.planner, ticket);
    ck_assert_ptr_null(s.planner.plan[0].ask.text);
    stage_close(&s);
}
END_TEST

TEST_SUITE(planner, 30, the_program_reads_the_spec_and_its_answer_is_taken,
           measuring_can_be_left_out, its_failures_are_the_specs,
           no_answer_is_a_failure_of_the_service,
           only_so_many_at_once_and_a_dropped_one_makes_room,
           an_answer_that_nobody_takes_is_dropped)
