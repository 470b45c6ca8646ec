/* cmd_plan.c - odenet plan: the ladder, without training it. */
#include "cli/cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/duration.h"
#include "cli/forecast.h"
#include "cli/ladder.h"
#include "cli/options.h"
#include "core/base/duration.h"
#include "core/data/dataset.h"
#include "core/kernels/gemm.h"
#include "schema/forecast.h"
#include "schema/json.h"
#include "schema/plan.h"
#include "schema/recipe.h"

static const char usage[] =
    "usage: odenet plan SPEC.json [--threads N] [--no-measure] [--resolve] [--json]\n"
    "\n"
    "Shows the levels of a job spec: resolution, blocks of each unit, epochs, steps,\n"
    "parameters, FLOPs of a forward pass, memory without the data set, work of an image\n"
    "and of the level, how long the level will take, and what each unit keeps for the\n"
    "backward pass: where train/memory is auto, what is fastest in "
    "resources/memory_mib.\n"
    "The unit of work is the cost of one training image at the finest level, the one "
    "that\n"
    "takes the most FLOPs. Times are measured, on this machine as it is now, by some "
    "steps\n"
    "of each level on random images: a second a level at the most.\n"
    "\n"
    "A ladder that is made (levels: auto) is shown with the reasons for it. SPEC.json "
    "may\n"
    "be -, which is standard input.\n"
    "\n"
    "  --threads N   for so many threads; else the spec's, else as many as cores\n"
    "  --no-measure  no times, and an answer at once\n"
    "  --resolve     the resolved spec instead, every member said, ready to be run\n"
    "  --json        machine-readable output; with --resolve plan and spec; a failure, "
    "too\n"
    "  --help        this text\n";

struct options {
    const char *path;
    int threads;
    bool json, no_measure, resolve, help;
};

struct planned {
    struct ode_recipe_spec recipe;
    struct ode_plan plan;
    const struct ode_kernels *kernels;
    int threads;
    bool measured;
    struct ode_cost cost;
    struct ode_span level[32], total; /* where measured */
    json_t *reasons;                  /* of a ladder that was made, owned; or NULL */
};

/* "reverse", or "reverse,store,store" where units differ. */
static const char *
memory_text(const struct ode_level_plan *p, char *text, size_t size)
{
    bool same = true;
    size_t used = 0;

    for (size_t u = 1; u < p->blocks_n; u++)
        same = same && p->memory[u] == p->memory[0];
    for (size_t u = 0; u < (same ? 1 : p->blocks_n) && used < size; u++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", u ? "," : "",
                                 ode_memory_choices[p->memory[u]].name);
    return text;
}

static void
level_print(const struct planned *d, size_t k)
{
    const struct ode_level_plan *p = &d->plan.levels[k];
    char blocks[80] = "", keeps[96], took[ODE_DURATION_TEXT];
    int used = 0;

    for (size_t u = 0; u < p->blocks_n && used < (int)sizeof blocks; u++)
        used += snprintf(blocks + used, sizeof blocks - (size_t)used, "%s%" PRId64,
                         u ? "-" : "", p->blocks[u]);
    printf("%5zu %4" PRId64 "x%-4" PRId64 " %-11s %6" PRId64 " %8" PRId64
           " %10zu %10.1f %8.1f %9.4f %12.0f",
           k + 1, p->resolution, p->resolution, blocks, p->epochs, p->steps,
           p->parameters, p->flops / 1e6, (double)p->memory_bytes / (1 << 20),
           p->work_image, p->work);
    if (d->measured)
        printf("  %12s", ode_duration_text(d->level[k].expected, took));
    printf("  %s\n", memory_text(p, keeps, sizeof keeps));
}

static void
plan_print(const struct planned *d)
{
    const struct ode_plan *plan = &d->plan;
    char text[DURATION_SPAN];
    const json_t *reason;
    size_t i;

    printf("level    pixels blocks      epochs    steps parameters MFLOP/img      MiB"
           "  work/img         work%s  keeps\n",
           d->measured ? "          time" : "");
    for (size_t k = 0; k < plan->levels_n; k++)
        level_print(d, k);
    printf("%zu training and %zu test examples; %" PRId64
           " steps, %.0f units of work, %.1f MiB beside the data\n",
           plan->train_n, plan->test_n, plan->steps, plan->work,
           (double)plan->memory_bytes / (1 << 20));
    json_array_foreach (d->reasons, i, reason)
        puts(json_string_value(reason));
    if (d->measured)
        printf("%s with %d thread%s, as measured now\n", duration_span(&d->total, text),
               d->threads, d->threads > 1 ? "s" : "");
}

/* Adds times to the plan's JSON. */
static void
times_json(const struct planned *d, json_t *plan)
{
    json_t *levels = json_object_get(plan, "levels"), *level;
    size_t k;

    json_array_foreach (levels, k, level) {
        json_object_set_new(level, "seconds", schema_span(&d->level[k]));
        json_object_set_new(level, "cost", schema_level_cost(&d->cost.level[k]));
    }
    json_object_set_new(plan, "seconds", schema_span(&d->total));
    json_object_set_new(plan, "threads", json_integer(d->threads));
    json_object_set_new(plan, "kernels", json_string(d->kernels->name));
}

/* Takes the value. */
static int
json_print(json_t *value)
{
    const int failed = !value || json_dumpf(value, stdout, JSON_INDENT(2)) != 0;

    json_decref(value);
    putchar('\n');
    return failed ? CMD_FAILED : CMD_OK;
}

static json_t *
plan_json(const struct planned *d)
{
    json_t *value = schema_plan(&d->plan);

    if (value && d->reasons)
        json_object_set(value, "reasons", d->reasons);
    if (value && d->measured)
        times_json(d, value);
    return value;
}

static json_t *
spec_json(const struct planned *d)
{
    json_t *spec = NULL;

    schema_recipe_write(&d->recipe, &spec, NULL);
    return spec;
}

static int
answer_print(const struct planned *d, const struct options *o)
{
    if (o->resolve && o->json)
        return json_print(
            json_pack("{s:o, s:o}", "plan", plan_json(d), "spec", spec_json(d)));
    if (o->resolve)
        return json_print(spec_json(d));
    if (o->json)
        return json_print(plan_json(d));
    plan_print(d);
    return CMD_OK;
}

/* For programs, beside the words on stderr. */
static void
failure_print(const struct ode_err *err, const json_t *complaints)
{
    json_print(json_pack(
        "{s:{s:s, s:s, s:s}, s:o}", "error", "code", ode_status_name(err->code), "at",
        err->at, "text", err->text, "errors",
        complaints ? json_incref((json_t *)(uintptr_t)complaints) : json_array()));
}

static enum ode_status
plan_measure(struct planned *d, struct ode_err *err)
{
    ODE_TRY(forecast_measure(&d->cost, &d->recipe, &d->plan, 0, d->kernels, d->threads, 1,
                             NULL, err));
    for (size_t k = 0; k < d->plan.levels_n; k++) {
        d->level[k] = ode_cost_level(&d->cost, &d->plan, (int)k, 0, NULL);
        ode_span_add(&d->total, &d->level[k]);
    }
    d->measured = true;
    return ODE_OK;
}

/* From standard input, which may be a pipe. */
static enum ode_status
spec_read(struct ode_recipe_spec *recipe, json_t **complaints, struct ode_err *err)
{
    char *text = malloc(SCHEMA_JSON_MAX + 1);
    enum ode_status status;
    size_t n;

    if (!text)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to read a spec");
    n = fread(text, 1, SCHEMA_JSON_MAX + 1, stdin);
    status = schema_recipe_parse(text, n, "stdin", recipe, complaints, err);
    free(text);
    return status;
}

static enum ode_status
plan_make(struct planned *d, const struct options *o, json_t **complaints,
          struct ode_err *err)
{
    struct ladder_config config;
    size_t train, test;

    d->kernels = options_kernels(NULL, err);
    if (!d->kernels)
        return ODE_EARG;
    if (strcmp(o->path, "-") == 0)
        ODE_TRY(spec_read(&d->recipe, complaints, err));
    else
        ODE_TRY(schema_recipe_load(o->path, &d->recipe, complaints, err));
    ODE_TRY(ode_dataset_sizes(&d->recipe.data, &train, &test, err));
    d->threads = o->threads                    ? o->threads
                 : d->recipe.resources.threads ? (int)d->recipe.resources.threads
                                               : options_cores();
    config = (struct ladder_config){ .kernels = d->kernels,
                                     .threads = d->threads,
                                     .no_measure = o->no_measure };
    ODE_TRY(ladder_resolve(&d->recipe, &config, &d->reasons, err));
    ODE_TRY(ode_plan_make(&d->plan, &d->recipe, train, test, d->threads, err));
    return o->no_measure || (o->resolve && !o->json) ? ODE_OK : plan_measure(d, err);
}

static bool
options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"threads",     required_argument, NULL, 't'},
        { "no-measure", no_argument,       NULL, 'n'},
        { "resolve",    no_argument,       NULL, 'r'},
        { "json",       no_argument,       NULL, 'j'},
        { "help",       no_argument,       NULL, 'h'},
        { NULL,         0,                 NULL, 0  }
    };
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (c == 'h')
            o->help = true;
        else if (c == 'j')
            o->json = true;
        else if (c == 'r')
            o->resolve = true;
        else if (c == 'n')
            o->no_measure = true;
        else if (c != 't'
                 || !options_number("odenet plan: --threads", optarg, 0, 256,
                                    &o->threads))
            return false;
    o->path = argv[optind];
    return o->help || optind + 1 == argc;
}

int
cmd_plan(int argc, char **argv)
{
    struct planned planned = { .threads = 0 };
    struct options options = { .path = NULL };
    json_t *complaints = NULL;
    struct ode_err err = { 0 };
    enum ode_status status;
    int code;

    if (!options_parse(&options, argc, argv))
        return cmd_usage(usage);
    if (options.help)
        return cmd_help(usage);
    ode_gemm_single_thread();
    status = plan_make(&planned, &options, &complaints, &err);
    if (status != ODE_OK) {
        cmd_complain("plan", &err, complaints);
        if (options.json)
            failure_print(&err, complaints);
        json_decref(complaints);
        json_decref(planned.reasons);
        return cmd_exit_code(status);
    }
    code = answer_print(&planned, &options);
    json_decref(planned.reasons);
    return code;
}
