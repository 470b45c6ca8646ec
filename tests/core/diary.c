/* diary.c - a run on drawn digits that remembers all it told. */
#include "tests/core/diary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/gemm.h"
#include "tests/test.h"

enum { EVENTS = 4000 };

static struct record *
event(struct diary *d, char kind, const struct ode_progress *at)
{
    ck_assert_int_lt(d->n, EVENTS);
    d->event[d->n] = (struct record){ .kind = kind, .at = *at };
    return &d->event[d->n++];
}

static enum ode_status
level_begins(void *context, const struct ode_progress *at, struct ode_err *err)
{
    (void)err;
    event(context, 'l', at);
    return ODE_OK;
}

static enum ode_status
level_done(void *context, const struct ode_progress *at, enum ode_end end,
           const struct ode_score *test, struct ode_err *err)
{
    struct record *r = event(context, 'd', at);

    (void)err;
    r->end = end;
    r->m.test_loss = test->loss;
    r->m.test_accuracy = test->accuracy;
    return ODE_OK;
}

static enum ode_status
level_skipped(void *context, const struct ode_progress *at, int level,
              struct ode_err *err)
{
    (void)err;
    event(context, 's', at)->level = level;
    return ODE_OK;
}

static enum ode_status
metrics(void *context, const struct ode_progress *at, const struct ode_metrics *m,
        struct ode_err *err)
{
    (void)err;
    event(context, 'm', at)->m = *m;
    return ODE_OK;
}

static enum ode_status
transfer(void *context, const struct ode_progress *at,
         const struct ode_transfer_record *t, struct ode_err *err)
{
    (void)err;
    event(context, 't', at)->t = *t;
    return ODE_OK;
}

static enum ode_status
warning(void *context, const struct ode_progress *at, const char *text,
        struct ode_err *err)
{
    (void)text;
    (void)err;
    event(context, 'w', at);
    return ODE_OK;
}

/* The arrays of a state that are as long as theta; NULL where the recipe has none. */
static float *
arrays(const struct ode_state *s, int i)
{
    float *const all[] = { s->theta, s->momentum, s->second, s->average };

    return all[i];
}

static enum ode_status
checkpoint(void *context, const struct ode_state *s, bool last, struct ode_err *err)
{
    struct diary *d = context;
    const struct ode_params *p = &s->net->params;

    (void)err;
    (void)last;
    free(d->room);
    d->theta_n = p->theta_n;
    d->statistic_n = p->statistic_n;
    d->room = calloc(4 * p->theta_n + p->statistic_n, sizeof *d->room);
    for (int i = 0; i < 4; i++)
        if (arrays(s, i))
            memcpy(d->room + (size_t)i * p->theta_n, arrays(s, i),
                   p->theta_n * sizeof(float));
    memcpy(d->room + 4 * p->theta_n, s->statistics, p->statistic_n * sizeof(float));
    d->kept = *s;
    return ODE_OK;
}

static enum ode_status
restore(void *context, struct ode_state *s, struct ode_err *err)
{
    struct diary *d = context;
    const struct ode_state set = *s;

    (void)err;
    ck_assert_uint_eq(s->net->params.theta_n, d->theta_n);
    *s = d->kept;
    s->net = set.net;
    s->theta = set.theta;
    s->momentum = set.momentum;
    s->second = set.second;
    s->average = set.average;
    s->statistics = set.statistics;
    for (int i = 0; i < 4; i++)
        if (arrays(s, i))
            memcpy(arrays(s, i), d->room + (size_t)i * d->theta_n,
                   d->theta_n * sizeof(float));
    memcpy(s->statistics, d->room + 4 * d->theta_n, d->statistic_n * sizeof(float));
    return ODE_OK;
}

static bool
stop(void *context)
{
    struct diary *d = context;

    return d->stop_after && ++d->steps >= d->stop_after;
}

static enum ode_end
advance(void *context, const struct ode_progress *at)
{
    struct diary *d = context;

    if (d->deadline_step && at->step >= d->deadline_step)
        return ODE_END_DEADLINE;
    return d->advance_from && at->level + 1 == d->advance_from
                   && at->step >= d->advance_step
               ? ODE_END_REQUEST
               : ODE_END_NOT;
}

/* Half of the epochs for all levels that are to come, once. */
static enum ode_status
replan(void *context, const struct ode_progress *at, int level, bool *changed,
       struct ode_err *err)
{
    struct diary *d = context;

    (void)at;
    (void)err;
    if (!d->shrinks || level != d->shrink_at)
        return ODE_OK;
    for (size_t k = (size_t)level; k < d->shrinks->levels_n; k++)
        d->shrinks->levels[k].epochs /= 2;
    *changed = true;
    return ODE_OK;
}

static bool
hold(void *context, int level)
{
    return ((struct diary *)context)->hold_at == level + 1;
}

static double
seconds(void *context)
{
    return ((struct diary *)context)->clock += 0.5;
}

struct ode_recipe_spec
diary_ladder(void)
{
    static const struct {
        int resolution, blocks;
    } levels[] = {
        {8,   2},
        { 16, 2},
        { 16, 4}
    };
    struct ode_recipe_spec r = { .levels_n = 3, .seed = 5 };

    r.data.set = ODE_SET_STROKES;
    r.data.train_fraction = 1;
    r.data.train_size = 230; /* a last batch of 30 */
    r.data.test_size = 70;
    r.data.augment.crop = 2;
    r.model.step = 0.1;
    r.model.stem_norm = r.model.head_norm = ODE_NORM_BATCH;
    r.model.units_n = 2;
    r.train.batch = 50;
    r.train.optimizer = (struct ode_optimizer_spec){ .momentum = 0.9, .nesterov = true };
    r.train.weight_decay = r.train.smoothness = 1e-4;
    r.train.memory = ODE_MEMORY_REVERSE;
    r.resources.checkpoint_s = 1e9;
    for (int u = 0; u < 2; u++) {
        r.model.units[u].channels = u ? 12 : 8;
        r.model.units[u].blocks = 4;
    }
    for (int k = 0; k < 3; k++) {
        struct ode_level_spec *l = &r.levels[k];

        l->resolution = levels[k].resolution;
        l->blocks_n = 2;
        l->blocks[0] = l->blocks[1] = levels[k].blocks;
        l->epochs = 2;
        l->lr = (struct ode_lr_spec){ .schedule = ODE_SCHEDULE_TRIANGULAR,
                                      .peak = 0.05,
                                      .warmup = 0.2 };
    }
    return r;
}

void
diary_free(struct diary *d)
{
    free(d->event);
    free(d->room);
}

enum ode_status
diary_run(const struct ode_recipe_spec *recipe, int threads, bool resume, struct diary *d,
          float **theta, struct ode_err *err)
{
    const struct ode_train_ops ops = { level_begins, level_done, level_skipped, metrics,
                                       transfer,     warning,    checkpoint,    restore,
                                       stop,         advance,    replan,        hold,
                                       seconds,      d };
    struct ode_dataset set;
    struct ode_outcome outcome = { 0 };
    struct ode_train t = { .recipe = recipe,
                           .set = &set,
                           .kernels = ode_kernels_best(ODE_ISA_ALL),
                           .threads = threads,
                           .ops = &ops,
                           .resume = resume,
                           .resume_level = d->kept.at.level };
    enum ode_status status;

    ode_gemm_single_thread();
    if (!d->event)
        d->event = calloc(EVENTS, sizeof *d->event);
    test_ok(
        ode_dataset_open(&set, &recipe->data, NULL, 16, (uint64_t)recipe->seed, 1, err),
        err);
    status = ode_train_run(&t, &outcome, err);
    if (status == ODE_OK && theta) {
        const size_t n = outcome.state.net->params.theta_n;

        *theta = malloc(n * sizeof **theta);
        memcpy(*theta,
               outcome.state.average ? outcome.state.average : outcome.state.theta,
               n * sizeof **theta);
        d->theta_n = n;
    }
    ode_train_release(&outcome);
    ode_dataset_release(&set);
    return status;
}

void
diary_kinds(const struct diary *d, char kinds[64])
{
    int n = 0;

    for (int i = 0; i < d->n; i++)
        if (d->event[i].kind != 'm' && d->event[i].kind != 'w' && n < 63)
            kinds[n++] = d->event[i].kind;
    kinds[n] = '\0';
}

static bool
same_value(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b;
}

void
diary_same_metrics(const struct diary *a, const struct diary *b)
{
    int64_t last = -1;
    int j = 0;

    for (int i = 0; i < a->n; i++) {
        const struct ode_metrics *m = &a->event[i].m, *k;

        if (a->event[i].kind != 'm')
            continue;
        while (j < b->n && (b->event[j].kind != 'm' || b->event[j].at.step < last))
            j++;
        ck_assert_int_lt(j, b->n);
        k = &b->event[j++].m;
        ck_assert_int_eq(b->event[j - 1].at.step, a->event[i].at.step);
        ck_assert_double_eq(b->event[j - 1].at.work, a->event[i].at.work);
        ck_assert(same_value(m->train_loss, k->train_loss));
        ck_assert(same_value(m->train_accuracy, k->train_accuracy));
        ck_assert(same_value(m->test_loss, k->test_loss));
        ck_assert(same_value(m->test_accuracy, k->test_accuracy));
        ck_assert(same_value(m->lr, k->lr));
        ck_assert(same_value(m->state_max, k->state_max));
        last = a->event[i].at.step;
    }
}

int
diary_resumes(const struct ode_recipe_spec *recipe, int first, int stride)
{
    struct diary whole = { 0 };
    struct ode_err err;
    float *want;
    int place = first;

    test_ok(diary_run(recipe, 2, false, &whole, &want, &err), &err);
    for (bool ended = false; !ended; place += ended ? 0 : stride) {
        struct diary d = { .stop_after = place };
        enum ode_status status = diary_run(recipe, 2, false, &d, NULL, &err);
        float *got;

        ended = status == ODE_OK;
        if (!ended) {
            ck_assert_int_eq(status, ODE_ESTOPPED);
            d.stop_after = 0;
            test_ok(diary_run(recipe, 2, d.room != NULL, &d, &got, &err), &err);
            ck_assert_mem_eq(got, want, whole.theta_n * sizeof *want);
            diary_same_metrics(&whole, &d);
            free(got);
        }
        diary_free(&d);
    }
    free(want);
    diary_free(&whole);
    return place;
}
