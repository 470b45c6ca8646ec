/* request.c - tests api/request.c: targets, guards, bodies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static const char json[] = "Content-Type: application/json\r\n";

/* Sends these lines as they are and returns the status of the answer. */
static int
raw(struct fake *fake, const char *lines)
{
    struct client_answer answer = { 0 };
    int fd = client_connect(fake_port(fake)), status;

    ck_assert_int_ge(fd, 0);
    client_print(fd, "%s\r\n\r\n", lines);
    status = client_read(fd, false, &answer);
    client_release(&answer);
    close(fd);
    return status;
}

START_TEST(only_loopback_names_are_served)
{
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:9"), 200);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: [::1]"), 200);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: evil.example"), 421);
    ck_assert_int_eq(raw(&fake, "GET / HTTP/1.1\r\nHost: localhost.evil.example"), 421);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1"), 400);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.0"), 400);
    ck_assert_int_eq(raw(&fake, "GET http://localhost/livez HTTP/1.1\r\nHost: x"), 200);
    ck_assert_int_eq(raw(&fake, "GET http://evil.example/livez HTTP/1.1\r\n"
                                "Host: localhost"),
                     421);
    ck_assert_int_eq(raw(&fake, "GET http://localhost HTTP/1.1\r\nHost: x"), 400);
    ck_assert_int_eq(raw(&fake, "OPTIONS * HTTP/1.1\r\nHost: localhost"), 204);
    fake_close(&fake);
}
END_TEST

START_TEST(names_that_were_given_are_served)
{
    char path[64];
    struct server_config config = { .hosts = "train.example.org,odenet", .socket = path };
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    snprintf(path, sizeof path, "%.50s/socket", test_dir());
    fake_open(&fake, &config);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: train.example.org:443"),
                     200);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: odenet"), 200);
    ck_assert_int_eq(raw(&fake, "GET https://odenet/livez HTTP/1.1\r\nHost: x"), 200);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: localhost"), 200);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: example.org"), 421);
    ck_assert_int_eq(raw(&fake, "GET /livez HTTP/1.1\r\nHost: 10.0.0.1"), 421);
    fd = client_connect_local(path); /* which no page can reach */
    client_print(fd, "GET /livez HTTP/1.1\r\nHost: whatever\r\n\r\n");
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    client_print(fd, "GET /livez HTTP/1.1\r\n\r\n");
    ck_assert_int_eq(client_read(fd, false, &answer), 400);
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

static int
post(struct fake *fake, const char *headers)
{
    struct client_answer answer = { 0 };
    int status = client_ask(fake_port(fake), "POST", "/v1/jobs", headers,
                            "{\"name\":\"x\"}", &answer);

    client_release(&answer);
    return status;
}

START_TEST(other_sites_cannot_change_anything)
{
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(post(&fake, json), 201);
    ck_assert_int_eq(post(&fake, "Content-Type: application/json\r\n"
                                 "Origin: http://localhost\r\n"),
                     201);
    ck_assert_int_eq(post(&fake, "Content-Type: application/json\r\n"
                                 "Origin: http://evil.example\r\n"),
                     403);
    ck_assert_int_eq(post(&fake, "Content-Type: application/json\r\nOrigin: null\r\n"),
                     403);
    ck_assert_int_eq(post(&fake, "Content-Type: application/json\r\n"
                                 "Sec-Fetch-Site: cross-site\r\n"),
                     403);
    ck_assert_int_eq(post(&fake, "Content-Type: text/plain\r\n"), 415);
    ck_assert_int_eq(post(&fake, ""), 415);
    fake_close(&fake);
}
END_TEST

START_TEST(no_answer_invites_other_sites)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    client_ask(fake_port(&fake), "OPTIONS", "/v1/jobs",
               "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n",
               NULL, &answer);
    ck_assert_int_eq(answer.status, 204);
    ck_assert_ptr_null(strcasestr(answer.head, "Access-Control-"));
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(malformed_targets_are_refused)
{
    static const char *const bad[] = { "/v1/%00jobs", "/%",
                                       "/v1/jobs%zz", "/v1%2fjobs",
                                       "/%0d%0aX",    "v1/jobs",
                                       "*",           "ftp://localhost/" };
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(client_get(fake_port(&fake), bad[i], &answer) == 400, "%s: %d",
                      bad[i], answer.status);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/%2e%2e/v1/jobs", &answer), 404);
    ck_assert_int_eq(client_get(fake_port(&fake), "/%ff%fe", &answer), 404);
    ck_assert_int_eq(client_get(fake_port(&fake), "/v1/runs?state=%ff", &answer), 400);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

/* Asks for /v1/runs with a query of so many bytes, and a header of so many. */
static int
long_request(struct fake *fake, size_t query_n, size_t header_n)
{
    char *query = calloc(1, query_n + 1), *header = calloc(1, header_n + 1);
    struct client_answer answer = { 0 };
    int fd = client_connect(fake_port(fake)), status;

    ck_assert(query && header && fd >= 0);
    memset(query, 'q', query_n);
    memset(header, 'h', header_n);
    client_print(fd, "GET /v1/runs?%s HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n",
                 query, header);
    status = client_read(fd, false, &answer);
    client_release(&answer);
    close(fd);
    free(query);
    free(header);
    return status;
}

START_TEST(long_requests_do_no_harm)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(long_request(&fake, 8000, 10), 400);
    ck_assert_int_eq(long_request(&fake, 0, 8000), 200);
    ck_assert_int_eq(long_request(&fake, 0, 60000), 431);
    ck_assert_int_eq(long_request(&fake, 60000, 0), 414);
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(sizes_have_their_answers)
{
    static const struct {
        size_t query, header;
        int status;
    } sizes[] = {
        {0,      0,     200},
        { 8000,  10,    400}, /* an unknown parameter, and nothing worse
  */
        { 8170,  10,    400},
        { 8190,  10,    414},
        { 20000, 10,    414},
        { 0,     16000, 200},
        { 0,     16384, 431},
        { 0,     20000, 431},
        { 8000,  17000, 431},
    };
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ck_assert_msg(long_request(&fake, sizes[i].query, sizes[i].header)
                          == sizes[i].status,
                      "%zu, %zu: %d", sizes[i].query, sizes[i].header,
                      long_request(&fake, sizes[i].query, sizes[i].header));
    fake_close(&fake);
}
END_TEST

START_TEST(long_targets_and_headers_are_problems)
{
    struct client_answer answer = { 0 };
    char *long_text = calloc(1, 17000), *target = calloc(1, 17000);
    struct fake fake;

    ck_assert(long_text && target);
    memset(long_text, 'a', 9000);
    fake_open(&fake, NULL);
    sprintf(target, "/v1/%s", long_text);
    ck_assert_int_eq(client_get(fake_port(&fake), target, &answer), 414);
    ck_assert_ptr_nonnull(strstr(answer.body, "/problems/long-target"));
    sprintf(target, "X-One: %.8000s\r\nX-Two: %.8500s\r\n", long_text, long_text);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", "/livez", target, NULL, &answer),
                     431);
    ck_assert_ptr_nonnull(strstr(answer.body, "/problems/long-header"));
    free(long_text);
    free(target);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

/* A text n times over, between two others; to be freed. */
static char *
repeated(const char *begin, const char *text, size_t n, const char *end)
{
    char *all = malloc(strlen(begin) + n * strlen(text) + strlen(end) + 1), *to = all;

    ck_assert_ptr_nonnull(all);
    to = stpcpy(to, begin);
    while (n-- > 0)
        to = stpcpy(to, text);
    strcpy(to, end);
    return all;
}

START_TEST(bodies_that_are_no_json_are_told)
{
    static const struct {
        const char *begin, *text, *end;
        size_t n;
        int status;
    } bodies[] = {
        {"{\"name\":\"x\"}",                          "",        "",    0,     201},
        { "{\"name\":\"x\", \"a\":",                  "[",       "",    31,    400},
        { "{\"name\":\"x\", \"a\":",                  "[1,",     "",    70,    400},
        { "",                                         "[",       "",    50000, 400},
        { "",                                         "{\"a\":", "",    50000, 400},
        { "{\"name\":\"x\",\"a\":[0",                 ",1",      "]}",  9990,  201},
        { "{\"name\":\"x\",\"a\":[0",                 ",1",      "]}",  10001, 400},
        { "{\"name\":\"x\",\"a\":\"",                 ",,[[{{",  "\"}", 4000,  201}, /* only a text */
        { "{\"name\":\"x\",\"a\":\"",                 "\\\"",    "\"}", 100,   201},
        { "{\"name\":\"x\",\"a\":1e",                 "9",       "}",   10,    400}, /* beyond a double */
        { "{\"name\":\"x\",\"a\":1",                  "0",       "}",   30,    400}, /* and an integer */
        { "{\"name\":\"x\",\"a\":NaN}",               "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":-Infinity}",         "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":01}",                "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":+1}",                "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":\"\xff\"}",          "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":\"\xc0\xaf\"}",      "",        "",    0,
         400                                                                      }, /* longer than need be */
        { "{\"name\":\"x\",\"a\":\"\xed\xa0\x80\"}",  "",        "",    0,     400}, /* half a pair */
        { "{\"name\":\"x\",\"a\":\"\\ud800\"}",       "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":\"\\u0000\"}",       "",        "",    0,     400},
        { "{\"name\":\"x\",\"name\":\"y\"}",          "",        "",    0,     400},
        { "{\"name\":\"x\",\"a\":{\"b\":1,\"b\":1}}", "",        "",    0,     400},
        { "{\"name\":\"x\"}",                         "x",       "",    1,     400},
        { "{\"name\":\"x\"} {}",                      "",        "",    0,     400},
        { "{'name':'x'}",                             "",        "",    0,     400},
        { "{\"name\":\"x\",}",                        "",        "",    0,     400},
        { "\xef\xbb\xbf{\"name\":\"x\"}",             "",        "",    0,     400},
    };
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *body =
            repeated(bodies[i].begin, bodies[i].text, bodies[i].n, bodies[i].end);

        client_ask(fake_port(&fake), "POST", "/v1/jobs", json, body, &answer);
        ck_assert_msg(answer.status == bodies[i].status, "%zu: %d %s", i, answer.status,
                      answer.body ? answer.body : "");
        free(body);
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

#define BIG (10u << 20)

START_TEST(a_large_body_gets_413)
{
    struct client_answer answer = { 0 };
    char *body = malloc(BIG);
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    memset(body, ' ', BIG);
    fd = client_connect(fake_port(&fake));
    client_print(fd,
                 "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: %u\r\n\r\n",
                 json, BIG);
    ck_assert(client_send(fd, body, BIG)); /* a client that listens only afterwards */
    ck_assert_int_eq(client_read(fd, false, &answer), 413);
    ck_assert_ptr_nonnull(strstr(answer.body, "1048576 bytes"));
    client_print(fd, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert_int_eq(client_read(fd, false, &answer), 200);
    close(fd);
    free(body);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_large_body_in_chunks_gets_413)
{
    struct client_answer answer = { 0 };
    static char chunk[65536];
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    memset(chunk, ' ', sizeof chunk);
    fd = client_connect(fake_port(&fake));
    client_print(fd,
                 "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Transfer-Encoding: chunked\r\n\r\n",
                 json);
    for (size_t sent = 0; sent < BIG; sent += sizeof chunk) {
        client_print(fd, "%zx\r\n", sizeof chunk);
        ck_assert(client_send(fd, chunk, sizeof chunk));
        client_print(fd, "\r\n");
    }
    client_print(fd, "0\r\n\r\n");
    ck_assert_int_eq(client_read(fd, false, &answer), 413);
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(refusal_comes_before_the_body_for_who_asks_first)
{
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = client_connect(fake_port(&fake));
    client_print(fd,
                 "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: %u\r\nExpect: 100-continue\r\n\r\n",
                 json, BIG);
    ck_assert_int_eq(client_read(fd, false, &answer), 413);
    ck_assert(client_closed(fd, 5000));
    close(fd);
    fd = client_connect(fake_port(&fake));
    client_print(fd,
                 "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: 999999999999\r\n\r\n",
                 json);
    ck_assert_int_eq(client_read(fd, false, &answer), 413);
    ck_assert(client_closed(fd, 5000));
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_body_at_the_limit_is_read)
{
    struct server_config config = { .max_body_bytes = 64 };
    struct client_answer answer = { 0 };
    char body[66] = "{\"name\": \"x\"}";
    struct fake fake;

    memset(body + 13, ' ', 51);
    fake_open(&fake, &config);
    ck_assert_int_eq(
        client_ask(fake_port(&fake), "POST", "/v1/jobs", json, body, &answer), 201);
    body[64] = ' ';
    ck_assert_int_eq(
        client_ask(fake_port(&fake), "POST", "/v1/jobs", json, body, &answer), 413);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_body_may_come_byte_by_byte)
{
    static const char body[] = "{\"name\": \"slow\"}";
    struct client_answer answer = { 0 };
    struct fake fake;
    int fd;

    fake_open(&fake, NULL);
    fd = client_connect(fake_port(&fake));
    client_print(fd,
                 "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: %zu\r\n\r\n",
                 json, sizeof body - 1);
    for (size_t i = 0; i < sizeof body - 1; i++) {
        ck_assert(client_send(fd, body + i, 1));
        usleep(2000); /* so that each arrives alone */
    }
    ck_assert_int_eq(client_read(fd, false, &answer), 201);
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_request, 60, only_loopback_names_are_served,
           names_that_were_given_are_served, other_sites_cannot_change_anything,
           no_answer_invites_other_sites, malformed_targets_are_refused,
           long_requests_do_no_harm, sizes_have_their_answers,
           long_targets_and_headers_are_problems, bodies_that_are_no_json_are_told,
           a_large_body_gets_413, a_large_body_in_chunks_gets_413,
           refusal_comes_before_the_body_for_who_asks_first, a_body_at_the_limit_is_read,
           a_body_may_come_byte_by_byte)
