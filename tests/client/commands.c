/* commands.c - tests the commands of client/: words, exit codes, files. */
#include "client/ctl.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/runs.h"
#include "tests/cli/command.h"
#include "tests/client/script.h"
#include "tests/test.h"

#define RUN_A "01m8pqzpqc4cxrm4h6v373ebz4"
#define RUN_B "01m8pr12e5pdd6vwbzc4z7yyps"
#define ENDED(id, state) \
    SCRIPT_JSON("{\"id\":\"" id "\",\"state\":\"" state "\",\"artifacts\":[]}")
#define FAR "http://127.0.0.1:1" /* nobody is asked there */
#define MISUSED(...)                                                                \
    ck_assert_int_eq(COMMAND_RUN(ctl_main, "odenetctl", "--url", FAR, __VA_ARGS__), \
                     CTL_USAGE)
#define CTL(server, ...) \
    COMMAND_RUN(ctl_main, "odenetctl", "--url", (server).url, __VA_ARGS__)

START_TEST(bad_usage_asks_nobody)
{
    MISUSED("fly");
    ck_assert_ptr_nonnull(strstr(command_complaint, "there is no command \"fly\""));
    MISUSED("wait");
    MISUSED("wait", RUN_A, "--timeout", "0");
    MISUSED("wait", RUN_A, "--timeout", "soon");
    ck_assert_ptr_nonnull(strstr(command_complaint, "not a whole number from 1"));
    MISUSED("watch");
    MISUSED("watch", RUN_A, RUN_B);
    MISUSED("list", "all");
    MISUSED("list", "--state", "run");
    MISUSED("list", "--state", "");
    MISUSED("list", "--limit", "0");
    MISUSED("show");
    MISUSED("log");
    MISUSED("log", RUN_A, "--tail", "-1");
    MISUSED("events", RUN_A, RUN_B);
    MISUSED("cancel");
    MISUSED("delete");
    MISUSED("fetch");
    MISUSED("fetch", RUN_A, "a", "b", "-o", "/nowhere");
    MISUSED("submit");
    MISUSED("submit", "/nowhere/spec.json");
    MISUSED("submit", "a.json", "b.json");
    MISUSED("submit", "a.json", "--dry-run", "--wait");
    MISUSED("submit", "a.json", "--timeout", "5");
    MISUSED("submit", "a.json", "--key", "with space");
    MISUSED("submit", "a.json", "--fly");
    MISUSED("--url", "nonsense", "list");
    MISUSED("--token-file", "/nowhere/token", "list");
    ck_assert_int_eq(COMMAND_RUN(ctl_main, "odenetctl"), CTL_USAGE);
    ck_assert_str_eq(command_answer, "");
}
END_TEST

START_TEST(each_command_has_its_help)
{
    static const char *const names[] = {
        "submit", "wait",  "watch",  "list",  "show", "log",     "events", "fetch",
        "cancel", "pause", "resume", "retry", "hold", "advance", "delete"
    };

    ck_assert_int_eq(COMMAND_RUN(ctl_main, "odenetctl", "--help"), CTL_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_ptr_nonnull(strstr(command_answer, names[i]));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ck_assert_int_eq(COMMAND_RUN(ctl_main, "odenetctl", names[i], "--help"), CTL_OK);
        ck_assert_ptr_eq(strstr(command_answer, "usage: odenetctl "), command_answer);
        ck_assert_ptr_nonnull(strstr(command_answer, names[i]));
        ck_assert_ptr_nonnull(strstr(command_answer, "--url"));
        ck_assert_str_eq(command_complaint, "");
    }
    ck_assert_int_eq(COMMAND_RUN(ctl_main, "odenetctl", "--version"), CTL_OK);
    ck_assert_str_eq(command_answer, "odenetctl " PACKAGE_VERSION "\n");
}
END_TEST

START_TEST(the_environment_says_where_unless_a_flag_does)
{
    struct script server;

    setenv("ODENET_URL", FAR, 1);
    SCRIPT_START(&server, SCRIPT_JSON("{\"runs\":[],\"next\":null}"));
    ck_assert_int_eq(CTL(server, "list"), CTL_OK);
    script_end(&server);
    SCRIPT_START(&server, SCRIPT_JSON("{\"runs\":[],\"next\":null}"));
    setenv("ODENET_URL", server.url, 1);
    ck_assert_int_eq(COMMAND_RUN(ctl_main, "odenetctl", "list"), CTL_OK);
    script_end(&server);
}
END_TEST

START_TEST(a_run_that_ended_so_exits_so)
{
    ck_assert_int_eq(runs_exit("succeeded"), CTL_OK);
    ck_assert_int_eq(runs_exit("failed"), CTL_FAILED);
    ck_assert_int_eq(runs_exit("cancelled"), CTL_CANCELLED);
    ck_assert_int_eq(runs_worse(CTL_OK, CTL_CANCELLED), CTL_CANCELLED);
    ck_assert_int_eq(runs_worse(CTL_FAILED, CTL_CANCELLED), CTL_FAILED);
    ck_assert_int_eq(runs_worse(CTL_OK, CTL_OK), CTL_OK);
}
END_TEST

START_TEST(wait_asks_until_all_have_ended)
{
    static const char jobs[] = SCRIPT_JSON(
        "{\"jobs\":[{\"id\":\"01m8pr12e5pdd6vwbzc4z7yypr\",\"runs\":[{\"id\":\"" RUN_B
        "\"}]},{\"id\":\"01m8pqzpqc4cxrm4h6v373ebz3\",\"runs\":[{\"id\":\"" RUN_A
        "\"}]}],\"next\":null}");
    struct script server;

    SCRIPT_START(&server, ENDED(RUN_A, "running"), jobs, ENDED(RUN_A, "running"),
                 ENDED(RUN_A, "cancelled"), ENDED(RUN_B, "succeeded"));
    ck_assert_int_eq(CTL(server, "wait", RUN_A, "01m8pr"), CTL_CANCELLED);
    ck_assert_str_eq(command_answer, RUN_A " cancelled\n" RUN_B " succeeded\n");
    script_end(&server);
}
END_TEST

START_TEST(wait_takes_a_job_for_its_runs)
{
    static const char job[] = "01m8pr12e5pdd6vwbzc4z7yypr";
    struct script server;

    SCRIPT_START(
        &server, SCRIPT_PROBLEM("404 Not Found", "{}"),
        SCRIPT_JSON("{\"id\":\"01m8pr12e5pdd6vwbzc4z7yypr\",\"runs\":[{\"id\":\"" RUN_B
                    "\"}]}"),
        ENDED(RUN_B, "failed"));
    ck_assert_int_eq(CTL(server, "wait", job, "--json"), CTL_FAILED);
    ck_assert_ptr_nonnull(strstr(command_answer, "\"state\":\"failed\""));
    script_end(&server);
}
END_TEST

START_TEST(what_is_neither_a_run_nor_a_job_is_not_waited_for)
{
    struct script server;

    SCRIPT_START(&server, SCRIPT_PROBLEM("404 Not Found", "{}"),
                 SCRIPT_PROBLEM("404 Not Found", "{}"));
    ck_assert_int_eq(CTL(server, "wait", RUN_A), CTL_ERROR);
    ck_assert_str_eq(command_complaint,
                     "odenetctl: there is neither a run nor a job " RUN_A "\n");
    script_end(&server);
}
END_TEST

START_TEST(wait_ends_when_time_is_up)
{
    struct script server;

    SCRIPT_START(&server, ENDED(RUN_A, "running"), ENDED(RUN_A, "running"),
                 ENDED(RUN_A, "running"), ENDED(RUN_A, "running"),
                 ENDED(RUN_A, "running"), ENDED(RUN_A, "running"),
                 ENDED(RUN_A, "running"), ENDED(RUN_A, "running"),
                 ENDED(RUN_A, "running"), ENDED(RUN_A, "running"),
                 ENDED(RUN_A, "running"), ENDED(RUN_A, "running"));
    ck_assert_int_eq(CTL(server, "wait", RUN_A, "--timeout", "1"), CTL_TIMEOUT);
    ck_assert_str_eq(command_answer, "");
    ck_assert_ptr_nonnull(strstr(command_complaint, "the run goes on"));
    script_stop(&server);
}
END_TEST

START_TEST(a_list_goes_over_pages)
{
    struct script server;
    const char *asked;

    SCRIPT_START(
        &server,
        SCRIPT_JSON("{\"runs\":[{\"id\":\"" RUN_B "\"}],\"next\":\"" RUN_B "\"}"),
        SCRIPT_JSON("{\"runs\":[{\"id\":\"" RUN_A "\"}],\"next\":null}"));
    ck_assert_int_eq(CTL(server, "list", "--state", "queued", "--limit", "600", "--json"),
                     CTL_OK);
    asked = script_end(&server);
    ck_assert_ptr_nonnull(strstr(asked, "GET /v1/runs?limit=500&state=queued HTTP"));
    ck_assert_ptr_nonnull(
        strstr(asked, "GET /v1/runs?limit=500&state=queued&cursor=" RUN_B " HTTP"));
    ck_assert_int_eq(script_count(command_answer, "\"id\""), 2);
}
END_TEST

START_TEST(a_priority_goes_into_the_spec)
{
    struct script server;
    char path[120];
    FILE *file;

    snprintf(path, sizeof path, "%s/spec.json", test_dir());
    file = fopen(path, "w");
    fputs("{\"name\": \"n\", \"priority\": 1}", file);
    fclose(file);
    SCRIPT_START(&server,
                 SCRIPT_JSON("{\"id\":\"01m8pqzpqc4cxrm4h6v373ebz3\",\"runs\":[{\"id\":"
                             "\"" RUN_A "\"}]}"));
    ck_assert_int_eq(CTL(server, "submit", path, "--priority", "-7"), CTL_OK);
    ck_assert_ptr_nonnull(
        strstr(script_end(&server), "\r\n\r\n{\"name\":\"n\",\"priority\":-7}"));
    file = fopen(path, "w");
    fputs("{\"name\": ", file);
    fclose(file);
    MISUSED("submit", path, "--priority", "-7");
    ck_assert_ptr_nonnull(strstr(command_complaint, "spec.json:1:9: "));
}
END_TEST

START_TEST(others_are_asked_although_one_is_refused)
{
    struct script server;

    SCRIPT_START(&server, SCRIPT_PROBLEM("409 Conflict", "{\"title\":\"No\"}"),
                 SCRIPT_JSON("{\"state\":\"cancelled\"}"));
    ck_assert_int_eq(CTL(server, "cancel", RUN_A, RUN_B), CTL_ERROR);
    ck_assert_str_eq(command_answer, RUN_B " cancelled\n");
    ck_assert_ptr_nonnull(strstr(command_complaint, "odenetctl: No\n"));
    script_end(&server);
}
END_TEST

/* --- files ---------------------------------------------------------------------------
 */

enum { DIR_TEXT = 96 };

static int
files_in(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static const char *
content_of(const char *folder, const char *name)
{
    static char text[200];
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* A folder of the test's own: what test_dir() gives is good until the next one. */
static void
folder_make(char dir[DIR_TEXT])
{
    snprintf(dir, DIR_TEXT, "%s", test_dir());
}

#define HALF SCRIPT_ANSWER("200 OK") "Content-Length: 100\r\n\r\nhalf of it"

START_TEST(half_a_file_is_fetched_again)
{
    char dir[DIR_TEXT];
    struct script server;

    folder_make(dir);
    SCRIPT_START(&server, ENDED(RUN_A, "running"), HALF, SCRIPT_JSON("whole"));
    ck_assert_int_eq(CTL(server, "fetch", RUN_A, "metrics.csv", "-o", dir), CTL_OK);
    script_end(&server);
    ck_assert_str_eq(content_of(dir, "metrics.csv"), "whole");
    ck_assert_int_eq(files_in(dir), 1);
}
END_TEST

START_TEST(no_file_is_left_half)
{
    char dir[DIR_TEXT];
    struct script server;

    folder_make(dir);
    SCRIPT_START(&server, ENDED(RUN_A, "running"), HALF);
    ck_assert_int_eq(
        CTL(server, "--patience", "0", "fetch", RUN_A, "spec.json", "-o", dir),
        CTL_UNREACHABLE);
    script_end(&server);
    SCRIPT_START(&server, ENDED(RUN_A, "running"),
                 SCRIPT_PROBLEM("404 Not Found", "{\"title\":\"None\"}"));
    ck_assert_int_eq(CTL(server, "fetch", RUN_A, "spec.json", "-o", dir), CTL_ERROR);
    script_end(&server);
    ck_assert_int_eq(files_in(dir), 0);
}
END_TEST

START_TEST(a_model_is_kept_only_with_its_checksum)
{
    static const char run[] = SCRIPT_JSON(
        "{\"id\":\"" RUN_A "\",\"state\":\"succeeded\",\"model_sha256\":"
        "\"2c4ed70d8b8a5a6c3c1f2b8c67d3a4a1ef92ad3ca2bbbb9f2a1b8c1a5c6f2a11\"}");
    static const char good[] = SCRIPT_JSON(
        "{\"id\":\"" RUN_A "\",\"state\":\"succeeded\",\"model_sha256\":"
        "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}");
    char dir[DIR_TEXT];
    struct script server;

    folder_make(dir);
    SCRIPT_START(&server, run, SCRIPT_JSON("abc"));
    ck_assert_int_eq(CTL(server, "fetch", RUN_A, "model.safetensors", "-o", dir),
                     CTL_ERROR);
    script_end(&server);
    ck_assert_int_eq(files_in(dir), 0);
    SCRIPT_START(&server, good, SCRIPT_JSON("abc")); /* FIPS 180's example */
    ck_assert_int_eq(CTL(server, "fetch", RUN_A, "model.safetensors", "-o", dir), CTL_OK);
    script_end(&server);
    ck_assert_str_eq(content_of(dir, "model.safetensors"), "abc");
}
END_TEST

START_TEST(a_name_is_no_way_out_of_the_folder)
{
    char dir[DIR_TEXT];
    struct script server;

    folder_make(dir);
    SCRIPT_START(&server, ENDED(RUN_A, "running"));
    ck_assert_int_eq(CTL(server, "fetch", RUN_A, "../up", "-o", dir), CTL_USAGE);
    script_end(&server);
    SCRIPT_START(
        &server,
        SCRIPT_JSON("{\"state\":\"running\",\"artifacts\":[{\"name\":\"../../up\"}]}"),
        SCRIPT_JSON("table"));
    ck_assert_int_eq(CTL(server, "fetch", RUN_A, "-o", dir), CTL_USAGE);
    script_end(&server);
    ck_assert_int_eq(files_in(dir), 1);
}
END_TEST

/* --- a log that grows ----------------------------------------------------------------
 */

#define TEXT(etag, text) SCRIPT_ANSWER("200 OK") "ETag: \"" etag "\"\r\n\r\n" text

START_TEST(a_log_is_followed_without_gap_or_repetition)
{
    struct script server;
    const char *asked;

    SCRIPT_START(&server, TEXT("a", "1\n2\n3\nha"), ENDED(RUN_A, "running"),
                 SCRIPT_ANSWER("304 Not Modified") "\r\n", ENDED(RUN_A, "running"),
                 TEXT("b", "1\n2\n3\nhalf\n"), ENDED(RUN_A, "succeeded"),
                 SCRIPT_ANSWER("206 Partial Content") "Content-Range: bytes 11-14/15\r\n"
                                                      "ETag: \"c\"\r\n\r\nend\n");
    ck_assert_int_eq(CTL(server, "log", RUN_A, "--tail", "2", "--follow"), CTL_OK);
    ck_assert_str_eq(command_answer, "3\nhalf\nend\n");
    asked = script_end(&server);
    ck_assert_int_eq(script_count(asked, "If-None-Match: \"a\"\r\n"), 2);
    ck_assert_int_eq(script_count(asked, "If-None-Match: \"b\"\r\n"), 1);
    ck_assert_int_eq(script_count(asked, "Range: bytes=8-\r\n"), 2);
    ck_assert_int_eq(script_count(asked, "Range: bytes=11-\r\n"), 1);
}
END_TEST

START_TEST(a_log_that_begins_anew_is_shown_from_there)
{
    struct script server;

    SCRIPT_START(&server, TEXT("a", "a long line\n"), ENDED(RUN_A, "failed"),
                 TEXT("b", "new\n"));
    ck_assert_int_eq(CTL(server, "log", RUN_A, "--follow"), CTL_OK);
    ck_assert_str_eq(command_answer, "a long line\nnew\n");
    ck_assert_ptr_nonnull(strstr(command_complaint, "written anew"));
    script_end(&server);
}
END_TEST

START_TEST(a_tail_is_the_servers_business)
{
    struct script server;

    SCRIPT_START(&server, TEXT("a", "3\n4\n"));
    ck_assert_int_eq(CTL(server, "log", RUN_A, "-n", "2"), CTL_OK);
    ck_assert_str_eq(command_answer, "3\n4\n");
    ck_assert_ptr_nonnull(
        strstr(script_end(&server), "GET /v1/runs/" RUN_A "/log?tail=2 HTTP"));
}
END_TEST

/* --- events --------------------------------------------------------------------------
 */

#define EVENT(id, to)                                   \
    "{\"id\":" id ",\"run\":\"" RUN_A                   \
    "\",\"at\":\"T\",\"kind\":\"state\",\"from\":null," \
    "\"to\":\"" to "\",\"text\":\"\"}"
#define LINES SCRIPT_ANSWER("200 OK") "Content-Type: application/x-ndjson\r\n\r\n"

START_TEST(a_stream_that_breaks_off_goes_on_behind_the_last_event)
{
    struct script server;
    const char *asked;

    SCRIPT_START(&server,
                 LINES EVENT("1", "queued") "\n\n" EVENT("4", "starting") "\n{\"id\":",
                 SCRIPT_ANSWER("503 Service Unavailable") "\r\n",
                 LINES EVENT("4", "starting") "\n" EVENT(
                     "5", "running") "\n"
                                     "{\"kind\":\"end\",\"run\":\"" RUN_A
                                     "\",\"state\":\"failed\"}\n");
    ck_assert_int_eq(CTL(server, "events", RUN_A, "--follow"), CTL_OK);
    ck_assert_str_eq(command_answer, "T  queued\nT  starting\nT  running\n");
    asked = script_end(&server);
    ck_assert_int_eq(script_count(asked, "Accept: application/x-ndjson\r\n"), 3);
    ck_assert_int_eq(script_count(asked, "Last-Event-ID: 4\r\n"), 2);
    ck_assert_int_eq(script_count(asked, "Last-Event-ID"), 2);
}
END_TEST

START_TEST(events_that_were_are_listed_over_pages)
{
    struct script server;
    const char *asked;

    SCRIPT_START(&server,
                 SCRIPT_JSON("{\"events\":[" EVENT("7", "queued") "],\"next\":7}"),
                 SCRIPT_JSON("{\"events\":[" EVENT("9", "failed") "],\"next\":null}"));
    ck_assert_int_eq(CTL(server, "events", "--json"), CTL_OK);
    asked = script_end(&server);
    ck_assert_int_eq(script_count(asked, "GET /v1/events?limit=500&after=0 HTTP"), 1);
    ck_assert_int_eq(script_count(asked, "GET /v1/events?limit=500&after=7 HTTP"), 1);
    ck_assert_int_eq(script_count(command_answer, "\n"), 2);
}
END_TEST

TEST_SUITE(commands, 60, bad_usage_asks_nobody, each_command_has_its_help,
           the_environment_says_where_unless_a_flag_does, a_run_that_ended_so_exits_so,
           wait_asks_until_all_have_ended, wait_takes_a_job_for_its_runs,
           what_is_neither_a_run_nor_a_job_is_not_waited_for, wait_ends_when_time_is_up,
           a_list_goes_over_pages, a_priority_goes_into_the_spec,
           others_are_asked_although_one_is_refused, half_a_file_is_fetched_again,
           no_file_is_left_half, a_model_is_kept_only_with_its_checksum,
           a_name_is_no_way_out_of_the_folder,
           a_log_is_followed_without_gap_or_repetition,
           a_log_that_begins_anew_is_shown_from_there, a_tail_is_the_servers_business,
           a_stream_that_breaks_off_goes_on_behind_the_last_event,
           events_that_were_are_listed_over_pages)
