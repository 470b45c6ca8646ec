/* engine.c - gradients of a batch, updates, evaluation. */
#include "core/train/engine.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/net/segment.h"
#include "core/optim/adamw.h"
#include "core/optim/sgd.h"

enum {
    LANE_BYTES = 32 << 20,
    SPAN = 100 /* images in a job of an evaluation */,
    RUN = 16
};

/* --- memory
 * ----------------------------------------------------------------------------- */

/* As many lanes as fit into LANE_BYTES: a power of two up to 8, whatever the threads. The
 * first is the gradient. */
static int
lanes_for(const struct ode_net *net)
{
    int lanes = ODE_LANES_MAX;

    while (lanes > 1 && (size_t)lanes * net->params.theta_n * sizeof(float) > LANE_BYTES)
        lanes /= 2;
    return lanes;
}

static void
engine_place(struct ode_engine *e, struct ode_arena *a)
{
    const struct ode_net *net = e->exec.net;
    const size_t n = net->params.theta_n;
    const bool real_one = a->base != NULL;
    const int micros = ode_exec_micros(net, (size_t)e->span);
    struct ode_work work;
    struct ode_result result;

    e->theta = ode_arena_take(a, n, sizeof(real));
    e->momentum = ode_arena_take(a, n, sizeof(real));
    e->second = e->keeps_second ? ode_arena_take(a, n, sizeof(real)) : NULL;
    e->average = e->keeps_average ? ode_arena_take(a, n, sizeof(real)) : NULL;
    e->squares = ode_arena_take(a, (size_t)net->params.trained_n, sizeof(double));
    e->statistics = ode_arena_take(a, net->params.statistic_n, sizeof(real));
    e->average_statistics = e->keeps_average
                                ? ode_arena_take(a, net->params.statistic_n, sizeof(real))
                                : NULL;
    e->packed = ode_arena_take(a, net->packed_n, sizeof(real));
    e->exec.packed = e->packed;
    e->lane = ode_arena_take(a, (size_t)e->lanes, sizeof *e->lane);
    for (int i = 0; i < e->lanes; i++) {
        real *lane = ode_arena_take(a, n, sizeof(real));

        if (real_one)
            e->lane[i] = lane;
    }
    e->gradient = real_one ? e->lane[0] : NULL;
    e->turn = ode_arena_take(a, (size_t)micros, sizeof *e->turn);
    e->work = ode_arena_take(a, (size_t)e->threads, sizeof *e->work);
    for (int i = 0; i < e->threads; i++)
        ode_work_place(real_one ? &e->work[i] : &work, &e->exec, a);
    e->result = ode_arena_take(a, (size_t)micros, sizeof *e->result);
    for (int i = 0; i < micros; i++)
        ode_result_place(real_one ? &e->result[i] : &result, net, a);
}

static struct ode_engine
engine_shape(const struct ode_engine_config *c)
{
    struct ode_engine e = {
        .team = c->team,
        .metric = c->metric,
        .threads = c->threads,
        .lanes = lanes_for(c->net),
        .span = c->batch > SPAN ? c->batch : SPAN,
        .keeps_second = c->second,
        .keeps_average = c->average,
        .exec = {.net = c->net,
                 .kernels = c->kernels,
                 .micro = ode_exec_micro(c->net),
                 .scratch_n = c->scratch_n,
                 .smoothing = c->smoothing,
                 .flip = c->flip},
    };

    return e;
}

size_t
ode_engine_bytes(const struct ode_engine_config *config)
{
    struct ode_engine e = engine_shape(config);
    struct ode_arena count = { 0 };

    engine_place(&e, &count);
    return count.used;
}

enum ode_status
ode_engine_init(struct ode_engine *engine, const struct ode_engine_config *config,
                struct ode_err *err)
{
    struct ode_engine e = engine_shape(config);

    ODE_TRY(ode_arena_init(&e.arena, ode_engine_bytes(config), err));
    engine_place(&e, &e.arena);
    *engine = e;
    return ODE_OK;
}

void
ode_engine_release(struct ode_engine *engine)
{
    ode_arena_release(&engine->arena);
    *engine = (struct ode_engine){ 0 };
}

/* --- a batch
 * ---------------------------------------------------------------------------- */

/* What the team works on; lives for one call of ode_team_run(). */
struct job {
    struct ode_engine *engine;
    ode_fetch_fn *fetch;
    void *context;
    size_t first; /* image of the batch's first */
    int n, micros;
    enum ode_mode mode;
    const struct ode_penalty *penalty;
    const struct ode_update *update;
    real *features; /* where to put those of the images, and the labels; or NULL */
    int *labels;
    real *logits; /* [images][classes]; NULL: not wanted */
};

static int
micro_first(const struct job *job, int micro)
{
    return (int)((int64_t)micro * job->n / job->micros);
}

static void
micro_forward(const struct job *job, struct ode_work *work, int micro)
{
    const int first = micro_first(job, micro), n = micro_first(job, micro + 1) - first;
    const size_t classes = (size_t)job->engine->exec.net->classes;

    ode_exec_forward(&job->engine->exec, work, job->fetch, job->context,
                     job->first + (size_t)first, n, job->mode,
                     &job->engine->result[micro]);
    if (job->logits)
        memcpy(job->logits + (job->first + (size_t)first) * classes, work->logits,
               (size_t)n * classes * sizeof *job->logits);
}

/* Micro-batch i adds to lane i mod lanes, after i - lanes has, stage by stage. */
static void
micro_task(void *context, int thread, int micro)
{
    const struct job *job = context;
    struct ode_engine *e = job->engine;
    const int before = micro - e->lanes;
    struct ode_lane lane = { .gradient = e->lane[micro % e->lanes],
                             .room = e->work[thread].share,
                             .before = before < 0 ? NULL : &e->turn[before],
                             .added = &e->turn[micro] };

    if (before < 0)
        memset(lane.gradient, 0, e->exec.net->params.theta_n * sizeof(real));
    micro_forward(job, &e->work[thread], micro);
    ode_exec_backward(&e->exec, &e->work[thread], e->result[micro].n, 1.0 / job->n,
                      &e->result[micro], &lane);
}

static void
forward_task(void *context, int thread, int micro)
{
    const struct job *job = context;
    const struct ode_work *w = &job->engine->work[thread];
    const size_t size = (size_t)job->engine->exec.net->features;
    const size_t at = job->first + (size_t)micro_first(job, micro);
    const size_t n = (size_t)micro_first(job, micro + 1) + job->first - at;

    micro_forward(job, &job->engine->work[thread], micro);
    if (!job->features)
        return;
    memcpy(job->features + at * size, w->features, n * size * sizeof(real));
    memcpy(job->labels + at, w->label, n * sizeof *w->label);
}

/* In eight sums side by side, as one would wait for itself. */
static double
squares_of(size_t n, const real *x)
{
    double sum[8] = { 0 };
    size_t j = 0;

    for (; j + 8 <= n; j += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] += (double)x[j + k] * (double)x[j + k];
    for (size_t k = 0; j < n; j++, k++)
        sum[k] += (double)x[j] * (double)x[j];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3]))
           + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* lane[0] = the sum of all, from `at` on: pairwise, ((0+1)+(2+3))+..., whoever computed
 * them. */
static void
lanes_sum(real *const *lane, int lanes, size_t at, size_t n)
{
    for (int step = 1; step < lanes; step *= 2)
        for (int i = 0; i + step < lanes; i += 2 * step) {
            real *restrict to = lane[i] + at;
            const real *restrict from = lane[i + step] + at;
            size_t j = 0;

            for (; j + RUN <= n; j += RUN)
                for (size_t k = 0; k < RUN; k++) /* of fixed length: vectors */
                    to[j + k] += from[j + k];
            for (; j < n; j++)
                to[j] += from[j];
        }
}

/* The gradient of a tensor of a coarse level becomes that of the finest's. */
static void
gradient_measure(const struct ode_metric *metric, const struct ode_tensor *t, real *g)
{
    if (t->kind == ODE_TENSOR_CONV && t->dim[2] == 3)
        ode_metric_apply(metric, t->n / 9, g);
    for (size_t j = 0; ode_tensor_is_map(t) && j < t->n; j++)
        g[j] *= metric->map;
}

static void
reduce_task(void *context, int thread, int tensor)
{
    const struct job *job = context;
    struct ode_engine *e = job->engine;
    const struct ode_tensor *t = &e->exec.net->params.tensor[tensor];

    (void)thread;
    lanes_sum(e->lane, e->lanes < job->micros ? e->lanes : job->micros, t->offset, t->n);
    if (e->metric)
        gradient_measure(e->metric, t, e->gradient + t->offset);
    if (job->penalty)
        ode_penalty_gradient(job->penalty, &e->exec.net->params, tensor, e->theta,
                             e->gradient);
    e->squares[tensor] = squares_of(t->n, e->gradient + t->offset);
}

/* --- the update ------------------------------------------------------------------- */

/* The rate of tensor t: of a function of time, the gradient per unit of time counts. */
static double
tensor_rate(const struct ode_engine *e, const struct ode_update *u,
            const struct ode_tensor *t)
{
    if (u->block_step == 0 || t->segment < 0)
        return u->rate;
    return u->rate * u->block_step / e->exec.net->params.segment[t->segment].dt;
}

static void
tensor_step(const struct ode_engine *e, const struct ode_update *u,
            const struct ode_tensor *t, double decay)
{
    const size_t n = t->n, at = t->offset;
    const struct ode_optimizer_spec *o = u->optimizer;
    const double rate = tensor_rate(e, u, t);
    const struct ode_sgd sgd = {
        .rate = rate, .momentum = o->momentum, .decay = decay, .nesterov = o->nesterov
    };
    const struct ode_adamw adamw = { .rate = rate,
                                     .beta1 = o->beta1,
                                     .beta2 = o->beta2,
                                     .epsilon = o->epsilon,
                                     .decay = decay,
                                     .t = u->t };

    if (o->type == ODE_OPTIMIZER_ADAMW)
        ode_adamw_update(&adamw, n, e->gradient + at, e->momentum + at, e->second + at,
                         e->theta + at);
    else
        ode_sgd_update(&sgd, n, e->gradient + at, e->momentum + at, e->theta + at);
}

static void
box_project(real box, size_t n, real *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > box ? box : x[i] < -box ? -box : x[i];
}

static void
average_follow(double keep, size_t n, const real *x, real *average)
{
    const real new = (real)(1 - keep);

    for (size_t i = 0; i < n; i++)
        average[i] += new *(x[i] - average[i]);
}

static void
update_task(void *context, int thread, int tensor)
{
    const struct job *job = context;
    const struct ode_update *u = job->update;
    struct ode_engine *e = job->engine;
    const struct ode_net *net = e->exec.net;
    const struct ode_tensor *t = &net->params.tensor[tensor];
    const bool head = tensor == net->slot[net->head_weight].tensor
                      || tensor == net->slot[net->head_bias].tensor;
    real *g = e->gradient + t->offset;

    (void)thread;
    if (!(head && u->fixed_head)) {
        for (size_t j = 0; u->scale < 1 && j < t->n; j++)
            g[j] *= (real)u->scale;
        tensor_step(e, u, t,
                    u->penalty ? ode_penalty_decay(u->penalty, &net->params, t) : 0);
    }
    if (u->box > 0)
        box_project((real)u->box, t->n, e->theta + t->offset);
    if (e->average)
        average_follow(u->ema, t->n, e->theta + t->offset, e->average + t->offset);
}

/* Slot i of theta to where the kernels read it. */
static void
slot_prepare(struct ode_engine *e, int thread, int i, const real *theta)
{
    const struct ode_net *net = e->exec.net;

    if (!net->slot[i].local)
        ode_net_prepare(net, e->exec.kernels, i, theta, e->statistics,
                        e->work[thread].room, e->packed);
}

static void
pack_task(void *context, int thread, int slot)
{
    struct ode_engine *e = context;

    slot_prepare(e, thread, slot, e->theta);
}

void
ode_engine_pack(struct ode_engine *e)
{
    e->exec.theta = e->theta;
    ode_team_run(e->team, pack_task, e, e->exec.net->slot_n);
}

/* Adds up the results in the order of the micro-batches. */
static void
report_add(const struct job *job, struct ode_batch_report *report)
{
    for (int i = 0; i < job->micros; i++) {
        const struct ode_result *r = &job->engine->result[i];

        report->loss += r->loss;
        report->correct += r->correct;
        report->n += r->n;
        for (int s = 0; s < job->engine->exec.net->segment_n; s++)
            if (!((double)r->top[s] <= report->top[s]))
                report->top[s] = (double)r->top[s];
    }
}

void
ode_engine_gradient(struct ode_engine *e, ode_fetch_fn *fetch, void *context, int n,
                    const struct ode_penalty *penalty, struct ode_batch_report *report)
{
    struct job job = { .engine = e,
                       .fetch = fetch,
                       .context = context,
                       .n = n,
                       .micros = ode_exec_micros(e->exec.net, (size_t)n),
                       .mode = ODE_TRAIN,
                       .penalty = penalty };

    assert(n <= e->span);
    e->micros = job.micros;
    for (int i = 0; i < job.micros; i++)
        atomic_store_explicit(&e->turn[i], 0, memory_order_relaxed);
    ode_team_run(e->team, micro_task, &job, job.micros);
    ode_team_run(e->team, reduce_task, &job, e->exec.net->params.trained_n);
    *report = (struct ode_batch_report){ 0 };
    report_add(&job, report);
    for (int i = 0; i < e->exec.net->params.trained_n; i++)
        report->norm += e->squares[i];
    report->norm = sqrt(report->norm);
}

void
ode_engine_update(struct ode_engine *e, const struct ode_update *update)
{
    struct job job = { .engine = e, .update = update };

    e->average_known = false;
    ode_team_run(e->team, update_task, &job, e->exec.net->params.trained_n);
    ode_team_run(e->team, pack_task, e, e->exec.net->trained_slots);
}

/* --- running moments
 * ---------------------------------------------------------------------- */

/* The mean over the micro-batches, weighted by their images, of a channel's moment. */
static double
moment_mean(const struct ode_engine *e, const struct ode_slot *slot, int channel,
            int channels, int micros)
{
    const size_t at = slot->lane + (size_t)ode_position(channel, channels, slot->parts);
    double sum = 0, n = 0;

    for (int m = 0; m < micros; m++) {
        sum += e->result[m].n * (double)e->result[m].moment[at];
        n += e->result[m].n;
    }
    return sum / n;
}

/* running = keep * running + weight * mean, for the moments of tensor i: the mean over
 * its slots, by their share. */
static void
moment_follow(struct ode_engine *e, int i, int micros, double keep, double weight)
{
    const struct ode_net *net = e->exec.net;
    const struct ode_tensor *t = &net->params.tensor[i];
    const struct ode_uses *u = &net->uses[i];
    real *running = e->statistics + t->offset;

    for (int c = 0; c < t->dim[0]; c++) {
        double mean = 0, shares = 0;

        for (int k = 0; k < u->count; k++) {
            const struct ode_slot *slot = &net->slot[u->first + k * u->stride];
            const double share = slot->next < 0      ? 1
                                 : slot->tensor == i ? 1 - (double)slot->weight
                                                     : (double)slot->weight;

            mean += share * moment_mean(e, slot, c, t->dim[0], micros);
            shares += share;
        }
        if (shares > 0) { /* keep 0: whatever was there, be it no number */
            const double kept = keep > 0 ? keep * (double)running[c] : 0;

            running[c] = (real)(kept + weight * mean / shares);
        }
    }
}

/* running = keep * running + weight * mean over the micro-batches of a job. */
static void
moments_add(struct ode_engine *e, int micros, double keep, double weight)
{
    const struct ode_net *net = e->exec.net;

    for (int i = net->params.trained_n; i < net->params.tensor_n; i++)
        if (net->params.tensor[i].kind != ODE_TENSOR_CONV)
            moment_follow(e, i, micros, keep, weight);
    for (int i = net->trained_slots; i < net->slot_n; i++)
        slot_prepare(e, 0, i, e->theta);
}

void
ode_engine_follow(struct ode_engine *e, double keep)
{
    moments_add(e, e->micros, keep, 1 - keep);
}

/* Runs images first.. of a long list forward, as many as a job takes; returns how many.
 */
static int
span_forward(struct job *job, size_t n)
{
    const size_t left = n - job->first, most = (size_t)job->engine->span;

    job->n = (int)(left < most ? left : most);
    job->micros = ode_exec_micros(job->engine->exec.net, (size_t)job->n);
    ode_team_run(job->engine->team, forward_task, job, job->micros);
    return job->n;
}

enum ode_status
ode_engine_evaluate(struct ode_engine *e, ode_fetch_fn *fetch, void *context, size_t n,
                    ode_stop_fn *stop, void *stop_context,
                    struct ode_batch_report *report)
{
    struct job job = { .engine = e, .fetch = fetch, .context = context };
    struct ode_batch_report sum = { 0 };

    while (job.first < n) {
        const int done = span_forward(&job, n);

        report_add(&job, &sum);
        job.first += (size_t)done;
        if (stop && stop(stop_context))
            return ODE_ESTOPPED;
    }
    *report = sum;
    return ODE_OK;
}

void
ode_engine_logits(struct ode_engine *e, ode_fetch_fn *fetch, void *context, size_t n,
                  real *logits)
{
    struct job job = {
        .engine = e, .fetch = fetch, .context = context, .logits = logits
    };

    while (job.first < n)
        job.first += (size_t)span_forward(&job, n);
}

void
ode_engine_features(struct ode_engine *e, ode_fetch_fn *fetch, void *context, int n,
                    real *features, int *labels)
{
    struct job job = { .engine = e,
                       .fetch = fetch,
                       .context = context,
                       .mode = ODE_TRAIN,
                       .features = features,
                       .labels = labels };

    while (job.first < (size_t)n)
        job.first += (size_t)span_forward(&job, (size_t)n);
}

/* --- what went wrong ---------------------------------------------------------------- */

static bool
all_finite(const real *x, size_t n)
{
    for (size_t i = 0; x && i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

int
ode_engine_blame(struct ode_engine *e, ode_fetch_fn *fetch, void *context, int n)
{
    struct job job = { .engine = e,
                       .fetch = fetch,
                       .context = context,
                       .n = n,
                       .micros = ode_exec_micros(e->exec.net, (size_t)n),
                       .mode = ODE_TRAIN };
    int first = e->exec.net->segment_n;

    for (int micro = 0; micro < job.micros; micro++) {
        micro_forward(&job, &e->work[0], micro);
        for (int s = 0; s < first; s++) {
            const struct ode_pair end = ode_segment_end(&e->exec, &e->work[0], s);
            const size_t size =
                (size_t)e->result[micro].n * e->exec.net->segment[s].image;

            if (!all_finite(end.y, size) || !all_finite(end.z, size))
                first = s;
        }
    }
    return first < e->exec.net->segment_n ? first : -1;
}

void
ode_engine_reestimate(struct ode_engine *e, ode_fetch_fn *fetch, void *context, size_t n)
{
    struct job job = {
        .engine = e, .fetch = fetch, .context = context, .mode = ODE_TRAIN
    };

    while (job.first < n) {
        const int done = span_forward(&job, n);

        moments_add(e, job.micros, job.first > 0, (double)done / (double)n);
        job.first += (size_t)done;
    }
}

/* --- the average ---------------------------------------------------------------------
 */

static void
pack_average_task(void *context, int thread, int slot)
{
    struct ode_engine *e = context;

    slot_prepare(e, thread, slot, e->average);
}

/* Statistics are moments, but for the kernel of a whitening opening. */
static bool
has_moments(const struct ode_params *params)
{
    for (int i = params->trained_n; i < params->tensor_n; i++)
        if (params->tensor[i].kind != ODE_TENSOR_CONV)
            return true;
    return false;
}

static void
statistics_swap(struct ode_engine *e)
{
    real *own = e->statistics;

    e->statistics = e->average_statistics;
    e->average_statistics = own;
}

void
ode_engine_see_average(struct ode_engine *e, ode_fetch_fn *fetch, void *context, size_t n)
{
    const struct ode_params *params = &e->exec.net->params;

    statistics_swap(e);
    if (!e->average_known)
        memcpy(e->statistics, e->average_statistics,
               params->statistic_n * sizeof *e->statistics);
    e->exec.theta = e->average;
    ode_team_run(e->team, pack_average_task, e, e->exec.net->slot_n);
    if (!e->average_known && has_moments(params))
        ode_engine_reestimate(e, fetch, context, n);
    e->average_known = true;
}

void
ode_engine_see_own(struct ode_engine *e)
{
    statistics_swap(e);
    ode_engine_pack(e);
}
