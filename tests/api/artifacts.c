/* artifacts.c - tests api/artifacts.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define MODEL       "/v1/runs/" FAKE_RUN "/artifacts/model.safetensors"
#define MODEL_BYTES (5u << 20)

static unsigned char *
model_write(const char *path)
{
    unsigned char *bytes = malloc(MODEL_BYTES);
    FILE *file = fopen(path, "w");
    unsigned state = 1;

    ck_assert_ptr_nonnull(bytes);
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < MODEL_BYTES; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(state >> 24);
    }
    ck_assert_uint_eq(fwrite(bytes, 1, MODEL_BYTES, file), MODEL_BYTES);
    ck_assert_int_eq(fclose(file), 0);
    return bytes;
}

START_TEST(models_arrive_whole)
{
    struct client_answer answer = { 0 };
    char match[256];
    struct fake fake;
    unsigned char *bytes;

    fake_open(&fake, NULL);
    bytes = model_write(fake.model_path);
    ck_assert_int_eq(client_get(fake_port(&fake), MODEL, &answer), 200);
    ck_assert_uint_eq(answer.body_n, MODEL_BYTES);
    ck_assert_mem_eq(answer.body, bytes, MODEL_BYTES);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/octet-stream");
    ck_assert_str_eq(client_header(&answer, "Content-Disposition"),
                     "attachment; filename=\"model.safetensors\"");
    snprintf(match, sizeof match, "If-None-Match: %s\r\n",
             client_header(&answer, "ETag"));
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", MODEL, match, NULL, &answer),
                     304);
    ck_assert_int_eq(client_ask(fake_port(&fake), "HEAD", MODEL, "", NULL, &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Content-Length"), "5242880");
    free(bytes);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(only_known_names_exist)
{
    static const char *const names[] = { "spec.json", "worker.lock",     "model", "..",
                                         "%2e%2e",    "..%2fworker.log", "%00" };
    struct client_answer answer = { 0 };
    char path[160];
    struct fake fake;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/v1/runs/" FAKE_RUN "/artifacts/%s", names[i]);
        ck_assert_msg(client_get(fake_port(&fake), path, &answer) == (i < 5 ? 404 : 400),
                      "%s: %d", path, answer.status);
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(metrics_are_a_table)
{
    struct client_answer answer = { 0 };
    char asked[256];
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake),
                                "/v1/runs/" FAKE_RUN "/artifacts/metrics.csv", &answer),
                     200);
    ck_assert_str_eq(answer.body, "name,level,step,work,time,value\r\n"
                                  "train.loss,0,10,2.5,0.5,2.25\r\n"
                                  "train.loss,1,20,7.5,1,\r\n");
    ck_assert_str_eq(client_header(&answer, "Content-Disposition"),
                     "attachment; filename=\"metrics.csv\"");
    fake_asked(&fake, asked);
    ck_assert_str_eq(asked, "points=0");
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_artifacts, 30, models_arrive_whole, only_known_names_exist,
           metrics_are_a_table)
