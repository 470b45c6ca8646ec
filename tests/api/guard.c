/* guard.c - tests api/guard.c. */
#include "api/guard.h"

#include "tests/test.h"

START_TEST(loopback_hosts_pass)
{
    static const char *const good[] = { "localhost", "localhost:8080", "LOCALHOST",
                                        "127.0.0.1", "127.0.0.1:1",    "127.3.4.5:65535",
                                        "[::1]",     "[::1]:8080" };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(guard_host(good[i], NULL, false), "%s", good[i]);
}
END_TEST

START_TEST(other_hosts_do_not)
{
    static const char *const bad[] = {
        "",
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "10.0.0.1",
        "128.0.0.1",
        "[::2]",
        "[::1",
        "[::1]x",
        "localhost:80:80",
        "localhost:x",
        "localhost:123456",
        ":80",
        "127.1",
        "::1",
        "user@localhost",
        "[]",
        "[::ffff:8.8.8.8]",
        "2130706433",
        "localhost/",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!guard_host(bad[i], NULL, false), "%s", bad[i]);
}
END_TEST

START_TEST(names_that_were_given_pass)
{
    static const char names[] = "train.example.org,odenet";

    ck_assert(guard_host("train.example.org", names, false));
    ck_assert(guard_host("TRAIN.example.org:443", names, false));
    ck_assert(guard_host("odenet:7433", names, false));
    ck_assert(guard_host("127.0.0.1:7433", names, false));
    ck_assert(!guard_host("example.org", names, false));
    ck_assert(!guard_host("train.example.org.evil.example", names, false));
    ck_assert(!guard_host("train.example.org,odenet", names, false));
    ck_assert(!guard_host("odene", names, false));
    ck_assert(!guard_host("odenett", names, false));
    ck_assert(!guard_host(":80", names, false));
    ck_assert(!guard_host("10.0.0.1", names, false));
}
END_TEST

START_TEST(numbers_cannot_be_rebound)
{
    static const char *const good[] = { "10.0.0.1", "10.0.0.1:80", "[2001:db8::1]:443",
                                        "[::]",     "8.8.8.8",     "[::ffff:8.8.8.8]" };
    static const char *const bad[] = {
        "10.0.0",     "2001:db8::1", "[2001:db8::1", "[]",           "[x]", "1.2.3.4.5",
        "0x7f000001", "[",           "[::1]]",       "evil.example", "",    "]"
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(guard_host(good[i], NULL, true), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!guard_host(bad[i], NULL, true), "%s", bad[i]);
}
END_TEST

START_TEST(own_page_and_no_page_may_change)
{
    ck_assert(guard_origin("localhost:80", NULL, NULL, false));
    ck_assert(guard_origin("localhost:80", NULL, "none", false));
    ck_assert(guard_origin("localhost:80", "http://localhost:80", "same-origin", false));
    ck_assert(guard_origin("localhost:80", "http://localhost:80", NULL, false));
    ck_assert(guard_origin("[::1]:80", "http://[::1]:80", NULL, false));
}
END_TEST

START_TEST(other_pages_may_not)
{
    ck_assert(!guard_origin("localhost:80", "http://evil.example", NULL, false));
    ck_assert(!guard_origin("localhost:80", "null", NULL, false));
    ck_assert(!guard_origin("localhost:80", "", NULL, false));
    ck_assert(!guard_origin("localhost:80", "http://localhost:81", NULL, false));
    ck_assert(
        !guard_origin("localhost:80", "http://localhost:80.evil.example", NULL, false));
    ck_assert(!guard_origin("localhost:80", "ftp://localhost:80", NULL, false));
    ck_assert(!guard_origin("localhost:80", NULL, "cross-site", false));
    ck_assert(!guard_origin("localhost:80", NULL, "same-site", false));
    ck_assert(!guard_origin("localhost:80", "http://localhost:80", "cross-site", false));
}
END_TEST

START_TEST(under_tls_the_page_came_by_tls)
{
    ck_assert(guard_origin("a:80", "https://a:80", NULL, true));
    ck_assert(!guard_origin("a:80", "http://a:80", NULL, true));
    ck_assert(guard_origin("a:80", "https://a:80", NULL, false)); /* a proxy spoke it */
}
END_TEST

START_TEST(json_types)
{
    ck_assert(guard_json_type("application/json", false));
    ck_assert(guard_json_type("Application/JSON; charset=UTF-8", false));
    ck_assert(guard_json_type("application/json;charset=\"utf-8\"", false));
    ck_assert(guard_json_type("application/merge-patch+json; charset=utf-8", true));
    ck_assert(!guard_json_type("application/merge-patch+json", false));
    ck_assert(!guard_json_type("text/plain", true));
    ck_assert(!guard_json_type("text/plain", false));
    ck_assert(!guard_json_type("application/jsonp", false));
    ck_assert(!guard_json_type("application/json; charset=latin1", false));
    ck_assert(!guard_json_type("application/json, text/plain", false));
    ck_assert(!guard_json_type("", false));
}
END_TEST

TEST_SUITE(api_guard, 10, loopback_hosts_pass, other_hosts_do_not,
           names_that_were_given_pass, numbers_cannot_be_rebound,
           own_page_and_no_page_may_change, other_pages_may_not,
           under_tls_the_page_came_by_tls, json_types)
