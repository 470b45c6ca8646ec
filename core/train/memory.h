/*
 * memory.h - what is kept for the backward pass, where the recipe leaves it open.
 *
 * `auto` keeps everything in as many units as fit into resources/memory_mib, as storing
 * is fastest. Where that is not enough the unit that takes most is reversed, or, if its
 * integrator can't be, keeps checkpoints; and so on. Results do not depend on it.
 */
#ifndef ODE_CORE_TRAIN_MEMORY_H
#define ODE_CORE_TRAIN_MEMORY_H

#include "core/train/engine.h"

/* Decides for the units of config->net, which is `net`, that are left open. extra: bytes
 * that the level takes beside its engine. */
void ode_memory_fit(struct ode_net *net, const struct ode_recipe_spec *recipe,
                    const struct ode_engine_config *config, size_t extra);

#endif
