/* sched.c - whose turn it is. */
#include "daemon/sched.h"

#include <stdio.h>

#include "daemon/stamp.h"

#define MIB 1048576.0

enum ode_status
sched_next(struct store *store, const struct sched_room *total, int64_t now_ms,
           struct run *run, bool *found, struct ode_err *err)
{
    const int64_t threads = total->threads ? total->threads : INT64_MAX;
    const int64_t memory = total->memory_bytes ? total->memory_bytes : INT64_MAX;

    return run_first(store_query(store, STORE_RUN_NEXT, store_int(now_ms),
                                 store_int(threads), store_int(memory)),
                     run, found, err);
}

struct sched_share
sched_share_of(const struct run *run, int threads)
{
    return (struct sched_share){ .threads =
                                     run->threads > 0 ? (int)run->threads : threads,
                                 .memory_bytes = run->memory_bytes };
}

/* --- room --------------------------------------------------------------------------- */

/* What is taken; without those who leave, or are chosen to. */
static struct sched_room
taken(const struct sched_seat *seats, size_t n, bool staying)
{
    struct sched_room sum = { 0 };

    for (size_t i = 0; i < n; i++) {
        if (staying && (seats[i].leaving || seats[i].chosen))
            continue;
        sum.slots++;
        sum.threads += seats[i].share.threads;
        sum.memory_bytes += seats[i].share.memory_bytes;
    }
    return sum;
}

static bool
fits(const struct sched_room *total, const struct sched_room *used,
     const struct sched_share *share)
{
    return used->slots < total->slots
           && (!total->threads || used->threads + share->threads <= total->threads)
           && (!total->memory_bytes
               || used->memory_bytes + share->memory_bytes <= total->memory_bytes);
}

bool
sched_fits(const struct sched_room *total, const struct sched_seat *seats, size_t n,
           const struct sched_share *share)
{
    const struct sched_room used = taken(seats, n, false);

    return fits(total, &used, share);
}

static bool
would_fit(const struct sched_room *total, const struct sched_seat *seats, size_t n,
          const struct sched_share *share)
{
    const struct sched_room used = taken(seats, n, true);

    return fits(total, &used, share);
}

/* --- making room -------------------------------------------------------------------- */

/* Whether a is asked to leave before b. */
static bool
goes_before(const struct sched_seat *a, const struct sched_seat *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->number > b->number;
}

/* Who is asked next; NULL: nobody is left. */
static struct sched_seat *
first_to_go(struct sched_seat *seats, size_t n, int64_t priority)
{
    struct sched_seat *first = NULL;

    for (size_t i = 0; i < n; i++)
        if (!seats[i].leaving && !seats[i].chosen && seats[i].priority < priority
            && (!first || goes_before(&seats[i], first)))
            first = &seats[i];
    return first;
}

/* Lets those stay, the ones that were chosen last first, without whom it fits as well. */
static void
spare(const struct sched_room *total, struct sched_seat *seats, size_t n,
      const struct sched_share *share)
{
    bool tried[64] = { false };

    for (;;) {
        struct sched_seat *last = NULL;

        for (size_t i = 0; i < n; i++)
            if (seats[i].chosen && !tried[i] && (!last || goes_before(last, &seats[i])))
                last = &seats[i];
        if (!last)
            return;
        tried[last - seats] = true;
        last->chosen = false;
        last->chosen = !would_fit(total, seats, n, share);
    }
}

bool
sched_choose(const struct sched_room *total, struct sched_seat *seats, size_t n,
             const struct sched_share *share, int64_t priority)
{
    struct sched_seat *next;
    bool any = false;

    while (!would_fit(total, seats, n, share)) {
        next = first_to_go(seats, n, priority);
        if (!next) {
            for (size_t i = 0; i < n; i++)
                seats[i].chosen = false;
            return false;
        }
        next->chosen = any = true;
    }
    if (any)
        spare(total, seats, n, share);
    return any;
}

/* --- words -------------------------------------------------------------------------- */

static void
explain_retry(const struct run *run, char *text, size_t size)
{
    char at[STAMP_BYTES];

    stamp_format(run->not_before_ms, at);
    snprintf(text, size, "tries again at %s", at);
}

void
sched_explain(const struct sched_room *total, const struct sched_seat *seats, size_t n,
              const struct run *run, const struct sched_share *share, bool next,
              int64_t now_ms, char *text, size_t size)
{
    const struct sched_room used = taken(seats, n, false);

    if (total->threads && share->threads > total->threads)
        snprintf(text, size, "needs %d threads, and all runs have %d (odenetd --cores)",
                 share->threads, total->threads);
    else if (total->memory_bytes && share->memory_bytes > total->memory_bytes)
        snprintf(
            text, size,
            "needs %.0f MiB of memory, and all runs have %.0f (odenetd --memory-mib)",
            (double)share->memory_bytes / MIB, (double)total->memory_bytes / MIB);
    else if (run->not_before_ms > now_ms)
        explain_retry(run, text, size);
    else if (!next)
        snprintf(text, size, "waits for its turn");
    else if (used.slots >= total->slots)
        snprintf(text, size, "waits for a slot; %d of %d are taken", used.slots,
                 total->slots);
    else if (total->threads && used.threads + share->threads > total->threads)
        snprintf(text, size, "waits for threads: needs %d, and %d of %d are taken",
                 share->threads, used.threads, total->threads);
    else if (total->memory_bytes
             && used.memory_bytes + share->memory_bytes > total->memory_bytes)
        snprintf(text, size,
                 "waits for memory: needs %.0f MiB, and %.0f of %.0f are taken",
                 (double)share->memory_bytes / MIB, (double)used.memory_bytes / MIB,
                 (double)total->memory_bytes / MIB);
    else
        snprintf(text, size, "is about to start");
}
