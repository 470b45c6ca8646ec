/* gauges.c - tests daemon/gauges.c on the program itself. */
#include <stdlib.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/lint.h"
#include "tests/daemon/house.h"
#include "tests/test.h"

/* The text of /metrics; to be freed. */
static char *
metrics_of(const struct house *house)
{
    struct client_answer answer = { 0 };
    const char *wrong;
    char *text;

    ck_assert_int_eq(client_get(house->port, "/metrics", &answer), 200);
    wrong = lint_openmetrics(answer.body);
    ck_assert_msg(!wrong, "%s", wrong);
    text = strdup(answer.body);
    client_release(&answer);
    return text;
}

START_TEST(the_daemon_tells_its_numbers)
{
    const char *const one[] = { "--slots", "1", NULL };
    char first[ULID_LENGTH + 1], second[ULID_LENGTH + 1];
    struct house house;
    char *text;

    house_open(&house, one);
    house_submit(&house, "steps=5", first);
    house_assert_ends(&house, first, "succeeded");
    house_submit(&house, "steps=20 hang=3", second);
    house_wait_step(&house, second, 3);
    house_submit(&house, "steps=5", second);
    text = metrics_of(&house);
    ck_assert(lint_value(text, "odenet_runs{state=\"succeeded\"}") == 1);
    ck_assert(lint_value(text, "odenet_runs{state=\"running\"}") == 1);
    ck_assert(lint_value(text, "odenet_runs{state=\"queued\"}") == 1);
    ck_assert(lint_value(text, "odenet_runs{state=\"failed\"}") == 0);
    ck_assert(lint_value(text, "odenet_workers") == 1);
    ck_assert(lint_value(text, "odenet_worker_starts_total") == 2);
    ck_assert(lint_value(text, "odenet_worker_retries_total") == 0);
    ck_assert(lint_value(text, "odenet_journal_records_total") >= 10);
    ck_assert(lint_value(text, "odenet_database_bytes") >= 4096);
    ck_assert(lint_value(text, "odenet_disk_free_bytes") > 0);
    ck_assert(lint_value(text, "process_cpu_seconds_total") > 0);
    ck_assert(lint_value(text, "process_resident_memory_bytes") > 1e6);
    ck_assert(lint_value(text, "process_open_fds") > 5);
    ck_assert(lint_value(text, "odenet_build_info{version=\"" PACKAGE_VERSION "\"}")
              == 1);
    free(text);
    house_close(&house);
}
END_TEST

START_TEST(a_lost_worker_is_a_retry)
{
    char run[ULID_LENGTH + 1];
    struct house house;
    char *text;

    house_open(&house, NULL);
    house_submit(&house, "steps=10 crash=5 crashes=1", run);
    house_assert_ends(&house, run, "succeeded");
    text = metrics_of(&house);
    ck_assert(lint_value(text, "odenet_worker_retries_total") >= 1);
    ck_assert(lint_value(text, "odenet_worker_starts_total") >= 2);
    free(text);
    house_close(&house);
}
END_TEST

TEST_SUITE(gauges, 60, the_daemon_tells_its_numbers, a_lost_worker_is_a_retry)
