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
#include "core/data/resize.h"
#include "core/files/npz.h"
#include "core/kernels/gemm.h"
#include "core/scales/stencil.h"
#include "core/train/engine.h"

enum { MOMENTS_N = 1024 }; /* training examples that moments are estimated from */

static const char usage[] =
    "usage: odenet eval MODEL.safetensors [--data SET] [--resolution R]\n"
    "                   [--method transfer|unchanged|resize-image] [--space NAME]\n"
    "                   [--data-dir DIR] [--threads N] [--limit N] [--logits FILE.npz]\n"
    "                   [--json]\n"
    "\n"
    "Loss and accuracy on the test examples, also on images of another resolution than\n"
    "the model's own.\n"
    "\n"
    "  --data SET      else the set that the model was trained on\n"
    "  --resolution R  else the model's own\n"
    "  --method NAME   at another resolution: transfer the kernels (the default), leave\n"
    "                  them unchanged, or resize-image: bring the images to the model's\n"
    "                  resolution, by 2x2 means or bilinear interpolation. The first "
    "two\n"
    "                  estimate normalisation statistics again from training images, "
    "and\n"
    "                  sum up or share out the weights of a flat head, one for each "
    "pixel\n"
    "  --space NAME    transfer: bilinear, constant, rediscretise or none; else as the\n"
    "                  model's spec says\n"
    "  --data-dir DIR  where the data sets lie; else $ODENET_DATA, else\n"
    "                  $XDG_DATA_HOME/odenet, else ~/.local/share/odenet\n"
    "  --threads N     else as many as cores\n"
    "  --limit N       only the first N test examples\n"
    "  --logits FILE   write, too, for numpy: images [n, channels, h, w] as the network\n"
    "                  gets them, but pixel values from 0 to 1; logits [n, classes]; "
    "labels [n]\n"
    "  --json          machine-readable output\n"
    "  --help          this text\n";

struct options {
    const char *path, *set, *logits;
    char root[OPTIONS_PATH];
    int resolution, threads, limit;
    int method, space; /* space -1: the model's */
    bool json, help;
};

enum method { TRANSFER, UNCHANGED, RESIZE_IMAGE };

static const struct ode_choice methods[] = { [TRANSFER] = { .name = "transfer" },
                                             [UNCHANGED] = { .name = "unchanged" },
                                             [RESIZE_IMAGE] = { .name = "resize-image" },
                                             { .name = NULL } };

struct score {
    double loss, accuracy;
    size_t n;
};

/* Examples as the loader has them, brought to the network's resolution. */
struct source {
    const struct ode_loader *loader;
    const struct ode_examples *examples;
    int resolution;
};

static size_t
image_size(const struct ode_loader *loader, int resolution)
{
    return (size_t)loader->set->channels * (size_t)resolution * (size_t)resolution;
}

/* Floats that source_image() needs. */
static size_t
source_scratch(const struct source *s)
{
    return ode_loader_scratch(s->loader) + image_size(s->loader, s->loader->resolution)
           + ode_resize_room(s->loader->resolution, s->resolution);
}

static void
source_image(const struct source *s, size_t i, float *scratch, float *pixels)
{
    const struct ode_loader *l = s->loader;
    float *image = scratch + ode_loader_scratch(l);

    if (l->resolution == s->resolution) {
        ode_loader_image(l, s->examples, i, -1, scratch, pixels);
        return;
    }
    ode_loader_image(l, s->examples, i, -1, scratch, image);
    ode_resize_image(l->set->channels, l->resolution, image, s->resolution,
                     image + image_size(l, l->resolution), pixels);
}

static int
fetch(void *context, size_t i, float *scratch, float *pixels)
{
    const struct source *s = context;

    source_image(s, i, scratch, pixels);
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
        return options_choice("odenet eval: --method", optarg, methods, &o->method);
    case 'p':
        return options_choice("odenet eval: --space", optarg, ode_space_choices,
                              &o->space);
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
        { "space",      required_argument, NULL, 'p'},
        { "threads",    required_argument, NULL, 't'},
        { "limit",      required_argument, NULL, 'n'},
        { "logits",     required_argument, NULL, 'l'},
        { "json",       no_argument,       NULL, 'j'},
        { "help",       no_argument,       NULL, 'h'},
        { NULL,         0,                 NULL, 0  }
    };
    const char *data_dir = NULL;
    int c;

    *o = (struct options){ .space = -1 };
    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (!option_take(o, c, &data_dir))
            return false;
    if (o->space >= 0 && o->method != TRANSFER) {
        fprintf(stderr,
                "odenet eval: --space only goes with --method transfer, and this is %s; "
                "leave it out\n",
                methods[o->method].name);
        return false;
    }
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
images_fill(const struct source *test, struct dump *d, size_t n, float *scratch)
{
    struct ode_set_facts plain = *test->loader->set->facts;
    struct ode_dataset set = *test->loader->set;
    const struct ode_loader raw = { .set = &set, .resolution = test->loader->resolution };
    const struct source source = { &raw, &set.test, test->resolution };
    const size_t size = image_size(&raw, source.resolution);

    set.facts = &plain;
    for (int c = 0; c < set.channels; c++) {
        plain.mean[c] = 0;
        plain.deviation[c] = 1;
    }
    for (size_t i = 0; i < n; i++) {
        source_image(&source, i, scratch, d->images + i * size);
        d->labels[i] = ode_example_label(&set.test, i);
    }
}

static enum ode_status
dump_write(const char *path, const struct dump *d, const struct source *test, size_t n,
           struct ode_err *err)
{
    const struct ode_loader *loader = test->loader;
    const size_t size = (size_t)test->resolution;
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
    struct dump d = {
        .images = calloc(n, image_size(loader, test->resolution) * sizeof *d.images),
        .logits = calloc(n, (size_t)loader->set->classes * sizeof *d.logits),
        .labels = calloc(n, sizeof *d.labels),
    };
    float *scratch = calloc(source_scratch(test), sizeof *scratch);
    enum ode_status status;

    if (d.images && d.logits && d.labels && scratch) {
        ode_engine_logits(engine, fetch, test, n, d.logits);
        images_fill(test, &d, n, scratch);
        status = dump_write(path, &d, test, n, err);
    } else {
        status = ode_fail(err, ODE_ENOMEM, path, "no memory for %zu images", n);
    }
    dump_release(&d);
    free(scratch);
    return status;
}

/* --- measuring ------------------------------------------------------------------- */

/* The images' resolution, the finest in play, and whether moments are to be estimated. */
struct plan {
    int resolution, finest;
    bool reestimate;
};

static void
moments_reestimate(struct ode_engine *engine, struct source *train)
{
    const size_t n = train->examples->n;

    ode_engine_reestimate(engine, fetch, train, n < MOMENTS_N ? n : MOMENTS_N);
}

static enum ode_status
engine_score(const struct options *o, const struct model *m, struct ode_team *team,
             const struct ode_dataset *set, const struct plan *plan, struct score *score,
             struct ode_err *err)
{
    const struct ode_loader loader = { .set = set, .resolution = plan->resolution };
    struct source train = { &loader, &set->train, m->net.resolution };
    struct source test = { &loader, &set->test, m->net.resolution };
    const struct ode_engine_config config = { .net = &m->net,
                                              .kernels = ode_kernels_best(ODE_ISA_ALL),
                                              .team = team,
                                              .threads = ode_team_threads(team),
                                              .flip = m->recipe.data.test_flip,
                                              .batch = 100,
                                              .scratch_n = source_scratch(&test) };
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
    if (plan->reestimate)
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

/* Opens the data, drawn ones at `finest` pixels, and measures a model. */
static enum ode_status
measure(const struct options *o, const struct model *m, const struct plan *plan,
        const struct ode_data_spec *data, struct score *score, struct ode_err *err)
{
    const int threads = o->threads ? o->threads : options_cores();
    struct ode_dataset set = { 0 };
    struct ode_team *team = NULL;
    enum ode_status status;

    ODE_TRY(ode_dataset_open(&set, data, o->root, plan->finest, (uint64_t)m->recipe.seed,
                             threads, err));
    status = ode_team_new(&team, threads, err);
    if (status == ODE_OK)
        status = engine_score(o, m, team, &set, plan, score, err);
    ode_team_free(team);
    ode_dataset_release(&set);
    return status;
}

/* Whether the set has images of this size, and they can be brought to the model's. */
static enum ode_status
resize_check(int resolution, int own, const struct ode_set_facts *facts,
             struct ode_err *err)
{
    int halvings;

    if (ode_stencil_halvings(resolution, own, &halvings, NULL) != ODE_OK)
        return ode_fail(err, ODE_ESHAPE, "--resolution",
                        "images of %d pixels cannot be brought to the model's %d: one "
                        "must be a power of two times the other",
                        resolution, own);
    if (facts->height
        && (resolution > facts->height
            || ode_stencil_halvings(facts->height, resolution, &halvings, NULL)
                   != ODE_OK))
        return ode_fail(err, ODE_ESHAPE, "--resolution",
                        "%d is not %d, the size of the images of %s, divided by a power "
                        "of two",
                        resolution, facts->height, facts->name);
    return ODE_OK;
}

/* At another resolution than the model's own. */
static enum ode_status
eval_elsewhere(const struct options *o, struct model *own, struct model *other,
               const struct ode_data_spec *data, struct score *score, struct ode_err *err)
{
    const struct ode_level_spec *level = &own->recipe.levels[0];
    const int resolution = own->net.resolution;
    const struct plan plan = { .resolution = o->resolution,
                               .finest = o->resolution > resolution ? o->resolution
                                                                    : resolution,
                               .reestimate = o->method != RESIZE_IMAGE };

    if (o->method == RESIZE_IMAGE) {
        ODE_TRY(resize_check(o->resolution, resolution, ode_set_facts(data->set), err));
        return measure(o, own, &plan, data, score, err);
    }
    own->recipe.data = *data;
    if (o->method == UNCHANGED)
        model_set_space(own, ODE_SPACE_NONE);
    else if (o->space >= 0)
        model_set_space(own, (enum ode_space)o->space);
    ODE_TRY(model_transfer(own, o->resolution, level->blocks, other, err));
    return measure(o, other, &plan, data, score, err);
}

static enum ode_status
eval(const struct options *o, struct model *own, struct model *other, struct score *score,
     struct ode_err *err)
{
    struct ode_data_spec data;
    struct plan plan;

    ODE_TRY(model_load(own, o->path, err));
    ODE_TRY(set_choose(o, own, &data, err));
    plan =
        (struct plan){ .resolution = own->net.resolution, .finest = own->net.resolution };
    if (o->resolution && o->resolution != own->net.resolution)
        return eval_elsewhere(o, own, other, &data, score, err);
    return measure(o, own, &plan, &data, score, err);
}

/* What was measured, where, and by which method if not at the model's own resolution. */
static void
report(const struct options *o, const struct model *own, const struct score *score)
{
    const bool elsewhere = o->resolution && o->resolution != own->net.resolution;
    const int resolution = elsewhere ? o->resolution : own->net.resolution;
    const char *method = methods[o->method].name;
    const char *space = elsewhere && o->method == TRANSFER
                            ? ode_space_choices[own->recipe.transfer.space].name
                            : NULL;

    if (o->json) {
        printf("{\"resolution\": %d, ", resolution);
        if (elsewhere)
            printf("\"method\": \"%s\", ", method);
        if (space)
            printf("\"space\": \"%s\", ", space);
        printf("\"examples\": %zu, \"loss\": %.9g, \"accuracy\": %.9g}\n", score->n,
               score->loss, score->accuracy);
        return;
    }
    printf("%dx%d pixels", resolution, resolution);
    if (elsewhere)
        printf(" by %s%s%s", method, space ? " " : "", space ? space : "");
    printf(", %zu test examples: loss %.4f, accuracy %.2f%%\n", score->n, score->loss,
           100 * score->accuracy);
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
    else
        report(&o, &own, &score);
    model_release(&own);
    model_release(&other);
    return cmd_exit_code(status);
}
