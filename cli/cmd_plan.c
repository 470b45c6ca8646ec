/* cmd_plan.c - odenet plan: the ladder, without training it. */
#include "cli/cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/options.h"
#include "core/data/dataset.h"
#include "schema/plan.h"
#include "schema/recipe.h"

static const char usage[] =
    "usage: odenet plan SPEC.json [--threads N] [--json]\n"
    "\n"
    "Shows the levels of a job spec: resolution, blocks of each unit, epochs, steps,\n"
    "parameters, FLOPs of a forward pass, memory without the data set, work of an image\n"
    "and of the level, and what each unit keeps for the backward pass: where "
    "train/memory\n"
    "is auto, what is fastest in resources/memory_mib. The unit of work is the cost of "
    "one\n"
    "training image at the finest level, the one that takes the most FLOPs.\n"
    "\n"
    "  --threads N  memory for so many threads; else the spec's, else as many as cores\n"
    "  --json       machine-readable output\n"
    "  --help       this text\n";

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
level_print(const struct ode_level_plan *p, size_t k)
{
    char blocks[80] = "", keeps[96];
    int used = 0;

    for (size_t u = 0; u < p->blocks_n && used < (int)sizeof blocks; u++)
        used += snprintf(blocks + used, sizeof blocks - (size_t)used, "%s%" PRId64,
                         u ? "-" : "", p->blocks[u]);
    printf("%5zu %4" PRId64 "x%-4" PRId64 " %-11s %6" PRId64 " %8" PRId64
           " %10zu %10.1f %8.1f %9.4f %12.0f  %s\n",
           k + 1, p->resolution, p->resolution, blocks, p->epochs, p->steps,
           p->parameters, p->flops / 1e6, (double)p->memory_bytes / (1 << 20),
           p->work_image, p->work, memory_text(p, keeps, sizeof keeps));
}

static void
plan_print(const struct ode_plan *plan)
{
    printf("level    pixels blocks      epochs    steps parameters MFLOP/img      MiB"
           "  work/img         work  keeps\n");
    for (size_t k = 0; k < plan->levels_n; k++)
        level_print(&plan->levels[k], k);
    printf("%zu training and %zu test examples; %" PRId64
           " steps, %.0f units of work, %.1f MiB beside the data\n",
           plan->train_n, plan->test_n, plan->steps, plan->work,
           (double)plan->memory_bytes / (1 << 20));
}

static int
plan_json(const struct ode_plan *plan)
{
    json_t *value = schema_plan(plan);
    const int failed = !value || json_dumpf(value, stdout, JSON_INDENT(2)) != 0;

    json_decref(value);
    putchar('\n');
    return failed ? CMD_FAILED : CMD_OK;
}

static enum ode_status
plan_make(struct ode_plan *plan, const char *path, int threads, json_t **complaints,
          struct ode_err *err)
{
    struct ode_recipe_spec recipe;
    size_t train, test;

    ODE_TRY(schema_recipe_load(path, &recipe, complaints, err));
    ODE_TRY(ode_dataset_sizes(&recipe.data, &train, &test, err));
    if (!threads)
        threads =
            recipe.resources.threads ? (int)recipe.resources.threads : options_cores();
    return ode_plan_make(plan, &recipe, train, test, threads, err);
}

int
cmd_plan(int argc, char **argv)
{
    static const struct option known[] = {
        {"threads", required_argument, NULL, 't'},
        { "json",   no_argument,       NULL, 'j'},
        { "help",   no_argument,       NULL, 'h'},
        { NULL,     0,                 NULL, 0  }
    };
    struct ode_plan plan;
    json_t *complaints = NULL;
    struct ode_err err = { 0 };
    enum ode_status status;
    bool json = false;
    int threads = 0, c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1)
        if (c == 'h')
            return cmd_help(usage);
        else if (c == 'j')
            json = true;
        else if (c != 't'
                 || !options_number("odenet plan: --threads", optarg, 1, 256, &threads))
            return cmd_usage(usage);
    if (optind + 1 != argc)
        return cmd_usage(usage);
    status = plan_make(&plan, argv[optind], threads, &complaints, &err);
    if (status != ODE_OK) {
        cmd_complain("plan", &err, complaints);
        json_decref(complaints);
        return cmd_exit_code(status);
    }
    if (json)
        return plan_json(&plan);
    plan_print(&plan);
    return CMD_OK;
}
