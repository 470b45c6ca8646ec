/*
 * house.h - the program itself: a daemon in a process of its own, and questions to it.
 *
 * What fails fails the test. Waiting has a deadline.
 */
#ifndef ODE_TESTS_DAEMON_HOUSE_H
#define ODE_TESTS_DAEMON_HOUSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/ulid.h"

struct house {
    char dir[256]; /* its state directory; beside it `<dir>.log`, all that it says */
    pid_t pid;
    int port;
};

/* In a fresh directory, with these further flags (ended by NULL; NULL: none), until it
 * answers; house_start() again in the same one. */
void house_open(struct house *house, const char *const *flags);
void house_start(struct house *house, const char *const *flags);

/* Sends a signal, and waits for its end: the status, as waitpid() tells it. */
int house_end(struct house *house, int signal);
/* Ends it in order: with SIGTERM, and exit code 0. */
void house_close(struct house *house);

/* Of a daemon that ends by itself. */
int house_exit_code(const char *dir, const char *const *flags);

/* The answer's body as JSON, to be released. */
json_t *house_ask(const struct house *house, const char *method, const char *target,
                  const char *body, int expected);

/* A run of two levels; orders: the fake worker's. */
void house_submit(const struct house *house, const char *orders,
                  char run[ULID_LENGTH + 1]);
json_t *house_run(const struct house *house, const char *run, const char *query);
int64_t house_count(const struct house *house, const char *run, const char *member);
void house_wait_step(const struct house *house, const char *run, int64_t step);
void house_assert_ends(const struct house *house, const char *run, const char *state);

bool house_log_says(const struct house *house, const char *what);
/* Until it does. */
void house_await_log(const struct house *house, const char *what);

void house_pause(long ms);
int64_t house_deadline(void); /* in store_now_ms()'s time */

#endif
