/* backups.c - tests api/backups.c: POST /v1/backup, and how it waits. */
#include <string.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static int
ask(struct fake *fake)
{
    int fd = client_connect(fake_port(fake));

    ck_assert_int_ge(fd, 0);
    client_print(fd, "POST /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return fd;
}

START_TEST(the_answer_comes_when_the_copy_is_made)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake);
    fake_await_plans(&fake, 1, 0);
    ck_assert(!client_closed(fd, 50));
    fake_finish_plan(&fake);
    ck_assert_int_eq(client_read(fd, false, &answer), 201);
    ck_assert_str_eq(answer.body, "{\"name\":\"odenet.db\",\"bytes\":4096}");
    client_release(&answer);
    close(fd);
    fake_close(&fake);
    ck_assert_int_eq(fake.drops, 0);
}
END_TEST

START_TEST(a_copy_that_cannot_begin_is_refused)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    fake_set_ready(&fake, false);
    ck_assert_int_eq(
        client_ask(fake_port(&fake), "POST", "/v1/backup", "", NULL, &answer), 503);
    client_release(&answer);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/backup", &answer), 405);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_client_that_leaves_gives_up_the_answer)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = ask(&fake);
    fake_await_plans(&fake, 1, 0);
    close(fd);
    fake_await_plans(&fake, 1, 1);
    fd = ask(&fake);
    fake_await_plans(&fake, 2, 1);
    fake_close(&fake); /* and so does a server that stops */
    ck_assert_int_eq(client_read(fd, false, &answer), 503);
    client_release(&answer);
    close(fd);
    ck_assert_int_eq(fake.drops, 2);
}
END_TEST

TEST_SUITE(api_backups, 30, the_answer_comes_when_the_copy_is_made,
           a_copy_that_cannot_begin_is_refused, a_client_that_leaves_gives_up_the_answer)
