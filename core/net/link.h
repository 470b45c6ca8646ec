/*
 * link.h - connectors: from the end of one segment to the begin of the next.
 *
 * Half the resolution, and the width of the next; see recipe.def and net.h for the kinds.
 * The scratch images `wide` of the work are used by all of them.
 */
#ifndef ODE_CORE_NET_LINK_H
#define ODE_CORE_NET_LINK_H

#include "core/net/exec.h"

/* Scratch images of all channels that the network's connectors and ends need. */
int ode_link_wide(const struct ode_net *net);

/* What the connector after segment s keeps for its way back. */
void ode_link_place(struct ode_link_work *link, const struct ode_exec *e, int s,
                    struct ode_arena *arena);

void ode_link_forward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                      enum ode_mode mode, real *moment);

/* d, the cotangent of segment s + 1's begin, gives that of segment s's end. A stage of
 * the lane. */
void ode_link_backward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                       real *moment, struct ode_lane *lane, struct ode_pair d,
                       struct ode_pair to);

#endif
