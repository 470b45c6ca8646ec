/* query.c - tests api/query.c. */
#include "api/query.h"

#include <string.h>

#include "tests/test.h"

START_TEST(escapes_decode)
{
    char text[] = "a%20b+c%2Fd";
    char path[] = "/v1/%6aobs+x";

    ck_assert(query_decode(text, true, true));
    ck_assert_str_eq(text, "a b c/d");
    ck_assert(query_decode(path, false, false));
    ck_assert_str_eq(path, "/v1/jobs+x");
}
END_TEST

START_TEST(bad_escapes_are_refused)
{
    static const char *const bad[] = { "%",     "%4",  "%zz", "a%0",  "%00",
                                       "a%00b", "%0a", "%7f", "\x01", "a%2fb",
                                       "%2F",   "%g1", "%1g", "a\tb" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[16];

        strcpy(text, bad[i]);
        ck_assert_msg(!query_decode(text, false, false), "%s", bad[i]);
    }
}
END_TEST

START_TEST(pairs_are_found)
{
    char text[] = "name=a%2Cb&points=5&&flag";
    struct problem problem = { 0 };
    struct query query;
    int points = 0;

    ck_assert(query_parse(&query, text, "points,name,flag", &problem));
    ck_assert_str_eq(query_get(&query, "name"), "a,b");
    ck_assert_str_eq(query_get(&query, "flag"), "");
    ck_assert_ptr_null(query_get(&query, "nam"));
    ck_assert(query_int(&query, "points", 9, 1, 10, &points, &problem));
    ck_assert_int_eq(points, 5);
    ck_assert(query_int(&query, "absent", 9, 1, 10, &points, &problem));
    ck_assert_int_eq(points, 9);
}
END_TEST

static void
refused(const char *text, const char *detail)
{
    char copy[256];
    struct problem problem = { 0 };
    struct query query;

    strcpy(copy, text);
    ck_assert_msg(!query_parse(&query, copy, "limit,state", &problem), "%s", text);
    ck_assert_int_eq(problem.kind, PROBLEM_BAD_QUERY);
    ck_assert_msg(strstr(problem.detail, detail), "%s: %s", text, problem.detail);
    problem_release(&problem);
}

START_TEST(strange_parameters_are_refused)
{
    refused("limt=3", "limt: unknown here; known are limit,state");
    refused("=3", "unknown");
    refused("limit,state=3", "unknown");
    refused("limit=3&limit=3", "more than once");
    refused("limit=%zz", "escape");
}
END_TEST

START_TEST(numbers_are_strict)
{
    static const char *const bad[] = { "",    "-1", "+5",  " 5",         "5x", "0x5",
                                       "5.0", "0",  "101", "9999999999", "1e2" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct query query = { .n = 1, .pair = { { "limit", bad[i] } } };
        struct problem problem = { 0 };
        int value = 77;

        ck_assert_msg(!query_int(&query, "limit", 1, 1, 100, &value, &problem), "%s",
                      bad[i]);
        ck_assert_int_eq(value, 77);
        ck_assert_str_eq(json_string_value(json_object_get(
                             json_array_get(problem.errors, 0), "parameter")),
                         "limit");
        problem_release(&problem);
    }
}
END_TEST

START_TEST(choices_are_whole_words)
{
    ck_assert(query_listed("queued,running", "running"));
    ck_assert(query_listed("queued,running", "queued"));
    ck_assert(!query_listed("queued,running", "run"));
    ck_assert(!query_listed("queued,running", "queued,running"));
    ck_assert(!query_listed("queued,running", ""));
    ck_assert(!query_listed("", "a"));
}
END_TEST

TEST_SUITE(api_query, 10, escapes_decode, bad_escapes_are_refused, pairs_are_found,
           strange_parameters_are_refused, numbers_are_strict, choices_are_whole_words)
