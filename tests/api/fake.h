/*
 * fake.h - a backend that is no daemon, and a server over it in a thread of its own.
 *
 * There is one job and one run. Plans are there at once, but that of "slow", which waits
 * for fake_finish_plan(), and that of "wrong", which is refused then. Specs are told
 * apart by their name: "bad" is refused with complaints, "nodata" for its data set,
 * "broken" fails with ODE_EIO, others are taken.
 */
#ifndef ODE_TESTS_API_FAKE_H
#define ODE_TESTS_API_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "api/router.h"
#include "api/server.h"

#define FAKE_JOB    "01hzzzzzzzzzzzzzzzzzzzzzj0"
#define FAKE_RUN    "01hzzzzzzzzzzzzzzzzzzzzzr0"
#define FAKE_MORE   7 /* a limit of lists, behind which there is more */
#define FAKE_NOBODY "01hzzzzzzzzzzzzzzzzzzzzzzz"

struct fake {
    struct server server;
    struct backend backend;
    uv_loop_t loop;
    uv_async_t async; /* tells the thread to look at what follows */
    pthread_t thread;
    pthread_mutex_t lock;
    char state[16];  /* of the run */
    char asked[256]; /* what the backend was asked for last */
    char logged[256];
    char log_path[160], model_path[160];
    bool ready, changed, stop;
    bool stopped;    /* fake_stop() was called */
    int gets;        /* calls of run_get */
    uint64_t ticket; /* of the newest plan; it is `planned`: with times, or without */
    bool measured, wrong, slow, plan_finished;
    int takes, drops; /* of plans */
    int events;       /* that happened, to FAKE_RUN: ids 1 to this */
    int version;      /* of the run: how often its state was changed */
    bool happened;
};

/* Opens a server with this config (NULL: the defaults) and the run in state "running". */
void fake_open(struct fake *fake, const struct server_config *config);

/* A path that the fake has for a route. */
void fake_path(const struct route *route, char *path, size_t size);
/* The same without a thread: the caller runs the loop, and closes with
 * fake_close_here(), which runs it to its end. */
void fake_open_here(struct fake *fake, const struct server_config *config);
void fake_close_here(struct fake *fake);

int fake_port(const struct fake *fake);

/* Changes the run's state, and tells the server. */
void fake_change(struct fake *fake, const char *state);

/* So many more events happen to the run, and the server is told. */
void fake_happen(struct fake *fake, int n);

/* Waits until the backend was asked for the run so many times. */
void fake_await_gets(struct fake *fake, int gets);

/* Copies what the backend was asked for last. */
void fake_asked(struct fake *fake, char asked[static 256]);

/* The plan of "slow" is there. */
void fake_finish_plan(struct fake *fake);

/* Waits until a plan was asked for, and until one was dropped, so many times. */
void fake_await_plans(struct fake *fake, int takes, int drops);

void fake_set_ready(struct fake *fake, bool ready);

/* Begins to close without waiting for the end. */
void fake_stop(struct fake *fake);

/* Closes the server, awaits its thread, and fails the test if a handle is left. */
void fake_close(struct fake *fake);

#endif
