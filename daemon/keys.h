/*
 * keys.h - submissions that are repeated: the same key and spec have the same answer, for
 * KEYS_LIFE_MS from the first on (Idempotency-Key; RFC
 * draft-ietf-httpapi-idempotency-key).
 */
#ifndef ODE_DAEMON_KEYS_H
#define ODE_DAEMON_KEYS_H

#include <jansson.h>

#include "core/base/status.h"
#include "daemon/store.h"

#define KEYS_LIFE_MS (24 * 3600 * 1000ll)

/* The first answer to the key, a new reference; NULL: it is new. ODE_EEXIST where it was
 * another spec's. */
enum ode_status keys_find(struct store *store, const char *key, const json_t *spec,
                          json_t **answer, struct ode_err *err);

/* Remembers the answer, within the transaction of what it tells of, and forgets the keys
 * that are too old. */
enum ode_status keys_keep(struct store *store, const char *key, const json_t *spec,
                          const json_t *answer, struct ode_err *err);

#endif
