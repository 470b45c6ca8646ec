/* tls.c - tests api/tls.c, with certificates that are made here. */
#include "api/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/client.h"
#include "tests/api/fake.h"
#include "tests/test.h"

#define RUN "/v1/runs/" FAKE_RUN
#define BIG (8u << 20)

struct pair {
    char cert[256], key[256];
};

/* A certificate that signs itself, with its key; name: of both files. */
static void
pair_make(struct pair *pair, const char *name)
{
    char command[1024];

    snprintf(pair->cert, sizeof pair->cert, "%s/%s.crt", test_dir(), name);
    snprintf(pair->key, sizeof pair->key, "%s/%s.key", test_dir(), name);
    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=%s -addext subjectAltName=DNS:localhost -keyout %s -out %s "
        "2>/dev/null",
        name, pair->key, pair->cert);
    ck_assert_int_eq(system(command), 0);
}

static void
file_copy(const char *from, const char *to)
{
    char command[600];

    snprintf(command, sizeof command, "cp %s %s.new && mv %s.new %s", from, to, to, to);
    ck_assert_int_eq(system(command), 0);
}

/* --- a client --------------------------------------------------------------------------
 */

struct tls_client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t trust;
    char head[4096];
};

/* Shakes hands with who has this certificate, as "localhost"; otherwise false. */
static bool
tls_connect(struct tls_client *c, int port, const char *cert, const char *priorities)
{
    int code;

    memset(c, 0, sizeof *c);
    c->fd = client_connect(port);
    ck_assert_int_ge(c->fd, 0);
    gnutls_certificate_allocate_credentials(&c->trust);
    ck_assert_int_eq(
        gnutls_certificate_set_x509_trust_file(c->trust, cert, GNUTLS_X509_FMT_PEM), 1);
    gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    ck_assert_int_eq(gnutls_priority_set_direct(c->session, priorities, NULL), 0);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->trust);
    gnutls_session_set_verify_cert(c->session, "localhost", 0);
    gnutls_transport_set_int(c->session, c->fd);
    do
        code = gnutls_handshake(c->session);
    while (code < 0 && !gnutls_error_is_fatal(code));
    return code == 0;
}

static void
tls_disconnect(struct tls_client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->trust);
    close(c->fd);
}

/* Asks and returns the status; *bytes becomes the size of the body that came. */
static int
tls_get(struct tls_client *c, const char *target, size_t *bytes)
{
    char request[256], *length;
    size_t n = 0, want, got = 0;
    int status = 0;

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             target);
    gnutls_record_send(c->session, request, strlen(request));
    while (n < sizeof c->head - 1 && !strstr(c->head, "\r\n\r\n")) {
        if (gnutls_record_recv(c->session, c->head + n, 1) != 1)
            return 0;
        c->head[++n] = '\0';
    }
    sscanf(c->head, "HTTP/1.1 %d", &status);
    length = strcasestr(c->head, "Content-Length:");
    want = length ? strtoul(length + 15, NULL, 10) : 0;
    while (got < want) {
        static char buffer[16384];
        ssize_t part = gnutls_record_recv(
            c->session, buffer, want - got < sizeof buffer ? want - got : sizeof buffer);

        if (part <= 0)
            return 0;
        got += (size_t)part;
    }
    *bytes = got;
    return status;
}

/* One request by one's own connection. 0: no connection, or no answer. */
static int
tls_ask(int port, const char *cert, const char *target)
{
    struct tls_client c;
    size_t bytes;
    int status = tls_connect(&c, port, cert, "NORMAL") ? tls_get(&c, target, &bytes) : 0;

    tls_disconnect(&c);
    return status;
}

static void
open_tls(struct fake *fake, const struct pair *pair, struct server_config *config)
{
    config->tls_cert = pair->cert;
    config->tls_key = pair->key;
    fake_open(fake, config);
}

/* --- the tests -------------------------------------------------------------------------
 */

START_TEST(it_speaks_tls_and_says_so)
{
    struct server_config config = { 0 };
    struct tls_client c;
    struct fake fake;
    struct pair pair;
    char address[64];
    size_t bytes;

    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    ck_assert(tls_connect(&c, fake_port(&fake), pair.cert, "NORMAL"));
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(tls_get(&c, RUN, &bytes), 200);
    ck_assert_ptr_nonnull(strstr(c.head, "Strict-Transport-Security: max-age=31536000"));
    server_address(&fake.server, address, sizeof address);
    ck_assert_int_eq(strncmp(address, "https://127.0.0.1:", 18), 0);
    tls_disconnect(&c);
    fake_close(&fake);
}
END_TEST

START_TEST(only_new_versions_are_spoken)
{
    static const struct {
        const char *priorities;
        bool good;
    } spoken[] = {
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3",                               true },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2",                              true },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.1:%VERIFY_ALLOW_SIGN_WITH_SHA1", false},
        { "NORMAL:-VERS-ALL:+VERS-TLS1.0:%VERIFY_ALLOW_SIGN_WITH_SHA1", false},
    };
    struct server_config config = { 0 };
    struct tls_client c;
    struct fake fake;
    struct pair pair;

    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
        ck_assert_msg(tls_connect(&c, fake_port(&fake), pair.cert, spoken[i].priorities)
                          == spoken[i].good,
                      "%s", spoken[i].priorities);
        tls_disconnect(&c);
    }
    fake_close(&fake);
}
END_TEST

START_TEST(who_speaks_plainly_gets_no_answer)
{
    struct client_answer answer = { 0 };
    struct server_config config = { 0 };
    struct fake fake;
    struct pair pair;

    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(client_get(fake_port(&fake), "/livez", &answer), 0);
    ck_assert_int_eq(tls_ask(fake_port(&fake), pair.cert, "/livez"), 200);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(the_unix_socket_stays_plain)
{
    char path[64];
    struct server_config config = { .socket = path };
    struct client_answer answer = { 0 };
    struct fake fake;
    struct pair pair;
    int fd;

    snprintf(path, sizeof path, "%.50s/socket", test_dir());
    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    fd = client_connect_local(path);
    ck_assert_int_eq(client_exchange(fd, "GET", RUN, "", NULL, &answer), 200);
    ck_assert_ptr_null(client_header(&answer, "Strict-Transport-Security"));
    close(fd);
    client_release(&answer);
    fake_close(&fake);
}
END_TEST

START_TEST(large_answers_arrive)
{
    struct server_config config = { 0 };
    struct tls_client c;
    struct fake fake;
    struct pair pair;
    size_t bytes = 0;
    FILE *file;

    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    file = fopen(fake.model_path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), BIG), 0);
    fclose(file);
    ck_assert(tls_connect(&c, fake_port(&fake), pair.cert, "NORMAL"));
    ck_assert_int_eq(tls_get(&c, RUN "/artifacts/model.safetensors", &bytes), 200);
    ck_assert_uint_eq(bytes, BIG);
    tls_disconnect(&c);
    fake_close(&fake);
}
END_TEST

START_TEST(a_new_certificate_is_taken_without_a_restart)
{
    struct server_config config = { 0 };
    struct pair live, next;
    struct tls_client c;
    struct fake fake;
    size_t bytes;
    int status = 0;

    pair_make(&live, "live");
    pair_make(&next, "next");
    open_tls(&fake, &live, &config);
    ck_assert(tls_connect(&c, fake_port(&fake), live.cert, "NORMAL"));
    ck_assert_int_eq(tls_get(&c, RUN, &bytes), 200);
    ck_assert_int_eq(tls_ask(fake_port(&fake), next.cert, RUN), 0);
    file_copy(next.key, live.key); /* for a moment they are no pair */
    file_copy(next.cert, live.cert);
    for (int i = 0; i < 200 && status != 200; i++) {
        status = tls_ask(fake_port(&fake), next.cert, RUN);
        usleep(20000);
    }
    ck_assert_int_eq(status, 200);
    ck_assert_int_eq(tls_get(&c, RUN, &bytes), 200); /* what was open goes on */
    tls_disconnect(&c);
    fake_close(&fake);
}
END_TEST

START_TEST(a_bad_renewal_changes_nothing)
{
    struct tls *tls;
    struct pair live, next;
    char kept[300];
    struct ode_err err;

    pair_make(&live, "live");
    pair_make(&next, "next");
    snprintf(kept, sizeof kept, "%s.kept", live.key);
    file_copy(live.key, kept);
    test_ok(tls_new(&tls, live.cert, live.key, &err), &err);
    ck_assert(!tls_changed(tls));
    file_copy(next.key, live.key);
    ck_assert(tls_changed(tls));
    ck_assert(!tls_changed(tls));
    ck_assert_int_eq(tls_reload(tls, 1000, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "no pair"));
    file_copy("/dev/null", live.key);
    ck_assert_int_eq(tls_reload(tls, 2000, &err), ODE_EFORMAT);
    unlink(live.key);
    ck_assert(!tls_changed(tls));
    ck_assert_int_eq(tls_reload(tls, 3000, &err), ODE_ENOENT);
    file_copy(kept, live.key);
    for (uint64_t i = 0; i < 50; i++) /* old ones are forgotten on the way */
        test_ok(tls_reload(tls, 4000 + i * 10000, &err), &err);
    tls_free(tls);
}
END_TEST

START_TEST(wrong_files_are_told)
{
    struct pair pair, other;
    struct tls *tls = NULL;
    struct ode_err err;

    pair_make(&pair, "one");
    pair_make(&other, "other");
    ck_assert_int_eq(tls_new(&tls, pair.cert, other.key, &err), ODE_EFORMAT);
    ck_assert_str_eq(err.at, other.key);
    ck_assert_int_eq(tls_new(&tls, pair.key, pair.key, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "no certificate"));
    ck_assert_int_eq(tls_new(&tls, pair.cert, pair.cert, &err), ODE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "no private key"));
    ck_assert_int_eq(tls_new(&tls, "/nowhere", pair.key, &err), ODE_ENOENT);
    ck_assert_ptr_null(tls);
    tls_free(NULL);
}
END_TEST

START_TEST(those_that_do_not_shake_hands_keep_nobody_out)
{
    struct server_config config = { .connections = 16, .head_s = 1 };
    struct fake fake;
    struct pair pair;
    int fd[100];

    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    for (int i = 0; i < 100; i++) {
        fd[i] = client_connect(fake_port(&fake));
        if (i % 2)
            client_send(fd[i], "\x16\x03\x01\x02", 4); /* half a greeting */
        if (i % 25 == 24)
            ck_assert_int_eq(tls_ask(fake_port(&fake), pair.cert, "/livez"), 200);
    }
    ck_assert(client_closed(fd[99], 8000));
    for (int i = 0; i < 100; i++)
        close(fd[i]);
    fake_close(&fake);
}
END_TEST

START_TEST(who_waits_and_leaves_is_noticed)
{
    static const char waits[] =
        "GET " RUN "?wait=300 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct server_config config = { .connections = 2 };
    struct tls_client c;
    struct fake fake;
    struct pair pair;
    size_t bytes;
    int status = 503;

    pair_make(&pair, "one");
    open_tls(&fake, &pair, &config);
    ck_assert(tls_connect(&c, fake_port(&fake), pair.cert, "NORMAL"));
    gnutls_record_send(c.session, waits, sizeof waits - 1);
    fake_await_gets(&fake, 1);
    gnutls_bye(c.session, GNUTLS_SHUT_WR);
    tls_disconnect(&c); /* its place is the only one for who waits */
    for (int i = 0; i < 200 && status == 503; i++) {
        if (tls_connect(&c, fake_port(&fake), pair.cert, "NORMAL"))
            status = tls_get(&c, RUN "?wait=1", &bytes);
        tls_disconnect(&c);
    }
    ck_assert_int_eq(status, 200);
    fake_close(&fake);
}
END_TEST

TEST_SUITE(api_tls, 60, it_speaks_tls_and_says_so, only_new_versions_are_spoken,
           who_speaks_plainly_gets_no_answer, the_unix_socket_stays_plain,
           large_answers_arrive, a_new_certificate_is_taken_without_a_restart,
           a_bad_renewal_changes_nothing, wrong_files_are_told,
           those_that_do_not_shake_hands_keep_nobody_out, who_waits_and_leaves_is_noticed)
