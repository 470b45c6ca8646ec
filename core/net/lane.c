/* lane.c - where a micro-batch's gradients go, stage by stage. */
#include "core/net/lane.h"

#include <sched.h>
#include <string.h>

/* Of the stage's slots in a lane. */
static size_t
span(const struct ode_net *net, struct ode_slots stage)
{
    const struct ode_slot *last = &net->slot[stage.end - 1];

    return stage.first < stage.end ? last->lane + last->n - net->slot[stage.first].lane
                                   : 0;
}

void
ode_lane_begin(struct ode_lane *lane, const struct ode_net *net, struct ode_slots stage)
{
    if (stage.first >= stage.end)
        return;
    lane->from = net->slot[stage.first].lane;
    memset(lane->room, 0, span(net, stage) * sizeof *lane->room);
}

/* The one before may have lost its core: then it is given ours. */
static void
turn_wait(const struct ode_lane *lane)
{
    while (lane->before
           && atomic_load_explicit(lane->before, memory_order_acquire) <= lane->stage)
        sched_yield();
}

void
ode_lane_end(struct ode_lane *lane, const struct ode_net *net, struct ode_slots stage)
{
    turn_wait(lane);
    for (int i = stage.first; i < stage.end; i++)
        ode_net_add(net, i, lane->room + (net->slot[i].lane - lane->from),
                    lane->gradient);
    lane->stage++;
    if (lane->added)
        atomic_store_explicit(lane->added, lane->stage, memory_order_release);
}

real *
ode_lane_at(const struct ode_lane *lane, const struct ode_net *net, int slot)
{
    return slot < 0 || !lane ? NULL : lane->room + (net->slot[slot].lane - lane->from);
}
