/* assets.c - the embedded page is whole and asks for nothing that is not there. */
#include "web/assets.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static const struct web_asset *
find(const char *path)
{
    for (size_t i = 0; i < web_asset_n; i++)
        if (strcmp(web_assets[i].path, path) == 0)
            return &web_assets[i];
    return NULL;
}

static char *
text_of(const struct web_asset *asset)
{
    char *text = malloc(asset->size + 1);

    ck_assert_ptr_nonnull(text);
    memcpy(text, asset->data, asset->size);
    text[asset->size] = '\0';
    return text;
}

START_TEST(paths_are_sorted_and_unique)
{
    ck_assert_uint_gt(web_asset_n, 0);
    for (size_t i = 0; i < web_asset_n; i++) {
        ck_assert_int_eq(web_assets[i].path[0], '/');
        ck_assert_uint_gt(web_assets[i].size, 0);
        ck_assert_ptr_nonnull(strchr(web_assets[i].type, '/'));
        if (i > 0)
            ck_assert_str_lt(web_assets[i - 1].path, web_assets[i].path);
    }
}
END_TEST

START_TEST(index_is_there_from_first_to_last_byte)
{
    const struct web_asset *index = find("/index.html");
    static const char end[] = "</html>\n";
    char *text;

    ck_assert_ptr_nonnull(index);
    ck_assert_str_eq(index->type, "text/html; charset=utf-8");
    text = text_of(index);
    ck_assert_uint_eq(strlen(text), index->size);
    ck_assert_int_eq(strncmp(text, "<!doctype html>", 15), 0);
    ck_assert_uint_gt(index->size, sizeof end);
    ck_assert_str_eq(text + index->size - (sizeof end - 1), end);
    free(text);
}
END_TEST

/* What stands between `before` and the next quote must be an asset. Returns how many. */
static int
all_found(const char *text, const char *before)
{
    int n = 0;

    for (const char *at = strstr(text, before); at; at = strstr(at + 1, before), n++) {
        const char *path = at + strlen(before);
        const char *quote = strchr(path, '"');
        char name[128];

        ck_assert_ptr_nonnull(quote);
        ck_assert_uint_lt((size_t)(quote - path), sizeof name);
        memcpy(name, path, (size_t)(quote - path));
        name[quote - path] = '\0';
        ck_assert_msg(find(name) != NULL, "%s is not embedded", name);
    }
    return n;
}

START_TEST(index_asks_for_what_is_embedded)
{
    char *text = text_of(find("/index.html"));

    ck_assert_int_eq(all_found(text, " src=\""), 1);
    ck_assert_int_eq(all_found(text, "icon\" type=\"image/svg+xml\" href=\""), 1);
    ck_assert_int_eq(all_found(text, "stylesheet\" crossorigin href=\""), 1);
    ck_assert_msg(strstr(text, "<script>") == NULL, "an inline script");
    ck_assert_msg(strstr(text, "<style") == NULL, "an inline style");
    free(text);
}
END_TEST

START_TEST(no_source_maps_are_embedded)
{
    for (size_t i = 0; i < web_asset_n; i++) {
        const char *dot = strrchr(web_assets[i].path, '.');

        ck_assert_msg(dot && strcmp(dot, ".map") != 0, "%s", web_assets[i].path);
    }
}
END_TEST

TEST_SUITE(assets, 10, paths_are_sorted_and_unique,
           index_is_there_from_first_to_last_byte, index_asks_for_what_is_embedded,
           no_source_maps_are_embedded)
