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

/* The form with each %s replaced. */
static void
path_fill(char *path, size_t size, const char *form, const char *step)
{
    size_t n = 0;

    for (; *form && n + strlen(step) + 1 < size; form++)
        if (form[0] == '%' && form[1] == 's') {
            strcpy(path + n, step);
            n += strlen(step);
            form++;
        } else
            path[n++] = *form;
    path[n] = '\0';
}

/* Whatever is sent in the place of an id or of a name: a problem, and no file. */
START_TEST(no_path_leads_elsewhere)
{
    static const char *const steps[] = {
        "..",     "%2e%2e",     ".%2e",         "%2e.",
        "...",    "..;",        "..%2f..",      "..%5c..",
        "..\\..", "%252e%252e", "..%c0%af",     "%c0%ae%c0%ae",
        "%00",    "..%00",      FAKE_RUN "%00", FAKE_RUN "%2f..",
        "~",      "%e2%80%a5",
    };
    static const char *const forms[] = {
        "/v1/runs/%s/artifacts/model.safetensors",
        "/v1/runs/%s/log",
        "/v1/runs/%s",
        "/v1/jobs/%s",
        "/v1/runs/" FAKE_RUN "/artifacts/%s",
        "/v1/runs/" FAKE_RUN "/artifacts/%s/%s/odenet.db",
        "/v1/runs/" FAKE_RUN "/artifacts/model.safetensors/%s",
        "/v1/runs/" FAKE_RUN "/artifacts/%smodel.safetensors",
        "/v1/runs/" FAKE_RUN "/artifacts/model.safetensors%s",
        "/v1/%s/%s/%s/etc/passwd",
        "/%s/etc/passwd",
        "/assets/%s/%s/etc/passwd",
    };
    struct client_answer answer = { 0 };
    char path[256];
    struct fake fake;
    int n = 0;

    fake_open(&fake, NULL);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++, n++) {
            path_fill(path, sizeof path, forms[i], steps[j]);
            client_get(fake_port(&fake), path, &answer);
            ck_assert_msg(answer.status == 404 || answer.status == 400, "%s: %d", path,
                          answer.status);
        }
    ck_assert_int_ge(n, 200);
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
           no_path_leads_elsewhere, metrics_are_a_table)
