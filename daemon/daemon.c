/* daemon.c - the parts of odenetd: opened in order, closed in reverse. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "api/server.h"
#include "core/base/file.h"
#include "daemon/backend.h"
#include "daemon/backups.h"
#include "daemon/files.h"
#include "daemon/ingest.h"
#include "daemon/log.h"
#include "daemon/planner.h"
#include "daemon/probe.h"
#include "daemon/pulse.h"
#include "daemon/queue.h"
#include "daemon/rules.h"
#include "daemon/sockets.h"
#include "daemon/store.h"
#include "daemon/submit.h"
#include "daemon/supervise.h"
#include "daemon/webhook.h"
#include "schema/openapi.h"
#include "schema/sweep.h"
#include "web/assets.h"

enum { PATH_BYTES = 4096, SIGNALS = 3, FILES_OF_OUR_OWN = 256 };

struct daemon {
    struct settings settings;
    const struct settings_source *source; /* borrowed */
    char state_dir[PATH_BYTES - 64];      /* absolute */
    char address_file[PATH_BYTES];
    char socket[PATH_BYTES]; /* the Unix socket, or "" */
    gid_t group;             /* whose members may do all there */
    struct sockets sockets;  /* that were open before we were */
    int lock;                /* of the state directory */
    struct log log;
    struct store store;
    struct queue queue;
    struct submit submit;
    uv_loop_t loop;
    struct supervise sup;
    struct probe probe;
    struct planner planner;
    struct backups backups;
    struct pulse pulse;
    struct webhook webhook;
    struct backend_parts parts;
    struct backend backend;
    struct server server;
    char *job_schema; /* owned: what /v1/schemas/job.json says */
    char *openapi;    /* owned: what /v1/openapi.json says     */
    uv_signal_t signals[SIGNALS];
    uv_prepare_t turn;     /* before the loop waits */
    uint64_t events, runs; /* of the store, that streams were told of */
    bool serving, stopping;
    int open; /* parts that still have to say that they are closed */
};

/* --- the state directory ---------------------------------------------------------------
 */

static enum ode_status
make_path(const char *path, struct ode_err *err)
{
    char part[SETTING_BYTES];

    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ODE_TRY(files_make_dir(part, err));
        *slash = '/';
    }
    return files_make_dir(part, err);
}

static enum ode_status
open_state_dir(struct daemon *daemon, struct ode_err *err)
{
    const char *given = daemon->settings.state_dir;
    char path[PATH_BYTES], *real;

    ODE_TRY(make_path(given, err));
    real = realpath(given, NULL);
    if (!real)
        return ode_fail_errno(err, ODE_EIO, given, "cannot use the state directory");
    snprintf(daemon->state_dir, sizeof daemon->state_dir, "%s", real);
    free(real);
    snprintf(daemon->address_file, sizeof daemon->address_file, "%s/odenetd.address",
             daemon->state_dir);
    snprintf(path, sizeof path, "%s/runs", daemon->state_dir);
    return files_make_dir(path, err);
}

static enum ode_status
busy(int fd, const char *path, struct ode_err *err)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return ode_fail(err, ODE_EBUSY, path,
                    "another odenetd (process %s) uses this state directory", pid);
}

/* A daemon that is killed while it starts a worker leaves a child that holds the lock
 * until it becomes the worker: asks for two seconds before it says that somebody is
 * there. */
static int
lock_patiently(int lock)
{
    const struct timespec pause = { .tv_nsec = 20000000 };

    for (int tries = 0; tries < 100; tries++) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK)
            return -1;
        nanosleep(&pause, NULL);
    }
    errno = EWOULDBLOCK;
    return -1;
}

/* The lock goes with the process, however it ends; the number in it is for people. */
static enum ode_status
lock_state_dir(struct daemon *daemon, struct ode_err *err)
{
    char path[PATH_BYTES], pid[32];
    enum ode_status status;
    int n;

    snprintf(path, sizeof path, "%s/odenetd.lock", daemon->state_dir);
    daemon->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (daemon->lock < 0)
        return ode_fail_errno(err, ODE_EIO, path, "cannot open the lock");
    if (lock_patiently(daemon->lock) != 0) {
        status = errno == EWOULDBLOCK ? busy(daemon->lock, path, err)
                                      : ode_fail_errno(err, ODE_EIO, path, "cannot lock");
        return status;
    }
    n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(daemon->lock, 0) != 0 || pwrite(daemon->lock, pid, (size_t)n, 0) != n)
        return ode_fail_errno(err, ODE_EIO, path, "cannot write the lock");
    return ODE_OK;
}

static enum ode_status
open_store(struct daemon *daemon, struct ode_err *err)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/odenet.db", daemon->state_dir);
    return store_open(&daemon->store, path, err);
}

/* --- stopping --------------------------------------------------------------------------
 */

static void
on_handle_closed(uv_handle_t *handle)
{
    (void)handle;
}

/* All others are closed: what is left are the signals and the turn. */
static void
part_closed(void *context)
{
    struct daemon *daemon = context;

    if (--daemon->open > 0)
        return;
    for (int i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], on_handle_closed);
    uv_close((uv_handle_t *)&daemon->turn, on_handle_closed);
    pulse_close(&daemon->pulse);
}

static void
stop(struct daemon *daemon)
{
    if (!daemon->stopping) {
        daemon->stopping = true;
        if (daemon->serving)
            server_close(&daemon->server, part_closed, daemon);
        probe_stop(&daemon->probe, part_closed, daemon);
        planner_stop(&daemon->planner, part_closed, daemon);
        backups_stop(&daemon->backups, part_closed, daemon);
        webhook_stop(&daemon->webhook, part_closed, daemon);
        pulse_stopping(&daemon->pulse);
    }
    supervise_stop(&daemon->sup, part_closed, daemon); /* again: without grace */
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    log_event(&daemon->log, LOG_INFO, "daemon", "stopping",
              log_text("signal", strsignal(number)));
    stop(daemon);
}

/* --- settings that change -------------------------------------------------------------
 */

static void
set_log(struct daemon *daemon)
{
    enum log_format format;

    log_level_from_name(daemon->settings.log_level, &daemon->log.least);
    log_format_from_name(daemon->settings.log_format, &format);
    daemon->log.format = log_format_for(format, STDERR_FILENO);
}

/* Takes up what can be changed while it runs, and says what was, and what cannot. */
static void
change(struct daemon *daemon, const struct settings *fresh)
{
    char live[512], rest[512];
    struct supervise_rules rules;

    settings_differing(&daemon->settings, fresh, true, live, sizeof live);
    settings_differing(&daemon->settings, fresh, false, rest, sizeof rest);
    settings_renew(&daemon->settings, fresh);
    set_log(daemon);
    rules = rules_of(&daemon->settings, daemon->state_dir);
    supervise_change(&daemon->sup, &rules);
    log_event(&daemon->log, LOG_INFO, "daemon", "reloaded", log_text("applied", live));
    if (*rest)
        log_event(&daemon->log, LOG_WARN, "daemon", "needs-restart",
                  log_text("settings", rest));
}

/* What cannot be read changes nothing. */
static void
on_hangup(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    struct settings fresh;
    struct ode_err err;

    (void)number;
    if (daemon->stopping)
        return;
    pulse_reloading(&daemon->pulse);
    if (daemon->source->read(daemon->source->context, &fresh, &err) == ODE_OK)
        change(daemon, &fresh);
    else
        log_failure(&daemon->log, LOG_ERROR, "daemon", "read the settings anew", &err);
    pulse_ready(&daemon->pulse);
}

/* --- opening ---------------------------------------------------------------------------
 */

static void
on_run_moved(void *context, const struct run *run, enum run_state from)
{
    struct daemon *daemon = context;

    log_event(&daemon->log, LOG_DEBUG, "queue", "moved", log_text("run", run->id),
              log_text("from", run_state_name(from)), log_text("to", run->state));
    if (daemon->serving)
        server_run_changed(&daemon->server, run->id);
}

static void
on_ticket_done(void *context, uint64_t ticket)
{
    struct daemon *daemon = context;

    if (daemon->serving)
        server_ticket_done(&daemon->server, ticket);
}

/* Whatever stored events, or changed runs, in this turn of the loop: streams are told
 * once. */
static void
on_turn(uv_prepare_t *turn)
{
    struct daemon *daemon = turn->data;
    const bool events = daemon->events != daemon->store.events;
    const bool runs = daemon->runs != daemon->store.runs;

    if (daemon->webhook.stirred)
        webhook_kick(&daemon->webhook);
    daemon->events = daemon->store.events;
    daemon->runs = daemon->store.runs;
    if (!daemon->serving || daemon->stopping)
        return;
    if (events) {
        server_events_changed(&daemon->server);
        pulse_changed(&daemon->pulse);
    }
    if (runs)
        server_progress_changed(&daemon->server);
}

static void
on_server_log(void *context, const char *text)
{
    struct daemon *daemon = context;

    log_event(&daemon->log, LOG_WARN, "api", "note", log_text("text", text));
}

/* Before runs are recovered, as that may end some. */
static enum ode_status
open_webhook(struct daemon *daemon, struct ode_err *err)
{
    const struct settings *settings = &daemon->settings;
    struct webhook *webhook = &daemon->webhook;
    char *secret = NULL;
    size_t n = 0;

    webhook_preset(webhook);
    webhook->loop = &daemon->loop;
    webhook->store = &daemon->store;
    webhook->log = &daemon->log;
    webhook->url = settings->webhook_url;
    webhook->private = settings->webhook_private != 0;
    if (!*settings->webhook_url)
        return ODE_OK;
    ODE_TRY(webhook_read_secret(settings->webhook_secret_file, &secret, &n, err));
    webhook_open(webhook, secret, n);
    return ODE_OK;
}

static enum ode_status
open_supervisor(struct daemon *daemon, struct ode_err *err)
{
    const struct settings *settings = &daemon->settings;

    daemon->queue = (struct queue){ .store = &daemon->store,
                                    .moved = on_run_moved,
                                    .context = daemon,
                                    .ended = webhook_note,
                                    .ended_context = &daemon->webhook };
    daemon->submit =
        (struct submit){ .store = &daemon->store, .state_dir = daemon->state_dir };
    daemon->sup = (struct supervise){
        .loop = &daemon->loop,
        .store = &daemon->store,
        .queue = &daemon->queue,
        .log = &daemon->log,
        .launcher = &launch_local_ops,
        .rules = rules_of(settings, daemon->state_dir),
    };
    daemon->planner = (struct planner){ .loop = &daemon->loop,
                                        .log = &daemon->log,
                                        .program = settings->worker,
                                        .done = on_ticket_done,
                                        .done_context = daemon };
    daemon->backups = (struct backups){ .loop = &daemon->loop,
                                        .log = &daemon->log,
                                        .state_dir = daemon->state_dir,
                                        .done = on_ticket_done,
                                        .done_context = daemon };
    return supervise_init(&daemon->sup, err);
}

static void
watch_signals(struct daemon *daemon)
{
    static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

    signal(SIGPIPE, SIG_IGN);
    daemon->turn.data = daemon;
    uv_prepare_init(&daemon->loop, &daemon->turn);
    uv_prepare_start(&daemon->turn, on_turn);
    for (int i = 0; i < SIGNALS; i++) {
        daemon->signals[i].data = daemon;
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        uv_signal_start(&daemon->signals[i], numbers[i] == SIGHUP ? on_hangup : on_signal,
                        numbers[i]);
    }
}

/* Takes the document. */
static enum ode_status
print_document(json_t *document, char **text, struct ode_err *err)
{
    *text = json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_decref(document);
    return *text ? ODE_OK : ode_fail(err, ODE_ENOMEM, "", "no memory");
}

static enum ode_status
print_documents(struct daemon *daemon, struct ode_err *err)
{
    json_t *schema, *openapi;

    ODE_TRY(sweep_job_schema(&schema, err));
    ODE_TRY(print_document(schema, &daemon->job_schema, err));
    ODE_TRY(schema_openapi(&openapi, err));
    return print_document(openapi, &daemon->openapi, err);
}

/* The default one is not worth a failure: a state directory may lie deeper than a socket
 * can. */
static void
place_socket(struct daemon *daemon)
{
    const char *given = daemon->settings.socket;

    if (strcmp(given, "none") == 0)
        return;
    if (*given)
        snprintf(daemon->socket, sizeof daemon->socket, "%s", given);
    else if (strlen(daemon->state_dir) + strlen("/odenetd.sock")
             < sizeof((struct sockaddr_un *)0)->sun_path)
        snprintf(daemon->socket, sizeof daemon->socket, "%s/odenetd.sock",
                 daemon->state_dir);
    else
        log_event(&daemon->log, LOG_WARN, "daemon", "no_socket",
                  log_text("text", "the state directory's path is too long for one; "
                                   "--socket says another place"));
}

/* Whether others than this machine can connect. */
static bool
is_public(const struct daemon *daemon)
{
    struct socket_place place;

    for (size_t i = 0; i < daemon->sockets.n; i++)
        if (socket_look(daemon->sockets.fd[i], &place, NULL) == ODE_OK && !place.loopback)
            return true;
    return daemon->sockets.n == 0 && socket_is_public(daemon->settings.listen);
}

/* What a setting of a limit comes to: where all clients share one address there is none,
 * unless one was asked for. */
static unsigned
limit_of(const struct daemon *daemon, int64_t setting, unsigned preset)
{
    if (setting >= 0)
        return (unsigned)setting;
    return is_public(daemon) ? preset : 0;
}

static const char *
text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static void
fill_config(struct daemon *daemon, struct server_config *config)
{
    const struct settings *settings = &daemon->settings;

    *config = (struct server_config){
        .listen = settings->listen,
        .port = (int)settings->port,
        .token_file = text_or_null(settings->token_file),
        .tls_cert = text_or_null(settings->tls_cert),
        .tls_key = text_or_null(settings->tls_key),
        .behind_proxy = settings->behind_proxy,
        .hosts = text_or_null(settings->host),
        .socket = text_or_null(daemon->socket),
        .socket_mode = settings_socket_mode(settings),
        .group = settings_socket_group(settings, &daemon->group) ? &daemon->group : NULL,
        .sockets = daemon->sockets.fd,
        .socket_n = daemon->sockets.n,
        .max_body_bytes = (size_t)settings->max_body_bytes,
        .connections = (unsigned)settings->connections,
        .peer_connections = limit_of(daemon, settings->client_connections, 64),
        .peer_waits = limit_of(daemon, settings->client_waits, 32),
        .peer_requests = limit_of(daemon, settings->client_requests, 200),
        .version = PACKAGE_VERSION,
        .job_schema = daemon->job_schema,
        .openapi = daemon->openapi,
        .assets = web_assets,
        .asset_n = web_asset_n,
        .web_root = text_or_null(settings->web_root),
        .log = on_server_log,
        .log_arg = daemon,
    };
}

/* Each connection is an open file, and systems begin with a limit that is soft. */
static enum ode_status
allow_files(const struct settings *settings, struct ode_err *err)
{
    const rlim_t need =
        (rlim_t)settings->connections + SERVER_LOCAL_CONNECTIONS + FILES_OF_OUR_OWN;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
        return ODE_OK;
    limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
    if (limit.rlim_cur < need || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return ode_fail(err, ODE_EARG, "--connections",
                        "%lld connections need %llu open files, and the system allows "
                        "%llu (ulimit -Hn)",
                        (long long)settings->connections, (unsigned long long)need,
                        (unsigned long long)limit.rlim_max);
    return ODE_OK;
}

static enum ode_status
open_server(struct daemon *daemon, struct ode_err *err)
{
    struct server_config config;

    ODE_TRY(allow_files(&daemon->settings, err));
    place_socket(daemon);
    fill_config(daemon, &config);
    daemon->parts =
        (struct backend_parts){ &daemon->store, &daemon->submit,  &daemon->sup,
                                &daemon->probe, &daemon->planner, &daemon->backups };
    backend_fill(&daemon->backend, &daemon->parts);
    ODE_TRY(server_open(&daemon->server, &daemon->loop, &config, &daemon->backend, err));
    daemon->serving = true;
    daemon->open++;
    return ODE_OK;
}

static enum ode_status
tell_address(struct daemon *daemon, struct ode_err *err)
{
    char address[256];
    const char *place;

    server_address(&daemon->server, address, sizeof address - 1);
    strcat(address, "\n");
    ODE_TRY(ode_file_write_atomic(daemon->address_file,
                                  &(struct iovec){ address, strlen(address) }, 1, err));
    address[strcspn(address, "\n")] = '\0';
    for (size_t i = 0; (place = server_place(&daemon->server, i)); i++)
        log_event(&daemon->log, LOG_INFO, "api", "listening", log_text("at", place));
    log_event(&daemon->log, LOG_INFO, "daemon", "ready", log_text("address", address),
              log_text("state_dir", daemon->state_dir),
              log_text("data_dir", daemon->settings.data_dir),
              log_text("worker", daemon->settings.worker),
              log_text("version", PACKAGE_VERSION));
    return ODE_OK;
}

/* The server first: a port that is taken must not cost a living worker its run. Nobody is
 * served before the loop runs. */
static enum ode_status
begin_to_serve(struct daemon *daemon, struct ode_err *err)
{
    ODE_TRY(open_server(daemon, err));
    ODE_TRY(open_webhook(daemon, err));
    ODE_TRY(supervise_recover(&daemon->sup, err));
    ODE_TRY(tell_address(daemon, err));
    probe_start(&daemon->probe, &daemon->loop, &daemon->log, daemon->settings.worker);
    supervise_dispatch(&daemon->sup);
    pulse_ready(&daemon->pulse);
    return ODE_OK;
}

static enum ode_status
serve(struct daemon *daemon, struct ode_err *err)
{
    enum ode_status status;

    if (uv_loop_init(&daemon->loop) != 0)
        return ode_fail(err, ODE_EINTERNAL, "", "cannot make the event loop");
    status = open_supervisor(daemon, err);
    if (status == ODE_OK) {
        /* the supervisor, the probe, the planner, the backups and the webhook */
        daemon->open = 5;
        watch_signals(daemon);
        daemon->pulse = (struct pulse){ .log = &daemon->log,
                                        .store = &daemon->store,
                                        .sup = &daemon->sup,
                                        .server = &daemon->server };
        pulse_open(&daemon->pulse, &daemon->loop);
        status = begin_to_serve(daemon, err);
        if (status != ODE_OK)
            stop(daemon);
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
        unlink(daemon->address_file);
    }
    uv_loop_close(&daemon->loop);
    return status;
}

enum ode_status
daemon_run(const struct settings *settings, const struct settings_source *source,
           struct ode_err *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    enum ode_status status;

    if (!daemon)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to start");
    daemon->settings = *settings;
    daemon->source = source;
    daemon->lock = -1;
    daemon->log.out = stderr;
    set_log(daemon);
    status = sockets_take(&daemon->sockets, err);
    if (status == ODE_OK)
        status = open_state_dir(daemon, err);
    if (status == ODE_OK)
        status = lock_state_dir(daemon, err);
    if (status == ODE_OK)
        status = open_store(daemon, err);
    if (status == ODE_OK)
        status = print_documents(daemon, err);
    if (status == ODE_OK)
        status = serve(daemon, err);
    free(daemon->job_schema);
    free(daemon->openapi);
    probe_release(&daemon->probe);
    store_close(&daemon->store);
    if (daemon->lock >= 0)
        close(daemon->lock);
    if (status == ODE_OK)
        log_event(&daemon->log, LOG_INFO, "daemon", "stopped",
                  log_text("state_dir", daemon->state_dir));
    free(daemon);
    return status;
}
