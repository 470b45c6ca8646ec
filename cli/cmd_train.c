/* cmd_train.c - odenet train: the worker. */
#include "cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/blas.h"
#include "cli/cached.h"
#include "cli/checkpoint.h"
#include "cli/control.h"
#include "cli/forecast.h"
#include "cli/journal.h"
#include "cli/ladder.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/prefix.h"
#include "cli/warm.h"
#include "core/base/hash.h"
#include "core/kernels/gemm.h"
#include "schema/plan.h"
#include "schema/recipe.h"

static const char usage[] =
    "usage: odenet train SPEC.json [--run-dir DIR] [--data-dir DIR] [--threads N]\n"
    "                    [--resume] [--kernels NAME] [--cache DIR] [--cache-mib N]\n"
    "                    [--runs DIR] [--lock-fd FD]\n"
    "\n"
    "Trains the job that SPEC.json describes. DIR receives the journal, checkpoints and\n"
    "model.safetensors.\n"
    "\n"
    "  --run-dir DIR   else SPEC's name without .json, with .run, in the current folder\n"
    "  --data-dir DIR  where the data sets lie; else $ODENET_DATA, else\n"
    "                  $XDG_DATA_HOME/odenet, else ~/.local/share/odenet\n"
    "  --threads N     0 or none: the spec's resources/threads, else as many as cores\n"
    "  --resume        go on from the newest good checkpoint; from the start if none\n"
    "  --kernels NAME  portable, avx2 or avx512; else $ODENET_ISA, else the fastest\n"
    "  --cache DIR     start where another run with the same beginning has been: the\n"
    "                  last checkpoints of levels are kept in DIR and found there\n"
    "  --cache-mib N   what DIR may hold, in MiB; 0: no limit; else 2048\n"
    "  --runs DIR      where the run that the spec's warm_start names lies; else beside\n"
    "                  the run's own folder\n"
    "  --lock-fd FD    the descriptor of DIR/worker.lock, locked by the caller\n"
    "  --help          this text\n"
    "\n"
    "Exit: 0 done, 2 bad spec or usage, 3 data error, 4 diverged, 73 DIR in use by\n"
    "another worker, 74 input or output failed, 75 stopped on request with a "
    "checkpoint.\n";

struct options {
    const char *spec, *run_dir, *kernels, *cache, *runs;
    char root[OPTIONS_PATH], run_dir_made[512];
    int threads, lock_fd, cache_mib;
    bool resume, help;
};

enum { CACHE_MIB = 2048, CACHE_MIB_MOST = 1 << 30 };

/* What the functions that core calls need. */
struct worker {
    struct options options;
    struct ode_recipe_spec recipe;
    struct ode_plan plan;
    struct ode_dataset set;
    const struct ode_kernels *kernels;
    struct journal journal;
    struct control control;
    bool held;                 /* it stopped at the end of a level, as it was asked to */
    struct weights checkpoint; /* that is resumed from */
    bool resumed;
    struct forecast forecast;
    json_t *reasons; /* of a ladder that was made; or NULL */
    struct checkpoint_origin origin;
    struct prefix prefix;
    struct prefix_hit cached; /* levels that another run has trained */
    struct warm warm;
    int threads;
    struct ode_progress at; /* newest */
    struct ode_score test;  /* newest */
};

static volatile sig_atomic_t stop_signal;

static void
on_stop(int number)
{
    stop_signal = number;
}

/* --- options
 * -------------------------------------------------------------------------------- */

static bool
option_take(struct options *o, int c, const char **data_dir)
{
    switch (c) {
    case 'r':
        o->run_dir = optarg;
        return true;
    case 'd':
        *data_dir = optarg;
        return true;
    case 't':
        return options_number("odenet train: --threads", optarg, 0, 256, &o->threads);
    case 'k':
        o->kernels = optarg;
        return true;
    case 'l':
        return options_number("odenet train: --lock-fd", optarg, 0, 1 << 20, &o->lock_fd);
    case 'R':
        o->resume = true;
        return true;
    case 'c':
        o->cache = optarg;
        return true;
    case 'm':
        return options_number("odenet train: --cache-mib", optarg, 0, CACHE_MIB_MOST,
                              &o->cache_mib);
    case 'u':
        o->runs = optarg;
        return true;
    case 'h':
        o->help = true;
        return true;
    default:
        return false;
    }
}

/* DIR where none was given: "a/b/job.json" trains in "job.run". */
static void
run_dir_default(struct options *o)
{
    const char *slash = strrchr(o->spec, '/'), *base = slash ? slash + 1 : o->spec;
    const size_t n = strlen(base);
    const bool json = n > 5 && strcmp(base + n - 5, ".json") == 0;

    snprintf(o->run_dir_made, sizeof o->run_dir_made, "%.*s.run", (int)(json ? n - 5 : n),
             base);
    o->run_dir = o->run_dir_made;
}

static bool
options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"run-dir",    required_argument, NULL, 'r'},
        { "data-dir",  required_argument, NULL, 'd'},
        { "threads",   required_argument, NULL, 't'},
        { "kernels",   required_argument, NULL, 'k'},
        { "lock-fd",   required_argument, NULL, 'l'},
        { "resume",    no_argument,       NULL, 'R'},
        { "cache",     required_argument, NULL, 'c'},
        { "cache-mib", required_argument, NULL, 'm'},
        { "runs",      required_argument, NULL, 'u'},
        { "help",      no_argument,       NULL, 'h'},
        { NULL,        0,                 NULL, 0  }
    };
    const char *data_dir = NULL;
    int c;

    o->lock_fd = -1;
    o->cache_mib = CACHE_MIB;
    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (!option_take(o, c, &data_dir))
            return false;
    options_data_root(o->root, data_dir);
    if (o->help)
        return true;
    if (optind + 1 != argc) {
        fprintf(stderr, "odenet train: %s\n",
                optind < argc ? "one spec at a time" : "which spec?");
        return false;
    }
    o->spec = argv[optind];
    if (!o->run_dir)
        run_dir_default(o);
    return true;
}

/* --- what core tells
 * -------------------------------------------------------------------------- */

static json_t *
progress_members(const struct ode_progress *at)
{
    return json_pack("{s:i, s:I, s:f, s:f}", "level", at->level, "step",
                     (json_int_t)at->step, "work", at->work, "time", at->time);
}

/* Whether another run has trained the level, and all is said of it. */
static bool
is_cached(const struct worker *w, int level)
{
    return level <= w->cached.level;
}

static enum ode_status
on_level_begins(void *context, const struct ode_progress *at, struct ode_err *err)
{
    struct worker *w = context;
    const struct ode_level_plan *p = &w->plan.levels[at->level];
    json_t *m;

    if (is_cached(w, at->level))
        return forecast_level_done(&w->forecast, at, err);
    m = progress_members(at);
    fprintf(stderr,
            "level %d of %zu: %" PRId64 "x%" PRId64 " pixels, %" PRId64
            " epochs of %" PRId64 " steps, %zu parameters\n",
            at->level + 1, w->plan.levels_n, p->resolution, p->resolution, p->epochs,
            p->epoch_steps, p->parameters);
    w->at = *at;
    if (m)
        json_object_set_new(m, "state", json_string("running"));
    return journal_write(&w->journal, "level", m, err);
}

static const char *const end_names[] = { [ODE_END_NOT] = "not",
                                         [ODE_END_BUDGET] = "budget",
                                         [ODE_END_PLATEAU] = "plateau",
                                         [ODE_END_REQUEST] = "request",
                                         [ODE_END_DEADLINE] = "deadline" };

static enum ode_status
on_level_done(void *context, const struct ode_progress *at, enum ode_end end,
              const struct ode_score *test, struct ode_err *err)
{
    struct worker *w = context;
    json_t *m;

    w->at = *at;
    w->test = *test;
    if (is_cached(w, at->level))
        return forecast_level_done(&w->forecast, at, err);
    m = progress_members(at);
    fprintf(stderr, "level %d done%s: test accuracy %.2f%%, %.1f s\n", at->level + 1,
            end == ODE_END_PLATEAU    ? " early, as its loss no longer fell"
            : end == ODE_END_REQUEST  ? " early, on request"
            : end == ODE_END_DEADLINE ? " early, as time was up"
                                      : "",
            100 * test->accuracy, at->time);
    if (m) {
        json_object_set_new(m, "state", json_string("done"));
        json_object_set_new(m, "ended", json_string(end_names[end]));
        json_object_set_new(m, "metrics",
                            json_pack("{s:o, s:o}", "test.loss",
                                      schema_number(test->loss), "test.accuracy",
                                      schema_number(test->accuracy)));
    }
    ODE_TRY(journal_write(&w->journal, "level", m, err));
    return forecast_level_done(&w->forecast, at, err);
}

static enum ode_status
on_level_skipped(void *context, const struct ode_progress *at, int level,
                 struct ode_err *err)
{
    struct worker *w = context;
    json_t *m = progress_members(at);

    fprintf(stderr, "level %d skipped\n", level + 1);
    if (m) {
        json_object_set_new(m, "level", json_integer(level));
        json_object_set_new(m, "state", json_string("skipped"));
    }
    return journal_write(&w->journal, "level", m, err);
}

/* "gauge.unit.0.growth" and so on, where they are known. */
static void
gauge_values(json_t *values, const struct ode_gauge *gauge)
{
    for (int s = 0; s < gauge->segments; s++) {
        const struct ode_gauge_segment *g = &gauge->segment[s];
        const struct {
            const char *name;
            double value;
        } row[] = {
            {"growth",     g->growth   },
            { "error",     g->error    },
            { "stability", g->stability}
        };

        for (int i = 0; i < 3; i++) {
            char name[40];

            snprintf(name, sizeof name, "gauge.unit.%d.%s", s, row[i].name);
            if (!isnan(row[i].value))
                json_object_set_new(values, name, schema_number(row[i].value));
        }
    }
}

/* The values of a record that are in it: "train.loss" and so on. */
static json_t *
metric_values(const struct ode_metrics *m)
{
    json_t *values = json_object();

    if (!isnan(m->lr)) {
        json_object_set_new(values, "train.loss", schema_number(m->train_loss));
        json_object_set_new(values, "train.accuracy", schema_number(m->train_accuracy));
        json_object_set_new(values, "lr", schema_number(m->lr));
        json_object_set_new(values, "gauge.state_max", schema_number(m->state_max));
    } else {
        json_object_set_new(values, "test.loss", schema_number(m->test_loss));
        json_object_set_new(values, "test.accuracy", schema_number(m->test_accuracy));
        gauge_values(values, &m->gauge);
    }
    return values;
}

static void
metric_print(const struct ode_progress *at, const struct ode_metrics *m)
{
    if (isnan(m->lr))
        fprintf(stderr,
                "%7.1f s  level %d  epoch %6.2f  test loss %.4f  accuracy %.2f%%\n",
                at->time, at->level + 1, at->epoch, m->test_loss, 100 * m->test_accuracy);
    else if (isatty(STDERR_FILENO))
        fprintf(stderr, "%7.1f s  level %d  epoch %6.2f  loss %.4f  accuracy %.2f%%  \r",
                at->time, at->level + 1, at->epoch, m->train_loss,
                100 * m->train_accuracy);
}

static enum ode_status
on_metrics(void *context, const struct ode_progress *at, const struct ode_metrics *m,
           struct ode_err *err)
{
    struct worker *w = context;
    json_t *members = progress_members(at);

    metric_print(at, m);
    w->at = *at;
    if (members) {
        json_object_set_new(members, "epoch", json_real(at->epoch));
        json_object_set_new(members, "values", metric_values(m));
    }
    return journal_write(&w->journal, "metric", members, err);
}

static enum ode_status
on_transfer(void *context, const struct ode_progress *at,
            const struct ode_transfer_record *r, struct ode_err *err)
{
    struct worker *w = context;
    json_t *m = progress_members(at), *own = schema_transfer(r);

    fprintf(stderr,
            "transfer to level %d: on the first %zu training examples loss %.4f -> %.4f, "
            "accuracy %.2f%% -> %.2f%%\n",
            at->level + 1, r->probe_n, r->before.loss, r->after.loss,
            100 * r->before.accuracy, 100 * r->after.accuracy);
    w->at = *at;
    if (m && json_object_update(m, own) != 0) {
        json_decref(m);
        m = NULL;
    }
    json_decref(own);
    return journal_write(&w->journal, "transfer", m, err);
}

static enum ode_status
on_warning(void *context, const struct ode_progress *at, const char *text,
           struct ode_err *err)
{
    struct worker *w = context;

    fprintf(stderr, "warning: %s\n", text);
    return journal_write(&w->journal, "warning",
                         json_pack("{s:s, s:i, s:I}", "text", text, "level", at->level,
                                   "step", (json_int_t)at->step),
                         err);
}

static void
model_path(const struct worker *w, char path[600])
{
    snprintf(path, 600, "%s/model.safetensors", w->options.run_dir);
}

static enum ode_status
model_write(const struct worker *w, const struct ode_state *s, struct ode_err *err)
{
    char path[600];
    const struct weights_source source = { .recipe = &w->recipe,
                                           .level = s->at.level,
                                           .step = s->at.step,
                                           .net = s->net,
                                           .theta = s->average ? s->average : s->theta,
                                           .statistics = s->statistics };

    model_path(w, path);
    return weights_write(path, &source, NULL, err);
}

/* A level's last one is a model, too: whatever becomes of the run, it can be used. */
static enum ode_status
on_checkpoint(void *context, const struct ode_state *state, bool last,
              struct ode_err *err)
{
    struct worker *w = context;
    char name[CHECKPOINT_NAME];
    size_t bytes;

    ODE_TRY(checkpoint_write(w->options.run_dir, &w->recipe, &w->origin, state, last,
                             name, &bytes, err));
    if (last)
        ODE_TRY(model_write(w, state, err));
    ODE_TRY(journal_write(&w->journal, "checkpoint",
                          json_pack("{s:i, s:I, s:s, s:I}", "level", state->at.level,
                                    "step", (json_int_t)state->at.step, "file", name,
                                    "bytes", (json_int_t)bytes),
                          err));
    ODE_TRY(journal_sync(&w->journal, err));
    if (last)
        prefix_put(&w->prefix, state, w->options.run_dir, name);
    return ODE_OK;
}

static enum ode_status
on_restore(void *context, struct ode_state *state, struct ode_err *err)
{
    struct worker *w = context;

    ODE_TRY(checkpoint_restore(&w->checkpoint, state, err));
    if (state->base_step == w->plan.levels[state->at.level].first_step)
        state->base_work = ode_plan_work(&w->plan, state->at.level, 0); /* in own units */
    return ODE_OK;
}

static bool
on_stop_asked(void *context)
{
    (void)context;
    return stop_signal != 0;
}

static void
control_read(struct worker *w)
{
    const char *why;
    char text[700];

    control_look(&w->control, &why);
    if (!why)
        return;
    snprintf(text, sizeof text, "%s was passed over: %s", w->control.path, why);
    on_warning(w, &w->at, text, NULL);
}

static enum ode_end
on_advance_asked(void *context, const struct ode_progress *at)
{
    struct worker *w = context;
    const double deadline = w->recipe.budget.deadline_s;

    control_read(w);
    return w->control.advance == at->level        ? ODE_END_REQUEST
           : deadline > 0 && at->time >= deadline ? ODE_END_DEADLINE
                                                  : ODE_END_NOT;
}

static enum ode_status
plan_write(struct worker *w, struct ode_err *err)
{
    json_t *plan = schema_plan(&w->plan);

    json_object_set_new(plan, "dataset",
                        json_string(ode_set_facts(w->recipe.data.set)->name));
    if (w->reasons)
        json_object_set(plan, "reasons", w->reasons);
    return journal_write(&w->journal, "plan", plan, err);
}

/* With a deadline, the levels to come are fitted into what is left of it. */
static enum ode_status
on_replan(void *context, const struct ode_progress *at, int level, bool *changed,
          struct ode_err *err)
{
    struct worker *w = context;
    const struct ode_recipe_spec before = w->recipe;

    if (w->recipe.budget.deadline_s <= 0)
        return ODE_OK;
    forecast_replan(&w->forecast, &w->recipe, level,
                    w->recipe.budget.deadline_s - at->time);
    *changed = memcmp(before.levels, w->recipe.levels, sizeof before.levels) != 0;
    if (!*changed)
        return ODE_OK;
    ODE_TRY(ode_plan_make(&w->plan, &w->recipe, w->set.train.n, w->set.test.n, w->threads,
                          err));
    ODE_TRY(plan_write(w, err));
    return forecast_again(&w->forecast, at, level, err);
}

static bool
on_hold_asked(void *context, int level)
{
    struct worker *w = context;

    (void)level;
    control_read(w);
    w->held = w->control.hold;
    return w->held;
}

static double
on_seconds(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- begin and end
 * ----------------------------------------------------------------------------- */

/* Makes DIR and holds its lock until the process ends, by whatever. */
static enum ode_status
run_dir_take(const struct options *o, struct ode_err *err)
{
    char path[600];
    int fd = o->lock_fd;

    if (mkdir(o->run_dir, 0777) != 0 && errno != EEXIST)
        return ode_fail_errno(err, ODE_EIO, o->run_dir, "the folder cannot be made");
    snprintf(path, sizeof path, "%s/worker.lock", o->run_dir);
    if (fd < 0)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return ode_fail_errno(err, ODE_EIO, path, "the lock cannot be opened");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? ode_fail(err, ODE_EBUSY, path,
                              "another worker trains in this folder")
                   : ode_fail_errno(err, ODE_EIO, path, "the folder cannot be locked");
    return ODE_OK;
}

static void
on_skip(void *context, const struct ode_err *why)
{
    struct worker *w = context;
    char text[420];

    snprintf(text, sizeof text, "passed over a checkpoint: %s: %s", why->at, why->text);
    on_warning(w, &w->at, text, NULL);
}

static enum ode_status
resume_find(struct worker *w, struct ode_err *err)
{
    enum ode_status status;

    if (!w->options.resume)
        return ODE_OK;
    status =
        checkpoint_find(w->options.run_dir, &w->recipe, on_skip, w, &w->checkpoint, err);
    if (status == ODE_ENOENT)
        return ODE_OK;
    w->resumed = status == ODE_OK;
    return status;
}

/* Who computes, whether all of the run so far was computed by the same, and which run it
 * begins from. A program that cannot read itself has no name, and keeps nothing. */
static enum ode_status
origin_find(struct worker *w, struct ode_err *err)
{
    struct checkpoint_origin *o = &w->origin;

    snprintf(o->engine, sizeof o->engine, "mixed");
    o->warm_level = -1;
    if (numbers_engine(w->kernels, w->prefix.engine, NULL) == ODE_OK)
        memcpy(o->engine, w->prefix.engine, sizeof o->engine);
    if (!w->resumed)
        return warm_open(&w->warm, &w->recipe, w->options.run_dir, w->options.runs, o,
                         err);
    ODE_TRY(checkpoint_origin(&w->checkpoint, o, err));
    if (strcmp(o->engine, w->prefix.engine) != 0)
        snprintf(o->engine, sizeof o->engine, "mixed");
    return warm_resume(&w->recipe, &w->checkpoint, w->options.run_dir, w->options.runs, o,
                       err);
}

/* --- levels that another run has trained
 * --------------------------------------------- */

static void
on_cache_trouble(void *context, const char *text)
{
    struct worker *w = context;

    on_warning(w, &w->at, text, NULL);
}

static void
cached_find(struct worker *w)
{
    struct prefix *p = &w->prefix;

    p->dir = w->options.cache;
    p->most_bytes = (int64_t)w->options.cache_mib << 20;
    p->recipe = &w->recipe;
    p->plan = &w->plan;
    p->origin = &w->origin;
    p->warn = on_cache_trouble;
    p->context = w;
    if (!w->resumed)
        prefix_find(p, &w->cached, &w->checkpoint);
}

/* --- the first records
 * ------------------------------------------------------------------------ */

static json_t *
warm_json(const struct worker *w)
{
    if (!w->origin.warm[0])
        return json_null();
    return json_pack("{s:s, s:i, s:s}", "run", w->recipe.warm_start.run, "level",
                     w->origin.warm_level, "sha256", w->origin.warm);
}

static enum ode_status
hello_write(struct worker *w, struct ode_err *err)
{
    json_t *from = json_null();
    int64_t step = 0;

    if (w->resumed) {
        ODE_TRY(weights_integer(&w->checkpoint, "step", &step, err));
        from = json_pack("{s:i, s:I}", "level", w->checkpoint.level, "step",
                         (json_int_t)step);
    }
    ODE_TRY(journal_write(
        &w->journal, "hello",
        json_pack("{s:I, s:i, s:s, s:i, s:s, s:s, s:i, s:o, s:o, s:o}", "attempt",
                  (json_int_t)w->journal.attempt, "pid", (int)getpid(), "version",
                  PACKAGE_VERSION, "format", 1, "kernels", w->kernels->name, "blas",
                  ode_blas_core(), "threads", w->threads, "resumed_from", from, "cached",
                  cached_json(&w->cached), "warm_start", warm_json(w)),
        err));
    return plan_write(w, err);
}

/* Which kernels OpenBLAS uses, where there is something to say about it. */
static enum ode_status
blas_tell(struct worker *w, struct ode_err *err)
{
    char text[BLAS_NOTE];

    switch (blas_note(text)) {
    case BLAS_FITS:
        return ODE_OK;
    case BLAS_CORRECTED:
        fprintf(stderr, "%s\n", text);
        return ODE_OK;
    default:
        return on_warning(w, &w->at, text, err);
    }
}

/* Makes the levels where the spec leaves them open, and says why. */
static enum ode_status
ladder_make(struct worker *w, struct ode_err *err)
{
    const struct ladder_config config = { .kernels = w->kernels,
                                          .threads = w->threads,
                                          .stop = on_stop_asked };
    const json_t *reason;
    size_t i;

    ODE_TRY(ladder_settle(&w->recipe, w->options.run_dir, w->options.resume,
                          w->resumed ? &w->checkpoint : NULL, &config, &w->reasons, err));
    json_array_foreach (w->reasons, i, reason)
        fprintf(stderr, "%s\n", json_string_value(reason));
    return ODE_OK;
}

/* Measures what is left to do. A stop meanwhile leaves the run without a forecast. */
static enum ode_status
forecast_make(struct worker *w, struct ode_err *err)
{
    struct forecast_start start = { .level = w->checkpoint.level };
    struct ode_cost cost;
    enum ode_status status;

    if (w->resumed || w->cached.level >= 0) {
        ODE_TRY(weights_integer(&w->checkpoint, "level_step", &start.level_step, err));
        ODE_TRY(weights_real(&w->checkpoint, "time", &start.time, err));
    }
    status = forecast_measure(&cost, &w->recipe, &w->plan, start.level, w->kernels,
                              w->threads, FORECAST_PART, on_stop_asked, err);
    if (status != ODE_OK)
        return status == ODE_ESTOPPED ? ODE_OK : status;
    return forecast_begin(&w->forecast, &w->plan, &cost, &start, &w->journal, err);
}

/* Writes the last record. The model is that of the last level, and there already. */
static enum ode_status
succeed(struct worker *w, const struct ode_state *s, struct ode_err *err)
{
    char path[600], hash[ODE_HASH_HEX];
    json_t *m;

    model_path(w, path);
    ODE_TRY(ode_hash_file(path, hash, err));
    m = json_pack("{s:s, s:I, s:f, s:f, s:{s:o, s:o}, s:s, s:s}", "state", "succeeded",
                  "step", (json_int_t)s->at.step, "time", s->at.time, "work", s->at.work,
                  "metrics", "test.loss", schema_number(s->test.loss), "test.accuracy",
                  schema_number(s->test.accuracy), "model", "model.safetensors",
                  "model_sha256", hash);
    ODE_TRY(journal_write(&w->journal, "final", m, err));
    ODE_TRY(journal_sync(&w->journal, err));
    fprintf(stderr, "succeeded: test accuracy %.2f%% after %.1f s\n",
            100 * s->test.accuracy, s->at.time);
    printf("%s %s\n", hash, path);
    return ODE_OK;
}

/* The last record of a run that did not get there. By hand, a folder where nothing has
 * begun stays without one, so that it may be used again. */
static void
give_up(struct worker *w, enum ode_status status, const struct ode_err *err)
{
    const bool tell = w->journal.seq > 0 || w->options.lock_fd >= 0;
    json_t *m;

    if (status == ODE_ESTOPPED)
        m = json_pack("{s:s, s:I, s:f, s:f, s:b}", "state", "stopped", "step",
                      (json_int_t)w->at.step, "time", w->at.time, "work", w->at.work,
                      "held", w->held);
    else
        m = json_pack("{s:s, s:I, s:f, s:f, s:{s:s, s:s, s:s}}", "state", "failed",
                      "step", (json_int_t)w->at.step, "time", w->at.time, "work",
                      w->at.work, "error", "code", ode_status_name(status), "at", err->at,
                      "text", err->text);
    if (tell && journal_write(&w->journal, "final", m, NULL) == ODE_OK)
        journal_sync(&w->journal, NULL);
    else if (!tell)
        json_decref(m);
}

static enum ode_status
train(struct worker *w, struct ode_err *err)
{
    const struct ode_train_ops ops = { .level_begins = on_level_begins,
                                       .level_done = on_level_done,
                                       .level_skipped = on_level_skipped,
                                       .metrics = on_metrics,
                                       .transfer = on_transfer,
                                       .warning = on_warning,
                                       .checkpoint = on_checkpoint,
                                       .restore = on_restore,
                                       .stop = on_stop_asked,
                                       .advance = on_advance_asked,
                                       .replan = on_replan,
                                       .hold = on_hold_asked,
                                       .seconds = on_seconds,
                                       .context = w };
    const struct ode_train t = { .recipe = &w->recipe,
                                 .set = &w->set,
                                 .kernels = w->kernels,
                                 .threads = w->threads,
                                 .ops = &ops,
                                 .resume = w->resumed || w->cached.level >= 0,
                                 .resume_level = w->checkpoint.level,
                                 .warm = w->warm.start.recipe ? &w->warm.start : NULL };
    struct ode_outcome outcome = { 0 };
    enum ode_status status;

    if (!t.resume)
        ODE_TRY(warm_prepare(&w->warm, &w->recipe, &w->set, w->options.root, w->threads,
                             err));
    ODE_TRY(ode_train_run(&t, &outcome, err));
    status = succeed(w, &outcome.state, err);
    ode_train_release(&outcome);
    return status;
}

/* Everything between a taken folder and its last record. */
static enum ode_status
work(struct worker *w, struct ode_err *err)
{
    ODE_TRY(resume_find(w, err));
    ODE_TRY(ladder_make(w, err));
    ODE_TRY(ode_dataset_open(&w->set, &w->recipe.data, w->options.root,
                             ode_recipe_resolution(&w->recipe), (uint64_t)w->recipe.seed,
                             w->threads, err));
    ODE_TRY(ode_plan_make(&w->plan, &w->recipe, w->set.train.n, w->set.test.n, w->threads,
                          err));
    ODE_TRY(origin_find(w, err));
    cached_find(w);
    ODE_TRY(hello_write(w, err));
    ODE_TRY(blas_tell(w, err));
    ODE_TRY(cached_take(&w->cached, &w->journal, &w->plan, w->options.run_dir, err));
    ODE_TRY(forecast_make(w, err));
    return train(w, err);
}

/* Takes the folder, reads the spec, and opens the journal. */
static enum ode_status
prepare(struct worker *w, json_t **complaints, struct ode_err *err)
{
    const struct options *o = &w->options;

    w->kernels = options_kernels(o->kernels, err);
    if (!w->kernels)
        return ODE_EARG;
    ODE_TRY(schema_recipe_load(o->spec, &w->recipe, complaints, err));
    w->threads = o->threads                    ? o->threads
                 : w->recipe.resources.threads ? (int)w->recipe.resources.threads
                                               : options_cores();
    ODE_TRY(run_dir_take(o, err));
    control_open(&w->control, o->run_dir);
    ODE_TRY(checkpoint_prepare(o->run_dir, err));
    return journal_open(&w->journal, o->run_dir, !o->resume, err);
}

static void
signals_take(void)
{
    struct sigaction stop = { .sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND };

    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGHUP, SIG_IGN); /* the end of a terminal is no reason */
    signal(SIGPIPE, SIG_IGN);
}

int
cmd_train(int argc, char **argv)
{
    struct worker w = { .journal = { .fd = -1 },
                        .cached = { .level = -1 },
                        .test = { .accuracy = -1 } };
    json_t *complaints = NULL;
    struct ode_err err = { 0 };
    enum ode_status status;

    if (!options_parse(&w.options, argc, argv))
        return cmd_usage(usage);
    if (w.options.help)
        return cmd_help(usage);
    signals_take();
    ode_gemm_single_thread();
    status = prepare(&w, &complaints, &err);
    if (status == ODE_OK) {
        status = work(&w, &err);
        if (status != ODE_OK)
            give_up(&w, status, &err);
        journal_close(&w.journal);
    }
    if (status != ODE_OK)
        cmd_complain("train", &err, complaints);
    json_decref(complaints);
    json_decref(w.reasons);
    weights_close(&w.checkpoint);
    warm_close(&w.warm);
    ode_dataset_release(&w.set);
    return cmd_exit_code(status);
}
