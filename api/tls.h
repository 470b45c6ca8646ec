/*
 * tls.h - the server's certificate and key: read from files, and read again while it
 * runs.
 *
 * A connection is shaken hands with by the newest certificate; those that are open stay
 * as they are. The library hands no context to its callback, so there is one certificate
 * for the process, which the newest struct tls holds.
 */
#ifndef ODE_API_TLS_H
#define ODE_API_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

struct tls;

/* Reads a chain and its key, both PEM; the paths are borrowed. *out is the caller's to
 * tls_free(). ODE_EFORMAT for files that hold no such thing, or that do not belong
 * together; ODE_ENOENT, ODE_EIO, ODE_ENOMEM. */
enum ode_status tls_new(struct tls **out, const char *cert, const char *key,
                        struct ode_err *err);

/* Reads both again. On failure it stays with what it has. now_ms: of any clock that does
 * not go back. As tls_new(). */
enum ode_status tls_reload(struct tls *tls, uint64_t now_ms, struct ode_err *err);

/* Whether one of the files has changed since this was asked last. */
bool tls_changed(struct tls *tls);

/* When no connection is left. */
void tls_free(struct tls *tls);

/* For libmicrohttpd: the certificate for a handshake. */
int tls_choose(gnutls_session_t session, const gnutls_datum_t *authorities,
               int authority_n, const gnutls_pk_algorithm_t *algorithms, int algorithm_n,
               gnutls_pcert_st **certs, unsigned *cert_n, gnutls_privkey_t *key);

#endif
