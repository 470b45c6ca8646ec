/* daemon.c - the parts of odenetd: opened in order, closed in reverse. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "api/server.h"
#include "core/base/file.h"
#include "daemon/backend.h"
#include "daemon/files.h"
#include "daemon/ingest.h"
#include "daemon/log.h"
#include "daemon/planner.h"
#include "daemon/probe.h"
#include "daemon/queue.h"
#include "daemon/store.h"
#include "daemon/submit.h"
#include "daemon/supervise.h"
#include "schema/json.h"
#include "schema/openapi.h"
#include "schema/recipe.h"
#include "web/assets.h"

enum { PATH_BYTES = 4096, SIGNALS = 3 };

struct daemon {
    const struct settings *settings; /* borrowed */
    char state_dir[PATH_BYTES - 64]; /* absolute */
    char address_file[PATH_BYTES];
    int lock; /* of the state directory */
    struct log log;
    struct store store;
    struct queue queue;
    struct submit submit;
    uv_loop_t loop;
    struct supervise sup;
    struct probe probe;
    struct planner planner;
    struct backend_parts parts;
    struct backend backend;
    struct server server;
    char *job_schema; /* owned: what /v1/schemas/job.json says */
    char *openapi;    /* owned: what /v1/openapi.json says     */
    uv_signal_t signals[SIGNALS];
    uv_prepare_t turn; /* before the loop waits */
    uint64_t events;   /* of the store, that streams were told of */
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
    const char *given = daemon->settings->state_dir;
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
}

static void
stop(struct daemon *daemon)
{
    if (!daemon->stopping && daemon->serving)
        server_close(&daemon->server, part_closed, daemon);
    if (!daemon->stopping)
        probe_stop(&daemon->probe, part_closed, daemon);
    if (!daemon->stopping)
        planner_stop(&daemon->planner, part_closed, daemon);
    daemon->stopping = true;
    supervise_stop(&daemon->sup, part_closed, daemon);
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    log_event(&daemon->log, LOG_INFO, "daemon", "stopping",
              log_text("signal", strsignal(number)));
    stop(daemon);
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
on_plan_done(void *context, uint64_t ticket)
{
    struct daemon *daemon = context;

    if (daemon->serving)
        server_plan_done(&daemon->server, ticket);
}

/* Whatever stored events in this turn of the loop: streams are told once. */
static void
on_turn(uv_prepare_t *turn)
{
    struct daemon *daemon = turn->data;

    if (daemon->events == daemon->store.events)
        return;
    daemon->events = daemon->store.events;
    if (daemon->serving && !daemon->stopping)
        server_events_changed(&daemon->server);
}

static void
on_server_log(void *context, const char *text)
{
    struct daemon *daemon = context;

    log_event(&daemon->log, LOG_WARN, "api", "note", log_text("text", text));
}

static int
cores_of(const struct settings *settings)
{
    const unsigned n =
        settings->cores ? (unsigned)settings->cores : uv_available_parallelism();

    return n ? (int)n : 1;
}

static struct sched_room
room_of(const struct settings *settings)
{
    const uint64_t limit = uv_get_constrained_memory(), all = uv_get_total_memory();
    const uint64_t most = limit && limit < all ? limit : all;

    return (struct sched_room){ .slots = settings->slots ? (int)settings->slots
                                                         : SUPERVISE_SLOTS,
                                .threads = cores_of(settings),
                                .memory_bytes = settings->memory_mib
                                                    ? settings->memory_mib << 20
                                                    : (int64_t)(most / 5 * 4) };
}

/* Of a run whose spec does not say: never more than there are, as its turn would never
 * come, nor that of those behind it. */
static int
threads_of(const struct settings *settings)
{
    const int cores = cores_of(settings);
    const int share = settings->slots ? cores / (int)settings->slots : cores;
    const int threads = settings->threads ? (int)settings->threads : share;

    return threads < 1 ? 1 : threads > cores ? cores : threads;
}

static enum ode_status
open_supervisor(struct daemon *daemon, struct ode_err *err)
{
    const struct settings *settings = daemon->settings;

    daemon->queue = (struct queue){ &daemon->store, on_run_moved, daemon };
    daemon->submit =
        (struct submit){ .store = &daemon->store, .state_dir = daemon->state_dir };
    daemon->sup = (struct supervise){
        .loop = &daemon->loop,
        .store = &daemon->store,
        .queue = &daemon->queue,
        .log = &daemon->log,
        .launcher = &launch_local_ops,
        .rules = {.state_dir = daemon->state_dir,
                  .data_dir = settings->data_dir,
                  .worker = settings->worker,
                  .room = room_of(settings),
                  .threads = threads_of(settings),
                  .preempt = settings_preempt(settings),
                  .grace_ms = settings->grace_s * 1000,
                  .poll_ms = settings->poll_ms,
                  .cache_mib = settings->cache_mib},
    };
    daemon->planner = (struct planner){ .loop = &daemon->loop,
                                        .log = &daemon->log,
                                        .program = settings->worker,
                                        .done = on_plan_done,
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
        uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
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

    ODE_TRY(schema_json_describe(&ode_recipe_object, SCHEMA_RECIPE_ID, &schema, err));
    ODE_TRY(print_document(schema, &daemon->job_schema, err));
    ODE_TRY(schema_openapi(&openapi, err));
    return print_document(openapi, &daemon->openapi, err);
}

static enum ode_status
open_server(struct daemon *daemon, struct ode_err *err)
{
    const struct settings *settings = daemon->settings;
    struct server_config config = {
        .listen = settings->listen,
        .port = (int)settings->port,
        .max_body_bytes = (size_t)settings->max_body_bytes,
        .version = PACKAGE_VERSION,
        .job_schema = daemon->job_schema,
        .openapi = daemon->openapi,
        .assets = web_assets,
        .asset_n = web_asset_n,
        .web_root = *settings->web_root ? settings->web_root : NULL,
        .log = on_server_log,
        .log_arg = daemon,
    };

    daemon->parts = (struct backend_parts){ &daemon->store, &daemon->submit, &daemon->sup,
                                            &daemon->probe, &daemon->planner };
    backend_fill(&daemon->backend, &daemon->parts);
    ODE_TRY(server_open(&daemon->server, &daemon->loop, &config, &daemon->backend, err));
    daemon->serving = true;
    daemon->open++;
    return ODE_OK;
}

static enum ode_status
tell_address(struct daemon *daemon, struct ode_err *err)
{
    bool v6 = strchr(daemon->settings->listen, ':') != NULL;
    char address[256];

    snprintf(address, sizeof address, "http://%s%.100s%s:%d\n", v6 ? "[" : "",
             daemon->settings->listen, v6 ? "]" : "", server_port(&daemon->server));
    ODE_TRY(ode_file_write_atomic(daemon->address_file,
                                  &(struct iovec){ address, strlen(address) }, 1, err));
    address[strcspn(address, "\n")] = '\0';
    log_event(&daemon->log, LOG_INFO, "daemon", "ready", log_text("address", address),
              log_text("state_dir", daemon->state_dir),
              log_text("data_dir", daemon->settings->data_dir),
              log_text("worker", daemon->settings->worker),
              log_text("version", PACKAGE_VERSION));
    return ODE_OK;
}

/* The server first: a port that is taken must not cost a living worker its run. Nobody is
 * served before the loop runs. */
static enum ode_status
begin_to_serve(struct daemon *daemon, struct ode_err *err)
{
    ODE_TRY(open_server(daemon, err));
    ODE_TRY(supervise_recover(&daemon->sup, err));
    ODE_TRY(tell_address(daemon, err));
    probe_start(&daemon->probe, &daemon->loop, &daemon->log, daemon->settings->worker);
    supervise_dispatch(&daemon->sup);
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
        daemon->open = 3; /* the supervisor, the probe and the planner */
        watch_signals(daemon);
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
daemon_run(const struct settings *settings, struct ode_err *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    enum ode_status status;

    if (!daemon)
        return ode_fail(err, ODE_ENOMEM, "", "no memory to start");
    daemon->settings = settings;
    daemon->lock = -1;
    daemon->log.out = stderr;
    log_level_from_name(settings->log_level, &daemon->log.least);
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
