/* reply.c - tests api/reply.c: validators, ids, problems. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "api/asset.h"
#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define RUN "/v1/runs/" FAKE_RUN

static int
if_none_match(struct fake *fake, const char *tags)
{
    struct client_answer answer = { 0 };
    char header[512];
    int status;

    snprintf(header, sizeof header, "If-None-Match: %s\r\n", tags);
    status = client_ask(fake_port(fake), "GET", RUN, header, NULL, &answer);
    if (status == 304)
        ck_assert_ptr_nonnull(client_header(&answer, "ETag"));
    client_release(&answer);
    return status;
}

START_TEST(what_did_not_change_is_not_sent)
{
    struct client_answer answer = { 0 };
    char etag[128], tags[512];
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), RUN, &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Cache-Control"), "no-store");
    snprintf(etag, sizeof etag, "%s", client_header(&answer, "ETag"));
    ck_assert_int_eq(if_none_match(&fake, etag), 304);
    ck_assert_int_eq(if_none_match(&fake, "*"), 304);
    snprintf(tags, sizeof tags, "\"other\", W/%s", etag);
    ck_assert_int_eq(if_none_match(&fake, tags), 304);
    ck_assert_int_eq(if_none_match(&fake, "\"other\""), 200);
    ck_assert_int_eq(if_none_match(&fake, ",,, ,"), 200);
    etag[strlen(etag) - 2] = '\0'; /* a prefix is no match */
    ck_assert_int_eq(if_none_match(&fake, etag), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_change_changes_the_tag)
{
    struct client_answer answer = { 0 };
    char etag[128];
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), RUN, &answer), 200);
    snprintf(etag, sizeof etag, "%s", client_header(&answer, "ETag"));
    fake_change(&fake, "paused");
    ck_assert_int_eq(if_none_match(&fake, etag), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(every_answer_has_its_own_id)
{
    struct client_answer one = { 0 }, two = { 0 };
    char instance[128];
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), "/nothing", &one), 404);
    ck_assert_int_eq(client_get(fake_port(&fake), "/nothing", &two), 404);
    snprintf(instance, sizeof instance, "\"instance\":\"%s\"",
             client_header(&one, "X-Request-Id"));
    ck_assert_ptr_nonnull(strstr(one.body, instance));
    ck_assert_str_ne(client_header(&one, "X-Request-Id"),
                     client_header(&two, "X-Request-Id"));
    client_release(&one);
    client_release(&two);
    fake_close(&fake);
}
END_TEST

/* What every answer says to a browser. */
static void
shielded(struct client_answer *answer)
{
    static const struct {
        const char *name, *value;
    } headers[] = {
        {"X-Content-Type-Options",        "nosniff"    },
        { "Referrer-Policy",              "no-referrer"},
        { "Cross-Origin-Opener-Policy",   "same-origin"},
        { "Cross-Origin-Resource-Policy", "same-origin"},
    };

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        ck_assert_ptr_nonnull(client_header(answer, headers[i].name));
        ck_assert_str_eq(client_header(answer, headers[i].name), headers[i].value);
    }
    ck_assert_ptr_null(client_header(answer, "Strict-Transport-Security")); /* no TLS */
}

START_TEST(every_answer_is_shielded)
{
    static const struct {
        const char *method, *target, *cache, *policy;
    } asked[] = {
        {"GET",      RUN,                        "no-store", "default-src 'none';"},
        { "GET",     RUN "/metrics?format=csv",  "no-store", "default-src 'none';"},
        { "GET",     RUN "/artifacts/spec.json", "no-store", "default-src 'none';"},
        { "GET",     "/nothing",                 "no-store", "default-src 'none';"},
        { "GET",     "/v1/runs?colour=red",      "no-store", "default-src 'none';"},
        { "POST",    RUN "/cancel",              "no-store", "default-src 'none';"},
        { "OPTIONS", "/v1/runs",                 "no-store", "default-src 'none';"},
        { "BREW",    "/v1/runs",                 "no-store", "default-src 'none';"},
        { "GET",     "/",                        "no-cache", "default-src 'self';"},
    };
    static const struct web_asset page = { "/index.html", "text/html",
                                           (const unsigned char *)"<p>", 3 };
    struct server_config config = { .assets = &page, .asset_n = 1 };
    struct client_answer answer = { 0 };
    struct fake fake;
    FILE *file;

    fake_open(&fake, &config);
    file = fopen(fake.model_path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        ck_assert_int_ne(client_ask(fake_port(&fake), asked[i].method, asked[i].target,
                                    "", NULL, &answer),
                         0);
        shielded(&answer);
        ck_assert_msg(strcmp(client_header(&answer, "Cache-Control"), asked[i].cache)
                          == 0,
                      "%s", asked[i].target);
        ck_assert_msg(
            strstr(client_header(&answer, "Content-Security-Policy"), asked[i].policy)
                != NULL,
            "%s", asked[i].target);
        ck_assert_ptr_nonnull(strstr(client_header(&answer, "Content-Security-Policy"),
                                     "frame-ancestors 'none'"));
    }
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(problems_have_the_standard_members)
{
    struct client_answer answer = { 0 };
    json_t *doc;
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_get(fake_port(&fake), RUN "?wait=soon", &answer), 400);
    doc = json_loads(answer.body, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "type")),
                     "/problems/bad-query");
    ck_assert_int_eq(json_integer_value(json_object_get(doc, "status")), 400);
    ck_assert(json_is_string(json_object_get(doc, "title")));
    ck_assert(json_is_string(json_object_get(doc, "detail")));
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "errors")), 1);
    json_decref(doc);
    ck_assert_int_eq(client_get(fake_port(&fake), "/problems/bad-query", &answer), 200);
    ck_assert_int_eq(client_get(fake_port(&fake), "/problems/none", &answer), 404);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

/* The body of a squeezed answer as text, to be freed. */
static char *
unsqueezed(const struct client_answer *answer)
{
    z_stream stream = { .next_in = (Bytef *)answer->body,
                        .avail_in = (uInt)answer->body_n };
    const size_t room = 1 << 20;
    char *text = calloc(1, room);

    ck_assert_ptr_nonnull(text);
    stream.next_out = (Bytef *)text;
    stream.avail_out = (uInt)room - 1;
    ck_assert_int_eq(inflateInit2(&stream, 31), Z_OK);
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    return text;
}

START_TEST(long_answers_are_squeezed_on_request)
{
    static const char events[] = "/v1/events?limit=500";
    struct client_answer plain = { 0 }, small = { 0 };
    char etag[128], header[256], *text;
    struct fake fake;

    fake_open(&fake, NULL);
    fake_happen(&fake, 400);
    ck_assert_int_eq(client_get(fake_port(&fake), events, &plain), 200);
    ck_assert_ptr_null(client_header(&plain, "Content-Encoding"));
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", events,
                                "Accept-Encoding: br, gzip;q=0.5\r\n", NULL, &small),
                     200);
    ck_assert_str_eq(client_header(&small, "Content-Encoding"), "gzip");
    ck_assert_uint_lt(small.body_n, plain.body_n / 4);
    text = unsqueezed(&small);
    ck_assert_str_eq(text, plain.body);
    free(text);
    snprintf(etag, sizeof etag, "%s", client_header(&small, "ETag"));
    ck_assert_str_ne(etag, client_header(&plain, "ETag"));
    snprintf(header, sizeof header, "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n",
             etag);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", events, header, NULL, &small),
                     304);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", RUN, "Accept-Encoding: gzip\r\n",
                                NULL, &small),
                     200);
    ck_assert_ptr_null(client_header(&small, "Content-Encoding")); /* it is short */
    client_release(&plain);
    client_release(&small);
    fake_close(&fake);
}
END_TEST

START_TEST(what_nobody_accepts_is_not_sent)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, NULL);
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", RUN,
                                "Accept: text/html, image/*\r\n", NULL, &answer),
                     406);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "application/problem+json");
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", RUN "/artifacts/metrics.csv",
                                "Accept: text/html\r\n", NULL, &answer),
                     406);
    ck_assert_ptr_null(client_header(&answer, "Content-Disposition"));
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", RUN,
                                "Accept: text/html, */*;q=0.1\r\n", NULL, &answer),
                     200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(a_change_may_ask_for_what_was_seen)
{
    static const struct {
        const char *method, *target, *body;
        int done;
    } changes[] = {
        {"PATCH",   RUN,                  "{\"priority\": 4}", 200},
        { "POST",   RUN "/pause",         NULL,                202},
        { "DELETE", "/v1/jobs/" FAKE_JOB, NULL,                204},
    };
    struct client_answer answer = { 0 };
    char asked[256], headers[256];
    struct fake fake;

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fake_open(&fake, NULL);
        if (i == 2)
            fake_change(&fake, "succeeded");
        ck_assert_int_eq(
            client_get(fake_port(&fake), i == 2 ? changes[i].target : RUN, &answer), 200);
        snprintf(headers, sizeof headers,
                 "Content-Type: application/json\r\nIf-Match: %s\r\n",
                 client_header(&answer, "ETag"));
        ck_assert_int_eq(client_ask(fake_port(&fake), changes[i].method,
                                    changes[i].target, headers, changes[i].body, &answer),
                         changes[i].done);
        fake_asked(&fake, asked);
        ck_assert(i > 0 || strcmp(asked, "priority=4") == 0);
        ck_assert_int_eq(client_ask(fake_port(&fake), changes[i].method,
                                    changes[i].target,
                                    "Content-Type: application/json\r\n"
                                    "If-Match: \"other\"\r\n",
                                    changes[i].body, &answer),
                         412);
        ck_assert_ptr_nonnull(strstr(answer.body, "/problems/changed"));
        fake_close(&fake);
    }
    client_release(&answer);
}
END_TEST

TEST_SUITE(api_reply, 30, what_did_not_change_is_not_sent, a_change_changes_the_tag,
           every_answer_has_its_own_id, every_answer_is_shielded,
           problems_have_the_standard_members, long_answers_are_squeezed_on_request,
           what_nobody_accepts_is_not_sent, a_change_may_ask_for_what_was_seen)
