/* reload.c - settings that change while the daemon runs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/daemon/ear.h"
#include "tests/daemon/house.h"
#include "tests/test.h"

/* A settings file, and the flags that name it. */
struct file {
    char path[256];
    const char *flags[8];
};

static void
file_write(const struct file *file, const char *text)
{
    FILE *out = fopen(file->path, "w");

    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static void
file_open(struct file *file, const char *text)
{
    *file = (struct file){
        .flags = {"--config", file->path, NULL}
    };
    snprintf(file->path, sizeof file->path, "%s/odenetd.conf", test_dir());
    file_write(file, text);
}

static void
assert_state(const struct house *house, const char *run, const char *state)
{
    json_t *json = house_run(house, run, "");

    ck_assert_str_eq(json_string_value(json_object_get(json, "state")), state);
    json_decref(json);
}

START_TEST(a_hangup_applies_what_can_be_changed)
{
    char first[ULID_LENGTH + 1], second[ULID_LENGTH + 1];
    struct house house;
    struct file file;

    file_open(&file, "{\"slots\": 1, \"threads\": 1, \"cores\": 2}");
    house_open(&house, file.flags);
    house_submit(&house, "steps=20 hang=3", first);
    house_submit(&house, "steps=20 hang=3", second);
    house_wait_step(&house, first, 3);
    assert_state(&house, second, "queued");
    ck_assert(!house_log_says(&house, "debug "));
    file_write(&file, "{\"slots\": 2, \"threads\": 1, \"cores\": 2, \"log_level\": "
                      "\"debug\", \"listen\": \"127.0.0.9\", \"web_root\": \"/\"}");
    kill(house.pid, SIGHUP);
    house_await_log(&house, "daemon reloaded applied=slots,log_level\n");
    house_await_log(&house, "warn daemon needs-restart settings=listen,web_root\n");
    house_wait_step(&house, second, 3); /* it has a slot now */
    ck_assert(house_log_says(&house, "debug queue moved"));
    house_close(&house);
}
END_TEST

START_TEST(a_flag_still_goes_before_the_file)
{
    struct house house;
    struct file file;

    file_open(&file, "{}");
    file.flags[2] = "--log-level";
    file.flags[3] = "info";
    house_open(&house, file.flags);
    file_write(&file, "{\"log_level\": \"debug\", \"grace_s\": 7}");
    kill(house.pid, SIGHUP);
    house_await_log(&house, "daemon reloaded applied=grace_s\n");
    house_close(&house);
}
END_TEST

START_TEST(the_log_changes_its_format)
{
    struct house house;
    struct file file;

    file_open(&file, "{}");
    house_open(&house, file.flags);
    file_write(&file, "{\"log_format\": \"json\"}");
    kill(house.pid, SIGHUP);
    house_await_log(&house, "\"event\":\"reloaded\",\"applied\":\"log_format\"}");
    house_close(&house);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_changes_nothing)
{
    static const struct {
        const char *text, *says;
    } broken[] = {
        {"{\"log_level\": \"debug\", ",                "line 1"                    },
        { "{\"log_level\": \"debug\", \"x\": 1}",      "no such setting"           },
        { "{\"log_level\": \"loud\"}",                 "loud"                      },
        { "{\"log_level\": \"debug\", \"slots\": 65}", "65 is not between 0 and 64"},
    };
    struct house house;
    struct file file;

    file_open(&file, "{}");
    house_open(&house, file.flags);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        file_write(&file, broken[i].text);
        kill(house.pid, SIGHUP);
        house_await_log(&house, broken[i].says);
    }
    ck_assert(
        house_log_says(&house, "error daemon failed to=\"read the settings anew\""));
    ck_assert(!house_log_says(&house, "debug "));
    ck_assert(!house_log_says(&house, "reloaded"));
    file_write(&file, "{\"log_level\": \"debug\"}"); /* and then it is well again */
    kill(house.pid, SIGHUP);
    house_await_log(&house, "daemon reloaded applied=log_level\n");
    house_close(&house);
}
END_TEST

START_TEST(the_manager_is_told_when_it_begins_and_ends)
{
    struct house house;
    struct ear ear;

    ear_open_anywhere(&ear);
    house_open(&house, NULL);
    ear_await(&ear, "READY=1");
    kill(house.pid, SIGHUP);
    ear_await(&ear, "RELOADING=1\nMONOTONIC_USEC=");
    ear_await(&ear, "READY=1");
    house_close(&house);
    ear_close(&ear);
}
END_TEST

TEST_SUITE(reload, 60, a_hangup_applies_what_can_be_changed,
           a_flag_still_goes_before_the_file, the_log_changes_its_format,
           a_file_that_cannot_be_read_changes_nothing,
           the_manager_is_told_when_it_begins_and_ends)
