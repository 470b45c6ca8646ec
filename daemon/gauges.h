/*
 * gauges.h - what the daemon measures of itself, as families of OpenMetrics.
 */
#ifndef ODE_DAEMON_GAUGES_H
#define ODE_DAEMON_GAUGES_H

#include <stdio.h>

#include "core/base/status.h"
#include "daemon/supervise.h"

/* Runs, workers, the journal, the database's files, the disk, the process, the build.
 * Counters count from the start of this process. Failures are the database's. */
enum ode_status gauges_write(const struct supervise *sup, FILE *out, struct ode_err *err);

#endif
