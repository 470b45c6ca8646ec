/* cmd_train.c - odenet train: begins and ends a worker. */
#include "cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/blas.h"
#include "cli/ladder.h"
#include "cli/numbers.h"
#include "cli/worker.h"
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

enum { CACHE_MIB = 2048, CACHE_MIB_MOST = 1 << 30 };

/* --- options
 * -------------------------------------------------------------------------------- */

static bool
option_take(struct worker_options *o, int c, const char **data_dir)
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
run_dir_default(struct worker_options *o)
{
    const char *slash = strrchr(o->spec, '/'), *base = slash ? slash + 1 : o->spec;
    const size_t n = strlen(base);
    const bool json = n > 5 && strcmp(base + n - 5, ".json") == 0;

    snprintf(o->run_dir_made, sizeof o->run_dir_made, "%.*s.run", (int)(json ? n - 5 : n),
             base);
    o->run_dir = o->run_dir_made;
}

static bool
options_parse(struct worker_options *o, int argc, char **argv)
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

/* --- begin and end
 * ----------------------------------------------------------------------------- */

/* Makes DIR and holds its lock until the process ends, by whatever. */
static enum ode_status
run_dir_take(const struct worker_options *o, struct ode_err *err)
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
    worker_warn(w, text, NULL);
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

    worker_warn(w, text, NULL);
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
    return worker_plan_write(w, err);
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
        return worker_warn(w, text, err);
    }
}

/* Makes the levels where the spec leaves them open, and says why. */
static enum ode_status
ladder_make(struct worker *w, struct ode_err *err)
{
    const struct ladder_config config = { .kernels = w->kernels,
                                          .threads = w->threads,
                                          .stop = worker_stopped };
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
                              w->threads, FORECAST_PART, worker_stopped, err);
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

    worker_model_path(w, path);
    ODE_TRY(ode_hash_file(path, hash, err));
    m = json_pack("{s:s, s:I, s:f, s:f, s:o, s:s, s:s}", "state", "succeeded", "step",
                  (json_int_t)s->at.step, "time", s->at.time, "work", s->at.work,
                  "metrics", schema_test(&s->test), "model", "model.safetensors",
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
    const struct ode_train_ops ops = worker_ops(w);
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
    const struct worker_options *o = &w->options;

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
    worker_signals_take();
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
