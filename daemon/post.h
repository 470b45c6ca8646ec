/*
 * post.h - a signed message to a receiver, over HTTP.
 *
 * Blocks until the receiver has answered, or the time is over: for a thread of its own.
 * The address that a name stands for is looked up once, judged (address.h), and connected
 * to as it was judged. Redirections are not followed, proxies not asked.
 */
#ifndef ODE_DAEMON_POST_H
#define ODE_DAEMON_POST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { POST_TEXT = 200 };

/* All borrowed for the call. */
struct post {
    const char *url, *id, *body; /* id: the X-Odenet-Delivery */
    const char *secret;          /* signs timestamp and body */
    size_t secret_n;
    int64_t at_s;       /* the X-Odenet-Timestamp, seconds of the Unix epoch */
    long limit_ms;      /* for all of it */
    bool private;       /* loopback and private networks are allowed */
    atomic_bool *leave; /* once it is true the message is given up within a second */
};

/* Whether the receiver took it: an answer from 200 to 299. Else text says why not. */
bool post_send(const struct post *post, char text[POST_TEXT]);

/* Whether this can be the URL of a receiver: http or https, without a user's name or a
 * fragment. ODE_EARG. */
enum ode_status post_check_url(const char *url, const char *at, struct ode_err *err);

#endif
