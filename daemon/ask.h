/*
 * ask.h - a question to the worker program.
 *
 * What needs computing is not for the daemon: it runs the program with some words, hands
 * it a text on its standard input, and keeps what the program says. The struct must stay
 * where it is until done was called; it may be asked anew then.
 */
#ifndef ODE_DAEMON_ASK_H
#define ODE_DAEMON_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* The program is gone, and all that it said is here, or it never was. */
typedef void ask_done_fn(void *context);

struct ask {
    ask_done_fn *done; /* these two are the caller's to set */
    void *context;

    char *text; /* the answer, n bytes; owned, as input */
    size_t n, room;
    int64_t code; /* of its exit; -1: killed by a signal, or not started */
    char *input;
    uv_process_t process;
    uv_pipe_t in, out;
    uv_write_t write;
    bool running;
    int open; /* handles that are not closed yet: 0 when all is over */
};

/*
 * Runs the program with these words, the first of them its name, the last one NULL. input
 * is taken over and freed; NULL: it has none. An answer is cut at `room` bytes. Returns 0
 * or an error of libuv's, after which done is called, too, unless open is 0.
 */
int ask_start(struct ask *ask, uv_loop_t *loop, const char *program, char **words,
              char *input, size_t room);

/* Ends the program; done follows. Nothing where all is over. */
void ask_stop(struct ask *ask);

/* Forgets the texts, when all is over. */
void ask_release(struct ask *ask);

#endif
