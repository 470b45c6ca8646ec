/* log.c - tests api/log.c. */
#include "api/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static void
file_write(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

static void
tail_is(const char *text, int lines, const char *tail)
{
    char path[160];
    off_t offset = -1;
    int fd;

    snprintf(path, sizeof path, "%s/file", test_dir());
    file_write(path, text, strlen(text));
    fd = open(path, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert(log_tail(fd, (off_t)strlen(text), lines, &offset));
    ck_assert_str_eq(text + offset, tail);
    close(fd);
}

START_TEST(the_tail_has_so_many_lines)
{
    tail_is("", 1, "");
    tail_is("a", 1, "a");
    tail_is("a\n", 1, "a\n");
    tail_is("a\nb\n", 1, "b\n");
    tail_is("a\nb", 1, "b");
    tail_is("a\nb\nc\n", 2, "b\nc\n");
    tail_is("a\nb\nc\n", 3, "a\nb\nc\n");
    tail_is("a\nb\nc\n", 9, "a\nb\nc\n");
    tail_is("a\n\n\n", 2, "\n\n");
    tail_is("\n", 1, "\n");
}
END_TEST

START_TEST(the_tail_crosses_blocks)
{
    size_t n = 200000;
    char *text = malloc(n + 1), *at;

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 100 == 99 ? '\n' : 'x';
    text[n] = '\0';
    for (int lines = 1; lines < 2000; lines += 333) {
        at = text + n - 100 * (size_t)lines;
        tail_is(text, lines, at);
    }
    free(text);
}
END_TEST

START_TEST(logs_are_served)
{
    static const char path[] = "/v1/runs/" FAKE_RUN "/log";
    struct client_answer answer = { 0 };
    struct fake fake;
    int port;

    fake_open(&fake, NULL);
    port = fake_port(&fake);
    ck_assert_int_eq(client_get(port, path, &answer), 404); /* no file yet */
    file_write(fake.log_path, "", 0);
    ck_assert_int_eq(client_get(port, path, &answer), 200);
    ck_assert_uint_eq(answer.body_n, 0);
    file_write(fake.log_path, "one\ntwo\nthree\n", 14);
    ck_assert_int_eq(client_get(port, path, &answer), 200);
    ck_assert_str_eq(answer.body, "one\ntwo\nthree\n");
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "text/plain; charset=utf-8");
    ck_assert_int_eq(client_get(port, "/v1/runs/" FAKE_RUN "/log?tail=2", &answer), 200);
    ck_assert_str_eq(answer.body, "two\nthree\n");
    ck_assert_int_eq(client_get(port, "/v1/runs/" FAKE_RUN "/log?tail=0", &answer), 400);
    ck_assert_int_eq(client_get(port, "/v1/runs/" FAKE_RUN "/log?tail=x", &answer), 400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

/* What begins at the byte n, as who has seen so much asks for it. */
static int
ask_from(struct fake *fake, const char *range, struct client_answer *answer)
{
    char header[80];

    snprintf(header, sizeof header, "Range: %s\r\n", range);
    return client_ask(fake_port(fake), "GET", "/v1/runs/" FAKE_RUN "/log", header, NULL,
                      answer);
}

START_TEST(what_was_seen_is_not_sent_again)
{
    static const char *const whole[] = { "bytes=0-",  "bytes=14-", "bytes=99999999999-",
                                         "bytes=2-4", "bytes=-3",  "bytes=2-,5-",
                                         "lines=2-",  "bytes=x-",  "bytes=2" };
    struct client_answer answer = { 0 }, again = { 0 };
    char header[200];
    struct fake fake;

    fake_open(&fake, NULL);
    file_write(fake.log_path, "one\ntwo\nthree\n", 14);
    ck_assert_int_eq(ask_from(&fake, "bytes=8-", &answer), 206);
    ck_assert_str_eq(answer.body, "three\n");
    ck_assert_str_eq(client_header(&answer, "Content-Range"), "bytes 8-13/14");
    snprintf(header, sizeof header, "If-None-Match: %s\r\nRange: bytes=8-\r\n",
             client_header(&answer, "ETag"));
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", "/v1/runs/" FAKE_RUN "/log",
                                header, NULL, &again),
                     304); /* the tag is of the whole log */
    ck_assert_ptr_null(client_header(&again, "Content-Range"));
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        ck_assert_msg(ask_from(&fake, whole[i], &answer) == 200, "%s", whole[i]);
        ck_assert_uint_eq(answer.body_n, 14);
        ck_assert_str_eq(client_header(&answer, "Accept-Ranges"), "bytes");
        ck_assert_ptr_null(client_header(&answer, "Content-Range"));
    }
    client_release(&answer);
    client_release(&again);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_log, 30, the_tail_has_so_many_lines, the_tail_crosses_blocks,
           logs_are_served, what_was_seen_is_not_sent_again)
