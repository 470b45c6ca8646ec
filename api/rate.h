/*
 * rate.h - how often each of many may do something: a bucket of tokens for each name,
 * which fills at a steady rate.
 *
 * The table has a fixed size. A name that finds no place takes that of the one, of a few,
 * that was idle for longest, and whoever was forgotten begins with a full bucket.
 */
#ifndef ODE_API_RATE_H
#define ODE_API_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_SETS = 64, RATE_WAYS = 8, RATE_NAME = 64 };

struct rate {
    double per_s, most; /* how fast a bucket fills, and how far */
    struct rate_slot {
        char name[RATE_NAME]; /* "": a free place */
        double left;
        uint64_t at_ms; /* when that was so */
    } slot[RATE_SETS][RATE_WAYS];
};

/* per_s above 0, most 1 or above. */
void rate_init(struct rate *rate, double per_s, double most);

/* How much is left for a name. Nothing is taken. */
double rate_left(struct rate *rate, const char *name, uint64_t now_ms);

/* Takes one; false, and nothing is taken, where less than that is left. */
bool rate_take(struct rate *rate, const char *name, uint64_t now_ms);

#endif
