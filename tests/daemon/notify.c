/* notify.c - tests daemon/notify.c, and what the daemon tells its service manager. */
#include "daemon/notify.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/pulse.h"
#include "daemon/store.h"
#include "tests/daemon/ear.h"
#include "tests/daemon/house.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

/* --- the protocol ------------------------------------------------------------------- */

static void
assert_arrives(const char *name)
{
    struct notify notify;
    struct ode_err err;
    struct ear ear;

    ear_open(&ear, name);
    test_ok(notify_open(&notify, &err), &err);
    ck_assert(notify_send(&notify, "READY=1\nSTATUS=%d runs", 3));
    ear_await(&ear, "READY=1");
    ck_assert_str_eq(ear.heard, "READY=1\nSTATUS=3 runs");
    notify_close(&notify);
    notify_close(&notify);
    ear_close(&ear);
}

START_TEST(a_message_arrives_at_a_path_and_at_an_abstract_name)
{
    char name[108];

    snprintf(name, sizeof name, "%.90s/socket", test_dir());
    assert_arrives(name);
    snprintf(name, sizeof name, "@odenet-test-%d", (int)getpid());
    assert_arrives(name);
}
END_TEST

START_TEST(without_a_manager_all_is_silent_and_well)
{
    struct notify notify;
    struct ode_err err;

    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1000", 1);
    test_ok(notify_open(&notify, &err), &err);
    ck_assert(!notify.open);
    ck_assert_uint_eq(notify.watchdog_us, 0);
    ck_assert(notify_send(&notify, "READY=1"));
    notify_close(&notify);
}
END_TEST

START_TEST(a_name_that_is_none_is_told_of)
{
    char longest[200];
    const char *const names[] = { "vsock:2:1234", "socket", "/", "@", longest };
    struct notify notify;
    struct ode_err err;

    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[108] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        ck_assert_int_eq(notify_open(&notify, &err), ODE_EARG);
        ck_assert_str_eq(err.at, "$NOTIFY_SOCKET");
        ck_assert(!notify.open);
    }
}
END_TEST

START_TEST(nobody_at_the_other_end_is_a_failure_and_no_end)
{
    struct notify notify;
    struct ode_err err;

    setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
    test_ok(notify_open(&notify, &err), &err);
    ck_assert(!notify_send(&notify, "READY=1"));
    notify_close(&notify);
}
END_TEST

START_TEST(what_is_too_long_is_not_cut)
{
    char text[NOTIFY_BYTES + 1];
    struct notify notify;
    struct ode_err err;
    struct ear ear;

    memset(text, 'x', sizeof text);
    text[NOTIFY_BYTES] = '\0';
    ear_open_anywhere(&ear);
    test_ok(notify_open(&notify, &err), &err);
    ck_assert(!notify_send(&notify, "%s", text));
    ck_assert(notify_send(&notify, "%s", text + 1));
    ear_await(&ear, "xxx");
    ck_assert_str_eq(ear.heard, text + 1);
    notify_close(&notify);
    ear_close(&ear);
}
END_TEST

START_TEST(a_watchdog_is_for_the_process_that_it_names)
{
    static const struct {
        const char *period;
        int pid; /* beside our own; -1: none is named */
        uint64_t expected;
    } cases[] = {
        {"30000000",  -1, 30000000},
        { "30000000", 0,  30000000},
        { "30000000", 1,  0       },
        { "soon",     0,  0       },
        { "-5",       0,  0       },
        { "12s",      0,  0       },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct notify notify;
        struct ode_err err;
        char pid[32];

        setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
        setenv("WATCHDOG_USEC", cases[i].period, 1);
        snprintf(pid, sizeof pid, "%d", (int)getpid() + cases[i].pid);
        if (cases[i].pid >= 0)
            setenv("WATCHDOG_PID", pid, 1);
        test_ok(notify_open(&notify, &err), &err);
        ck_assert_uint_eq(notify.watchdog_us, cases[i].expected);
        ck_assert_ptr_null(getenv("NOTIFY_SOCKET")); /* workers do not inherit them */
        ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
        ck_assert_ptr_null(getenv("WATCHDOG_PID"));
        notify_close(&notify);
    }
}
END_TEST

/* --- the daemon --------------------------------------------------------------------- */

START_TEST(the_daemon_says_that_it_is_ready_and_what_it_does)
{
    const char *const one[] = { "--slots", "1", NULL };
    char first[ULID_LENGTH + 1], second[ULID_LENGTH + 1];
    struct house house;
    struct ear ear;

    ear_open_anywhere(&ear);
    house_open(&house, one);
    ear_await(&ear, "READY=1");
    ck_assert_str_eq(ear.heard, "READY=1\nSTATUS=0 running, 0 queued");
    house_submit(&house, "steps=20 hang=3", first);
    ear_await(&ear, "STATUS=1 running (level 1 of 2), 0 queued");
    house_submit(&house, "steps=5", second);
    ear_await(&ear, "STATUS=1 running (level 1 of 2), 1 queued");
    house_close(&house);
    ear_await(&ear, "STOPPING=1");
    ear_close(&ear);
}
END_TEST

START_TEST(a_stopping_daemon_asks_for_time_while_a_worker_is_there)
{
    const char *const patient[] = { "--grace-s", "3", NULL };
    char run[ULID_LENGTH + 1];
    struct house house;
    struct ear ear;

    ear_open_anywhere(&ear);
    house_open(&house, patient);
    house_submit(&house, "steps=20 hang=3 deaf=1", run);
    house_wait_step(&house, run, 3);
    kill(house.pid, SIGTERM);
    ear_await(&ear, "STOPPING=1");
    ear_await(&ear, "EXTEND_TIMEOUT_USEC=10000000");
    house_end(&house, 0);
    ear_close(&ear);
}
END_TEST

START_TEST(a_watchdog_is_fed_unless_the_daemon_hangs)
{
    struct house house;
    struct ear ear;

    ear_open_anywhere(&ear);
    setenv("WATCHDOG_USEC", "200000", 1);
    house_open(&house, NULL);
    for (int i = 0; i < 5; i++)
        ear_await(&ear, "WATCHDOG=1");
    kill(house.pid, SIGSTOP);
    ear_await_silence(&ear, 1000);
    kill(house.pid, SIGCONT);
    ear_await(&ear, "WATCHDOG=1");
    house_close(&house);
    ear_close(&ear);
}
END_TEST

START_TEST(a_watchdog_is_not_fed_while_the_database_is_stuck)
{
    char path[300];
    struct house house;
    struct ear ear;
    sqlite3 *db;

    ear_open_anywhere(&ear);
    setenv("WATCHDOG_USEC", "200000", 1);
    house_open(&house, NULL);
    ear_await(&ear, "WATCHDOG=1");
    snprintf(path, sizeof path, "%s/odenet.db", house.dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    house_await_log(&house, "error pulse failed"); /* SQLite has lost its patience */
    ear_await_silence(&ear, 1000);
    sqlite3_close(db);
    ear_await(&ear, "WATCHDOG=1");
    house_close(&house);
    ear_close(&ear);
}
END_TEST

/* Some turns of the loop; whether the watchdog was fed in them. */
static bool
fed(struct world *world, struct ear *ear, struct server *server, uint64_t turns)
{
    const uint64_t until = uv_hrtime() + UINT64_C(500000000);
    bool any = false;

    while (uv_hrtime() < until) {
        uv_run(&world->loop, UV_RUN_ONCE);
        server->turns += turns;
        while (ear_hears(ear, 0))
            any |= strstr(ear->heard, "WATCHDOG=1") != NULL;
    }
    return any;
}

START_TEST(a_watchdog_is_not_fed_while_the_server_has_no_turn)
{
    struct server server = { .listener_n = 0 };
    struct world world;
    struct pulse pulse;
    struct ear ear;

    world_open(&world);
    world_supervise(&world, 1, WORLD_GRACE_MS);
    pulse = (struct pulse){
        .log = &world.log, .store = &world.store, .sup = &world.sup, .server = &server
    };
    ear_open_anywhere(&ear);
    setenv("WATCHDOG_USEC", "100000", 1);
    pulse_open(&pulse, &world.loop);
    pulse_ready(&pulse);
    ear_await(&ear, "READY=1");
    ck_assert(!fed(&world, &ear, &server, 0));
    ck_assert(fed(&world, &ear, &server, 1));
    fed(&world, &ear, &server, 0); /* the last turn may still count */
    ck_assert(!fed(&world, &ear, &server, 0));
    pulse_stopping(&pulse); /* then the server is gone, and need not come on */
    ck_assert(fed(&world, &ear, &server, 0));
    pulse_close(&pulse);
    world_close(&world);
    ear_close(&ear);
}
END_TEST

START_TEST(the_status_tells_of_a_disk_that_is_nearly_full)
{
    struct server server = { .listener_n = 0 };
    struct world world;
    struct pulse pulse;
    struct ear ear;

    world_open(&world);
    world_supervise(&world, 1, WORLD_GRACE_MS);
    pulse = (struct pulse){
        .log = &world.log, .store = &world.store, .sup = &world.sup, .server = &server
    };
    ear_open_anywhere(&ear);
    pulse_open(&pulse, &world.loop);
    world.sup.full = true;
    pulse_ready(&pulse);
    ear_await(&ear, "STATUS=0 running, 0 queued; the disk is nearly full");
    pulse_close(&pulse);
    world_close(&world);
    ear_close(&ear);
}
END_TEST

TEST_SUITE(notify, 60, a_watchdog_is_not_fed_while_the_server_has_no_turn,
           the_status_tells_of_a_disk_that_is_nearly_full,
           a_message_arrives_at_a_path_and_at_an_abstract_name,
           without_a_manager_all_is_silent_and_well, a_name_that_is_none_is_told_of,
           nobody_at_the_other_end_is_a_failure_and_no_end, what_is_too_long_is_not_cut,
           a_watchdog_is_for_the_process_that_it_names,
           the_daemon_says_that_it_is_ready_and_what_it_does,
           a_stopping_daemon_asks_for_time_while_a_worker_is_there,
           a_watchdog_is_fed_unless_the_daemon_hangs,
           a_watchdog_is_not_fed_while_the_database_is_stuck)
