/*
 * progress.h - a run that is watched: a line that is drawn anew on a terminal, and lines
 * that stay.
 *
 * On a terminal the last line is the run's, with a bar for its level; a level that has
 * ended leaves its line behind. Elsewhere a line is written whenever the state, the level
 * or the epoch has changed.
 */
#ifndef ODE_CLIENT_PROGRESS_H
#define ODE_CLIENT_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { PROGRESS_KEY = 96 };

struct progress {
    FILE *to;               /* borrowed */
    int columns;            /* of a terminal; 0: it is none */
    bool standing;          /* a line without its end is there */
    int told;               /* levels that are written down */
    char key[PROGRESS_KEY]; /* of the last plain line */
};

/* For stderr: a terminal where it is one, TERM is not "dumb", and its width is known. */
void progress_init(struct progress *p, FILE *to);

/* A line that stays, above the one that is drawn anew. */
void progress_line(struct progress *p, const char *text);

/* The run now, and its levels (the array of /levels, or NULL). */
void progress_show(struct progress *p, const json_t *run, const json_t *levels);

/* Ends the line that stands. */
void progress_end(struct progress *p);

#endif
