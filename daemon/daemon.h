/*
 * daemon.h - owns the parts of odenetd, starts them in order and stops them in reverse.
 */
#ifndef ODE_DAEMON_DAEMON_H
#define ODE_DAEMON_DAEMON_H

#include "core/base/status.h"
#include "daemon/settings.h"

/*
 * Serves until SIGTERM or SIGINT, then stops cleanly: no new requests, workers asked to
 * stop and their runs put back, all closed. A second signal does not wait for the grace
 * period. Logs to stderr.
 *
 * At SIGHUP the source is asked for the settings anew; those that can be changed while it
 * runs (settings_live()) are, and the log says which of them were and which others would
 * need a new start. Settings that cannot be read change nothing.
 *
 * One state directory has one daemon: ODE_EBUSY names the other. Other failures are those
 * of the start; once it serves, it does not fail.
 *
 * When it is ready, <state dir>/odenetd.address has the address, as
 * "http://127.0.0.1:7433" and a newline; the file goes when the daemon does.
 */
enum ode_status daemon_run(const struct settings *settings,
                           const struct settings_source *source, struct ode_err *err);

#endif
