/* cmd_bench.c - odenet bench: how fast the machine, the kernels and training are. */
#include "cli/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/blas.h"
#include "cli/load.h"
#include "cli/options.h"
#include "core/blocks/block.h"
#include "core/kernels/gemm.h"
#include "core/recipe/recipe.h"

enum {
    BATCH = 100,
    STEPS = 20,
    STEPS_TABLE = 5, /* of each row of a table */
    WARMUP = 2,
    RESOLUTION = 32
};

static const char usage[] =
    "usage: odenet bench [machine|kernels|step]... [--threads N] [--kernels NAME]\n"
    "                    [--preset NAME] [--norm NAME] [--blocks N] [--memory NAME]\n"
    "                    [--batch N] [--resolution N] [--steps N] [--warmup N] [--json]\n"
    "\n"
    "  machine  multiply-adds on registers, bandwidth of caches and memory, OpenBLAS\n"
    "  kernels  convolutions of the papers' networks, forward and gradient of weights,\n"
    "           on one thread\n"
    "  step     training steps as `odenet train` makes them, on random images of three\n"
    "           channels and 10 classes, cropped and mirrored\n"
    "\n"
    "All of them where none is named. GFLOP/s count a multiply-add as two; \"of peak\" "
    "is\n"
    "their part of the multiply-adds that were measured in the same seconds. A training\n"
    "step counts as three forward passes, \"rebuilt\" adds what the backward pass does\n"
    "again. MiB are the largest resident set. \"others\" is the part of all processors "
    "that\n"
    "other processes used meanwhile: where it is not near 0, the rest means little.\n"
    "\n"
    "  --threads N     else as many as cores\n"
    "  --kernels NAME  portable, avx2 or avx512; else $ODENET_ISA, else the fastest\n"
    "  --json          one JSON object\n"
    "  --help          this text\n"
    "\n"
    "Of step:\n"
    "  --preset NAME   a network of the papers; all: a table of several, which it is "
    "too\n"
    "                  where no measurement is named; else hamiltonian-74\n"
    "  --norm NAME     normalisation in blocks; else the preset's\n"
    "  --blocks N      blocks of each unit; else the preset's\n"
    "  --memory NAME   store, checkpoint, reverse, reverse-inexact or auto; else "
    "reverse,\n"
    "                  in the table store and reverse\n"
    "  --batch N       images in a step; else 100\n"
    "  --resolution N  32, 16 or 8 pixels; else 32\n"
    "  --steps N       that are timed; else 20, in the table 5\n"
    "  --warmup N      that are not; else 2\n"
    "\n"
    "Exit: 0 done, 2 bad usage, 4 training diverged, 1 anything else.\n";

enum part { PART_MACHINE, PART_KERNELS, PART_STEP, PARTS };

static const char *const part_name[PARTS] = {
    [PART_MACHINE] = "machine", [PART_KERNELS] = "kernels", [PART_STEP] = "step"
};

struct options {
    bool part[PARTS];
    int parts;
    const char *kernels;
    int threads, steps; /* steps 0: not given           */
    int memory;         /* -1: not given                */
    bool table;         /* of several presets           */
    struct bench_step step;
    bool json, help;
};

/* Rows of the table of steps. */
static const struct row {
    enum ode_preset preset;
    int norm; /* -1: the preset's */
} rows[] = {
    {ODE_PRESET_HAMILTONIAN_74,   -1            },
    { ODE_PRESET_HAMILTONIAN_74,  ODE_NORM_BATCH},
    { ODE_PRESET_HAMILTONIAN_218, -1            },
    { ODE_PRESET_MIDPOINT_26,     -1            },
    { ODE_PRESET_LEAPFROG_26,     -1            },
    { ODE_PRESET_REVNET_38,       -1            },
    { ODE_PRESET_RESNET_32,       -1            },
};

enum { ROWS = sizeof rows / sizeof *rows };

/* --- options ----------------------------------------------------------------------- */

static bool
preset_take(struct options *o, const char *text)
{
    o->table = strcmp(text, "all") == 0;
    if (o->table)
        return true;
    if (strcmp(text, ode_preset_choices[ODE_PRESET_CUSTOM].name) == 0) {
        fprintf(stderr,
                "odenet bench: --preset is \"%s\", which says nothing; name a "
                "network\n",
                text);
        return false;
    }
    return options_choice("odenet bench: --preset", text, ode_preset_choices,
                          &o->step.preset);
}

static bool
resolution_take(struct options *o, const char *text)
{
    if (!options_number("odenet bench: --resolution", text, 8, 32, &o->step.resolution))
        return false;
    if (o->step.resolution % 8 == 0 && o->step.resolution != 24)
        return true;
    fprintf(stderr, "odenet bench: --resolution is \"%s\"; choose 32, 16 or 8\n", text);
    return false;
}

static bool
option_take(struct options *o, int c)
{
    switch (c) {
    case 't':
        return options_number("odenet bench: --threads", optarg, 1, 256, &o->threads);
    case 'k':
        o->kernels = optarg;
        return true;
    case 'p':
        return preset_take(o, optarg);
    case 'n':
        return options_choice("odenet bench: --norm", optarg, ode_norm_choices,
                              &o->step.norm);
    case 'B':
        return options_number("odenet bench: --blocks", optarg, 2, 4096, &o->step.blocks);
    case 'm':
        return options_choice("odenet bench: --memory", optarg, ode_memory_choices,
                              &o->memory);
    case 'b':
        return options_number("odenet bench: --batch", optarg, 1, 4096, &o->step.batch);
    case 'r':
        return resolution_take(o, optarg);
    case 's':
        return options_number("odenet bench: --steps", optarg, 1, 100000, &o->steps);
    case 'w':
        return options_number("odenet bench: --warmup", optarg, 0, 100000,
                              &o->step.warmup);
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
part_take(struct options *o, const char *text)
{
    for (int i = 0; i < PARTS; i++)
        if (strcmp(text, part_name[i]) == 0) {
            o->parts += !o->part[i];
            o->part[i] = true;
            return true;
        }
    fprintf(stderr, "odenet bench: \"%s\" is not machine, kernels or step\n", text);
    return false;
}

static bool
options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"threads",     required_argument, NULL, 't'},
        { "kernels",    required_argument, NULL, 'k'},
        { "preset",     required_argument, NULL, 'p'},
        { "norm",       required_argument, NULL, 'n'},
        { "blocks",     required_argument, NULL, 'B'},
        { "memory",     required_argument, NULL, 'm'},
        { "batch",      required_argument, NULL, 'b'},
        { "resolution", required_argument, NULL, 'r'},
        { "steps",      required_argument, NULL, 's'},
        { "warmup",     required_argument, NULL, 'w'},
        { "json",       no_argument,       NULL, 'j'},
        { "help",       no_argument,       NULL, 'h'},
        { NULL,         0,                 NULL, 0  }
    };
    int c;

    *o = (struct options){
        .memory = -1,
        .step = {.preset = -1,
                 .norm = -1,
                 .batch = BATCH,
                 .resolution = RESOLUTION,
                 .warmup = WARMUP}
    };
    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (!option_take(o, c))
            return false;
    for (int i = optind; i < argc; i++)
        if (!part_take(o, argv[i]))
            return false;
    if (o->parts == 0) {
        o->table = o->table || o->step.preset < 0;
        o->parts = PARTS;
        memset(o->part, true, sizeof o->part);
    }
    if (o->step.preset < 0)
        o->step.preset = ODE_PRESET_HAMILTONIAN_74;
    if (!o->threads)
        o->threads = options_cores();
    o->step.steps = o->steps ? o->steps : o->table ? STEPS_TABLE : STEPS;
    return true;
}

/* --- steps ------------------------------------------------------------------------- */

/* One step: into `into` itself, or as an object of that array. */
static enum ode_status
step_run(const struct bench *bench, const struct bench_step *step, json_t *into,
         struct ode_err *err)
{
    struct bench one = *bench;
    enum ode_status status;

    load_peak_reset();
    one.json = json_is_array(into) ? json_object() : json_incref(into);
    status = bench_step(&one, step, err);
    if (json_is_array(into))
        json_array_append(into, one.json);
    json_decref(one.json);
    return status;
}

/* What the table shows of an integrator that cannot be reversed. */
static int
table_memory(enum ode_preset preset)
{
    struct ode_model_spec model = { .preset = preset };

    ode_model_preset(&model);
    return ode_block_table[model.block]->reach ? ODE_MEMORY_REVERSE
                                               : ODE_MEMORY_CHECKPOINT;
}

static enum ode_status
row_run(const struct bench *bench, const struct options *o, const struct row *row,
        json_t *into, struct ode_err *err)
{
    const int memory[] = { o->memory < 0 ? ODE_MEMORY_STORE : o->memory,
                           table_memory(row->preset) };
    struct bench_step step = o->step;

    step.preset = (int)row->preset;
    if (row->norm >= 0)
        step.norm = row->norm;
    for (int i = 0; i < (o->memory < 0 ? 2 : 1); i++) {
        step.memory = memory[i];
        step.head = row == rows && i == 0;
        ODE_TRY(step_run(bench, &step, into, err));
    }
    return ODE_OK;
}

static enum ode_status
steps_run(const struct bench *bench, const struct options *o, json_t *into,
          struct ode_err *err)
{
    struct bench_step step = o->step;

    step.head = true;
    step.memory = o->memory < 0 ? ODE_MEMORY_REVERSE : o->memory;
    if (!o->table)
        return step_run(bench, &step, into, err);
    for (int i = 0; i < ROWS; i++)
        ODE_TRY(row_run(bench, o, &rows[i], into, err));
    return ODE_OK;
}

/* --- all of it --------------------------------------------------------------------- */

static enum ode_status
part_run(enum part part, const struct bench *bench, const struct options *o, json_t *into,
         struct ode_err *err)
{
    struct bench own = *bench;

    own.json = into;
    if (part == PART_MACHINE)
        return bench_machine(&own, err);
    if (part == PART_KERNELS)
        return bench_kernels(&own, err);
    return steps_run(bench, o, into, err);
}

/* A single part fills the object itself; of several, each has a member. */
static enum ode_status
parts_run(const struct options *o, json_t *json, struct ode_err *err)
{
    const struct bench bench = { .kernels = options_kernels(o->kernels, err),
                                 .threads = o->threads };
    bool first = true;

    if (!bench.kernels)
        return ODE_EARG;
    for (int p = 0; p < PARTS; p++) {
        const bool list = p == PART_STEP && (o->table || o->parts > 1);
        json_t *into = json;

        if (!o->part[p])
            continue;
        if (json && (list || o->parts > 1)) {
            into = list ? json_array() : json_object();
            json_object_set_new(json, list ? "steps" : part_name[p], into);
        }
        if (!json && !first)
            putchar('\n');
        first = false;
        ODE_TRY(part_run((enum part)p, &bench, o, into, err));
    }
    return ODE_OK;
}

static int
json_show(const json_t *json)
{
    if (json_dumpf(json, stdout, JSON_REAL_PRECISION(6)) != 0 || putchar('\n') == EOF)
        return CMD_IO;
    return CMD_OK;
}

int
cmd_bench(int argc, char **argv)
{
    struct ode_err err = { 0 };
    json_t *json = NULL;
    struct options o;
    enum ode_status status;
    int code = CMD_OK;

    if (!options_parse(&o, argc, argv))
        return cmd_usage(usage);
    if (o.help)
        return cmd_help(usage);
    ode_gemm_single_thread();
    blas_warn();
    if (o.json)
        json = json_object();
    status = parts_run(&o, json, &err);
    if (status != ODE_OK) {
        cmd_complain("bench", &err, NULL);
        code = cmd_exit_code(status);
    } else if (json) {
        code = json_show(json);
    }
    json_decref(json);
    return code;
}
