/* tls.c - certificates. */
#include "api/tls.h"

#include <stdlib.h>
#include <string.h>

#include "api/watch.h"
#include "core/base/file.h"

#define FILE_LIMIT (1u << 20)
#define CHAIN_MOST 16
#define KEPT_MS    60000 /* no handshake takes longer */

struct tls_identity {
    gnutls_pcert_st cert[CHAIN_MOST];
    unsigned n;
    gnutls_privkey_t key;
    uint64_t replaced_ms;
    struct tls_identity *older;
};

struct tls {
    struct watch cert, key;
    struct tls_identity *newest; /* those before it follow: a handshake may use them */
};

static struct tls *current; /* see tls.h */

static void
identity_free(struct tls_identity *identity)
{
    if (!identity)
        return;
    for (unsigned i = 0; i < identity->n; i++)
        gnutls_pcert_deinit(&identity->cert[i]);
    gnutls_privkey_deinit(identity->key);
    free(identity);
}

static enum ode_status
refuse(struct ode_err *err, const char *path, const char *what, int code)
{
    return ode_fail(err, ODE_EFORMAT, path, "%s: %s", what, gnutls_strerror(code));
}

/* --- reading --------------------------------------------------------------------------
 */

static enum ode_status
chain_read(struct tls_identity *identity, const gnutls_datum_t *pem, const char *path,
           struct ode_err *err)
{
    unsigned n = CHAIN_MOST;
    int code = gnutls_pcert_list_import_x509_raw(identity->cert, &n, pem,
                                                 GNUTLS_X509_FMT_PEM, 0);

    if (code < 0)
        return refuse(err, path, "this is no certificate in PEM", code);
    identity->n = n;
    return ODE_OK;
}

static enum ode_status
key_read(struct tls_identity *identity, const gnutls_datum_t *pem, const char *path,
         struct ode_err *err)
{
    int code =
        gnutls_privkey_import_x509_raw(identity->key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);

    if (code < 0)
        return refuse(err, path, "this is no private key in PEM, without a password",
                      code);
    return ODE_OK;
}

/* The library compares both when they come together. */
static enum ode_status
check_pair(const gnutls_datum_t *chain, const gnutls_datum_t *key, const char *path,
           struct ode_err *err)
{
    gnutls_certificate_credentials_t pair;
    int code = gnutls_certificate_allocate_credentials(&pair);

    if (code < 0)
        return ode_fail(err, ODE_ENOMEM, path, "no memory to check the key");
    code = gnutls_certificate_set_x509_key_mem(pair, chain, key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(pair);
    return code < 0 ? refuse(err, path, "the key and the certificate are no pair", code)
                    : ODE_OK;
}

static enum ode_status
identity_fill(struct tls_identity *identity, const struct tls *tls,
              const gnutls_datum_t *chain, const gnutls_datum_t *key, struct ode_err *err)
{
    ODE_TRY(chain_read(identity, chain, tls->cert.path, err));
    ODE_TRY(key_read(identity, key, tls->key.path, err));
    return check_pair(chain, key, tls->key.path, err);
}

static enum ode_status
pem_read(const char *path, gnutls_datum_t *pem, struct ode_err *err)
{
    void *text;
    size_t n;

    ODE_TRY(ode_file_read(path, FILE_LIMIT, &text, &n, err));
    pem->data = text;
    pem->size = (unsigned)n;
    return ODE_OK;
}

static void
pem_release(gnutls_datum_t *pem)
{
    if (pem->data)
        explicit_bzero(pem->data, pem->size);
    free(pem->data);
}

static enum ode_status
identity_read(const struct tls *tls, struct tls_identity **out, struct ode_err *err)
{
    struct tls_identity *made = calloc(1, sizeof *made);
    gnutls_datum_t chain = { 0 }, key = { 0 };
    enum ode_status status;

    if (!made || gnutls_privkey_init(&made->key) < 0) {
        free(made);
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a certificate");
    }
    status = pem_read(tls->cert.path, &chain, err);
    if (status == ODE_OK)
        status = pem_read(tls->key.path, &key, err);
    if (status == ODE_OK)
        status = identity_fill(made, tls, &chain, &key, err);
    pem_release(&chain);
    pem_release(&key);
    if (status == ODE_OK)
        *out = made;
    else
        identity_free(made);
    return status;
}

/* --- its life -------------------------------------------------------------------------
 */

enum ode_status
tls_new(struct tls **out, const char *cert, const char *key, struct ode_err *err)
{
    struct tls *tls = calloc(1, sizeof *tls);
    enum ode_status status;

    if (!tls)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for a certificate");
    tls->cert.path = cert;
    tls->key.path = key;
    tls_changed(tls);
    status = identity_read(tls, &tls->newest, err);
    if (status != ODE_OK) {
        free(tls);
        return status;
    }
    *out = current = tls;
    return ODE_OK;
}

bool
tls_changed(struct tls *tls)
{
    bool cert = watch_changed(&tls->cert), key = watch_changed(&tls->key);

    return cert || key;
}

/* Frees those that were replaced long ago. */
static void
forget(struct tls *tls, uint64_t now_ms)
{
    struct tls_identity **link = &tls->newest->older;

    while (*link) {
        struct tls_identity *old = *link;

        if (now_ms - old->replaced_ms < KEPT_MS) {
            link = &old->older;
            continue;
        }
        *link = old->older;
        identity_free(old);
    }
}

enum ode_status
tls_reload(struct tls *tls, uint64_t now_ms, struct ode_err *err)
{
    struct tls_identity *made;

    tls_changed(tls);
    ODE_TRY(identity_read(tls, &made, err));
    forget(tls, now_ms);
    tls->newest->replaced_ms = now_ms;
    made->older = tls->newest;
    tls->newest = made;
    return ODE_OK;
}

void
tls_free(struct tls *tls)
{
    if (!tls)
        return;
    if (current == tls)
        current = NULL;
    while (tls->newest) {
        struct tls_identity *older = tls->newest->older;

        identity_free(tls->newest);
        tls->newest = older;
    }
    free(tls);
}

int
tls_choose(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_n,
           const gnutls_pk_algorithm_t *algorithms, int algorithm_n,
           gnutls_pcert_st **certs, unsigned *cert_n, gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)authority_n;
    (void)algorithms, (void)algorithm_n;
    if (!current)
        return -1;
    *certs = current->newest->cert;
    *cert_n = current->newest->n;
    *key = current->newest->key;
    return 0;
}
