/* router.c - tests api/router.c, and that the server honours each of its routes. */
#include "api/router.h"

#include <stdio.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define ID26 "01hzzzzzzzzzzzzzzzzzzzzzr0"

/* The query that a GET of the route needs. */
static const char *
query_of(const struct route *route)
{
    return strcmp(route->pattern, "/v1/compare") == 0 ? "?runs=" FAKE_RUN "," FAKE_RUN
                                                      : "";
}

static unsigned
methods_of(const char *pattern)
{
    unsigned all = 0;

    for (size_t i = 0; i < router_route_n; i++)
        if (strcmp(router_routes[i].pattern, pattern) == 0)
            all |= router_routes[i].method;
    return all;
}

static void
get_answers(int port, const char *path)
{
    struct client_answer get = { 0 }, head = { 0 };
    char length[64];

    ck_assert_msg(client_get(port, path, &get) == 200, "%s: %d", path, get.status);
    ck_assert_int_eq(client_ask(port, "HEAD", path, "", NULL, &head), 200);
    snprintf(length, sizeof length, "%zu", get.body_n);
    if (strcmp(path, "/metrics") != 0) /* whose numbers have moved on meanwhile */
        ck_assert_str_eq(client_header(&head, "Content-Length"), length);
    ck_assert_ptr_nonnull(client_header(&get, "X-Request-Id"));
    ck_assert_ptr_nonnull(client_header(&get, "ETag"));
    ck_assert_str_eq(client_header(&get, "X-Content-Type-Options"), "nosniff");
    client_release(&get);
    client_release(&head);
}

static void
method_is_refused(int port, const char *method, const char *path, const char *allow)
{
    static const char json[] = "Content-Type: application/json\r\n";
    struct client_answer answer = { 0 };

    ck_assert_msg(client_ask(port, method, path, json, "{}", &answer) == 405, "%s %s: %d",
                  method, path, answer.status);
    ck_assert_str_eq(client_header(&answer, "Allow"), allow);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/problem+json");
    client_release(&answer);
}

static void
route_is_honoured(int port, const struct route *route)
{
    struct client_answer answer = { 0 };
    unsigned methods = methods_of(route->pattern);
    char target[192], path[128], allow[64];

    fake_path(route, path, sizeof path);
    snprintf(allow, sizeof allow, "%s%s%s%sOPTIONS",
             methods & ROUTE_GET ? "GET, HEAD, " : "",
             methods & ROUTE_POST ? "POST, " : "", methods & ROUTE_PATCH ? "PATCH, " : "",
             methods & ROUTE_DELETE ? "DELETE, " : "");
    snprintf(target, sizeof target, "%s%s", path, query_of(route));
    if (methods & ROUTE_GET)
        get_answers(port, target);
    else
        method_is_refused(port, "GET", path, allow);
    if (!(methods & ROUTE_POST))
        method_is_refused(port, "POST", path, allow);
    if (!(methods & ROUTE_DELETE))
        method_is_refused(port, "DELETE", path, allow);
    method_is_refused(port, "BREW", path, allow);
    ck_assert_int_eq(client_ask(port, "OPTIONS", path, "", NULL, &answer), 204);
    ck_assert_str_eq(client_header(&answer, "Allow"), allow);
    strcat(path, "/x");
    ck_assert_int_eq(client_get(port, path, &answer), 404);
    client_release(&answer);
}

START_TEST(every_route_is_honoured)
{
    struct server_config config = { .job_schema = "{}", .openapi = "{}" };
    struct fake fake;
    FILE *log;

    fake_open(&fake, &config);
    log = fopen(fake.log_path, "w");
    ck_assert_ptr_nonnull(log);
    ck_assert_int_eq(fclose(log), 0);
    for (size_t i = 0; i < router_route_n; i++)
        route_is_honoured(fake_port(&fake), &router_routes[i]);
    fake_close(&fake);
}
END_TEST

START_TEST(every_query_is_strict)
{
    struct client_answer answer = { 0 };
    char path[128], target[192];
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < router_route_n; i++) {
        if (router_routes[i].method != ROUTE_GET)
            continue;
        fake_path(&router_routes[i], path, sizeof path);
        snprintf(target, sizeof target, "%s?colour=red", path);
        ck_assert_msg(client_get(fake_port(&fake), target, &answer) == 400, "%s", target);
        ck_assert_ptr_nonnull(strstr(answer.body, "\"parameter\":\"colour\""));
        ck_assert_ptr_nonnull(strstr(answer.body, "/problems/bad-query"));
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(placeholders_are_taken)
{
    struct route_match match;

    ck_assert_uint_eq(
        router_find("HEAD", "/v1/runs/" ID26 "/artifacts/spec.json", &match), ROUTE_GET);
    ck_assert_ptr_nonnull(match.route);
    ck_assert_str_eq(match.id, ID26);
    ck_assert_str_eq(match.name, "spec.json");
    ck_assert_uint_eq(router_find("PUT", "/v1/jobs", &match), ROUTE_GET | ROUTE_POST);
    ck_assert_ptr_null(match.route);
}
END_TEST

START_TEST(strange_paths_have_no_route)
{
    static const char *const bad[] = {
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/jobs/",
        "//v1/jobs",
        "/v1//jobs",
        "/V1/jobs",
        "/v1/runs/01HZZZZZZZZZZZZZZZZZZZZZR0", /* ids are lower-case */
        "/v1/runs/01hzzzzzzzzzzzzzzzzzzzzzi0", /* without i, l, o, u */
        "/v1/runs/01hzzzzzzzzzzzzzzzzzzzzzr",
        "/v1/runs/01hzzzzzzzzzzzzzzzzzzzzzr00",
        "/v1/runs/../jobs",
        "/v1/runs/" ID26 "/artifacts/",
        "/v1/runs/" ID26 "/artifacts/a/b",
    };
    struct route_match match;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(router_find("GET", bad[i], &match) == 0, "%s", bad[i]);
}
END_TEST

TEST_SUITE(api_router, 60, every_route_is_honoured, every_query_is_strict,
           placeholders_are_taken, strange_paths_have_no_route)
