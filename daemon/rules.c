/* rules.c - from settings to what the supervisor goes by. */
#include "daemon/rules.h"

#include <uv.h>

static int
cores_of(const struct settings *settings)
{
    const unsigned n =
        settings->cores ? (unsigned)settings->cores : uv_available_parallelism();

    return n ? (int)n : 1;
}

static struct sched_room
room_of(const struct settings *settings)
{
    const uint64_t limit = uv_get_constrained_memory(), all = uv_get_total_memory();
    const uint64_t most = limit && limit < all ? limit : all;

    return (struct sched_room){ .slots = settings->slots ? (int)settings->slots
                                                         : SUPERVISE_SLOTS,
                                .threads = cores_of(settings),
                                .memory_bytes = settings->memory_mib
                                                    ? settings->memory_mib << 20
                                                    : (int64_t)(most / 5 * 4) };
}

/* Of a run whose spec does not say: never more than there are, as its turn would never
 * come, nor that of those behind it. */
static int
threads_of(const struct settings *settings)
{
    const int cores = cores_of(settings);
    const int share = settings->slots ? cores / (int)settings->slots : cores;
    const int threads = settings->threads ? (int)settings->threads : share;

    return threads < 1 ? 1 : threads > cores ? cores : threads;
}

struct supervise_rules
rules_of(const struct settings *settings, const char *state_dir)
{
    return (struct supervise_rules){
        .state_dir = state_dir,
        .data_dir = settings->data_dir,
        .worker = settings->worker,
        .room = room_of(settings),
        .threads = threads_of(settings),
        .preempt = settings_preempt(settings),
        .grace_ms = settings->grace_s * 1000,
        .poll_ms = settings->poll_ms,
        .cache_mib = settings->cache_mib,
        .disk_floor_bytes = settings->disk_floor_mib << 20,
        .keep = {.days = settings->keep_days, .bytes = settings->keep_mib << 20}
    };
}
