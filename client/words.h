/*
 * words.h - what is said to people about runs: one line each, pure functions.
 *
 * They read the documents of the API and take members that are not there for unknown, so
 * that an older or newer daemon is shown as far as it goes.
 */
#ifndef ODE_CLIENT_WORDS_H
#define ODE_CLIENT_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/duration.h"

enum { WORDS_LINE = 512, WORDS_SPAN = ODE_DURATION_TEXT, WORDS_BLOCKS = 64 };

/* The text without control characters, which could drive a terminal; "-" for NULL. */
const char *words_clean(const char *text, char *to, size_t size);

/* "8 min 20 s" */
const char *words_span(double seconds, char text[WORDS_SPAN]);

/* "6+6+6"; "-" where they are unknown. */
const char *words_blocks(const json_t *blocks, char text[WORDS_BLOCKS]);

/* The part of its level that a run has done, 0 to 1: level is its entry in /levels, NULL:
 * unknown, -1. */
double words_fraction(const json_t *run, const json_t *level);

/*
 * How a run stands, in at most `columns` - 1 characters where columns > 0, with a bar as
 * wide as fits where that is at least 10:
 * "level 2/3  32x32  blocks 2+2  ####......  41%  loss 1.234  test 55.0%  1 min 5 s to
 * go"
 */
const char *words_progress(const json_t *run, const json_t *level, int columns,
                           char text[WORDS_LINE]);

/* A level that has ended: "level 1/3  16x16  blocks 2+2  done  test 43.2%  12 s". */
const char *words_level(const json_t *level, int levels, char text[WORDS_LINE]);

/* How a run ended: "succeeded: test accuracy 57.31%, loss 1.234, 1 min 20 s of training".
 */
const char *words_end(const json_t *run, char text[WORDS_LINE]);

/* An event: "2026-11-30T17:20:01.123Z  01k...  queued -> starting  retry 1". */
const char *words_event(const json_t *event, bool with_run, char text[WORDS_LINE]);

/* A row of a list of runs, and the list's head. */
const char *words_row(const json_t *run, char text[WORDS_LINE]);
const char *words_head(char text[WORDS_LINE]);

/* Whether nothing more will become of a run in this state. */
bool words_is_final(const char *state);

#endif
