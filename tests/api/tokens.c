/* tokens.c - tests api/tokens.c. */
#include "api/tokens.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "1111111111111111111111111111111111111111111111111111111111111111"

static const char *
file_of(const char *text)
{
    static char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/tokens", test_dir());
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
    return path;
}

START_TEST(what_was_made_is_found)
{
    struct tokens tokens = { .n = 0 };
    char text[3][TOKEN_TEXT], line[TOKEN_LINE], file[1024] = "# ours\n\n";
    static const char *const roles[] = { "read", "submit", "admin" };
    struct ode_err err;
    char name[8] = "t0";

    for (int i = 0; i < 3; i++, name[1]++) {
        test_ok(tokens_make(name, roles[i], i ? "2100-01-31" : NULL, text[i], line, &err),
                &err);
        ck_assert_uint_eq(strlen(text[i]), strlen("odenet_") + 64);
        ck_assert_ptr_null(strstr(line, text[i] + 7)); /* the file does not have it */
        strcat(strcat(file, line), "\n");
    }
    test_ok(tokens_read(&tokens, file_of(file), &err), &err);
    ck_assert_uint_eq(tokens.n, 3);
    for (int i = 0; i < 3; i++) {
        const struct token *token = tokens_find(&tokens, text[i]);

        ck_assert_ptr_nonnull(token);
        ck_assert_str_eq(role_name(token->role), roles[i]);
        ck_assert_int_eq(token->expires_s != 0, i != 0);
        ck_assert_ptr_eq(tokens_find_hash(&tokens, token->hash), token);
        text[i][20] ^= 1;
        ck_assert_ptr_null(tokens_find(&tokens, text[i]));
    }
    ck_assert_ptr_null(tokens_find(&tokens, ""));
    tokens_release(&tokens);
    tokens_release(&tokens);
}
END_TEST

START_TEST(no_two_tokens_are_alike)
{
    char one[TOKEN_TEXT], other[TOKEN_TEXT], line[TOKEN_LINE];
    struct ode_err err;

    test_ok(tokens_make("a", "read", NULL, one, line, &err), &err);
    test_ok(tokens_make("a", "read", NULL, other, line, &err), &err);
    ck_assert_str_ne(one, other);
}
END_TEST

START_TEST(a_date_is_when_it_is)
{
    static const struct {
        const char *text;
        int64_t s;
    } dates[] = {
        {"2027-01-31",            1801353600},
        { "2027-01-31T00:00:01Z", 1801353601},
        { "2100-12-31T23:59:59Z", 4133980799},
    };
    struct tokens tokens = { .n = 0 };
    struct ode_err err;
    char line[256];

    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        snprintf(line, sizeof line, "a read sha256:" ZEROS " %s\r\n", dates[i].text);
        test_ok(tokens_read(&tokens, file_of(line), &err), &err);
        ck_assert_int_eq(tokens.list[0].expires_s, dates[i].s);
    }
    tokens_release(&tokens);
}
END_TEST

START_TEST(a_wrong_line_is_named_and_changes_nothing)
{
    static const struct {
        const char *text, *at, *about;
    } wrong[] = {
        {"a read sha256:" ZEROS "\nb",                                   ":2", "role"   },
        { "a b/c sha256:" ZEROS "\n",                                    ":1", "role"   },
        { "a/b read sha256:" ZEROS "\n",                                 ":1", "name"   },
        { "a write sha256:" ZEROS "\n",                                  ":1", "role"   },
        { "a open sha256:" ZEROS "\n",                                   ":1", "role"   },
        { "a read " ZEROS "\n",                                          ":1", "hash"   },
        { "a read sha256:" ZEROS "0\n",                                  ":1", "hash"   },
        { "a read sha256:0\n",                                           ":1", "hash"   },
        { "\n\na read\n",                                                ":3", "hash"   },
        { "a read sha256:" ZEROS " tomorrow\n",                          ":1", "date"   },
        { "a read sha256:" ZEROS " 2027-02-30\n",                        ":1", "date"   },
        { "a read sha256:" ZEROS " 2027-1-3\n",                          ":1", "date"   },
        { "a read sha256:" ZEROS " 2027-01-31 12:00\n",                  ":1", "words"  },
        { "a read sha256:" ZEROS " 1960-01-01\n",                        ":1", "date"   },
        { "a read sha256:" ZEROS "\na admin sha256:" ONES,               ":2", "already"},
        { "a read sha256:" ZEROS "\nb admin sha256:" ZEROS,              ":2", "already"},
        { "0123456789012345678901234567890123456789 read sha256:" ZEROS, ":1", "name"   },
    };
    struct tokens tokens = { .n = 0 };
    struct ode_err err;

    test_ok(tokens_read(&tokens, file_of("a read sha256:" ONES "\n"), &err), &err);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(tokens_read(&tokens, file_of(wrong[i].text), &err) == ODE_EFORMAT,
                      "%s", wrong[i].text);
        ck_assert_msg(strstr(err.at, wrong[i].at) && strstr(err.text, wrong[i].about),
                      "%s: %s: %s", wrong[i].text, err.at, err.text);
        ck_assert_uint_eq(tokens.n, 1);
        ck_assert_str_eq(tokens.list[0].hash, ONES);
    }
    ck_assert_int_eq(tokens_read(&tokens, "/nowhere/tokens", &err), ODE_ENOENT);
    tokens_release(&tokens);
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused)
{
    const char *path = file_of("a read sha256:" ONES "\n");
    struct tokens tokens = { .n = 0 };
    struct ode_err err;

    chmod(path, 0620);
    ck_assert_int_eq(tokens_read(&tokens, path, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "chmod 600"));
    chmod(path, 0602);
    ck_assert_int_eq(tokens_read(&tokens, path, &err), ODE_EFORMAT);
    chmod(path, 0644);
    test_ok(tokens_read(&tokens, path, &err), &err);
    tokens_release(&tokens);
}
END_TEST

START_TEST(what_cannot_be_made_is_told)
{
    char text[TOKEN_TEXT], line[TOKEN_LINE];
    struct ode_err err;

    ck_assert_int_eq(tokens_make("", "read", NULL, text, line, &err), ODE_EARG);
    ck_assert_int_eq(tokens_make("a b", "read", NULL, text, line, &err), ODE_EARG);
    ck_assert_int_eq(tokens_make("a", "root", NULL, text, line, &err), ODE_EARG);
    ck_assert_int_eq(tokens_make("a", "read", "soon", text, line, &err), ODE_EARG);
    ck_assert_ptr_nonnull(strstr(err.text, "soon"));
}
END_TEST

TEST_SUITE(api_tokens, 20, what_was_made_is_found, no_two_tokens_are_alike,
           a_date_is_when_it_is, a_wrong_line_is_named_and_changes_nothing,
           a_file_that_others_may_write_is_refused, what_cannot_be_made_is_told)
