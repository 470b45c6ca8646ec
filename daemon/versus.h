/*
 * versus.h - runs beside a control, from the database.
 */
#ifndef ODE_DAEMON_VERSUS_H
#define ODE_DAEMON_VERSUS_H

#include <jansson.h>

#include "core/base/status.h"
#include "daemon/store.h"

/*
 * *out becomes the comparison (schema/compare.h) of n runs, at most COMPARE_RUNS, a new
 * reference. accuracy_n 0: the control's last accuracy. ODE_ENOENT for a run that is not
 * there, ODE_ESTATE for one that has no test accuracy yet.
 */
enum ode_status versus_make(struct store *store, const char *const *ids, size_t n,
                            const double *accuracy, size_t accuracy_n, json_t **out,
                            struct ode_err *err);

#endif
