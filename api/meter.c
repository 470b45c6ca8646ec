/* meter.c - counts of requests, and GET /metrics. */
#include "api/meter.h"

#include <stdlib.h>

#include "api/openmetrics.h"
#include "api/request.h"

static const struct {
    double most;
    const char *name;
} buckets[METER_BUCKETS] = {
    {0.0005,  "0.0005"},
    { 0.001,  "0.001" },
    { 0.0025, "0.0025"},
    { 0.005,  "0.005" },
    { 0.01,   "0.01"  },
    { 0.025,  "0.025" },
    { 0.05,   "0.05"  },
    { 0.1,    "0.1"   },
    { 0.25,   "0.25"  },
    { 0.5,    "0.5"   },
    { 1,      "1.0"   },
    { 2.5,    "2.5"   },
    { 10,     "10.0"  },
};

void
meter_count(struct meter *meter, int status, double seconds, bool waited)
{
    const int class = status / 100;
    int i = 0;

    if (class < 1 || class >= METER_CLASSES)
        return;
    meter->classes[class]++;
    if (waited)
        return;
    while (i < METER_BUCKETS && seconds > buckets[i].most)
        i++;
    meter->buckets[i]++;
    meter->seconds += seconds;
}

static void
write_durations(const struct meter *meter, FILE *out)
{
    static const char name[] = "odenet_http_request_duration_seconds";
    int64_t sum = 0;

    openmetrics_head(out, name, "histogram", "seconds",
                     "From the first line of a request to its end, but for those that "
                     "waited on purpose.");
    for (int i = 0; i < METER_BUCKETS; i++) {
        sum += (int64_t)meter->buckets[i];
        openmetrics_int(out, "odenet_http_request_duration_seconds_bucket", "le",
                        buckets[i].name, sum);
    }
    sum += (int64_t)meter->buckets[METER_BUCKETS];
    openmetrics_int(out, "odenet_http_request_duration_seconds_bucket", "le", "+Inf",
                    sum);
    openmetrics_int(out, "odenet_http_request_duration_seconds_count", NULL, NULL, sum);
    openmetrics_real(out, "odenet_http_request_duration_seconds_sum", NULL, NULL,
                     meter->seconds);
}

void
meter_write(const struct meter *meter, FILE *out)
{
    openmetrics_head(out, "odenet_http_requests", "counter", "",
                     "Requests that were answered, by the class of the status.");
    for (int i = 2; i < METER_CLASSES; i++) {
        const char class[] = { (char)('0' + i), 'x', 'x', '\0' };

        openmetrics_int(out, "odenet_http_requests_total", "class", class,
                        (int64_t)meter->classes[i]);
    }
    write_durations(meter, out);
}

/* --- GET /metrics --------------------------------------------------------------------
 */

static void
server_write(struct server *server, FILE *out)
{
    double connections = 0, most = 0, waiting = 0;

    for (size_t i = 0; i < server->listener_n; i++) {
        const struct listener *l = &server->listener[i];
        const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(l->http, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

        connections += info ? info->num_connections : 0;
        most += l->connections;
        waiting += (double)l->waiting_n;
    }
    meter_write(&server->meter, out);
    openmetrics_gauge(out, "odenet_http_connections", "", connections,
                      "Connections that are open.");
    openmetrics_gauge(out, "odenet_http_connections_limit", "", most,
                      "Connections that may be open at once.");
    openmetrics_gauge(out, "odenet_http_waiting", "", waiting,
                      "Clients that wait for a run, a plan or events.");
}

enum MHD_Result
meter_get(struct request *r)
{
    const struct backend *b = r->server->backend;
    struct ode_err err = { 0 };
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    enum ode_status status;

    if (!out)
        return reply_failure(r, ODE_ENOMEM, NULL, NULL);
    server_write(r->server, out);
    status = b->measure(b->self, out, &err);
    openmetrics_end(out);
    if (fclose(out) == 0 && status == ODE_OK)
        return reply_text(r, OPENMETRICS_TYPE, text, n);
    free(text);
    return reply_failure(r, status == ODE_OK ? ODE_ENOMEM : status, &err, NULL);
}
