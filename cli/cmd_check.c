/* cmd_check.c - odenet check: the engine's own tests, on a spec's network and data. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/blas.h"
#include "cli/ladder.h"
#include "cli/options.h"
#include "core/check/check.h"
#include "core/data/loader.h"
#include "core/kernels/gemm.h"
#include "schema/plan.h"
#include "schema/recipe.h"

enum { BATCH = 8 };

static const char usage[] =
    "usage: odenet check SPEC.json [--level K] [--batch N] [--data-dir DIR]\n"
    "                    [--threads N] [--kernels NAME] [--json]\n"
    "\n"
    "Tests the engine on the network and the data of SPEC.json, without training it: "
    "what\n"
    "was measured, and the tolerance that it is judged by.\n"
    "\n";
static const char usage_end[] =
    "\n"
    "Initial weights, with biases, shifts and scales moved by about 0.1; the first\n"
    "training examples, as they are.\n"
    "\n"
    "  --level K       only this level, counted from 1; else all of the ladder\n"
    "  --batch N       so many examples; else 8\n"
    "  --data-dir DIR  where the data sets lie; else $ODENET_DATA, else\n"
    "                  $XDG_DATA_HOME/odenet, else ~/.local/share/odenet\n"
    "  --threads N     0 or none: the spec's resources/threads, else as many as cores\n"
    "  --kernels NAME  portable, avx2 or avx512; else $ODENET_ISA, else the fastest\n"
    "  --json          machine-readable output\n"
    "  --help          this text\n"
    "\n"
    "Exit: 0 none failed, 1 one failed, 2 bad spec or usage, 3 data error.\n";

struct options {
    const char *spec, *kernels;
    char root[OPTIONS_PATH];
    int level, batch, threads;
    bool json, help;
};

/* What was found so far, and where to say it. */
struct findings {
    size_t level;
    int count[3]; /* by verdict */
    json_t *rows; /* NULL: rows are printed */
};

struct source {
    struct ode_loader loader;
    const struct ode_examples *examples;
};

static const char *const verdicts[] = { [ODE_VERDICT_PASSED] = "passed",
                                        [ODE_VERDICT_FAILED] = "FAILED",
                                        [ODE_VERDICT_NONE] = "not applicable" };

/* --- options ----------------------------------------------------------------------- */

static void
usage_print(FILE *to)
{
    fputs(usage, to);
    for (const struct ode_check_about *c = ode_check_list; c->name; c++)
        fprintf(to, "  %-14s %s\n", c->name, c->doc);
    fputs(usage_end, to);
}

static bool
option_take(struct options *o, int c, const char **data_dir)
{
    switch (c) {
    case 'l':
        return options_number("odenet check: --level", optarg, 1, 32, &o->level);
    case 'b':
        return options_number("odenet check: --batch", optarg, 1, 4096, &o->batch);
    case 'd':
        *data_dir = optarg;
        return true;
    case 't':
        return options_number("odenet check: --threads", optarg, 0, 256, &o->threads);
    case 'k':
        o->kernels = optarg;
        return true;
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
        {"level",     required_argument, NULL, 'l'},
        { "batch",    required_argument, NULL, 'b'},
        { "data-dir", required_argument, NULL, 'd'},
        { "threads",  required_argument, NULL, 't'},
        { "kernels",  required_argument, NULL, 'k'},
        { "json",     no_argument,       NULL, 'j'},
        { "help",     no_argument,       NULL, 'h'},
        { NULL,       0,                 NULL, 0  }
    };
    const char *data_dir = NULL;
    int c;

    *o = (struct options){ .batch = BATCH };
    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (!option_take(o, c, &data_dir))
            return false;
    options_data_root(o->root, data_dir);
    o->spec = argv[optind];
    return o->help || optind + 1 == argc;
}

/* --- rows -------------------------------------------------------------------------- */

static json_t *
row_json(size_t level, const struct ode_check_row *r)
{
    json_t *row = json_pack("{s:I, s:s, s:s}", "level", (json_int_t)level, "check",
                            r->check, "where", r->where);

    if (!row)
        return NULL;
    if (r->figure) {
        json_object_set_new(row, "figure", json_string(r->figure));
        json_object_set_new(row, "measured", schema_number(r->measured));
        json_object_set_new(row, r->at_least ? "at_least" : "at_most",
                            json_real(r->tolerance));
    }
    json_object_set_new(
        row, "verdict",
        json_string(r->verdict == ODE_VERDICT_FAILED ? "failed" : verdicts[r->verdict]));
    if (*r->note)
        json_object_set_new(row, "note", json_string(r->note));
    return row;
}

static void
row_print(size_t level, const struct ode_check_row *r)
{
    char figure[64] = "";

    if (r->figure)
        snprintf(figure, sizeof figure, "%-18s %9.4g %s %-6.4g", r->figure, r->measured,
                 r->at_least ? ">=" : "<=", r->tolerance);
    printf("%5zu  %-14s %-38s %-40s %s%s%s\n", level + 1, r->check, r->where, figure,
           verdicts[r->verdict], *r->note ? ": " : "", r->note);
    fflush(stdout);
}

static void
on_row(void *context, const struct ode_check_row *r)
{
    struct findings *f = context;

    f->count[r->verdict]++;
    if (f->rows)
        json_array_append_new(f->rows, row_json(f->level, r));
    else
        row_print(f->level, r);
}

static int
findings_end(const struct findings *f)
{
    if (!f->rows)
        printf("%d passed, %d failed, %d not applicable\n", f->count[ODE_VERDICT_PASSED],
               f->count[ODE_VERDICT_FAILED], f->count[ODE_VERDICT_NONE]);
    else if (json_dumpf(f->rows, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF)
        return CMD_IO;
    return f->count[ODE_VERDICT_FAILED] ? CMD_FAILED : CMD_OK;
}

/* --- levels ------------------------------------------------------------------------ */

static int
fetch(void *context, size_t i, float *scratch, float *pixels)
{
    const struct source *s = context;

    ode_loader_image(&s->loader, s->examples, i, -1, scratch, pixels);
    return ode_example_label(s->examples, i);
}

static enum ode_status
level_check(const struct ode_recipe_spec *recipe, const struct ode_dataset *set,
            struct ode_check *check, struct findings *f, struct ode_err *err)
{
    struct source source = {
        .loader = {.set = set,
                   .augment = recipe->data.augment,
                   .resolution = (int)recipe->levels[f->level].resolution,
                   .seed = (uint64_t)recipe->seed,
                   .level = (int)f->level},
        .examples = &set->train
    };

    check->level = f->level;
    check->fetch = fetch;
    check->context = &source;
    check->scratch_n = ode_loader_scratch(&source.loader);
    return ode_check_level(check, err);
}

static enum ode_status
levels_check(const struct options *o, const struct ode_recipe_spec *recipe,
             const struct ode_dataset *set, const struct ode_kernels *kernels,
             struct findings *f, struct ode_err *err)
{
    const size_t first = o->level ? (size_t)o->level - 1 : 0;
    const size_t end = o->level ? (size_t)o->level : recipe->levels_n;
    struct ode_check check = { .recipe = recipe,
                               .in = set->channels,
                               .classes = set->classes,
                               .kernels = kernels,
                               .n = (size_t)o->batch < set->train.n ? o->batch
                                                                    : (int)set->train.n,
                               .threads = o->threads ? o->threads
                                          : recipe->resources.threads
                                              ? (int)recipe->resources.threads
                                              : options_cores(),
                               .row = on_row,
                               .row_context = f };

    if (end > recipe->levels_n)
        return ode_fail(err, ODE_EARG, "--level", "there are %zu levels, not %d",
                        recipe->levels_n, o->level);
    for (f->level = first; f->level < end; f->level++)
        ODE_TRY(level_check(recipe, set, &check, f, err));
    return ODE_OK;
}

static enum ode_status
spec_check(const struct options *o, struct findings *f, json_t **complaints,
           struct ode_err *err)
{
    const struct ode_kernels *kernels = options_kernels(o->kernels, err);
    struct ladder_config config;
    struct ode_recipe_spec recipe;
    struct ode_dataset set;
    enum ode_status status;
    json_t *reasons;

    if (!kernels)
        return ODE_EARG;
    ODE_TRY(schema_recipe_load(o->spec, &recipe, complaints, err));
    config = (struct ladder_config){ .kernels = kernels, .threads = options_cores() };
    ODE_TRY(ladder_resolve(&recipe, &config, &reasons, err));
    json_decref(reasons);
    ODE_TRY(ode_dataset_open(&set, &recipe.data, o->root, ode_recipe_resolution(&recipe),
                             (uint64_t)recipe.seed, options_cores(), err));
    status = levels_check(o, &recipe, &set, kernels, f, err);
    ode_dataset_release(&set);
    return status;
}

int
cmd_check(int argc, char **argv)
{
    json_t *complaints = NULL;
    struct findings f = { 0 };
    struct ode_err err = { 0 };
    struct options o;
    enum ode_status status;
    int code;

    if (!options_parse(&o, argc, argv) || o.help) {
        usage_print(o.help ? stdout : stderr);
        return o.help ? CMD_OK : CMD_USAGE;
    }
    ode_gemm_single_thread();
    blas_warn();
    if (o.json)
        f.rows = json_array();
    status = spec_check(&o, &f, &complaints, &err);
    if (status != ODE_OK)
        cmd_complain("check", &err, complaints);
    code = status == ODE_OK ? findings_end(&f) : cmd_exit_code(status);
    json_decref(complaints);
    json_decref(f.rows);
    return code;
}
