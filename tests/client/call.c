/* call.c - tests client/call.c and wire.c: what is asked again, and what is said. */
#include "client/call.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/cli/command.h"
#include "tests/client/script.h"
#include "tests/test.h"

#define RUN "01m8pqzpqc4cxrm4h6v373ebz4"
#define JOB "01m8pqzpqc4cxrm4h6v373ebz3"
#define SUBMITTED \
    "{\"id\":\"" JOB "\",\"runs\":[{\"id\":\"" RUN "\",\"state\":\"queued\"}]}"
#define CTL(server, ...) \
    COMMAND_RUN(ctl_main, "odenetctl", "--url", (server).url, __VA_ARGS__)

START_TEST(pauses_grow_and_end)
{
    int least = 0;

    for (int n = 0; n < 40; n++) {
        const int low = call_pause_ms(n, 0, 0),
                  high = call_pause_ms(n, 0, UINT32_MAX - 1);

        ck_assert_int_ge(low, least);
        ck_assert_int_ge(high, low);
        ck_assert_int_le(high, 5000);
        least = low;
    }
    ck_assert_int_ge(call_pause_ms(0, 0, 0), 50);
    ck_assert_int_le(call_pause_ms(0, 0, UINT32_MAX), 100);
    ck_assert_int_eq(call_pause_ms(0, 2, 0), 2000);
    ck_assert_int_eq(call_pause_ms(0, 100000, 0), 60000);
    ck_assert_int_eq(call_pause_ms(39, 1, 0), 2500);
    ck_assert_int_eq(call_pause_ms(39, -5, 0), 2500);
}
END_TEST

START_TEST(what_may_have_been_done_is_not_asked_twice)
{
    static const struct {
        struct wire_answer answer;
        bool repeatable, again;
    } cases[] = {
        {{ .end = WIRE_UNREACHABLE },              false, true },
        { { .end = WIRE_LOST },                    true,  true },
        { { .end = WIRE_LOST },                    false, false},
        { { .end = WIRE_ANSWERED, .status = 503 }, false, true },
        { { .end = WIRE_ANSWERED, .status = 429 }, false, true },
        { { .end = WIRE_ANSWERED, .status = 500 }, true,  false},
        { { .end = WIRE_ANSWERED, .status = 422 }, true,  false},
        { { .end = WIRE_BROKEN },                  true,  false},
        { { .end = WIRE_INTERRUPTED },             true,  false},
        { { .end = WIRE_LATE },                    true,  false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(call_again(&cases[i].answer, cases[i].repeatable) == cases[i].again,
                      "case %zu", i);
}
END_TEST

/* The key of the n-th submission in what a server was asked; static. */
static const char *
key_of(const char *asked, int n)
{
    static char key[2][300];
    const char *at = asked;

    for (int i = 0; at && i <= n; i++)
        at = strstr(i ? at + 1 : at, "Idempotency-Key: ");
    ck_assert_ptr_nonnull(at);
    snprintf(key[n], sizeof key[n], "%.*s", (int)strcspn(at + 17, "\r"), at + 17);
    return key[n];
}

/* A spec in a file; static. */
static const char *
spec_file(const char *text)
{
    static char path[120];
    FILE *file;

    snprintf(path, sizeof path, "%s/spec.json", test_dir());
    file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

START_TEST(a_lost_submission_is_sent_again_with_its_key)
{
    struct script server;
    const char *asked;

    SCRIPT_START(&server, SCRIPT_NONE, SCRIPT_JSON(SUBMITTED));
    ck_assert_int_eq(CTL(server, "submit", spec_file("{\"name\": \"twice\"}")), CTL_OK);
    ck_assert_str_eq(command_answer, RUN "\n");
    asked = script_end(&server);
    ck_assert_int_eq(script_count(asked, "POST /v1/jobs HTTP"), 2);
    ck_assert_int_eq(script_count(asked, "{\"name\": \"twice\"}"), 2);
    ck_assert_str_eq(key_of(asked, 0), key_of(asked, 1));
    ck_assert_uint_ge(strlen(key_of(asked, 0)), 32);
    ck_assert_int_eq(script_count(asked, "Content-Type: application/json\r\n"), 2);
}
END_TEST

START_TEST(two_submissions_have_two_keys)
{
    struct script server;
    char first[300];

    SCRIPT_START(&server, SCRIPT_JSON(SUBMITTED));
    ck_assert_int_eq(CTL(server, "submit", spec_file("{}")), CTL_OK);
    snprintf(first, sizeof first, "%s", key_of(script_end(&server), 0));
    SCRIPT_START(&server, SCRIPT_JSON(SUBMITTED));
    ck_assert_int_eq(CTL(server, "submit", spec_file("{}")), CTL_OK);
    ck_assert_str_ne(key_of(script_end(&server), 0), first);
    SCRIPT_START(&server, SCRIPT_JSON(SUBMITTED));
    ck_assert_int_eq(CTL(server, "submit", "--key", "mine", spec_file("{}")), CTL_OK);
    ck_assert_str_eq(key_of(script_end(&server), 0), "mine");
}
END_TEST

START_TEST(a_lost_action_is_not_sent_again)
{
    struct script server;
    const char *asked;

    SCRIPT_START(&server, SCRIPT_NONE, SCRIPT_JSON("{\"state\":\"running\"}"));
    ck_assert_int_eq(CTL(server, "advance", RUN), CTL_UNREACHABLE);
    asked = script_stop(&server);
    ck_assert_int_eq(script_count(asked, "POST /v1/runs/" RUN "/advance HTTP"), 1);
    ck_assert_int_eq(script_count(asked, "Content-Type"), 0);
}
END_TEST

START_TEST(a_busy_server_is_asked_later)
{
    struct script server;
    const int64_t begin = ctl_now_ms();

    SCRIPT_START(&server,
                 SCRIPT_ANSWER("503 Service Unavailable") "Retry-After: 1\r\n\r\n",
                 SCRIPT_ANSWER("429 Too Many Requests") "\r\n",
                 SCRIPT_JSON("{\"state\":\"paused\"}"));
    ck_assert_int_eq(CTL(server, "pause", RUN), CTL_OK);
    ck_assert_str_eq(command_answer, RUN " paused\n");
    ck_assert_int_ge(ctl_now_ms() - begin, 1000);
    ck_assert_int_eq(script_count(command_complaint, "is busy (status 503)"), 1);
    script_end(&server);
    SCRIPT_START(&server, SCRIPT_PROBLEM("503 Service Unavailable",
                                         "{\"title\":\"Busy\",\"instance\":\"r1\"}"));
    ck_assert_int_eq(CTL(server, "--patience", "0", "list"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "odenetctl: Busy\n"));
    ck_assert_ptr_nonnull(strstr(command_complaint, "request r1"));
    script_end(&server);
}
END_TEST

START_TEST(nobody_there_is_an_exit_code_of_its_own)
{
    struct script server = { 0 };
    char socket[120];

    SCRIPT_START(&server, SCRIPT_JSON("{}"));
    script_stop(&server); /* its port is free again */
    ck_assert_int_eq(CTL(server, "--patience", "0", "list"), CTL_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(command_complaint, "Connection refused"));
    ck_assert_ptr_nonnull(strstr(command_complaint, server.url));
    snprintf(socket, sizeof socket, "unix:%s/none", test_dir());
    ck_assert_int_eq(
        COMMAND_RUN(ctl_main, "odenetctl", "list", "--patience", "0", "--url", socket),
        CTL_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(command_complaint, socket + 5));
}
END_TEST

START_TEST(a_problem_is_told_with_its_places)
{
    struct script server;

    SCRIPT_START(
        &server,
        SCRIPT_PROBLEM("422 Unprocessable Content",
                       "{\"title\":\"The job spec is not valid\",\"status\":422,"
                       "\"detail\":\"-3 is below 0\",\"errors\":["
                       "{\"pointer\":\"/levels/1/epochs\",\"detail\":\"-3 is below "
                       "0\"},{\"pointer\":\"/seed\",\"detail\":\"a\\u001bb\"}]}"));
    ck_assert_int_eq(CTL(server, "submit", spec_file("{}")), CTL_USAGE);
    ck_assert_str_eq(command_complaint,
                     "odenetctl: The job spec is not valid: -3 is below 0\n"
                     "odenetctl:   /levels/1/epochs: -3 is below 0\n"
                     "odenetctl:   /seed: a?b\n");
    ck_assert_str_eq(command_answer, "");
    script_end(&server);
    SCRIPT_START(&server, SCRIPT_ANSWER("431 Too Large") "\r\n<html>no</html>");
    ck_assert_int_eq(CTL(server, "list"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "status 431"));
    script_end(&server);
    SCRIPT_START(&server, SCRIPT_PROBLEM("401 Unauthorized", "{\"title\":\"Who?\"}"));
    ck_assert_int_eq(CTL(server, "list"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "--token-file"));
    script_end(&server);
    SCRIPT_START(&server, SCRIPT_ANSWER("200 OK") "\r\n<html>another server</html>");
    ck_assert_int_eq(CTL(server, "list"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "not JSON"));
    script_end(&server);
}
END_TEST

START_TEST(a_redirection_is_not_followed)
{
    struct script server, other;
    char answer[300];

    SCRIPT_START(&other, SCRIPT_JSON("{\"jobs\":[]}"));
    snprintf(answer, sizeof answer,
             SCRIPT_ANSWER("307 Elsewhere") "Location: %s/\r\n\r\n{}", other.url);
    SCRIPT_START(&server, answer);
    CTL(server, "list");
    script_end(&server);
    ck_assert_str_eq(script_stop(&other), "");
}
END_TEST

START_TEST(a_socket_and_a_token_are_used)
{
    struct script server;
    char socket[100], token[100];
    const char *asked;
    FILE *file;

    snprintf(socket, sizeof socket, "%s/api", test_dir());
    snprintf(token, sizeof token, "%s/token", test_dir());
    file = fopen(token, "w");
    fputs("s3cret\n", file);
    fclose(file);
    script_start(
        &server, socket,
        (const char *const[]){ SCRIPT_JSON("{\"runs\":[],\"next\":null}"), NULL });
    ck_assert_int_eq(CTL(server, "--token-file", token, "list"), CTL_OK);
    asked = script_end(&server);
    ck_assert_int_eq(script_count(asked, "GET /v1/runs?limit=20 HTTP"), 1);
    ck_assert_int_eq(script_count(asked, "Authorization: Bearer s3cret\r\n"), 1);
    ck_assert_int_eq(script_count(asked, "Host: localhost\r\n"), 1);
    ck_assert_ptr_null(strstr(command_complaint, "warning"));
}
END_TEST

TEST_SUITE(call, 60, pauses_grow_and_end, what_may_have_been_done_is_not_asked_twice,
           a_lost_submission_is_sent_again_with_its_key, two_submissions_have_two_keys,
           a_lost_action_is_not_sent_again, a_busy_server_is_asked_later,
           nobody_there_is_an_exit_code_of_its_own, a_problem_is_told_with_its_places,
           a_redirection_is_not_followed, a_socket_and_a_token_are_used)
