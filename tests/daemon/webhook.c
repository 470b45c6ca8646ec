/* webhook.c - tests daemon/webhook.c and post.c, with receivers of every temper. */
#include "daemon/webhook.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "tests/client/script.h"
#include "tests/daemon/world.h"
#include "tests/test.h"

#define SECRET "0123456789abcdef"
#define TAKEN  SCRIPT_ANSWER("204 No Content") "\r\n"
#define BROKEN SCRIPT_ANSWER("500 Internal") "\r\n"

enum { DEADLINE_MS = 20000 };

/* A world whose runs' ends are told. */
struct town {
    struct world world;
    struct webhook hook;
    bool closed;
};

static void
town_wire(struct town *town, const char *url)
{
    town->hook = (struct webhook){ .loop = &town->world.loop,
                                   .store = &town->world.store,
                                   .log = &town->world.log,
                                   .url = url,
                                   .private = true };
    webhook_preset(&town->hook);
    for (int i = 0; i < WEBHOOK_RETRIES; i++)
        town->hook.pause_ms[i] = 1;
    town->world.queue.ended = webhook_note;
    town->world.queue.ended_context = &town->hook;
    town->closed = false;
}

static void
town_open(struct town *town, const char *url)
{
    world_open(&town->world);
    town_wire(town, url);
}

static void
town_tell(struct town *town)
{
    webhook_open(&town->hook, strdup(SECRET), strlen(SECRET));
}

static void
on_closed(void *context)
{
    ((struct town *)context)->closed = true;
}

static void
town_close(struct town *town)
{
    webhook_stop(&town->hook, on_closed, town);
    while (!town->closed)
        uv_run(&town->world.loop, UV_RUN_ONCE);
    world_close(&town->world);
}

/* A run that was cancelled before it began. */
static struct run
end_one(struct town *town)
{
    struct run run = world_submit(&town->world, &(struct world_order){ .name = "short" });
    struct ode_err err;

    test_ok(queue_move(&town->world.queue, &run, RUN_CANCELLED, "on request", &err),
            &err);
    return run;
}

/* Runs the loop until the question has the answer. */
static void
until(struct town *town, const char *sql, const char *answer)
{
    const int64_t end = store_now_ms() + DEADLINE_MS;
    char *found = world_ask(&town->world, sql);

    while (strcmp(found, answer) != 0) {
        ck_assert_msg(store_now_ms() < end, "%s: %s, not %s", sql, found, answer);
        uv_run(&town->world.loop, UV_RUN_ONCE);
        free(found);
        found = world_ask(&town->world, sql);
    }
    free(found);
}

static const char left[] = "SELECT count(*) FROM deliveries";
static const char gave_up[] = "SELECT text FROM events WHERE kind = 'webhook'";

/* What stands behind the name of a header in the n-th request; static. */
static const char *
header_of(const char *asked, const char *name, int n)
{
    static char value[4][200];
    const char *at = asked;

    for (int i = 0; i <= n; i++) {
        at = strstr(i ? at + 1 : at, name);
        ck_assert_ptr_nonnull(at);
    }
    at += strlen(name) + 2;
    snprintf(value[n], sizeof value[n], "%.*s", (int)strcspn(at, "\r"), at);
    return value[n];
}

START_TEST(the_end_of_a_run_is_told_and_signed)
{
    char text[4096], hex[ODE_HASH_HEX], signature[100];
    struct script server;
    struct town town;
    const char *asked, *body;
    struct run run;
    json_t *json;

    setenv("http_proxy", "http://127.0.0.1:1", 1); /* is not asked */
    SCRIPT_START(&server, TAKEN);
    town_open(&town, server.url);
    run = end_one(&town);
    world_assert(&town.world, left, "1");
    town_tell(&town);
    until(&town, left, "0");
    asked = script_end(&server);
    ck_assert_int_eq(script_count(asked, "POST / HTTP/1.1\r\n"), 1);
    ck_assert_str_eq(header_of(asked, "Content-Type", 0), "application/json");
    ck_assert_uint_eq(strlen(header_of(asked, "X-Odenet-Delivery", 0)), ULID_LENGTH);
    body = strstr(asked, "\r\n\r\n") + 4;
    snprintf(text, sizeof text, "%s.%s", header_of(asked, "X-Odenet-Timestamp", 0), body);
    ode_hash_sign(SECRET, strlen(SECRET), text, strlen(text), hex);
    snprintf(signature, sizeof signature, "v1=%s", hex);
    ck_assert_str_eq(header_of(asked, "X-Odenet-Signature", 0), signature);
    ck_assert_int_lt(llabs(atoll(text) - store_now_ms() / 1000), 60);
    json = json_loads(body, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "event")), "run.cancelled");
    ck_assert_str_eq(json_string_value(json_object_get(json, "run")), run.id);
    ck_assert_str_eq(json_string_value(json_object_get(json, "job")), run.job);
    ck_assert_str_eq(json_string_value(json_object_get(json, "state")), "cancelled");
    ck_assert_str_eq(json_string_value(json_object_get(json, "reason")), "on request");
    ck_assert_ptr_nonnull(json_string_value(json_object_get(json, "at")));
    ck_assert(json_is_object(json_object_get(json, "metrics")));
    json_decref(json);
    world_assert(&town.world, "SELECT count(*) FROM events WHERE kind = 'webhook'", "0");
    town_close(&town);
}
END_TEST

START_TEST(what_a_killed_daemon_had_not_told_the_next_one_tells)
{
    struct script server;
    struct town town;
    struct run run;
    char dir[256], named[64];

    SCRIPT_START(&server, TAKEN, TAKEN);
    town_open(&town, server.url);
    run = end_one(&town);
    end_one(&town);
    snprintf(dir, sizeof dir, "%s", town.world.dir);
    world_crash(&town.world);
    world_reopen(&town.world, dir);
    town_wire(&town, server.url);
    town_tell(&town);
    until(&town, left, "0");
    snprintf(named, sizeof named, "\"run\":\"%s\"", run.id);
    ck_assert_int_eq(script_count(script_end(&server), named), 1);
    town_close(&town);
}
END_TEST

START_TEST(a_receiver_that_failed_is_told_the_same_again)
{
    struct script server;
    struct town town;
    const char *asked, *first;

    SCRIPT_START(&server, BROKEN, SCRIPT_NONE, TAKEN);
    town_open(&town, server.url);
    end_one(&town);
    town_tell(&town);
    until(&town, left, "0");
    asked = script_end(&server);
    first = header_of(asked, "X-Odenet-Delivery", 0);
    ck_assert_str_eq(header_of(asked, "X-Odenet-Delivery", 1), first);
    ck_assert_str_eq(header_of(asked, "X-Odenet-Delivery", 2), first);
    ck_assert_int_eq(script_count(asked, "\"event\":\"run.cancelled\""), 3);
    world_assert(&town.world, "SELECT count(*) FROM events WHERE kind = 'webhook'", "0");
    town_close(&town);
}
END_TEST

START_TEST(pauses_grow_to_an_hour)
{
    struct webhook hook = { 0 };

    webhook_preset(&hook);
    ck_assert_int_eq(hook.limit_ms, 10000);
    ck_assert_int_eq(hook.pause_ms[0], 1000);
    ck_assert_int_eq(hook.pause_ms[1], 10000);
    ck_assert_int_eq(hook.pause_ms[2], 60000);
    ck_assert_int_eq(hook.pause_ms[3], 600000);
    ck_assert_int_eq(hook.pause_ms[4], 3600000);
}
END_TEST

START_TEST(the_next_attempt_waits_for_its_time)
{
    struct script server;
    struct town town;

    SCRIPT_START(&server, BROKEN);
    town_open(&town, server.url);
    town.hook.pause_ms[0] = 3600000;
    end_one(&town);
    town_tell(&town);
    until(&town, "SELECT attempts FROM deliveries", "1");
    world_assert(&town.world,
                 "SELECT due_ms - created_ms BETWEEN 3600000 AND 3630000 FROM deliveries",
                 "1");
    script_end(&server);
    town_close(&town);
}
END_TEST

START_TEST(nobody_there_is_given_up_with_an_event)
{
    struct script server;
    struct town town;
    char *text;

    SCRIPT_START(&server, TAKEN);
    script_stop(&server); /* its port is free again */
    town_open(&town, server.url);
    end_one(&town);
    town_tell(&town);
    until(&town, left, "0");
    text = world_ask(&town.world, gave_up);
    ck_assert_ptr_nonnull(strstr(text, "after 6 attempts: "));
    ck_assert_ptr_nonnull(strstr(text, "connect"));
    free(text);
    town_close(&town);
}
END_TEST

START_TEST(one_that_never_answers_is_given_up)
{
    struct script server;
    struct town town;
    char *text;

    SCRIPT_START(&server, script_silence);
    town_open(&town, server.url);
    town.hook.limit_ms = 100;
    end_one(&town);
    town_tell(&town);
    until(&town, left, "0");
    text = world_ask(&town.world, gave_up);
    ck_assert_ptr_nonnull(strstr(text, "timed out"));
    free(text);
    ck_assert_int_eq(script_count(script_stop(&server), "POST / HTTP"), 1);
    town_close(&town);
}
END_TEST

START_TEST(a_redirection_is_a_refusal)
{
    struct script server, other;
    struct town town;
    char answer[300], *text;

    SCRIPT_START(&other, TAKEN);
    snprintf(answer, sizeof answer, SCRIPT_ANSWER("307 There") "Location: %s/\r\n\r\n",
             other.url);
    SCRIPT_START(&server, answer, answer, answer, answer, answer, answer);
    town_open(&town, server.url);
    end_one(&town);
    town_tell(&town);
    until(&town, left, "0");
    text = world_ask(&town.world, gave_up);
    ck_assert_ptr_nonnull(strstr(text, "status 307"));
    free(text);
    script_end(&server);
    ck_assert_str_eq(script_stop(&other), "");
    town_close(&town);
}
END_TEST

/* What is said of a receiver at this address; to be freed. */
static char *
refusal_of(const char *url, bool private)
{
    struct town town;
    char *text;

    town_open(&town, url);
    town.hook.private = private;
    end_one(&town);
    town_tell(&town);
    until(&town, left, "0");
    text = world_ask(&town.world, gave_up);
    town_close(&town);
    return text;
}

START_TEST(addresses_are_judged_where_they_are_connected_to)
{
    static const struct {
        const char *url, *text;
        bool private;
    } cases[] = {
        {"http://127.0.0.1:9/",            "127.0.0.1 is of a private network", false},
        { "http://0x7f000001:9/",          "127.0.0.1 is of a private network", false},
        { "http://[::ffff:10.0.0.1]/",     "10.0.0.1 is of a private network",  false},
        { "http://169.254.169.254/latest", "169.254.169.254 is no address",     true },
        { "http://224.0.0.1/",             "224.0.0.1 is no address",           true },
        { "http://0.0.0.0:9/",             "0.0.0.0 is no address",             true },
        { "http://[fe80::1]/",             "fe80::1 is no address",             true },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = refusal_of(cases[i].url, cases[i].private);

        ck_assert_msg(strstr(text, cases[i].text) != NULL, "%s: %s", cases[i].url, text);
        free(text);
    }
}
END_TEST

START_TEST(a_stop_does_not_wait_for_a_receiver)
{
    const int64_t begin = store_now_ms();
    struct script server;
    struct town town;
    char dir[256];

    SCRIPT_START(&server, script_silence);
    town_open(&town, server.url);
    end_one(&town);
    town_tell(&town);
    while (!town.hook.busy)
        uv_run(&town.world.loop, UV_RUN_ONCE);
    snprintf(dir, sizeof dir, "%s", town.world.dir);
    town_close(&town);
    ck_assert_int_lt(store_now_ms() - begin, 5000);
    script_stop(&server);
    world_reopen(&town.world, dir);
    world_assert(&town.world, "SELECT attempts FROM deliveries", "0");
    world_close(&town.world);
}
END_TEST

START_TEST(only_what_was_committed_is_told)
{
    struct ode_err err;
    struct town town;
    struct run run;

    town_open(&town, "http://127.0.0.1:9/");
    run = world_submit(&town.world, &(struct world_order){ .name = "short" });
    test_ok(store_begin(&town.world.store, &err), &err);
    test_ok(queue_move(&town.world.queue, &run, RUN_CANCELLED, "", &err), &err);
    store_rollback(&town.world.store);
    world_assert(&town.world, left, "0");
    town_close(&town);
}
END_TEST

START_TEST(other_moves_and_no_receiver_leave_no_message)
{
    struct ode_err err;
    struct town town;
    struct run run;

    town_open(&town, "http://127.0.0.1:9/");
    run = world_submit(&town.world, &(struct world_order){ .name = "short" });
    test_ok(queue_move(&town.world.queue, &run, RUN_PAUSED, "", &err), &err);
    world_assert(&town.world, left, "0");
    town.hook.url = "";
    test_ok(queue_move(&town.world.queue, &run, RUN_CANCELLED, "", &err), &err);
    world_assert(&town.world, left, "0");
    town_close(&town);
}
END_TEST

START_TEST(a_run_that_was_deleted_is_told_of)
{
    struct script server;
    struct ode_err err;
    struct town town;
    struct run run;

    SCRIPT_START(&server, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN);
    town_open(&town, server.url);
    run = end_one(&town);
    test_ok(store_exec(&town.world.store, STORE_RUN_DELETE, &err, store_text(run.job)),
            &err);
    world_assert(&town.world, left, "1");
    town_tell(&town);
    until(&town, left, "0"); /* and nobody is left to be told of that */
    script_end(&server);
    town_close(&town);
}
END_TEST

TEST_SUITE(webhook, 60, the_end_of_a_run_is_told_and_signed,
           what_a_killed_daemon_had_not_told_the_next_one_tells,
           a_receiver_that_failed_is_told_the_same_again, pauses_grow_to_an_hour,
           the_next_attempt_waits_for_its_time, nobody_there_is_given_up_with_an_event,
           one_that_never_answers_is_given_up, a_redirection_is_a_refusal,
           addresses_are_judged_where_they_are_connected_to,
           a_stop_does_not_wait_for_a_receiver, only_what_was_committed_is_told,
           other_moves_and_no_receiver_leave_no_message,
           a_run_that_was_deleted_is_told_of)
