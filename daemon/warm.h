/*
 * warm.h - whether a new run can begin with the weights of another (warm_start in its
 * spec).
 */
#ifndef ODE_DAEMON_WARM_H
#define ODE_DAEMON_WARM_H

#include "core/base/status.h"
#include "core/recipe/recipe.h"
#include "daemon/store.h"

/*
 * Looks for the run that recipe->warm_start names, by its id, and for its finished level,
 * which is written into recipe->warm_start.level: also where the spec leaves the choice,
 * so that the run means the same whenever it starts. A recipe without a warm start stays
 * as it is. ODE_ESPEC with a pointer and what to do.
 */
enum ode_status warm_settle(struct store *store, struct ode_recipe_spec *recipe,
                            struct ode_err *err);

#endif
