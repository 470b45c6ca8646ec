/*
 * sched.h - whose turn it is.
 *
 * Runs take threads and memory, and the machine has so much of each. Next is the queued
 * run of the highest priority, and of those the one that was submitted first; nothing
 * overtakes it while it waits for room, so that it cannot wait forever. Passed over are
 * only runs whose retry is not due and those that would not fit into an empty machine. A
 * run of a higher priority may have others make room.
 */
#ifndef ODE_DAEMON_SCHED_H
#define ODE_DAEMON_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/run.h"

/* What runs have together; threads and memory 0: no limit. */
struct sched_room {
    int slots; /* runs */
    int threads;
    int64_t memory_bytes;
};

/* What one run takes. */
struct sched_share {
    int threads;
    int64_t memory_bytes;
};

/* A run that has a worker. */
struct sched_seat {
    struct sched_share share;
    int64_t number, priority;
    bool leaving; /* it was asked to stop already */
    bool chosen;
};

/* *found: whether a run is due at now_ms, and then it is in *run. total: of an empty
 * machine; its slots do not matter. */
enum ode_status sched_next(struct store *store, const struct sched_room *total,
                           int64_t now_ms, struct run *run, bool *found,
                           struct ode_err *err);

/* threads: of runs whose spec does not say. */
struct sched_share sched_share_of(const struct run *run, int threads);

/* Whether one more fits beside these. */
bool sched_fits(const struct sched_room *total, const struct sched_seat *seats, size_t n,
                const struct sched_share *share);

/*
 * Chooses who makes room for a run: of lower priorities the lowest, of these the ones
 * submitted last, and no more than need be. Nobody is chosen where those who leave
 * already are enough, or where all would not be. Whether anybody was. A pure function.
 */
bool sched_choose(const struct sched_room *total, struct sched_seat *seats, size_t n,
                  const struct sched_share *share, int64_t priority);

/* Why a queued run waits that is the next one, or is not, for people: a sentence. */
void sched_explain(const struct sched_room *total, const struct sched_seat *seats,
                   size_t n, const struct run *run, const struct sched_share *share,
                   bool next, int64_t now_ms, char *text, size_t size);

#endif
