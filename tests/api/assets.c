/* assets.c - tests api/assets.c. */
#include "api/asset.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

static const unsigned char page[] = "<!doctype html><title>odenet</title>";
static const unsigned char script[] = "console.log(1)";

static const struct web_asset table[] = {
    {"/index.html",           "text/html; charset=utf-8",       page,   sizeof page - 1},
    { "assets/app-1a2b3c.js", "text/javascript; charset=utf-8", script,
     sizeof script - 1                                                                 },
};

static const struct server_config config = { .assets = table, .asset_n = 2 };

START_TEST(the_page_is_asked_for_again)
{
    struct client_answer answer = { 0 };
    const char *csp;
    struct fake fake;

    fake_open(&fake, &config);
    ck_assert_int_eq(client_get(fake_port(&fake), "/", &answer), 200);
    ck_assert_str_eq(answer.body, (const char *)page);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "text/html; charset=utf-8");
    ck_assert_str_eq(client_header(&answer, "Cache-Control"), "no-cache");
    ck_assert_str_eq(client_header(&answer, "Referrer-Policy"), "no-referrer");
    csp = client_header(&answer, "Content-Security-Policy");
    ck_assert_ptr_nonnull(strstr(csp, "default-src 'self'"));
    ck_assert_ptr_nonnull(strstr(csp, "frame-ancestors 'none'"));
    ck_assert_ptr_null(strstr(csp, "script-src"));
    ck_assert_int_eq(client_get(fake_port(&fake), "/index.html", &answer), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(hashed_files_are_kept)
{
    static const char path[] = "/assets/app-1a2b3c.js";
    struct client_answer answer = { 0 };
    char match[256];
    struct fake fake;

    fake_open(&fake, &config);
    ck_assert_int_eq(client_get(fake_port(&fake), path, &answer), 200);
    ck_assert_str_eq(answer.body, (const char *)script);
    ck_assert_ptr_nonnull(strstr(client_header(&answer, "Cache-Control"), "immutable"));
    snprintf(match, sizeof match, "If-None-Match: %s\r\n",
             client_header(&answer, "ETag"));
    ck_assert_int_eq(client_ask(fake_port(&fake), "GET", path, match, NULL, &answer),
                     304);
    ck_assert_int_eq(client_ask(fake_port(&fake), "DELETE", path, "", NULL, &answer),
                     405);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

static void
browses(struct fake *fake, const char *path, int status)
{
    struct client_answer answer = { 0 };

    ck_assert_msg(client_ask(fake_port(fake), "GET", path,
                             "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n",
                             NULL, &answer)
                      == status,
                  "%s: %d", path, answer.status);
    if (status == 200)
        ck_assert_str_eq(answer.body, (const char *)page);
    client_release(&answer);
}

START_TEST(views_are_the_page)
{
    struct client_answer answer = { 0 };
    struct fake fake;

    fake_open(&fake, &config);
    browses(&fake, "/runs/01hzzzzzzzzzzzzzzzzzzzzzr0", 200);
    browses(&fake, "/runs/01hzzzzzzzzzzzzzzzzzzzzzr0?tab=log", 200);
    browses(&fake, "/assets/app-old.js", 404);
    browses(&fake, "/favicon.ico", 404);
    browses(&fake, "/v1/nothing", 404);
    ck_assert_int_eq(client_get(fake_port(&fake), "/runs", &answer), 404);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

static void
file_write(const char *root, const char *name, const char *text)
{
    char path[160];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", root, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(a_directory_may_replace_the_table)
{
    static const char *const hidden[] = { "/../index.html", "/.secret",
                                          "/assets",        "/%2e%2e/index.html",
                                          "//index.html",   "/out.css",
                                          "/up/outside.css" };
    struct server_config dir = config;
    struct client_answer answer = { 0 };
    char root[128], assets[160], out[160];
    struct fake fake;

    snprintf(root, sizeof root, "%.100s/root", test_dir());
    ck_assert_int_eq(mkdir(root, 0700), 0);
    file_write(root, "../outside.css", "x{}");
    snprintf(out, sizeof out, "%s/out.css", root);
    ck_assert_int_eq(symlink("../outside.css", out), 0);
    snprintf(out, sizeof out, "%s/up", root);
    ck_assert_int_eq(symlink("..", out), 0);
    snprintf(assets, sizeof assets, "%s/assets", root);
    ck_assert_int_eq(mkdir(assets, 0700), 0);
    file_write(root, "index.html", "new");
    file_write(root, "assets/a.css", "body{}");
    file_write(root, ".secret", "x");
    dir.web_root = root;
    fake_open(&fake, &dir);
    ck_assert_int_eq(client_get(fake_port(&fake), "/", &answer), 200);
    ck_assert_str_eq(answer.body, "new");
    ck_assert_int_eq(client_get(fake_port(&fake), "/assets/a.css", &answer), 200);
    ck_assert_str_eq(client_header(&answer, "Content-Type"), "text/css; charset=utf-8");
    ck_assert_str_eq(client_header(&answer, "Cache-Control"), "no-cache");
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        ck_assert_msg(client_get(fake_port(&fake), hidden[i], &answer) == 404, "%s",
                      hidden[i]);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_assets, 30, the_page_is_asked_for_again, hashed_files_are_kept,
           views_are_the_page, a_directory_may_replace_the_table)
