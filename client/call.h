/*
 * call.h - questions to the daemon that are worth asking again, and what went wrong in
 * words.
 *
 * A request is repeated, with growing pauses, while nobody is there, or the answer is 503
 * or 429; where the answer was lost on the way, too, if carrying it out twice is as good
 * as once. Patience is counted from the first failure.
 */
#ifndef ODE_CLIENT_CALL_H
#define ODE_CLIENT_CALL_H

#include <jansson.h>

#include "client/ctl.h"
#include "client/wire.h"

/*
 * How long to wait before the n-th repetition (from 0): twice as long each time, at most
 * 5 s, and a part of it left to chance (random: any number), so that many clients do not
 * come back together. At least what the answer asked for (retry_after_s), up to 60 s.
 */
int call_pause_ms(int n, long retry_after_s, uint32_t random);

/* Whether the end of a request is worth another one. */
bool call_again(const struct wire_answer *answer, bool repeatable);

/*
 * Asks until there is an answer that stays, or patience is over. Good is any answer with
 * a status below 400: CTL_OK. Else the exit code: the problem has been told. *answer is
 * the caller's to release in either case. repeatable: carrying it out twice does no harm;
 * its sink, if it has one, must be content to begin anew, for which `again` is called
 * (may be NULL where there is no sink).
 */
int call(struct ctl *ctl, const struct wire_request *request, bool repeatable,
         void (*again)(void *context), struct wire_answer *answer);

/* GET of a JSON document; the path is printf's. *doc is the caller's. */
int call_get(struct ctl *ctl, json_t **doc, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, but what is not there (404) is no failure: *doc is NULL. */
int call_find(struct ctl *ctl, json_t **doc, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* The document of a good answer. Says so on stderr where it is none. */
int call_json(const struct ctl *ctl, const struct wire_answer *answer, json_t **doc);

/*
 * Tells what a failed request came to, on stderr: the title and detail of a problem
 * document, and each place that it points at. Returns the exit code: CTL_USAGE for what
 * was refused as asked (400, 422), CTL_UNREACHABLE where there is no answer.
 */
int call_complain(const struct ctl *ctl, const struct wire_answer *answer);

/* Waits, unless a signal or the deadline ends it: CTL_OK, CTL_INTERRUPTED, CTL_TIMEOUT.
 */
int call_sleep(struct ctl *ctl, int ms);

/* A random number of so many bits, e.g. for a key; from the system. */
uint32_t call_random(void);

#endif
