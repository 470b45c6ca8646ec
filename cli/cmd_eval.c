/* cmd_eval.c - odenet eval: a model's accuracy, also at another resolution. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/blas.h"
#include "cli/model.h"
#include "cli/options.h"
#include "core/data/loader.h"
#include "core/files/npz.h"
#include "core/kernels/gemm.h"
#include "core/train/engine.h"

enum { MOMENTS_N = 1024 }; /* training examples that moments are estimated from */

static const char usage[] =
    "usage: odenet eval MODEL.safetensors [--data SET] [--resolution R]\n"
    "                   [--method transfer|unchanged] [--data-dir DIR] [--threads N]\n"
    "                   [--limit N] [--logits FILE.npz] [--json]\n"
    "\n"
    "Loss and accuracy on the test examples. At a resolution other than the model's own\n"
    "its kernels are transferred, and its normalisation statistics estimated again from\n"
    "training images of that size.\n"
    "\n"
    "  --data SET      else the set that the model was trained on\n"
    "  --resolution R  else the model's own\n"
    "  --method NAME   at another resolution: transfer the kernels as the model's spec\n"
    "                  says (the default), or leave them unchanged\n"
    "  --data-dir DIR  where the data sets lie; else $ODENET_DATA, else\n"
    "                  $XDG_DATA_HOME/odenet, else ~/.local/share/odenet\n"
    "  --threads N     else as many as cores\n"
    "  --limit N       only the first N test examples\n"
    "  --logits FILE   write, too, for numpy: images [n, channels, R, R], pixel values "
    "from\n"
    "                  0 to 1; logits [n, classes]; labels [n]\n"
    "  --json          machine-readable output\n"
    "  --help          this text\n";

struct options {
    const char *path, *set, *logits;
    char root[OPTIONS_PATH];
    int resolution, threads, limit;
    bool unchanged, json, help;
};

struct score {
    double loss, accuracy;
    size_t n;
};

struct source {
    const struct ode_loader *loader;
    const struct ode_examples *examples;
};

static int
fetch(void *context, size_t i, float *scratch, float *pixels)
{
    const struct source *s = context;

    ode_loader_image(s->loader, s->examples, i, -1, scratch, pixels);
    return ode_example_label(s->examples, i);
}

static bool
option_take(struct options *o, int c, const char **data_dir)
{
    switch (c) {
    case 's':
        o->set = optarg;
        return true;
    case 'd':
        *data_dir = optarg;
        return true;
    case 'r':
        return options_number("odenet eval: --resolution", optarg, 1, 4096,
                              &o->resolution);
    case 't':
        return options_number("odenet eval: --threads", optarg, 1, 256, &o->threads);
    case 'm':
        o->unchanged = strcmp(optarg, "unchanged") == 0;
        if (o->unchanged || strcmp(optarg, "transfer") == 0)
            return true;
        fprintf(stderr, "odenet eval: --method is \"%s\"; choose transfer or unchanged\n",
                optarg);
        return false;
    case 'l':
        o->logits = optarg;
        return true;
    case 'n':
        return options_number("odenet eval: --limit", optarg, 1, 1 << 30, &o->limit);
    case 'j':
        o->json = true;
        return true;
    case 'h':
        o->help = true;
        return true;
    default:
        return false;
    }
}

static bool
options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"data",        required_argument, NULL, 's'},
        { "data-dir",   required_argument, NULL, 'd'},
        { "resolution", required_argument, NULL, 'r'},
        { "method",     required_argument, NULL, 'm'},
        { "threads",    required_argument, NULL, 't'},
        { "limit",      required_argument, NULL, 'n'},
        { "logits",     required_argument, NULL, 'l'},
        { "json",       no_argument,       NULL, 'j'},
        { "help",       no_argument,       NULL, 'h'},
        { NULL,         0,                 NULL, 0  }
    };
    const char *data_dir = NULL;
    int c;

    *o = (struct options){ 0 };
    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (!option_take(o, c, &data_dir))
            return false;
    options_data_root(o->root, data_dir);
    o->path = argv[optind];
    return o->help || optind + 1 == argc;
}

/* The data section of the recipe, for the set that was asked for. */
static enum ode_status
set_choose(const struct options *o, const struct model *m, struct ode_data_spec *data,
           struct ode_err *err)
{
    const struct ode_set_facts *own = ode_set_facts(m->recipe.data.set), *other;
    enum ode_set set;

    *data = m->recipe.data;
    data->train_fraction = 1;
    if (!o->set)
        return ODE_OK;
    ODE_TRY(ode_set_find(o->set, &set, err));
    other = ode_set_facts(set);
    if (other->channels != own->channels || other->classes != own->classes)
        return ode_fail(err, ODE_ESHAPE, "--data",
                        "%s has %d channels and %d classes, the model's %s %d and %d",
                        other->name, other->channels, other->classes, own->name,
                        own->channels, own->classes);
    if (set != data->set)
        data->train_size = data->test_size = 0;
    data->set = set;
    return ODE_OK;
}

/* --- what a model says of images ------------------------------------------------- */

struct dump {
    float *images, *logits;
    int64_t *labels;
};

static void
dump_release(struct dump *d)
{
    free(d->images);
    free(d->logits);
    free(d->labels);
}

/* Pixels from 0 to 1: as the network gets them, but for mean and deviation. */
static void
images_fill(const struct ode_loader *loader, struct dump *d, size_t n, float *scratch)
{
    struct ode_set_facts plain = *loader->set->facts;
    struct ode_dataset set = *loader->set;
    const struct ode_loader raw = { .set = &set, .resolution = loader->resolution };
    const size_t size = (size_t)raw.resolution * (size_t)raw.resolution;

    set.facts = &plain;
    for (int c = 0; c < set.channels; c++) {
        plain.mean[c] = 0;
        plain.deviation[c] = 1;
    }
    for (size_t i = 0; i < n; i++) {
        ode_loader_image(&raw, &set.test, i, -1, scratch,
                         d->images + i * size * (size_t)set.channels);
        d->labels[i] = ode_example_label(&set.test, i);
    }
}

static enum ode_status
dump_write(const char *path, const struct dump *d, const struct ode_loader *loader,
           size_t n, struct ode_err *err)
{
    const size_t size = (size_t)loader->resolution;
    const size_t classes = (size_t)loader->set->classes;
    const struct ode_npz_tensor tensor[] = {
        {.name = "images",
         .dims = 4,
         .dim = { n, (size_t)loader->set->channels, size, size },
         .data = d->images                                            },
        {                .name = "logits",       .dims = 2, .dim = { n, classes }, .data = d->logits},
        { .name = "labels",
         .type = ODE_NPZ_I64,
         .dims = 1,
         .dim = { n },
         .data = d->labels },
    };

    return ode_npz_write(path, tensor, sizeof tensor / sizeof *tensor, err);
}

static enum ode_status
engine_dump(struct ode_engine *engine, struct source *test, size_t n, const char *path,
            struct ode_err *err)
{
    const struct ode_loader *loader = test->loader;
    const size_t size = (size_t)loader->resolution * (size_t)loader->resolution;
    struct dump d = {
        .images = calloc(n, (size_t)loader->set->channels * size * sizeof *d.images),
        .logits = calloc(n, (size_t)loader->set->classes * sizeof *d.logits),
        .labels = calloc(n, sizeof *d.labels),
    };
    float *scratch = calloc(ode_loader_scratch(loader), sizeof *scratch);
    enum ode_status status;

    if (d.images && d.logits && d.labels && scratch) {
        ode_engine_logits(engine, fetch, test, n, d.logits);
        images_fill(loader, &d, n, scratch);
        status = dump_write(path, &d, loader, n, err);
    } else {
        status = ode_fail(err, ODE_ENOMEM, path, "no memory for %zu images", n);
    }
    dump_release(&d);
    free(scratch);
    return status;
}

/* --- measuring ------------------------------------------------------------------- */

static void
moments_reestimate(struct ode_engine *engine, struct source *train)
{
    const size_t n = train->examples->n;

    ode_engine_reestimate(engine, fetch, train, n < MOMENTS_N ? n : MOMENTS_N);
}

static enum ode_status
engine_score(const struct options *o, const struct model *m, struct ode_team *team,
             const struct ode_dataset *set, bool reestimate, struct score *score,
             struct ode_err *err)
{
    const struct ode_loader loader = { .set = set, .resolution = m->net.resolution };
    const struct ode_engine_config config = { .net = &m->net,
                                              .kernels = ode_kernels_best(ODE_ISA_ALL),
                                              .team = team,
                                              .threads = ode_team_threads(team),
                                              .flip = m->recipe.data.test_flip,
                                              .batch = 100,
                                              .scratch_n = ode_loader_scratch(&loader) };
    struct source train = { &loader, &set->train }, test = { &loader, &set->test };
    const bool all = o->limit == 0 || (size_t)o->limit > set->test.n;
    const size_t n = all ? set->test.n : (size_t)o->limit;
    enum ode_status status = ODE_OK;
    struct ode_batch_report report;
    struct ode_engine engine;

    ODE_TRY(ode_engine_init(&engine, &config, err));
    memcpy(engine.theta, m->theta, m->net.params.theta_n * sizeof *m->theta);
    memcpy(engine.statistics, m->statistics,
           m->net.params.statistic_n * sizeof *m->statistics);
    ode_engine_pack(&engine);
    if (reestimate)
        moments_reestimate(&engine, &train);
    ode_engine_evaluate(&engine, fetch, &test, n, NULL, NULL, &report);
    *score = (struct score){ .loss = report.loss / (double)report.n,
                             .accuracy = (double)report.correct / (double)report.n,
                             .n = (size_t)report.n };
    if (o->logits)
        status = engine_dump(&engine, &test, n, o->logits, err);
    ode_engine_release(&engine);
    return status;
}

/* Opens the data and measures a model at its resolution. */
static enum ode_status
measure(const struct options *o, const struct model *m, int finest,
        const struct ode_data_spec *data, bool reestimate, struct score *score,
        struct ode_err *err)
{
    const int threads = o->threads ? o->threads : options_cores();
    const int size = m->net.resolution > finest ? m->net.resolution : finest;
    struct ode_dataset set = { 0 };
    struct ode_team *team = NULL;
    enum ode_status status;

    ODE_TRY(ode_dataset_open(&set, data, o->root, size, (uint64_t)m->recipe.seed, threads,
                             err));
    status = ode_team_new(&team, threads, err);
    if (status == ODE_OK)
        status = engine_score(o, m, team, &set, reestimate, score, err);
    ode_team_free(team);
    ode_dataset_release(&set);
    return status;
}

static enum ode_status
eval(const struct options *o, struct model *own, struct model *other, struct score *score,
     struct ode_err *err)
{
    struct ode_data_spec data;
    const struct ode_level_spec *level;

    ODE_TRY(model_load(own, o->path, err));
    ODE_TRY(set_choose(o, own, &data, err));
    level = &own->recipe.levels[0];
    if (!o->resolution || o->resolution == level->resolution)
        return measure(o, own, (int)level->resolution, &data, false, score, err);
    own->recipe.data = data;
    if (o->unchanged)
        model_set_space(own, ODE_SPACE_NONE);
    ODE_TRY(model_transfer(own, o->resolution, level->blocks, other, err));
    return measure(o, other, (int)level->resolution, &data, true, score, err);
}

int
cmd_eval(int argc, char **argv)
{
    struct model own = { 0 }, other = { 0 };
    struct ode_err err = { 0 };
    struct score score;
    struct options o;
    enum ode_status status;

    if (!options_parse(&o, argc, argv))
        return cmd_usage(usage);
    if (o.help)
        return cmd_help(usage);
    ode_gemm_single_thread();
    blas_warn();
    status = eval(&o, &own, &other, &score, &err);
    if (status != ODE_OK)
        cmd_complain("eval", &err, NULL);
    else if (o.json)
        printf("{\"resolution\": %d, \"examples\": %zu, \"loss\": %.9g, \"accuracy\": "
               "%.9g}\n",
               other.theta ? other.net.resolution : own.net.resolution, score.n,
               score.loss, score.accuracy);
    else
        printf("%dx%d pixels, %zu test examples: loss %.4f, accuracy %.2f%%\n",
               other.theta ? other.net.resolution : own.net.resolution,
               other.theta ? other.net.resolution : own.net.resolution, score.n,
               score.loss, 100 * score.accuracy);
    model_release(&own);
    model_release(&other);
    return cmd_exit_code(status);
}
