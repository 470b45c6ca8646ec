/* rig.c - a private network with an engine of its own, and vectors to try it with. */
#include "core/check/rig.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/check/row.h"
#include "core/data/whiten.h"
#include "core/optim/penalty.h"
#include "core/scales/stencil.h"
#include "core/scales/transfer.h"

/* --- the network ------------------------------------------------------------------- */

bool
ode_rig_kinked(const struct ode_rig *rig)
{
    const enum ode_act act = rig->net.act;

    return act == ODE_ACT_RELU || act == ODE_ACT_LEAKY_RELU || act == ODE_ACT_CELU;
}

static void
net_bend(struct ode_rig *rig, struct ode_rig_wish wish)
{
    struct ode_net *net = &rig->net;

    if (rig->check->block)
        net->block = rig->check->block;
    rig->smoothed = wish.smooth && ode_rig_kinked(rig);
    if (rig->smoothed)
        net->act = ODE_ACT_GELU;
    for (int s = 0; s < net->segment_n; s++) {
        if (wish.off_grid)
            net->segment[s].grid = 0;
        if (wish.memory != ODE_MEMORY_AUTO)
            net->segment[s].memory = wish.memory;
    }
}

/* --- weights ----------------------------------------------------------------------- */

/* Kernels of a coarse level are restrictions of those drawn at the finest. */
static enum ode_status
kernels_restrict(struct ode_rig *rig, struct ode_err *err)
{
    const struct ode_recipe_spec *recipe = rig->check->recipe;
    int halvings;

    if (recipe->transfer.gradient != ODE_GRADIENT_FINEST)
        return ODE_OK;
    ODE_TRY(ode_stencil_halvings(ode_recipe_resolution(recipe), rig->net.resolution,
                                 &halvings, err));
    ode_transfer_restrict(&rig->net.params, recipe->transfer.space, halvings,
                          rig->engine.theta);
    return ODE_OK;
}

/* Biases, shifts and scales leave 0 and 1. */
static void
vectors_move(struct ode_rig *rig)
{
    for (int i = 0; i < rig->net.params.trained_n; i++) {
        const struct ode_tensor *t = &rig->net.params.tensor[i];
        struct ode_rng rng = ode_rng_at((uint64_t)rig->check->recipe->seed,
                                        ODE_STREAM_TEST, 1, (uint64_t)i);

        if (t->kind != ODE_TENSOR_CONV && t->kind != ODE_TENSOR_DENSE)
            for (size_t j = 0; j < t->n; j++)
                rig->engine.theta[t->offset + j] += (real)(0.1 * ode_rng_normal(&rng));
    }
}

/* The fixed kernel of a whitening opening, from the check's examples. */
static enum ode_status
opening_whiten(struct ode_rig *rig, struct ode_err *err)
{
    const struct ode_net *net = &rig->net;
    const struct ode_check *check = rig->check;
    struct ode_work *work = &rig->engine.work[0];
    struct ode_whiten whiten = { .in = net->in };
    const int tensor = net->slot[net->opening.weight].tensor;

    for (int i = 0; i < check->n; i++) {
        check->fetch(check->context, (size_t)i, work->fetched, work->pixels);
        ode_whiten_add(&whiten, net->resolution, net->resolution, work->pixels);
    }
    return ode_whiten_kernels(&whiten, ODE_WHITEN_EPSILON, net->opening.channels,
                              rig->engine.statistics + net->params.tensor[tensor].offset,
                              err);
}

static enum ode_status
weights_draw(struct ode_rig *rig, struct ode_err *err)
{
    ode_net_initialise(&rig->net, (uint64_t)rig->check->recipe->seed, rig->engine.theta,
                       rig->engine.statistics);
    ODE_TRY(kernels_restrict(rig, err));
    vectors_move(rig);
    if (rig->net.whitening)
        ODE_TRY(opening_whiten(rig, err));
    ode_engine_pack(&rig->engine);
    return ODE_OK;
}

/* --- begin and end ----------------------------------------------------------------- */

static enum ode_status
rig_fill(struct ode_rig *rig, struct ode_rig_wish wish, struct ode_err *err)
{
    const struct ode_check *c = rig->check;
    struct ode_engine_config config = { .net = &rig->net,
                                        .kernels = c->kernels,
                                        .threads = wish.threads,
                                        .batch = c->n,
                                        .smoothing = c->recipe->train.label_smoothing,
                                        .scratch_n = c->scratch_n };

    ODE_TRY(ode_net_init(&rig->net, c->recipe, c->level, c->in, c->classes, err));
    net_bend(rig, wish);
    ODE_TRY(ode_team_new(&rig->team, wish.threads, err));
    config.team = rig->team;
    ODE_TRY(ode_engine_init(&rig->engine, &config, err));
    rig->n = rig->engine.exec.micro < c->n ? rig->engine.exec.micro : c->n;
    return weights_draw(rig, err);
}

enum ode_status
ode_rig_init(struct ode_rig *rig, const struct ode_check *check, struct ode_rig_wish wish,
             struct ode_err *err)
{
    enum ode_status status;

    *rig = (struct ode_rig){ .check = check };
    status = rig_fill(rig, wish, err);
    if (status != ODE_OK)
        ode_rig_release(rig);
    return status;
}

void
ode_rig_release(struct ode_rig *rig)
{
    ode_engine_release(&rig->engine);
    ode_team_free(rig->team);
    ode_net_release(&rig->net);
    *rig = (struct ode_rig){ 0 };
}

/* --- passes ------------------------------------------------------------------------ */

void
ode_rig_pass(struct ode_rig *rig)
{
    const struct ode_check *c = rig->check;

    ode_exec_forward(&rig->engine.exec, &rig->engine.work[0], c->fetch, c->context, 0,
                     rig->n, ODE_TRAIN, &rig->engine.result[0]);
}

double
ode_rig_gradient(struct ode_rig *rig)
{
    const struct ode_check *c = rig->check;
    const struct ode_penalty penalty = { .decay = c->recipe->train.weight_decay,
                                         .smoothness = c->recipe->train.smoothness,
                                         .step = c->recipe->model.step };
    struct ode_batch_report report;

    ode_engine_gradient(&rig->engine, c->fetch, c->context, c->n, &penalty, &report);
    return report.loss / c->n
           + ode_penalty_value(&penalty, &rig->net.params, rig->engine.theta);
}

void
ode_rig_note(const struct ode_rig *rig, struct ode_check_row *row)
{
    if (rig->smoothed)
        ode_row_note(row, "with gelu for %s, which has a kink",
                     ode_activation_choices[rig->check->recipe->model.activation].name);
}

/* --- vectors ----------------------------------------------------------------------- */

/* Reals in one part of a state. */
static size_t
part_n(const struct ode_rig *rig, int s)
{
    return (size_t)rig->n * rig->net.segment[s].image;
}

size_t
ode_rig_state_n(const struct ode_rig *rig, int s)
{
    return (size_t)rig->net.parts * part_n(rig, s);
}

struct ode_pair
ode_rig_pair(const struct ode_rig *rig, int s, real *x)
{
    return (struct ode_pair){ x, rig->net.parts == 2 ? x + part_n(rig, s) : NULL };
}

void
ode_rig_put(const struct ode_rig *rig, int s, const real *x, struct ode_pair to)
{
    const size_t n = part_n(rig, s);

    memcpy(to.y, x, n * sizeof *x);
    if (rig->net.parts == 2)
        memcpy(to.z, x + n, n * sizeof *x);
}

void
ode_rig_get(const struct ode_rig *rig, int s, struct ode_pair from, real *x)
{
    const size_t n = part_n(rig, s);

    memcpy(x, from.y, n * sizeof *x);
    if (rig->net.parts == 2)
        memcpy(x + n, from.z, n * sizeof *x);
}

void
ode_rig_noise(const struct ode_rig *rig, int s, uint64_t seed, real *x)
{
    const struct ode_stretch *g = &rig->net.segment[s];
    const int images = rig->net.parts * rig->n;

    for (int i = 0; i < images; i++)
        ode_vec_noise_image(seed * 1000 + (uint64_t)i, g->width, g->conv.h, g->conv.w,
                            x + (size_t)i * g->image);
}
