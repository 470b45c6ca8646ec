/*
 * demand.h - what a run takes of the machine, predicted from its spec.
 */
#ifndef ODE_DAEMON_DEMAND_H
#define ODE_DAEMON_DEMAND_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/recipe/recipe.h"
#include "daemon/sched.h"

/*
 * Bytes of memory of the run at its peak, which is a transfer's, where two levels live at
 * once: these, the data set and the program. Levels that are to be made (auto) count as
 * the candidates that they are made from. ODE_ESPEC, ODE_ESHAPE.
 */
enum ode_status demand_memory(const struct ode_recipe_spec *recipe, int threads,
                              int64_t *bytes, struct ode_err *err);

/* ODE_ESPEC, with a pointer and figures, for a run that does not fit into all that there
 * is, so that its turn would never come. */
enum ode_status demand_check(const struct sched_room *total,
                             const struct sched_share *share, struct ode_err *err);

#endif
