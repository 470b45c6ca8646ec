/* rate.c - buckets of tokens. */
#include "api/rate.h"

#include <stdio.h>
#include <string.h>

void
rate_init(struct rate *rate, double per_s, double most)
{
    memset(rate, 0, sizeof *rate);
    rate->per_s = per_s;
    rate->most = most;
}

/* FNV-1a */
static unsigned
set_of(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return (hash ^ hash >> 16) % RATE_SETS;
}

/* The bucket of a name, filled up to now. */
static struct rate_slot *
slot_of(struct rate *rate, const char *name, uint64_t now_ms)
{
    struct rate_slot *set = rate->slot[set_of(name)], *slot = set;
    double more;

    for (int i = 0; i < RATE_WAYS; i++) {
        if (strcmp(set[i].name, name) == 0) {
            slot = &set[i];
            break;
        }
        if (set[i].at_ms < slot->at_ms)
            slot = &set[i];
    }
    if (strcmp(slot->name, name) != 0) {
        snprintf(slot->name, sizeof slot->name, "%s", name);
        slot->left = rate->most;
        slot->at_ms = now_ms;
    }
    more = (double)(now_ms - slot->at_ms) * 1e-3 * rate->per_s;
    slot->left = slot->left + more < rate->most ? slot->left + more : rate->most;
    slot->at_ms = now_ms;
    return slot;
}

double
rate_left(struct rate *rate, const char *name, uint64_t now_ms)
{
    return slot_of(rate, name, now_ms)->left;
}

bool
rate_take(struct rate *rate, const char *name, uint64_t now_ms)
{
    struct rate_slot *slot = slot_of(rate, name, now_ms);

    if (slot->left < 1)
        return false;
    slot->left--;
    return true;
}
