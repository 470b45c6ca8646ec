/* cost.c - what a run will cost in seconds: measured on this machine, and summed up. */
#include "core/train/cost.h"

#include <math.h>
#include <stdlib.h>

#include "core/train/trial.h"

enum { SAMPLES_LEAST = 3, SAMPLES_MOST = 10 };

/* How the time for a level is shared out. */
#define STEPS_PART  0.7
#define IMAGES_PART 0.2

/* A pace that was measured for so many seconds counts half. */
#define PACE_S 1.0

struct meter {
    const struct ode_cost_config *config;
    const struct ode_recipe_spec *recipe;
    const struct ode_plan *plan;
    struct ode_team *team;
    int level;
    struct ode_trial trial;
    double x[SAMPLES_MOST];
};

/* --- samples ----------------------------------------------------------------------- */

static double
now(const struct meter *m)
{
    return m->config->seconds(m->config->context);
}

static bool
is_stopped(const struct meter *m)
{
    return m->config->stop && m->config->stop(m->config->context);
}

static enum ode_status
stopped(struct ode_err *err)
{
    return ode_fail(err, ODE_ESTOPPED, NULL, "stopped on request while it measured");
}

static int
ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct ode_sample
sample_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return (struct ode_sample){
        .median = (x[(n - 1) / 2] + x[n / 2]) / 2, .least = x[0], .most = x[n - 1], .n = n
    };
}

/* Whether there is time for one more sample after n of them. */
static bool
is_time(const struct meter *m, int n, double begin, double seconds)
{
    if (n < SAMPLES_LEAST || n == SAMPLES_MOST)
        return n < SAMPLES_LEAST;
    return (now(m) - begin) * (n + 1) / n <= seconds;
}

/* --- steps ------------------------------------------------------------------------- */

/* Images that the busiest thread has of n. */
static double
load(const struct meter *m, int n)
{
    const int micros = ode_exec_micros(&m->trial.stage->net, (size_t)n);
    const int turns = (micros + m->config->threads - 1) / m->config->threads;

    return turns * ((double)n / micros);
}

/* Images that give all threads equally many micro-batches of full size, or a batch. */
static int
round_images(const struct meter *m)
{
    const int t = m->config->threads, even = t % 4 == 0 ? t : t % 2 == 0 ? 2 * t : 4 * t;
    const int64_t n = (int64_t)ode_exec_micro(&m->trial.stage->net) * even;

    return (int)(n < m->recipe->train.batch ? n : m->recipe->train.batch);
}

/* Seconds of a step on a whole batch, from one on n images: gradients scale. With rate 0,
 * as weights that go astray would not be those of the run. */
static double
step_time(struct meter *m, int n)
{
    const double scale = load(m, (int)m->recipe->train.batch) / load(m, n);
    struct ode_batch_report report;
    double begin = now(m), middle;

    ode_trial_gradient(&m->trial, n, &report);
    middle = now(m);
    ode_trial_update(&m->trial, 0);
    return scale * (middle - begin) + (now(m) - middle);
}

/* So many images that three samples take no longer than `seconds`: a batch, or a part of
 * it in whole rounds. `step`: seconds of a whole one. */
static int
step_images(const struct meter *m, double step, double seconds)
{
    const int one = round_images(m), batch = (int)m->recipe->train.batch;
    const double part = seconds / (SAMPLES_LEAST * step);
    const int n = (int)(fmin(part, 1) * batch) / one * one;

    return part >= 1 ? batch : n > one ? n : one;
}

static enum ode_status
steps_measure(struct meter *m, double step, double seconds, struct ode_sample *out,
              struct ode_err *err)
{
    const int images = step_images(m, step, seconds);
    const double begin = now(m);
    int n = 0;

    while (is_time(m, n, begin, seconds)) {
        if (is_stopped(m))
            return stopped(err);
        m->x[n++] = step_time(m, images);
    }
    *out = sample_of(m->x, n);
    return ODE_OK;
}

/* --- what else an epoch has -------------------------------------------------------- */

/* Seconds of an image, of n that are evaluated. */
static double
image_time(struct meter *m, size_t n)
{
    struct ode_engine *e = &m->trial.stage->engine;
    struct ode_source source = ode_trial_source(&m->trial);
    struct ode_batch_report report;
    const double begin = now(m);

    ode_engine_evaluate(e, ode_source_fetch, &source, n, NULL, NULL, &report);
    return (now(m) - begin) / (double)n;
}

/* In whole spans of the engine where there is time for one. */
static enum ode_status
images_measure(struct meter *m, double seconds, struct ode_sample *out,
               struct ode_err *err)
{
    const size_t span = (size_t)m->trial.stage->engine.span;
    const size_t one = (size_t)round_images(m);
    const double image = image_time(m, one);
    const double most = image > 0 ? seconds / (SAMPLES_LEAST * image) : (double)span;
    size_t n = most < (double)one ? one : most > 4096 ? 4096 : (size_t)most;

    n -= n > span ? n % span : n % one;
    for (int i = 0; i < SAMPLES_LEAST; i++) {
        if (is_stopped(m))
            return stopped(err);
        m->x[i] = image_time(m, n);
    }
    *out = sample_of(m->x, SAMPLES_LEAST);
    return ODE_OK;
}

static double
gauge_time(struct meter *m)
{
    struct ode_source source = ode_trial_source(&m->trial);
    struct ode_gauge gauge;
    const double begin = now(m);

    ode_gauge_measure(&m->trial.stage->gauge, &m->trial.stage->engine.exec,
                      ode_source_fetch, &source, &gauge);
    return now(m) - begin;
}

/* Of all solves for the classifier in an epoch. */
static double
solves_time(struct meter *m)
{
    const struct ode_classifier_spec *c = &m->recipe->train.classifier;
    const double steps = (double)m->plan->levels[m->level].epoch_steps;
    const double wanted = fmin((double)c->examples, (double)m->plan->train_n);
    struct ode_source source = ode_trial_source(&m->trial);
    struct ode_newton_report report;
    double begin;
    int n = (int)m->trial.set.train.n;

    if (c->solver != ODE_SOLVER_NEWTON)
        return 0;
    n = n < wanted ? n : (int)wanted;
    begin = now(m);
    if (ode_classifier_solve(&m->trial.stage->classifier, c, &m->trial.stage->engine,
                             ode_source_fetch, &source, n, &report, NULL)
        != ODE_OK)
        return 0;
    return (now(m) - begin) * wanted / n
           * (c->every ? ceil(steps / (double)c->every) : 1);
}

/* --- a level ----------------------------------------------------------------------- */

/* The first step warms up; the second one, or a first that takes long, says how much of
 * all there is time for. */
static enum ode_status
level_measure(struct meter *m, struct ode_level_cost *out, struct ode_err *err)
{
    const struct ode_level_plan *p = &m->plan->levels[m->level];
    const double begin = now(m);
    double step = step_time(m, round_images(m)), seconds;

    if (now(m) - begin < m->config->level_s / 4)
        step = step_time(m, round_images(m));
    seconds = fmin(m->config->level_s, m->config->part * step * (double)p->steps);
    seconds = fmax(seconds - (now(m) - begin), 0);
    ODE_TRY(steps_measure(m, step, STEPS_PART * seconds, &out->step, err));
    ODE_TRY(images_measure(m, IMAGES_PART * seconds, &out->image, err));
    out->epoch = gauge_time(m) + solves_time(m);
    return ODE_OK;
}

static enum ode_status
levels_measure(struct meter *m, struct ode_cost *cost, struct ode_err *err)
{
    const size_t batch = (size_t)m->recipe->train.batch;

    for (; m->level < (int)cost->levels_n; m->level++) {
        enum ode_status status;

        if (is_stopped(m))
            return stopped(err);
        ODE_TRY(ode_trial_init(&m->trial, m->recipe, m->level, batch, m->config->kernels,
                               m->team, err));
        status = level_measure(m, &cost->level[m->level], err);
        ode_trial_release(&m->trial);
        ODE_TRY(status);
    }
    return ODE_OK;
}

enum ode_status
ode_cost_measure(struct ode_cost *out, const struct ode_recipe_spec *recipe,
                 const struct ode_plan *plan, int first,
                 const struct ode_cost_config *config, struct ode_err *err)
{
    struct meter *m = calloc(1, sizeof *m);
    struct ode_cost cost = { .levels_n = plan->levels_n };
    enum ode_status status;

    if (!m)
        return ode_fail(err, ODE_ENOMEM, NULL, "no memory to measure");
    *m = (struct meter){
        .config = config, .recipe = recipe, .plan = plan, .level = first
    };
    status = ode_team_new(&m->team, config->threads, err);
    if (status == ODE_OK)
        status = levels_measure(m, &cost, err);
    ode_team_free(m->team);
    free(m);
    if (status == ODE_OK)
        *out = cost;
    return status;
}

/* --- summing up -------------------------------------------------------------------- */

/* The probe before it, the running moments and the probe after it. before, after: seconds
 * of an image. */
static double
transfer_time(const struct ode_plan *plan, int k, double before, double after)
{
    const double probe = fmin(ODE_PROBE_N, (double)plan->train_n);
    const double moments = fmin(ODE_MOMENTS_N, (double)plan->train_n);

    return k == 0 ? 0 : probe * before + (moments + probe) * after;
}

/* at: seconds of a step, of an image, and of an image of the level before. */
static double
level_time(const struct ode_cost *cost, const struct ode_plan *plan, int k,
           int64_t level_step, const double at[3])
{
    const struct ode_level_plan *p = &plan->levels[k];
    const double epochs = (double)(p->steps - level_step) / (double)p->epoch_steps;
    const double ends = p->steps == 0 ? 1 : ceil(epochs);
    const double tests = ceil(ends / fmax((double)plan->test_every, 1));
    const double epoch_steps = (double)plan->train_n / (double)plan->batch;

    return epochs * epoch_steps * at[0] + tests * (double)plan->test_n * at[1]
           + ends * cost->level[k].epoch
           + (level_step == 0 ? transfer_time(plan, k, at[2], at[1]) : 0);
}

/* How the pace scales what is expected. */
static double
pace_ratio(const struct ode_pace *pace)
{
    if (!pace || pace->expected <= 0)
        return 1;
    return (pace->measured + PACE_S) / (pace->expected + PACE_S);
}

/* What clocks and caches may add: the less the longer the run was measured. */
static double
slower(const struct ode_pace *pace)
{
    return 1 + ODE_COST_SLOWER * PACE_S / (PACE_S + (pace ? pace->measured : 0));
}

struct ode_span
ode_cost_level(const struct ode_cost *cost, const struct ode_plan *plan, int k,
               int64_t level_step, const struct ode_pace *pace)
{
    const struct ode_level_cost *here = &cost->level[k];
    const struct ode_level_cost *before = &cost->level[k > 0 ? k - 1 : 0];
    const double ratio = pace_ratio(pace);
#define AT(which)                                                \
    {                                                            \
        here->step.which, here->image.which, before->image.which \
    }
    const double median[3] = AT(median), least[3] = AT(least), most[3] = AT(most);
#undef AT

    return (struct ode_span){
        .expected = ratio * level_time(cost, plan, k, level_step, median),
        .low = ratio * level_time(cost, plan, k, level_step, least),
        .high = ratio * slower(pace) * level_time(cost, plan, k, level_step, most)
    };
}

double
ode_cost_epoch(const struct ode_cost *cost, const struct ode_plan *plan, int k)
{
    const struct ode_level_cost *c = &cost->level[k];

    return (double)plan->train_n / (double)plan->batch * c->step.median
           + (double)plan->test_n * c->image.median / fmax((double)plan->test_every, 1)
           + c->epoch;
}

double
ode_cost_transfer(const struct ode_cost *cost, const struct ode_plan *plan, int k)
{
    return transfer_time(plan, k, cost->level[k > 0 ? k - 1 : 0].image.median,
                         cost->level[k].image.median);
}

void
ode_span_add(struct ode_span *sum, const struct ode_span *term)
{
    sum->expected += term->expected;
    sum->low += term->low;
    sum->high += term->high;
}
