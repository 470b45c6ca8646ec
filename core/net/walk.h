/*
 * walk.h - a network from its opening to its head, tensor by tensor and slot by slot.
 *
 * The part of ode_net_init() that names what is trained and says where it lies; net.c
 * has settled the shapes before.
 */
#ifndef ODE_CORE_NET_WALK_H
#define ODE_CORE_NET_WALK_H

#include "core/net/net.h"

/* Which parts a layer of the network has, in the order of its tensors: role, role_n. */
void ode_net_roles(struct ode_net *net);

/* A convolution of taps x taps on size x size pixels, and the way in which it is done. */
struct ode_conv ode_net_conv(const struct ode_net *net, int in, int out, int size,
                             int taps);

/* Takes and fills the tables of tensors, slots, uses and points, and what is counted with
 * them. Fails with ODE_ENOMEM; what was taken then is ended by ode_net_release(). */
enum ode_status ode_net_walk(struct ode_net *net, const struct ode_recipe_spec *recipe,
                             struct ode_err *err);

#endif
