/* bench_step.c - odenet bench step: training steps as odenet train makes them. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench.h"
#include "cli/load.h"
#include "cli/spread.h"
#include "core/train/trial.h"
#include "schema/plan.h"

enum {
    BATCHES = 4, /* of different images */
    CROP = 4
};

#define RATE 0.01

struct rig {
    const struct bench *bench;
    const struct bench_step *step;
    struct ode_recipe_spec recipe;
    struct ode_team *team;
    struct ode_trial trial;
    double *seconds, *peak; /* of each step */
    double *part;           /* of the peak */
    double loss;            /* mean of the last one */
};

/* What came of it. */
struct result {
    struct spread rate; /* images in a second */
    double part;        /* of the peak, counting useful work */
    double step_ms;     /* the median */
    double peak;        /* GFLOP/s    */
    double useful, all; /* GFLOP/s: of forward, backward; and with what is done again */
    double others;      /* part of the processors */
    double rss;         /* MiB */
    char keeps[64];
};

/* --- the recipe -------------------------------------------------------------------- */

static enum ode_status
recipe_make(const struct bench_step *step, struct ode_recipe_spec *r, struct ode_err *err)
{
    ode_object_preset(&ode_recipe_object, r);
    ode_object_preset(&ode_model_object, &r->model);
    ode_object_preset(&ode_level_object, &r->levels[0]);
    r->levels_n = 1;
    r->data.set = ODE_SET_CIFAR10;
    r->data.augment.crop = CROP;
    r->data.augment.flip = ODE_FLIP_RANDOM;
    r->model.preset = (enum ode_preset)step->preset;
    ode_model_preset(&r->model);
    if (step->norm >= 0) {
        r->model.norm = (enum ode_norm)step->norm;
        r->model.norm_before = r->model.norm_before && r->model.norm != ODE_NORM_NONE;
    }
    for (size_t u = 0; step->blocks > 0 && u < r->model.units_n; u++)
        r->model.units[u].blocks = step->blocks;
    r->train.batch = step->batch;
    r->train.memory = (enum ode_memory)step->memory;
    r->levels[0].resolution = step->resolution;
    r->levels[0].epochs = 1;
    return ode_recipe_settle(r, NULL, NULL, err);
}

/* --- steps ------------------------------------------------------------------------- */

/* Step i, from the first image that is fetched to the last weight that is packed. */
static enum ode_status
step_make(struct rig *rig, int i, struct ode_err *err)
{
    struct ode_batch_report report;

    ode_trial_gradient(&rig->trial, rig->step->batch, &report);
    if (!isfinite(report.loss) || !isfinite(report.norm))
        return ode_fail(err, ODE_EDIVERGE, NULL,
                        "the loss is not finite after %d steps: fewer are to be timed",
                        i);
    ode_trial_update(&rig->trial, RATE);
    rig->loss = report.loss / (double)report.n;
    return ODE_OK;
}

/* The peak is measured before each step, by the same threads. */
static enum ode_status
steps_time(struct rig *rig, struct result *result, struct ode_err *err)
{
    const int warmup = rig->step->warmup;
    struct load from, to;

    for (int i = 0; i < warmup; i++)
        ODE_TRY(step_make(rig, i, err));
    from = load_read();
    for (int i = 0; i < rig->step->steps; i++) {
        double at;

        rig->peak[i] = bench_peak(rig->bench->kernels, rig->team);
        at = load_seconds();
        ODE_TRY(step_make(rig, warmup + i, err));
        rig->seconds[i] = load_seconds() - at;
    }
    to = load_read();
    result->others = load_others(&from, &to);
    result->rss = load_peak_mib();
    return ODE_OK;
}

/* --- what came of it --------------------------------------------------------------- */

/* The part of a forward pass that the backward pass does again: all but what stands in
 * stored segments. Opening and head are not worth a difference. */
static double
rebuilt(const struct ode_net *net)
{
    double again = 0, all = 0;

    for (int s = 0; s < net->segment_n; s++) {
        const struct ode_stretch *g = &net->segment[s];
        const double work =
            (double)g->blocks * g->conv.in * g->conv.out * g->conv.h * g->conv.w;

        all += work;
        again += g->memory == ODE_MEMORY_STORE ? 0 : work;
    }
    return all > 0 ? again / all : 0;
}

/* "reverse", or "store,reverse" where units differ. */
static void
keeps_text(const struct ode_net *net, char *text, size_t size)
{
    size_t used = 0;
    bool same = true;

    text[0] = '\0';
    for (int s = 1; s < net->segment_n; s++)
        same = same && net->segment[s].memory == net->segment[0].memory;
    for (int s = 0; s < (same ? 1 : net->segment_n) && used < size; s++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", s ? "," : "",
                                 ode_memory_choices[net->segment[s].memory].name);
}

static void
result_fill(const struct rig *rig, struct result *r)
{
    const struct ode_net *net = &rig->trial.stage->net;
    const size_t n = (size_t)rig->step->steps;
    const double batch = rig->step->batch, work = 3 * net->flops * batch / 1e9;
    struct spread s;

    for (size_t i = 0; i < n; i++)
        rig->part[i] = work / rig->seconds[i] / rig->peak[i];
    s = spread_of(rig->seconds, n);
    r->part = spread_of(rig->part, n).median;
    r->rate = (struct spread){ batch / s.median, batch / s.most, batch / s.least };
    r->step_ms = 1e3 * s.median;
    r->peak = spread_of(rig->peak, n).median;
    r->useful = 3 * net->flops * r->rate.median / 1e9;
    r->all = (3 + rebuilt(net)) * net->flops * r->rate.median / 1e9;
    keeps_text(net, r->keeps, sizeof r->keeps);
}

static void
result_json(const struct rig *rig, const struct result *r, json_t *json)
{
    const struct bench_step *step = rig->step;
    const struct ode_recipe_spec *recipe = &rig->recipe;
    json_t *more = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "preset",
        ode_preset_choices[step->preset].name, "norm",
        ode_norm_choices[recipe->model.norm].name, "blocks",
        (json_int_t)recipe->model.units[0].blocks, "memory",
        ode_memory_choices[step->memory].name, "keeps", r->keeps, "isa",
        rig->bench->kernels->name, "method", bench_method(&rig->trial.stage->net),
        "threads", rig->bench->threads, "batch", step->batch, "resolution",
        step->resolution, "steps", step->steps, "warmup", step->warmup);
    const struct {
        const char *name;
        double value;
    } number[] = {
        {"images_per_s",           r->rate.median                 },
        { "images_per_s_min",      r->rate.least                  },
        { "images_per_s_max",      r->rate.most                   },
        { "step_ms",               r->step_ms                     },
        { "gflops",                r->useful                      },
        { "gflops_with_rebuild",   r->all                         },
        { "peak_gflops",           r->peak                        },
        { "fraction",              r->part                        },
        { "fraction_with_rebuild", r->part * r->all / r->useful   },
        { "rss_mib",               r->rss                         },
        { "others",                r->others                      },
        { "flops_per_image",       3 * rig->trial.stage->net.flops},
        { "loss",                  rig->loss                      },
    };

    json_object_set_new(more, "parameters",
                        json_integer((json_int_t)rig->trial.stage->net.params.theta_n));
    json_object_update(json, more);
    json_decref(more);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        json_object_set_new(json, number[i].name, schema_number(number[i].value));
}

static void
head_print(void)
{
    printf("%-17s %-8s %-10s %-8s %5s %7s %26s %8s %8s %8s %8s %7s\n", "preset", "norm",
           "keeps", "method", "batch", "threads", "images/s (min..max)", "GFLOP/s",
           "of peak", "rebuilt", "MiB", "others");
}

static void
result_print(const struct rig *rig, const struct result *r)
{
    char range[48];

    if (rig->step->head)
        head_print();
    snprintf(range, sizeof range, "%.1f (%.1f..%.1f)", r->rate.median, r->rate.least,
             r->rate.most);
    printf("%-17s %-8s %-10s %-8s %5d %7d %26s %8.1f %7.0f%% %7.0f%% %8.1f %6.0f%%\n",
           ode_preset_choices[rig->step->preset].name,
           ode_norm_choices[rig->recipe.model.norm].name, r->keeps,
           bench_method(&rig->trial.stage->net), rig->step->batch, rig->bench->threads,
           range, r->useful, 100 * r->part, 100 * r->part * r->all / r->useful, r->rss,
           100 * r->others);
    fflush(stdout);
}

/* --- begin and end ----------------------------------------------------------------- */

static enum ode_status
rig_init(struct rig *rig, struct ode_err *err)
{
    const size_t n = (size_t)rig->step->steps;

    ODE_TRY(recipe_make(rig->step, &rig->recipe, err));
    rig->seconds = calloc(n, sizeof *rig->seconds);
    rig->peak = calloc(n, sizeof *rig->peak);
    rig->part = calloc(n, sizeof *rig->part);
    if (!rig->seconds || !rig->peak || !rig->part)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory for the times of %zu steps", n);
    ODE_TRY(ode_team_new(&rig->team, rig->bench->threads, err));
    return ode_trial_init(&rig->trial, &rig->recipe, 0,
                          (size_t)rig->step->batch * BATCHES, rig->bench->kernels,
                          rig->team, err);
}

static void
rig_release(struct rig *rig)
{
    ode_trial_release(&rig->trial);
    ode_team_free(rig->team);
    free(rig->part);
    free(rig->peak);
    free(rig->seconds);
}

enum ode_status
bench_step(const struct bench *bench, const struct bench_step *step, struct ode_err *err)
{
    struct rig rig = { .bench = bench, .step = step };
    struct result result = { 0 };
    enum ode_status status;

    assert(step->steps > 0 && step->batch > 0);
    status = rig_init(&rig, err);
    if (status == ODE_OK)
        status = steps_time(&rig, &result, err);
    if (status == ODE_OK) {
        result_fill(&rig, &result);
        if (bench->json)
            result_json(&rig, &result, bench->json);
        else
            result_print(&rig, &result);
    }
    rig_release(&rig);
    return status;
}
