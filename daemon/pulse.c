/* pulse.c - when the service manager is told what. */
#include "daemon/pulse.h"

#include <stdio.h>
#include <string.h>

enum { CALM_MS = 5000, STOPPING_MS = 1000, EXTEND_US = 10000000 };

/* --- what it does ---------------------------------------------------------------------
 */

struct census {
    int64_t queued, running, level, levels;
};

static enum ode_status
count(struct store *store, struct census *census, struct ode_err *err)
{
    sqlite3_stmt *query = store_query_values(store, STORE_RUN_CENSUS, NULL, 0);
    enum ode_status status;
    bool row;

    *census = (struct census){ 0 };
    while ((status = store_step(query, &row, err)) == ODE_OK && row) {
        const int64_t n = sqlite3_column_int64(query, 1);

        if (strcmp(store_column_text(query, 0), "queued") == 0) {
            census->queued = n;
            continue;
        }
        census->running += n;
        census->level = sqlite3_column_int64(query, 2);
        census->levels = sqlite3_column_int64(query, 3);
    }
    store_done(query);
    return status;
}

static void
describe(const struct census *census, bool full, char *text, size_t size)
{
    char level[64] = "";

    if (census->running == 1 && census->level >= 0 && census->levels > 0)
        snprintf(level, sizeof level, " (level %lld of %lld)",
                 (long long)census->level + 1, (long long)census->levels);
    snprintf(text, size, "%lld running%s, %lld queued%s", (long long)census->running,
             level, (long long)census->queued, full ? "; the disk is nearly full" : "");
}

/* Whether it is another one than the last; it is then kept. */
static bool
status_renew(struct pulse *pulse)
{
    char text[sizeof pulse->status];
    struct census census;

    if (count(pulse->store, &census, NULL) != ODE_OK)
        return false;
    describe(&census, pulse->sup->full, text, sizeof text);
    if (strcmp(text, pulse->status) == 0)
        return false;
    memcpy(pulse->status, text, sizeof text);
    return true;
}

/* --- beating --------------------------------------------------------------------------
 */

static uint64_t
period_ms(const struct pulse *pulse)
{
    const uint64_t most = pulse->stopping ? STOPPING_MS : CALM_MS;
    const uint64_t half = pulse->notify.watchdog_us / 2000;

    if (pulse->stopping && (!half || half > most))
        return most;
    return half ? half : pulse->notify.watchdog_us ? 1 : most;
}

/* What keeps the heart from beating; false: nothing. */
static bool
stuck(struct pulse *pulse, struct ode_err *err)
{
    const uint64_t turns = pulse->stopping ? 0 : server_turns(pulse->server);
    const bool still = !pulse->stopping && turns == pulse->turns;

    pulse->turns = turns;
    if (still) {
        ode_fail(err, ODE_EINTERNAL, "", "the HTTP server had no turn");
        return true;
    }
    return store_probe(pulse->store, err) != ODE_OK;
}

static void
beat(struct pulse *pulse)
{
    struct ode_err err = { 0 };
    const bool withheld = stuck(pulse, &err);

    if (!withheld)
        notify_send(&pulse->notify, "WATCHDOG=1");
    else if (!pulse->withheld)
        log_failure(pulse->log, LOG_ERROR, "pulse", "show that all is well", &err);
    pulse->withheld = withheld;
}

static void
on_beat(uv_timer_t *timer)
{
    struct pulse *pulse = timer->data;

    if (pulse->notify.watchdog_us)
        beat(pulse);
    if (pulse->stopping)
        notify_send(&pulse->notify, "EXTEND_TIMEOUT_USEC=%d", EXTEND_US);
    else
        pulse_changed(pulse);
}

static void
beat_on(struct pulse *pulse)
{
    const uint64_t period = period_ms(pulse);

    if (pulse->notify.open)
        uv_timer_start(&pulse->timer, on_beat, period, period);
}

/* --- its life -------------------------------------------------------------------------
 */

void
pulse_open(struct pulse *pulse, uv_loop_t *loop)
{
    struct ode_err err;

    if (notify_open(&pulse->notify, &err) != ODE_OK)
        log_failure(pulse->log, LOG_WARN, "pulse", "find the service manager", &err);
    uv_timer_init(loop, &pulse->timer);
    pulse->timer.data = pulse;
    pulse->timing = true;
}

void
pulse_ready(struct pulse *pulse)
{
    if (!pulse->notify.open)
        return;
    pulse->turns = server_turns(pulse->server);
    status_renew(pulse);
    if (!notify_send(&pulse->notify, "READY=1\nSTATUS=%s", pulse->status))
        log_event(pulse->log, LOG_WARN, "pulse", "not-told", log_text("what", "READY=1"));
    beat_on(pulse);
}

void
pulse_changed(struct pulse *pulse)
{
    if (pulse->notify.open && !pulse->stopping && status_renew(pulse))
        notify_send(&pulse->notify, "STATUS=%s", pulse->status);
}

void
pulse_reloading(struct pulse *pulse)
{
    notify_reloading(&pulse->notify);
}

void
pulse_stopping(struct pulse *pulse)
{
    if (pulse->stopping)
        return;
    pulse->stopping = true;
    notify_send(&pulse->notify,
                "STOPPING=1\nSTATUS=stopping; %d workers write checkpoints",
                pulse->sup->attempts_n);
    beat_on(pulse);
}

void
pulse_close(struct pulse *pulse)
{
    if (pulse->timing)
        uv_close((uv_handle_t *)&pulse->timer, NULL);
    pulse->timing = false;
    notify_close(&pulse->notify);
}
