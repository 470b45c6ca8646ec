/* keys.c - the answers to keys, in the database. */
#include "daemon/keys.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

static enum ode_status
fingerprint(const json_t *spec, char hex[SHA256_DIGEST_STRING_LENGTH],
            struct ode_err *err)
{
    char *text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);

    if (!text)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a key");
    SHA256Data((const uint8_t *)text, strlen(text), hex);
    free(text);
    return ODE_OK;
}

/* The answer of a row, if it is this spec's. */
static enum ode_status
answer_of(sqlite3_stmt *query, const char *hex, json_t **answer, struct ode_err *err)
{
    if (strcmp(store_column_text(query, 0), hex) != 0)
        return ode_fail(err, ODE_EEXIST, "",
                        "this Idempotency-Key was used for another spec in the last 24 "
                        "hours; each job needs a key of its own");
    *answer = json_loads(store_column_text(query, 1), 0, NULL);
    return *answer ? ODE_OK : ode_fail(err, ODE_ENOMEM, "", "no memory for the answer");
}

enum ode_status
keys_find(struct store *store, const char *key, const json_t *spec, json_t **answer,
          struct ode_err *err)
{
    char hex[SHA256_DIGEST_STRING_LENGTH];
    enum ode_status status;
    sqlite3_stmt *query;
    bool row = false;

    ODE_TRY(fingerprint(spec, hex, err));
    query = store_query(store, STORE_KEY_GET, store_text(key),
                        store_int(store_now_ms() - KEYS_LIFE_MS));
    status = store_step(query, &row, err);
    if (status == ODE_OK && row)
        status = answer_of(query, hex, answer, err);
    store_done(query);
    return status;
}

enum ode_status
keys_keep(struct store *store, const char *key, const json_t *spec, const json_t *answer,
          struct ode_err *err)
{
    const int64_t now = store_now_ms();
    char hex[SHA256_DIGEST_STRING_LENGTH];
    enum ode_status status;
    char *text;

    ODE_TRY(fingerprint(spec, hex, err));
    ODE_TRY(store_exec(store, STORE_KEY_EXPIRE, err, store_int(now - KEYS_LIFE_MS)));
    text = json_dumps(answer, JSON_COMPACT);
    if (!text)
        return ode_fail(err, ODE_ENOMEM, "", "no memory for a key");
    status = store_exec(store, STORE_KEY_INSERT, err, store_text(key), store_text(hex),
                        store_text(text), store_int(now));
    free(text);
    return status;
}
