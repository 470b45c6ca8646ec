/* stream.c - tests api/stream.c: events as they happen. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define RUN_EVENTS "/v1/runs/" FAKE_RUN "/events"

enum { TEXT = 65536, PATIENCE_MS = 10000 };

static int
follow(struct fake *fake, const char *target, const char *headers)
{
    int fd = client_connect(fake_port(fake));

    ck_assert_int_ge(fd, 0);
    client_print(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, headers);
    return fd;
}

/* Reads on until the text that came, chunk sizes and all, has this in it. */
static void
await(int fd, char text[TEXT], const char *wanted)
{
    size_t n = strlen(text);

    while (!strstr(text, wanted)) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        ssize_t got;

        ck_assert_msg(poll(&poll_fd, 1, PATIENCE_MS) == 1, "no \"%s\" after:\n%s", wanted,
                      text);
        got = recv(fd, text + n, TEXT - 1 - n, 0);
        ck_assert_msg(got > 0, "the end, and no \"%s\" after:\n%s", wanted, text);
        n += (size_t)got;
        text[n] = '\0';
    }
}

/* How often the one text has the other. */
static int
times(const char *text, const char *wanted)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, wanted)); at++)
        n++;
    return n;
}

static const char sse[] = "Accept: text/event-stream\r\n";

START_TEST(a_stream_has_what_was_and_what_comes)
{
    static char text[TEXT];
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fake_happen(&fake, 2);
    text[0] = '\0';
    fd = follow(&fake, RUN_EVENTS, sse);
    await(fd, text, "id: 2\nevent: state\ndata: {\"id\":2,\"kind\":\"state\"}\n\n");
    ck_assert_ptr_nonnull(strstr(text, "200 OK"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/event-stream\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Vary: Accept\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "retry: 2000\n\n"));
    fake_happen(&fake, 1);
    await(fd, text, "id: 3\n");
    fake_happen(&fake, 200); /* more than are taken at once */
    await(fd, text, "id: 203\n");
    ck_assert_int_eq(times(text, "id: "), 203);
    close(fd);
    fake_close(&fake);
}
END_TEST

START_TEST(who_comes_back_misses_nothing)
{
    static const char *const ways[][2] = {
        {RUN_EVENTS,             "Accept: text/event-stream\r\nLast-Event-ID: 4\r\n"},
        { RUN_EVENTS "?after=4", "Accept: text/event-stream\r\n"                    },
        { RUN_EVENTS "?after=4", "Accept: text/event-stream\r\nLast-Event-ID: 1\r\n"},
        { "/v1/events",          "Accept: text/event-stream\r\nLast-Event-ID: 4\r\n"},
    };
    static char text[TEXT];
    struct fake fake;

    fake_open(&fake, NULL);
    fake_happen(&fake, 6);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int fd = follow(&fake, ways[i][0], ways[i][1]);

        text[0] = '\0';
        await(fd, text, "id: 6\n");
        ck_assert_int_eq(times(text, "id: "), 2);
        close(fd);
    }
    fake_close(&fake);
}
END_TEST

START_TEST(the_stream_of_all_begins_now)
{
    static char text[TEXT];
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fake_happen(&fake, 6);
    text[0] = '\0';
    fd = follow(&fake, "/v1/events", sse);
    await(fd, text, "retry: ");
    fake_happen(&fake, 1);
    await(fd, text, "id: 7\n");
    ck_assert_int_eq(times(text, "id: "), 1);
    close(fd);
    fake_close(&fake);
}
END_TEST

START_TEST(lines_are_json_each)
{
    static char text[TEXT];
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fake_happen(&fake, 1);
    text[0] = '\0';
    fd = follow(&fake, RUN_EVENTS, "Accept: application/x-ndjson\r\n");
    await(fd, text, "{\"id\":1,\"kind\":\"state\"}\n");
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: application/x-ndjson\r\n"));
    fake_change(&fake, "failed");
    await(fd, text, "{\"kind\":\"end\",\"run\":\"" FAKE_RUN "\",\"state\":\"failed\"}\n");
    await(fd, text, "\r\n0\r\n\r\n");
    close(fd);
    fake_close(&fake);
}
END_TEST

START_TEST(the_end_of_a_run_is_told_and_is_the_end)
{
    static char text[TEXT];
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    text[0] = '\0';
    fd = follow(&fake, RUN_EVENTS, sse);
    await(fd, text, "retry: ");
    fake_change(&fake, "succeeded");
    await(fd, text,
          "event: end\ndata: {\"run\":\"" FAKE_RUN "\",\"state\":\"succeeded\"}\n\n");
    await(fd, text, "\r\n0\r\n\r\n");
    close(fd);
    fake_close(&fake);
}
END_TEST

START_TEST(a_silent_stream_has_a_heart)
{
    const struct server_config config = { .beat_ms = 50 };
    static char text[TEXT];
    struct fake fake;
    int fd;

    fake_open(&fake, &config);
    text[0] = '\0';
    fd = follow(&fake, "/v1/events", sse);
    await(fd, text, "\r\n3\r\n:\n\n\r\n3\r\n:\n\n");
    ck_assert_int_eq(times(text, "id: "), 0);
    close(fd);
    fake_close(&fake);
}
END_TEST

START_TEST(streams_end_with_the_server)
{
    static char text[TEXT];
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    text[0] = '\0';
    fd = follow(&fake, "/v1/events", sse);
    await(fd, text, "retry: ");
    fake_stop(&fake);
    await(fd, text, "\r\n0\r\n\r\n");
    close(fd);
    fake_close(&fake);
}
END_TEST

/* Half of all connections may wait, and those who leave make room. */
START_TEST(streams_do_not_take_all_connections)
{
    const struct server_config config = { .connections = 8 };
    struct client_answer answer = { 0 };
    static char text[TEXT];
    struct fake fake;
    int fd[4], again = 0;

    fake_open(&fake, &config);
    for (int i = 0; i < 4; i++) {
        fd[i] = follow(&fake, "/v1/events", sse);
        text[0] = '\0';
        await(fd[i], text, "retry: ");
    }
    while (again != 503) /* the last of them may not be suspended yet */
        again = client_ask(fake_port(&fake), "GET", "/v1/events", sse, NULL, &answer);
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    do { /* it is looked once in a second whether they are there; the test has a limit */
        int next = follow(&fake, RUN_EVENTS, sse);

        text[0] = '\0';
        await(next, text, "\r\n\r\n");
        close(next);
    } while (strstr(text, " 503 "));
    ck_assert_ptr_nonnull(strstr(text, " 200 OK"));
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(what_cannot_be_streamed_is_refused)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET",
                                "/v1/runs/" FAKE_NOBODY "/events", sse, NULL, &answer),
                     404);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", RUN_EVENTS,
                                "Accept: text/event-stream\r\nLast-Event-ID: x\r\n", NULL,
                                &answer),
                     400);
    ck_assert_ptr_nonnull(strstr(answer.body, "Last-Event-ID is none of this server's"));
    ck_assert_int_eq(
        client_ask(fake_port(&fake), "GET", RUN_EVENTS "?after=x", sse, NULL, &answer),
        400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(progress_is_told_with_the_newest_state)
{
    static char text[TEXT];
    struct fake fake;
    int one, all;

    fake_open(&fake, NULL);
    text[0] = '\0';
    one = follow(&fake, RUN_EVENTS "?progress=1", sse);
    await(one, text,
          "event: progress\ndata: {\"kind\":\"progress\",\"run\":\"" FAKE_RUN
          "\",\"document\":{\"id\":\"" FAKE_RUN "\",\"state\":\"running\"}}");
    fake_change(&fake, "starting"); /* both within the second: the newest is told */
    fake_change(&fake, "paused");
    await(one, text, "\"state\":\"paused\"");
    ck_assert_int_eq(times(text, "event: progress"), 2);
    ck_assert_int_eq(times(text, "id: "), 0); /* they are not what one comes back to */
    close(one);
    text[0] = '\0';
    all = follow(&fake, "/v1/events?progress=1", "Accept: application/x-ndjson\r\n");
    await(all, text, "\r\n\r\n");
    fake_change(&fake, "queued");
    await(all, text, "{\"kind\":\"progress\",\"run\":\"" FAKE_RUN "\"");
    ck_assert_int_eq(times(text, "progress"), 1); /* from now on */
    close(all);
    fake_close(&fake);
}
END_TEST

START_TEST(a_log_is_followed_to_the_end_of_the_run)
{
    static char text[TEXT];
    struct fake fake;
    FILE *log;
    int fd;

    fake_open(&fake, NULL);
    text[0] = '\0';
    unlink(fake.log_path);
    fd = follow(&fake, "/v1/runs/" FAKE_RUN "/log?follow=true", "");
    await(fd, text, "Content-Type: text/plain; charset=utf-8\r\n");
    log = fopen(fake.log_path, "w"); /* it comes to be while it is waited for */
    ck_assert_ptr_nonnull(log);
    fprintf(log, "level 1 begins\n");
    fflush(log);
    await(fd, text, "level 1 begins\n");
    fprintf(log, "level 1 is done\n");
    fclose(log);
    fake_change(&fake, "succeeded");
    await(fd, text, "level 1 is done\n");
    await(fd, text, "\r\n0\r\n\r\n"); /* the last chunk */
    close(fd);
    fd = follow(&fake, "/v1/runs/" FAKE_RUN "/log?follow=true&tail=1", "");
    text[0] = '\0';
    await(fd, text, "\r\n0\r\n\r\n");
    ck_assert_ptr_null(strstr(text, "begins"));
    ck_assert_ptr_nonnull(strstr(text, "is done"));
    close(fd);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_stream, 60, a_stream_has_what_was_and_what_comes,
           who_comes_back_misses_nothing, the_stream_of_all_begins_now,
           lines_are_json_each, the_end_of_a_run_is_told_and_is_the_end,
           a_silent_stream_has_a_heart, streams_end_with_the_server,
           streams_do_not_take_all_connections, what_cannot_be_streamed_is_refused,
           progress_is_told_with_the_newest_state,
           a_log_is_followed_to_the_end_of_the_run)
