/*
 * lane.h - where a micro-batch's gradients go, stage by stage.
 *
 * On its way back a micro-batch passes the network's stages: the head, block after block,
 * connectors, the opening. What a stage adds to the gradients of its weights is collected
 * in the kernels' layout, in a room as large as the largest stage's, and then added to
 * the lane in standard order.
 *
 * Micro-batches that share a lane add in their order: at the end of each stage one waits
 * until the one before it has added its part there. So the sum does not depend on who
 * computes what, even if there is but one lane; and who is behind does not hold up others
 * before they come to the same stage.
 */
#ifndef ODE_CORE_NET_LANE_H
#define ODE_CORE_NET_LANE_H

#include <stdatomic.h>

#include "core/net/net.h"

struct ode_lane {
    real *gradient;           /* [theta_n], added to; borrowed like all here           */
    real *room;               /* share_n reals                                         */
    const atomic_int *before; /* stages that the one before has added; NULL: no waiting */
    atomic_int *added;        /* receives the same of this one; NULL: nobody waits     */
    int stage;                /* how many it has added                                 */
    size_t from;              /* what the room begins with, as an offset in a lane     */
};

/* Empties the room for the slots of a stage. Between the two calls a slot's gradient is
 * at ode_lane_at(). */
void ode_lane_begin(struct ode_lane *lane, const struct ode_net *net,
                    struct ode_slots stage);

/* Waits for its turn and adds the room to the gradient. */
void ode_lane_end(struct ode_lane *lane, const struct ode_net *net,
                  struct ode_slots stage);

/* Where the gradient of a slot of the present stage is added to; NULL for slot -1, and
 * where there is no lane. */
real *ode_lane_at(const struct ode_lane *lane, const struct ode_net *net, int slot);

#endif
