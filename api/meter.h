/*
 * meter.h - what the server counts of itself: requests, how they ended, how long they
 * took.
 */
#ifndef ODE_API_METER_H
#define ODE_API_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { METER_CLASSES = 6, METER_BUCKETS = 13 };

struct meter {                       /* begins as zeros */
    uint64_t classes[METER_CLASSES]; /* answers by the first digit of their status */
    uint64_t buckets[METER_BUCKETS + 1];
    double seconds; /* of all in the buckets */
};

/* A request has ended. What waited (for a run, a plan, events) says nothing of the
 * server's pace, and is not timed. status 0: it was never answered, and is not counted.
 */
void meter_count(struct meter *meter, int status, double seconds, bool waited);

/* As families of OpenMetrics. */
void meter_write(const struct meter *meter, FILE *out);

#endif
