/*
 * rules.h - how the settings say that runs are run.
 */
#ifndef ODE_DAEMON_RULES_H
#define ODE_DAEMON_RULES_H

#include "daemon/settings.h"
#include "daemon/supervise.h"

/* What they leave open follows from the machine. Borrows both, for as long as the rules
 * are used. */
struct supervise_rules rules_of(const struct settings *settings, const char *state_dir);

#endif
