/* names.c - tests client/names.c: ids, beginnings of them, "last". */
#include "client/names.h"

#include <string.h>

#include "tests/cli/command.h"
#include "tests/client/script.h"
#include "tests/test.h"

#define JOB_A "01m8pqzpqc4cxrm4h6v373ebz3"
#define RUN_A "01m8pqzpqc4cxrm4h6v373ebz4"
#define JOB_B "01m8pr12e5pdd6vwbzc4z7yypr"
#define RUN_B "01m8pr12e5pdd6vwbzc4z7yyps"
#define JOBS                                                     \
    "[{\"id\":\"" JOB_B "\",\"runs\":[{\"id\":\"" RUN_B "\"}]}," \
    "{\"id\":\"" JOB_A "\",\"runs\":[{\"id\":\"" RUN_A "\"}]}]"

START_TEST(an_id_has_26_characters_of_the_alphabet)
{
    ck_assert(names_is_id(RUN_A));
    ck_assert(!names_is_id("01m8pqzpqc4cxrm4h6v373ebz"));
    ck_assert(!names_is_id(RUN_A "0"));
    ck_assert(!names_is_id("01M8PQZPQC4CXRM4H6V373EBZ4"));
    ck_assert(!names_is_id("01m8pqzpqc4cxrm4h6v373ebzu"));
    ck_assert(!names_is_id(""));
}
END_TEST

START_TEST(beginnings_are_matched_among_runs_or_jobs)
{
    static const struct {
        const char *begin, *id;
        enum names_kind kind;
        int found;
    } cases[] = {
        {"01m8pq",                      RUN_A, NAMES_RUN, 1},
        { "01m8pq",                     JOB_A, NAMES_JOB, 1},
        { "01m8p",                      RUN_B, NAMES_RUN, 2},
        { "01m8pr12e5pdd6vwbzc4z7yyps", RUN_B, NAMES_RUN, 1},
        { "01m8pr12e5pdd6vwbzc4z7yyps", "",    NAMES_JOB, 0},
        { "02",                         "",    NAMES_RUN, 0},
    };
    json_t *jobs = json_loads(JOBS, 0, NULL);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[NAMES_ID] = "";
        int found = 0;

        names_match(jobs, cases[i].begin, cases[i].kind, id, &found);
        ck_assert_int_eq(found, cases[i].found);
        ck_assert_str_eq(id, cases[i].id);
    }
    json_decref(jobs);
}
END_TEST

#define SHOW(server, id) \
    COMMAND_RUN(ctl_main, "odenetctl", "--url", (server).url, "--json", "show", id)

START_TEST(a_beginning_is_looked_for_on_all_pages)
{
    struct script server;

    SCRIPT_START(&server,
                 SCRIPT_JSON("{\"jobs\":[{\"id\":\"" JOB_B "\",\"runs\":[{\"id\":\"" RUN_B
                             "\"}]}],\"next\":\"" JOB_B "\"}"),
                 SCRIPT_JSON("{\"jobs\":[{\"id\":\"" JOB_A "\",\"runs\":[{\"id\":\"" RUN_A
                             "\"}]}],\"next\":null}"),
                 SCRIPT_JSON("{}"));
    ck_assert_int_eq(SHOW(server, "01M8PQ"), CTL_OK);
    const char *asked = script_end(&server);

    ck_assert_ptr_nonnull(strstr(asked, "GET /v1/jobs?limit=500 HTTP"));
    ck_assert_ptr_nonnull(strstr(asked, "GET /v1/jobs?limit=500&cursor=" JOB_B " HTTP"));
    ck_assert_ptr_nonnull(strstr(asked, "GET /v1/runs/" RUN_A " HTTP"));
}
END_TEST

START_TEST(last_is_the_run_of_the_newest_job)
{
    struct script server;

    SCRIPT_START(&server, SCRIPT_JSON("{\"jobs\":" JOBS ",\"next\":null}"),
                 SCRIPT_JSON("{}"));
    ck_assert_int_eq(SHOW(server, "last"), CTL_OK);
    ck_assert_ptr_nonnull(strstr(script_end(&server), "GET /v1/runs/" RUN_B " HTTP"));
    SCRIPT_START(&server, SCRIPT_JSON("{\"jobs\":[],\"next\":null}"));
    ck_assert_int_eq(SHOW(server, "last"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "there is no run yet"));
    script_end(&server);
}
END_TEST

START_TEST(what_fits_many_or_none_is_refused)
{
    struct script server;

    SCRIPT_START(&server, SCRIPT_JSON("{\"jobs\":" JOBS ",\"next\":null}"));
    ck_assert_int_eq(SHOW(server, "01m8"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "2 runs begin with \"01m8\""));
    script_end(&server);
    SCRIPT_START(&server, SCRIPT_JSON("{\"jobs\":" JOBS ",\"next\":null}"));
    ck_assert_int_eq(SHOW(server, "03"), CTL_ERROR);
    ck_assert_ptr_nonnull(strstr(command_complaint, "no run begins with \"03\""));
    script_end(&server);
    ck_assert_int_eq(SHOW(server, "../jobs"), CTL_USAGE);
    ck_assert_int_eq(SHOW(server, ""), CTL_USAGE);
    ck_assert_int_eq(SHOW(server, RUN_A "0"), CTL_USAGE);
}
END_TEST

TEST_SUITE(names, 30, an_id_has_26_characters_of_the_alphabet,
           beginnings_are_matched_among_runs_or_jobs,
           a_beginning_is_looked_for_on_all_pages, last_is_the_run_of_the_newest_job,
           what_fits_many_or_none_is_refused)
