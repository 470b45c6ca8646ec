/*
 * wire.h - requests to one daemon, several at a time: libcurl, and nothing else.
 *
 * One thread, no locks: things happen inside wire_pump() and what calls it. A request is
 * sent once; who asks again, and when, is call.c's business.
 */
#ifndef ODE_CLIENT_WIRE_H
#define ODE_CLIENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/place.h"
#include "core/base/status.h"

struct wire;
struct exchange;

/* Takes a piece of a body; false ends the exchange (WIRE_REFUSED). */
typedef bool wire_sink_fn(void *context, const char *data, size_t n);

enum { WIRE_HEADERS = 3 };

struct wire_request {
    const char *method, *path; /* "GET", "/v1/runs?limit=1" */
    const char *body;          /* JSON, or NULL */
    size_t body_n;
    const char *header[WIRE_HEADERS]; /* "Name: value", or NULL */
    long quiet_s;       /* how long nothing may come before it is lost; 0: 90 s */
    wire_sink_fn *sink; /* takes the body of a good answer (2xx); NULL: the answer does */
    void *context;
};

enum wire_end {
    WIRE_ANSWERED,
    WIRE_UNREACHABLE, /* the request has not been sent: nobody was there */
    WIRE_LOST,        /* it may have been carried out: the answer did not come, or half */
    WIRE_BROKEN,      /* it makes no sense to ask again: a certificate, a protocol */
    WIRE_REFUSED,     /* the sink did not want more */
    WIRE_LATE,        /* the deadline was before the answer */
    WIRE_INTERRUPTED  /* a signal came */
};

enum { WIRE_TAG = 80, WIRE_TEXT = 256 };

/* wire_answer_release() frees what it holds. */
struct wire_answer {
    enum wire_end end;
    long status;
    char *body; /* followed by a NUL; NULL where there is none */
    size_t body_n;
    long retry_after_s;    /* 0: the answer does not say */
    long long range_begin; /* of a partial answer (206), else 0 */
    char etag[WIRE_TAG];   /* or "" */
    char text[WIRE_TEXT];  /* why there is no answer */
};

void wire_answer_release(struct wire_answer *answer);

/* Connections to the place, which must outlive them. cacert: a file of certificates to
 * trust instead of the system's, or NULL. ODE_ENOMEM. */
enum ode_status wire_new(const struct place *place, const char *cacert,
                         struct wire **wire, struct ode_err *err);
void wire_free(struct wire *wire);

/* From now on SIGINT and SIGTERM interrupt what waits here. ODE_EIO. */
enum ode_status wire_catch_signals(struct wire *wire, struct ode_err *err);
bool wire_interrupted(const struct wire *wire);

/* Begins to ask; the request's texts are copied but for its body, which must live until
 * the end. NULL where memory is short. */
struct exchange *wire_begin(struct wire *wire, const struct wire_request *request);
bool wire_ended(const struct exchange *exchange);

/* The answer so far, and once it has ended all of it; the exchange owns it. */
const struct wire_answer *wire_answer_of(const struct exchange *exchange);

/* Ends it, whether it has ended or not. NULL is fine. */
void wire_drop(struct wire *wire, struct exchange *exchange);

/* Lets things happen for at most ms milliseconds, or until an exchange ends, something
 * came for one, or a signal. */
void wire_pump(struct wire *wire, int ms);

/* Asks and waits for the end. until_ms: a deadline by ctl_now_ms(), or 0. */
void wire_ask(struct wire *wire, const struct wire_request *request, int64_t until_ms,
              struct wire_answer *answer);

#endif
