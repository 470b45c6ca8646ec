/*
 * webhook.h - tells a receiver how runs ended, and goes on until it knows.
 *
 * What is to be told is a row, written in the transaction that moves the run to its final
 * state, and deleted when the receiver has taken it; so whoever kills the daemon takes
 * nothing away. One message is on its way at a time, on libuv's thread pool. A message
 * that fails comes again after 1 s, 10 s, 1 min, 10 min and 1 h, with the same body and
 * id, and is then given up, with an event of the run. It may arrive twice: a daemon can
 * end between the answer and its note of it.
 */
#ifndef ODE_DAEMON_WEBHOOK_H
#define ODE_DAEMON_WEBHOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/status.h"
#include "daemon/log.h"
#include "daemon/post.h"
#include "daemon/queue.h"
#include "daemon/store.h"
#include "daemon/ulid.h"

enum { WEBHOOK_RETRIES = 5, WEBHOOK_LIMIT_MS = 10000, WEBHOOK_SECRET_LEAST = 16 };

typedef void webhook_closed_fn(void *context);

struct webhook {
    /* These are the caller's to set before webhook_open(); borrowed, they outlive us. */
    uv_loop_t *loop;
    struct store *store;
    const struct log *log;
    const char *url; /* "": nothing is told */
    bool private;    /* receivers in private networks and on loopback are allowed */
    long limit_ms;
    int64_t pause_ms[WEBHOOK_RETRIES];

    char *secret; /* owned */
    size_t secret_n;
    struct ulid ids;
    uv_timer_t timer;
    uv_work_t work;
    bool open, busy, stirred, stopping;
    atomic_bool leave;

    /* The message on its way: the thread reads it, and writes taken and text. */
    char id[ULID_LENGTH + 1], run[ULID_LENGTH + 1];
    char *body; /* owned */
    int64_t attempts;
    bool taken;
    char text[POST_TEXT];

    webhook_closed_fn *closed;
    void *closed_context;
};

/* What the daemon uses, where its settings do not say. */
void webhook_preset(struct webhook *webhook);

/* Reads the file's only line, of at least WEBHOOK_SECRET_LEAST bytes: *secret is the
 * caller's to free. ODE_EARG where it is none, else the file's failures. */
enum ode_status webhook_read_secret(const char *path, char **secret, size_t *n,
                                    struct ode_err *err);

/* Begins to tell: first what a former daemon left. Takes the secret over. */
void webhook_open(struct webhook *webhook, char *secret, size_t n);

/* A queue_ended_fn, with the webhook as its context: writes down what is to be told. */
enum ode_status webhook_note(void *webhook, const struct run *run, int64_t at_ms,
                             struct ode_err *err);

/* Looks for what is due: to be called in a turn of the loop after which `stirred` is set.
 */
void webhook_kick(struct webhook *webhook);

/* Gives up what is on its way, which the next daemon sends; calls closed when all is
 * closed, perhaps at once. */
void webhook_stop(struct webhook *webhook, webhook_closed_fn *closed, void *context);

#endif
