/* tokens.c - a file of tokens. */
#include "api/tokens.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/file.h"

#define PREFIX     "odenet_"
#define HASH       "sha256:"
#define FILE_LIMIT (256u << 10)
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define BLANK      " \t\r"

static const char *const role_names[] = { [ROLE_OPEN] = "open",
                                          [ROLE_READ] = "read",
                                          [ROLE_SUBMIT] = "submit",
                                          [ROLE_ADMIN] = "admin" };

const char *
role_name(enum role role)
{
    return role_names[role];
}

/* --- words ----------------------------------------------------------------------------
 */

static bool
name_take(const char *text, char name[TOKEN_NAME])
{
    size_t n = strlen(text);

    if (n == 0 || n >= TOKEN_NAME || strspn(text, NAME_CHARS) != n)
        return false;
    memcpy(name, text, n + 1);
    return true;
}

static bool
role_take(const char *text, enum role *role)
{
    for (enum role r = ROLE_READ; r <= ROLE_ADMIN; r++)
        if (strcmp(text, role_names[r]) == 0) {
            *role = r;
            return true;
        }
    return false;
}

static bool
hash_take(const char *text, char hash[ODE_HASH_HEX])
{
    const size_t n = strlen(HASH);

    if (strncmp(text, HASH, n) != 0 || strlen(text + n) != ODE_HASH_HEX - 1
        || strspn(text + n, "0123456789abcdef") != ODE_HASH_HEX - 1)
        return false;
    strcpy(hash, text + n);
    return true;
}

/* Shapes are checked by length, as strptime() is generous; what it reads is printed again
 * and compared, as there is no 30th of February. */
static bool
expires_take(const char *text, int64_t *expires_s)
{
    const char *format = strlen(text) == 10   ? "%Y-%m-%d"
                         : strlen(text) == 20 ? "%Y-%m-%dT%H:%M:%SZ"
                                              : NULL;
    struct tm tm = { 0 };
    const char *end = format ? strptime(text, format, &tm) : NULL;
    char again[32];
    time_t when;

    if (!end || *end)
        return false;
    when = timegm(&tm);
    if (strftime(again, sizeof again, format, gmtime_r(&when, &tm)) == 0
        || strcmp(again, text) != 0 || when <= 0)
        return false;
    *expires_s = when;
    return true;
}

/* --- the file -------------------------------------------------------------------------
 */

static enum ode_status
wrong(struct ode_err *err, const char *path, size_t line, const char *what)
{
    char at[sizeof err->at];

    snprintf(at, sizeof at, "%.100s:%zu", path, line);
    return ode_fail(err, ODE_EFORMAT, at, "%s", what);
}

static bool
is_known(const struct tokens *tokens, const struct token *token)
{
    for (size_t i = 0; i < tokens->n; i++)
        if (strcmp(tokens->list[i].name, token->name) == 0
            || strcmp(tokens->list[i].hash, token->hash) == 0)
            return true;
    return false;
}

static enum ode_status
line_read(char *text, const char *path, size_t line, struct token *token,
          struct ode_err *err)
{
    const char *word[5] = { "", "", "", "", NULL };
    char *rest = text;
    int n = 0;

    for (char *w; n < 5 && (w = strtok_r(rest, BLANK, &rest)); n++)
        word[n] = w;
    if (!name_take(word[0], token->name))
        return wrong(err, path, line,
                     "a name has up to 39 letters, digits, dots, dashes and underscores");
    if (!role_take(word[1], &token->role))
        return wrong(err, path, line, "the role is to be read, submit or admin");
    if (!hash_take(word[2], token->hash))
        return wrong(err, path, line,
                     "the hash is to be sha256: and 64 lower-case hex digits; odenetd "
                     "--make-token prints such a line");
    if (n > 3 && !expires_take(word[3], &token->expires_s))
        return wrong(err, path, line,
                     "the end is to be a date of UTC, as 2027-01-31 or "
                     "2027-01-31T12:00:00Z");
    return n == 5 ? wrong(err, path, line, "there is more than four words") : ODE_OK;
}

static enum ode_status
lines_read(struct tokens *tokens, char *text, const char *path, struct ode_err *err)
{
    size_t line = 0;

    for (char *each; (each = strsep(&text, "\n"));) {
        struct token token = { .expires_s = 0 };

        line++;
        each += strspn(each, BLANK);
        if (!*each || *each == '#')
            continue;
        if (tokens->n == TOKENS_MOST)
            return wrong(err, path, line, "there are more than 1000 tokens");
        ODE_TRY(line_read(each, path, line, &token, err));
        if (is_known(tokens, &token))
            return wrong(err, path, line, "this name or this hash is there already");
        tokens->list[tokens->n++] = token;
    }
    return ODE_OK;
}

static enum ode_status
check_mode(const char *path, struct ode_err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)))
        return ode_fail(err, ODE_EFORMAT, path,
                        "others than its owner may write this file; chmod 600 it");
    return ODE_OK;
}

enum ode_status
tokens_read(struct tokens *tokens, const char *path, struct ode_err *err)
{
    struct tokens made = { .n = 0 };
    enum ode_status status;
    void *text;
    size_t n;

    ODE_TRY(check_mode(path, err));
    ODE_TRY(ode_file_read(path, FILE_LIMIT, &text, &n, err));
    made.list = calloc(TOKENS_MOST, sizeof *made.list);
    if (!made.list)
        status = ode_fail(err, ODE_ENOMEM, path, "no memory for the tokens");
    else if (strlen(text) != n)
        status = ode_fail(err, ODE_EFORMAT, path, "there is a zero byte in this file");
    else
        status = lines_read(&made, text, path, err);
    explicit_bzero(text, n);
    free(text);
    if (status != ODE_OK) {
        tokens_release(&made);
        return status;
    }
    tokens_release(tokens);
    *tokens = made;
    return ODE_OK;
}

void
tokens_release(struct tokens *tokens)
{
    free(tokens->list);
    *tokens = (struct tokens){ .n = 0 };
}

/* --- use ------------------------------------------------------------------------------
 */

int
token_hash_equal(const char *a, const char *b)
{
    unsigned differ = 0;

    for (int i = 0; i < ODE_HASH_HEX - 1; i++)
        differ |= (unsigned char)a[i] ^ (unsigned char)b[i];
    return differ == 0;
}

const struct token *
tokens_find_hash(const struct tokens *tokens, const char *hash)
{
    const struct token *found = NULL;

    for (size_t i = 0; i < tokens->n; i++) /* all of them, each time */
        if (token_hash_equal(tokens->list[i].hash, hash))
            found = &tokens->list[i];
    return found;
}

const struct token *
tokens_find(const struct tokens *tokens, const char *text)
{
    char hash[ODE_HASH_HEX];

    ode_hash_bytes(text, strlen(text), hash);
    return tokens_find_hash(tokens, hash);
}

enum ode_status
token_random(char hex[ODE_HASH_HEX], struct ode_err *err)
{
    unsigned char bytes[(ODE_HASH_HEX - 1) / 2];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return ode_fail_errno(err, ODE_EINTERNAL, NULL, "cannot get random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        sprintf(hex + 2 * i, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof bytes);
    return ODE_OK;
}

enum ode_status
tokens_make(const char *name, const char *role, const char *expires,
            char text[TOKEN_TEXT], char line[TOKEN_LINE], struct ode_err *err)
{
    struct token token;
    char hex[ODE_HASH_HEX];

    if (!name_take(name, token.name))
        return ode_fail(err, ODE_EARG, NULL,
                        "\"%.60s\" is no name: up to 39 letters, digits, dots, dashes "
                        "and underscores",
                        name);
    if (!role_take(role, &token.role))
        return ode_fail(err, ODE_EARG, NULL,
                        "\"%.60s\" is none of read, submit and admin", role);
    if (expires && !expires_take(expires, &token.expires_s))
        return ode_fail(err, ODE_EARG, NULL,
                        "\"%.60s\" is no date of UTC, as 2027-01-31 or "
                        "2027-01-31T12:00:00Z",
                        expires);
    ODE_TRY(token_random(hex, err));
    snprintf(text, TOKEN_TEXT, PREFIX "%s", hex);
    ode_hash_bytes(text, strlen(text), token.hash);
    snprintf(line, TOKEN_LINE, "%s %s " HASH "%s%s%s", token.name, role, token.hash,
             expires ? " " : "", expires ? expires : "");
    return ODE_OK;
}
