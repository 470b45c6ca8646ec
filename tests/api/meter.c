/* meter.c - tests api/meter.c and api/openmetrics.c: numbers for monitoring. */
#include "api/meter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/openmetrics.h"
#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/api/lint.h"
#include "tests/test.h"

START_TEST(the_lint_finds_what_is_wrong)
{
#define HEAD "# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n# HELP a_bytes A.\n"
#define HIST "# TYPE h histogram\n# HELP h H.\nh_bucket{le=\"0.5\"} 1\n"
    static const char *const good[] = {
        "# EOF\n",
        HEAD "a_bytes 1\n# EOF\n",
        HEAD "a_bytes{b=\"\\\\ \\\" \\n\",c=\"\"} -1.5e3\n# EOF\n",
        HEAD "a_bytes NaN\n# TYPE c counter\n# HELP c C.\nc_total 3\n# EOF\n",
        HIST "h_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\n# EOF\n",
    };
    static const char *const bad[] = {
        "",
        HEAD "a_bytes 1\n",
        HEAD "a_bytes 1\n# EOF",
        HEAD "a_bytes 1\n# EOF\n\n",
        HEAD "\na_bytes 1\n# EOF\n",
        HEAD "# EOF\n",
        HEAD "a_bytes one\n# EOF\n",
        HEAD "a_bytes 1 2\n# EOF\n",
        HEAD "a_bytes\n# EOF\n",
        HEAD "a_bytes_total 1\n# EOF\n",
        HEAD "b 1\n# EOF\n",
        HEAD "a_bytes 1\na_bytes 1\n# EOF\n",
        HEAD "a_bytes{b=\"\\t\"} 1\n# EOF\n",
        HEAD "a_bytes{b=1} 1\n# EOF\n",
        HEAD "a_bytes 1\n# HELP a_bytes A.\n# EOF\n",
        HEAD "a_bytes 1\n" HEAD "a_bytes{c=\"1\"} 1\n# EOF\n",
        "# TYPE a gauge\n# UNIT a bytes\n# HELP a A.\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# EOF\n",
        "# TYPE a_total counter\n# HELP a_total A.\na_total 1\n# EOF\n",
        "# TYPE c counter\n# HELP c C.\nc 3\n# EOF\n",
        "# TYPE c counter\n# HELP c C.\nc_total -3\n# EOF\n",
        "# TYPE c number\n# HELP c C.\nc 3\n# EOF\n",
        "# TYPE i info\n# HELP i I.\ni_info 2\n# EOF\n",
        "# a word\n# EOF\n",
        HIST "h_count 1\nh_sum 3\n# EOF\n",
        HIST "h_bucket{le=\"+Inf\"} 2\nh_count 3\nh_sum 3\n# EOF\n",
        HIST "h_bucket{le=\"0.1\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n# EOF\n",
        HIST "h_bucket{le=\"1.0\"} 0\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n# EOF\n",
        HIST "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n# EOF\n",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(!lint_openmetrics(good[i]), "%s\n%s", lint_openmetrics(good[i]),
                      good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(lint_openmetrics(bad[i]) != NULL, "%s", bad[i]);
}
END_TEST

START_TEST(odd_values_and_labels_are_written_well)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    openmetrics_head(out, "odd", "gauge", "", "Of \"all\"\nkinds \\ and more.");
    openmetrics_real(out, "odd", "of", "a \"b\"\n\\", NAN);
    openmetrics_real(out, "odd", "of", "", INFINITY);
    openmetrics_real(out, "odd", "of", "c", -INFINITY);
    openmetrics_int(out, "odd", NULL, NULL, INT64_MIN);
    openmetrics_counter(out, "big_bytes", "bytes", 1e15 + 1, "Exact.");
    openmetrics_end(out);
    fclose(out);
    ck_assert_pstr_eq(lint_openmetrics(text), NULL);
    ck_assert_ptr_nonnull(strstr(text, "odd{of=\"a \\\"b\\\"\\n\\\\\"} NaN\n"));
    ck_assert_ptr_nonnull(strstr(text, "big_bytes_total 1000000000000001\n"));
    free(text);
}
END_TEST

START_TEST(requests_are_counted_by_class_and_time)
{
    struct meter meter = { .seconds = 0 };
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    meter_count(&meter, 200, 0.0004, false);
    meter_count(&meter, 201, 0.001, false); /* a bound belongs to its bucket */
    meter_count(&meter, 404, 0.3, false);
    meter_count(&meter, 503, 100, false);
    meter_count(&meter, 200, 60, true); /* waited: counted, not timed */
    meter_count(&meter, 0, 1, false);   /* never answered */
    meter_write(&meter, out);
    openmetrics_end(out);
    fclose(out);
    ck_assert_pstr_eq(lint_openmetrics(text), NULL);
#define VALUE(of) lint_value(text, "odenet_http_" of)
    ck_assert(VALUE("requests_total{class=\"2xx\"}") == 3);
    ck_assert(VALUE("requests_total{class=\"4xx\"}") == 1);
    ck_assert(VALUE("requests_total{class=\"5xx\"}") == 1);
    ck_assert(VALUE("request_duration_seconds_bucket{le=\"0.0005\"}") == 1);
    ck_assert(VALUE("request_duration_seconds_bucket{le=\"0.001\"}") == 2);
    ck_assert(VALUE("request_duration_seconds_bucket{le=\"0.25\"}") == 2);
    ck_assert(VALUE("request_duration_seconds_bucket{le=\"10.0\"}") == 3);
    ck_assert(VALUE("request_duration_seconds_bucket{le=\"+Inf\"}") == 4);
    ck_assert(VALUE("request_duration_seconds_count") == 4);
    ck_assert_double_eq_tol(VALUE("request_duration_seconds_sum"), 100.3014, 1e-9);
#undef VALUE
    free(text);
}
END_TEST

START_TEST(the_server_tells_its_numbers)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 200);
    ck_assert_int_eq(client_get(fake_port(&fake), "/nowhere", &answer), 404);
    ck_assert_int_eq(
        client_get(fake_port(&fake), "/v1/runs/" FAKE_RUN "?wait=1", &answer), 200);
    ck_assert_int_eq(client_get(fake_port(&fake), "/metrics", &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Content-Type"),
                     "application/openmetrics-text; version=1.0.0; charset=utf-8");
    ck_assert_pstr_eq(lint_openmetrics(answer.body), NULL);
#define VALUE(of) lint_value(answer.body, "odenet_http_" of)
    ck_assert(VALUE("requests_total{class=\"2xx\"}") == 2);
    ck_assert(VALUE("requests_total{class=\"4xx\"}") == 1);
    ck_assert(VALUE("request_duration_seconds_count") == 2); /* one has waited */
    ck_assert(VALUE("connections") >= 1);
    ck_assert(VALUE("waiting") == 0);
#undef VALUE
    ck_assert(lint_value(answer.body, "fake") == 7); /* the backend's */
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(numbers_that_cannot_be_had_are_an_error)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    fake_set_ready(&fake, false);
    ck_assert_int_eq(client_get(fake_port(&fake), "/metrics", &answer), 503);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_meter, 20, the_lint_finds_what_is_wrong,
           odd_values_and_labels_are_written_well, requests_are_counted_by_class_and_time,
           the_server_tells_its_numbers, numbers_that_cannot_be_had_are_an_error)
