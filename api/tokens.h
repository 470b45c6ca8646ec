/*
 * tokens.h - bearer tokens: who may do what. A file holds their hashes, a line each:
 *
 *     name role sha256:HEX [expires]
 *
 * `role` is read, submit or admin, of which each may do what those before it may;
 * `expires` is a date of UTC, as 2027-01-31 or 2027-01-31T12:00:00Z. Empty lines, and
 * those that begin with #, say nothing. A token has 256 random bits, so its hash needs no
 * salt.
 */
#ifndef ODE_API_TOKENS_H
#define ODE_API_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"

enum role { ROLE_OPEN, ROLE_READ, ROLE_SUBMIT, ROLE_ADMIN };

/* "open", "read" ... */
const char *role_name(enum role role);

enum { TOKEN_NAME = 40, TOKEN_TEXT = 80, TOKEN_LINE = 200, TOKENS_MOST = 1000 };

struct token {
    char name[TOKEN_NAME];
    enum role role;
    char hash[ODE_HASH_HEX]; /* of its text */
    int64_t expires_s;       /* since 1970; 0: never */
};

struct tokens {
    struct token *list; /* owned */
    size_t n;
};

/* Reads such a file. *tokens, zeros or what an earlier call made of it, is replaced on
 * success. ODE_ENOENT, ODE_EIO; ODE_EFORMAT names the line, and refuses a file that
 * others than its owner may write. */
enum ode_status tokens_read(struct tokens *tokens, const char *path, struct ode_err *err);

/* The token with this text, expired or not, or NULL. Takes as long whichever it is. */
const struct token *tokens_find(const struct tokens *tokens, const char *text);

/* The token with this hash, or NULL. As well. */
const struct token *tokens_find_hash(const struct tokens *tokens, const char *hash);

/* Makes a token, and the line for the file. expires: as there, NULL: never. ODE_EARG,
 * ODE_EINTERNAL. */
enum ode_status tokens_make(const char *name, const char *role, const char *expires,
                            char text[TOKEN_TEXT], char line[TOKEN_LINE],
                            struct ode_err *err);

/* Whether two hashes are equal; takes as long wherever they differ. */
int token_hash_equal(const char *a, const char *b);

/* 64 random hex digits. ODE_EINTERNAL. */
enum ode_status token_random(char hex[ODE_HASH_HEX], struct ode_err *err);

/* Safe on zeros and twice. */
void tokens_release(struct tokens *tokens);

#endif
