/*
 * segment.c - a micro-batch through the blocks of one segment, and back.
 *
 * States lie in slots of micro images; state j is found modulo the number of slots, so
 * the same step works in place (1 slot, 2 for two-step schemes) and on kept states. In a
 * two-step scheme state j is Y_j in slot j + 1 and Y_{j-1} in slot j.
 */
#include "core/net/segment.h"

#include <string.h>

#include "core/layers/halo.h"
#include "core/net/images.h"

/* --- where things are -------------------------------------------------------------- */

static bool
is_two_step(const struct ode_net *net)
{
    return net->block->layout == ODE_TWO_STEP;
}

/* Slots for the states of n steps in a row. */
static int
slots_for(const struct ode_net *net, int n)
{
    return n + 1 + is_two_step(net);
}

/* Steps whose states are kept in a row: all, none, or those between checkpoints. */
static int
run_of(const struct ode_stretch *g)
{
    return g->memory == ODE_MEMORY_STORE ? g->blocks
           : g->memory == ODE_MEMORY_CHECKPOINT
               ? (g->every < g->blocks ? g->every : g->blocks)
               : 0;
}

static int
checkpoints_of(const struct ode_stretch *g)
{
    const int run = run_of(g);

    return g->memory == ODE_MEMORY_CHECKPOINT ? (g->blocks + run - 1) / run : 0;
}

void
ode_segment_place(struct ode_track *track, const struct ode_exec *e, int s,
                  struct ode_arena *arena)
{
    const struct ode_net *net = e->net;
    const struct ode_stretch *g = &net->segment[s];
    const size_t image = (size_t)e->micro * g->image;
    const bool halves = net->block->layout == ODE_HALVES;
    const size_t saved = (size_t)checkpoints_of(g) * image;

    *track = (struct ode_track){ .slots = slots_for(net, run_of(g)) };
    track->y = ode_arena_take(arena, (size_t)track->slots * image, sizeof(real));
    if (halves)
        track->z = ode_arena_take(arena, (size_t)track->slots * image, sizeof(real));
    track->saved_y = ode_arena_take(arena, saved, sizeof(real));
    track->saved_z =
        ode_arena_take(arena, net->block->layout == ODE_ONE ? 0 : saved, sizeof(real));
    track->kept = ode_arena_take(arena, (size_t)(run_of(g) * net->block->keeps) * image,
                                 sizeof(real));
}

/* State j of image i, if the states take `slots` slots. */
static struct ode_pair
state(const struct ode_exec *e, const struct ode_track *t, int s, int j, int slots, int i)
{
    const size_t image = e->net->segment[s].image, micro = (size_t)e->micro;
    const size_t first = (size_t)i * image, slot = micro * image;
    const size_t y = (size_t)((j + is_two_step(e->net)) % slots) * slot + first;
    const size_t z = (size_t)(j % slots) * slot + first;

    return (struct ode_pair){ t->y + y, t->z                  ? t->z + y
                                        : is_two_step(e->net) ? t->y + z
                                                              : NULL };
}

/* Slots of the forward pass: in place unless all states are kept. */
static int
forward_slots(const struct ode_net *net, const struct ode_stretch *g)
{
    return slots_for(net, g->memory == ODE_MEMORY_STORE ? g->blocks : 0);
}

struct ode_pair
ode_segment_begin(const struct ode_exec *e, const struct ode_work *w, int s)
{
    const struct ode_stretch *g = &e->net->segment[s];
    struct ode_pair p = state(e, &w->track[s], s, 0, forward_slots(e->net, g), 0);

    if (is_two_step(e->net))
        p.z = NULL;
    return p;
}

struct ode_pair
ode_segment_end(const struct ode_exec *e, const struct ode_work *w, int s)
{
    const struct ode_stretch *g = &e->net->segment[s];

    return state(e, &w->track[s], s, g->blocks, forward_slots(e->net, g), 0);
}

struct ode_pair
ode_segment_state(const struct ode_exec *e, const struct ode_work *w, int s, int j)
{
    return state(e, &w->track[s], s, j, forward_slots(e->net, &e->net->segment[s]), 0);
}

/* --- a step's weights -------------------------------------------------------------- */

/* Where the slot of a layer's part lies at a point, or -1. */
static int
slot_of(const struct ode_net *net, int point, int layer, enum ode_part part)
{
    const int role = net->role[layer][part];

    return role < 0 ? -1 : net->point[point * net->role_n + role];
}

/* The normalisation whose four parts are listed; none where the point lacks them. */
static struct ode_normaliser
normaliser(const struct ode_exec *e, int point, int layer, const enum ode_part part[4],
           real *moment, const struct ode_lane *lane)
{
    const struct ode_net *net = e->net;
    const int scale = slot_of(net, point, layer, part[0]);
    const int shift = slot_of(net, point, layer, part[1]);
    const int mean = slot_of(net, point, layer, part[2]);
    const int variance = slot_of(net, point, layer, part[3]);

    if (scale < 0)
        return (struct ode_normaliser){ .kernels = e->kernels, .kind = ODE_NORM_NONE };
    return (struct ode_normaliser){ .kernels = e->kernels,
                                    .kind = net->norm,
                                    .scale = ode_slot_weights(e, scale),
                                    .shift = ode_slot_weights(e, shift),
                                    .mean = ode_slot_weights(e, mean),
                                    .variance = ode_slot_weights(e, variance),
                                    .seen_mean = ode_slot_moment(e, mean, moment),
                                    .seen_variance = ode_slot_moment(e, variance, moment),
                                    .dscale = ode_lane_at(lane, e->net, scale),
                                    .dshift = ode_lane_at(lane, e->net, shift) };
}

/* local: where the local slots of the point are. */
static struct ode_layer
layer(const struct ode_exec *e, int point, int l, const real *local, real *moment,
      const struct ode_lane *lane)
{
    static const enum ode_part before[] = { ODE_PART_PRE_SCALE, ODE_PART_PRE_SHIFT,
                                            ODE_PART_PRE_MEAN, ODE_PART_PRE_VARIANCE };
    static const enum ode_part norm[] = { ODE_PART_SCALE, ODE_PART_SHIFT, ODE_PART_MEAN,
                                          ODE_PART_VARIANCE };
    const struct ode_net *net = e->net;
    const int k = slot_of(net, point, l, ODE_PART_KERNEL);
    const int b = slot_of(net, point, l, ODE_PART_BIAS);
    const bool residual = net->form == ODE_FORM_RESIDUAL;
    const int o = residual ? slot_of(net, point, l, ODE_PART_OUTER) : k;
    const real *at = net->streams ? local : e->packed;
    const real *forth = at + net->slot[k].packed, *back = at + net->slot[k].flipped;

    return (struct ode_layer){ .k = forth,
                               .kt = back,
                               .o = residual ? at + net->slot[o].packed : back,
                               .ot = residual ? at + net->slot[o].flipped : forth,
                               .b = ode_slot_weights(e, b),
                               .dk = ode_lane_at(lane, e->net, k),
                               .dk2 = ode_lane_at(lane, e->net, o),
                               .db = ode_lane_at(lane, e->net, b),
                               .before = normaliser(e, point, l, before, moment, lane),
                               .norm = normaliser(e, point, l, norm, moment, lane) };
}

/* The local weights of step b, into the work's room. */
static void
local_prepare(const struct ode_exec *e, const struct ode_work *w, int s, int b)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const struct ode_slots stage = ode_net_step_slots(e->net, s, b);

    for (int i = stage.first; e->net->streams && i < stage.end; i++)
        if (e->net->slot[i].local)
            ode_net_prepare(e->net, e->kernels, i, e->theta, NULL, w->room,
                            w->prepared
                                + (size_t)((i - stage.first) / g->point_slots)
                                      * g->point_local);
}

/*
 * Step b of segment s. On the way back, batch moments are those that were written down;
 * but where an integrator evaluates the same layer several times, only its last moments
 * were, and they are taken again, of the same values, into the work's own room.
 */
static struct ode_step
step_init(const struct ode_exec *e, struct ode_work *w, int s, int b, int n,
          enum ode_mode mode, real *moment, const struct ode_lane *lane)
{
    const struct ode_net *net = e->net;
    const struct ode_stretch *g = &net->segment[s];
    const bool again = mode == ODE_REPLAY && net->block->repeats;
    struct ode_step step = {
        .shape = {.kernels = e->kernels,
                  .conv = g->conv,
                  .act = net->act,
                  .form = net->form,
                  .mode = again ? ODE_TRAIN : mode,
                  .grid = g->grid,
                  .n = n},
        .start = net->start,
        .dt = g->dt,
        .first = b == 0,
    };

    memcpy(step.shape.scratch, w->scratch, sizeof step.shape.scratch);
    memcpy(step.spare, w->spare, sizeof step.spare);
    local_prepare(e, w, s, b);
    for (int p = 0; p < net->block->points; p++)
        for (int l = 0; l < net->block->layers; l++)
            step.f[p][l] = layer(e, g->slot + net->block->stride * b + p, l,
                                 w->prepared + (size_t)p * g->point_local,
                                 again ? w->moment : moment, lane);
    return step;
}

/* The step for images i on: as many as go through it at once. */
static struct ode_step
step_at(const struct ode_step *step, const struct ode_exec *e, int s, int i, int n)
{
    const int most = ode_exec_group(e->net, s, e->micro);
    struct ode_step some = *step;

    some.shape.n = n - i < most ? n - i : most;
    return some;
}

/* Scratch of another segment's shape would leave values in this one's halo. */
static void
scratch_clear(const struct ode_exec *e, struct ode_work *w, int s)
{
    const struct ode_conv *c = &e->net->segment[s].conv;
    const int planes = ode_exec_group(e->net, s, e->micro) * ode_blocks(c->in);

    for (int i = 0; i < ODE_LAYER_SCRATCH_MAX && w->scratch[i]; i++)
        ode_halo_clear(planes, c->h, c->w, w->scratch[i]);
    for (int i = 0; i < ODE_BLOCK_SCRATCH_MAX && w->spare[i]; i++)
        ode_halo_clear(planes, c->h, c->w, w->spare[i]);
}

/* What step b of a run keeps of image i and those that go with it. */
static real *const *
kept(const struct ode_exec *e, const struct ode_track *t, int s, int b, int i,
     real *keep[2])
{
    const struct ode_block_ops *ops = e->net->block;

    for (int k = 0; k < ops->keeps; k++)
        keep[k] =
            t->kept
            + (size_t)((b * ops->keeps + k) * e->micro + i) * e->net->segment[s].image;
    return ops->keeps ? keep : NULL;
}

/* --- forward ----------------------------------------------------------------------- */

/* Step b of the segment from state j to j + 1, kept as step j of a run if keeping. */
static real
step_forward(const struct ode_exec *e, const struct ode_track *t, int s, int j, int slots,
             int n, const struct ode_step *step, bool keeping)
{
    real top = 0, *keep[2];

    for (int i = 0, some; i < n; i += some) {
        const struct ode_step at = step_at(step, e, s, i, n);
        const real most = e->net->block->forward(
            &at, state(e, t, s, j, slots, i), state(e, t, s, j + 1, slots, i),
            keeping ? kept(e, t, s, j, i, keep) : NULL);

        some = at.shape.n;
        top = most > top ? most : top;
    }
    return top;
}

/* Copies a state of n images. */
static void
state_copy(const struct ode_net *net, int s, int n, struct ode_pair from,
           struct ode_pair to)
{
    const size_t bytes = (size_t)n * net->segment[s].image * sizeof(real);

    memcpy(to.y, from.y, bytes);
    if (to.z)
        memcpy(to.z, from.z, bytes);
}

static struct ode_pair
checkpoint(const struct ode_exec *e, const struct ode_track *t, int s, int c)
{
    const size_t at = (size_t)(c * e->micro) * e->net->segment[s].image;

    return (struct ode_pair){ t->saved_y + at,
                              e->net->block->layout == ODE_ONE ? NULL : t->saved_z + at };
}

real
ode_segment_forward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                    enum ode_mode mode, real *moment)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const struct ode_track *t = &w->track[s];
    const bool store = g->memory == ODE_MEMORY_STORE;
    const int slots = forward_slots(e->net, g), run = run_of(g);
    real top = 0;

    scratch_clear(e, w, s);
    for (int b = 0; b < g->blocks; b++) {
        const struct ode_step step = step_init(e, w, s, b, n, mode, moment, NULL);
        real most;

        if (g->memory == ODE_MEMORY_CHECKPOINT && mode == ODE_TRAIN && b % run == 0)
            state_copy(e->net, s, n, state(e, t, s, b, slots, 0),
                       checkpoint(e, t, s, b / run));
        most = step_forward(e, t, s, b, slots, n, &step, store && mode == ODE_TRAIN);
        top = most > top || most != most ? most : top;
    }
    return top;
}

/* --- backward ---------------------------------------------------------------------- */

static void
pair_swap(struct ode_pair *d)
{
    real *y = d->y;

    d->y = d->z;
    d->z = y;
}

/* Step b of the segment backwards, between states j and j + 1 of `slots`. */
static void
step_adjoint(const struct ode_exec *e, const struct ode_track *t, int s, int j, int slots,
             int n, const struct ode_step *step, bool keeping, struct ode_pair *d)
{
    const size_t image = e->net->segment[s].image;
    real *keep[2];

    for (int i = 0, some; i < n; i += some) {
        const struct ode_step at = step_at(step, e, s, i, n);
        const size_t from = (size_t)i * image;

        some = at.shape.n;
        e->net->block->adjoint(&at, state(e, t, s, j, slots, i),
                               state(e, t, s, j + 1, slots, i),
                               keeping ? kept(e, t, s, j, i, keep) : NULL,
                               (struct ode_pair){ d->y + from, d->z + from });
    }
    if (is_two_step(e->net))
        pair_swap(d);
}

/* Steps [first, first + run) backwards, their states being kept in a row. */
static void
run_adjoint(const struct ode_exec *e, struct ode_work *w, int s, int first, int run,
            int slots, int n, real *moment, struct ode_lane *lane, struct ode_pair *d)
{
    for (int j = run - 1; j >= 0; j--) {
        const struct ode_slots stage = ode_net_step_slots(e->net, s, first + j);
        struct ode_step step;

        ode_lane_begin(lane, e->net, stage);
        step = step_init(e, w, s, first + j, n, ODE_REPLAY, moment, lane);
        step_adjoint(e, &w->track[s], s, j, slots, n, &step, true, d);
        ode_lane_end(lane, e->net, stage);
    }
}

/* The states from a checkpoint on once more, then the same. */
static void
checkpoint_adjoint(const struct ode_exec *e, struct ode_work *w, int s, int c, int n,
                   real *moment, struct ode_lane *lane, struct ode_pair *d)
{
    const struct ode_stretch *g = &e->net->segment[s];
    const struct ode_track *t = &w->track[s];
    const int first = c * run_of(g), left = g->blocks - first;
    const int run = left < run_of(g) ? left : run_of(g);
    const int slots = slots_for(e->net, run);

    state_copy(e->net, s, n, checkpoint(e, t, s, c), state(e, t, s, 0, slots, 0));
    for (int j = 0; j < run; j++) {
        const struct ode_step step =
            step_init(e, w, s, first + j, n, ODE_REPLAY, moment, NULL);

        step_forward(e, t, s, j, slots, n, &step, true);
    }
    run_adjoint(e, w, s, first, run, slots, n, moment, lane, d);
}

static void
reverse_adjoint(const struct ode_exec *e, struct ode_work *w, int s, int n, real *moment,
                struct ode_lane *lane, struct ode_pair *d)
{
    const int slots = forward_slots(e->net, &e->net->segment[s]);

    for (int b = e->net->segment[s].blocks - 1; b >= 0; b--) {
        const struct ode_slots stage = ode_net_step_slots(e->net, s, b);
        struct ode_step step;

        ode_lane_begin(lane, e->net, stage);
        step = step_init(e, w, s, b, n, ODE_REPLAY, moment, lane);
        step.reverse = true;
        step_adjoint(e, &w->track[s], s, b, slots, n, &step, false, d);
        ode_lane_end(lane, e->net, stage);
    }
}

void
ode_segment_backward(const struct ode_exec *e, struct ode_work *w, int s, int n,
                     real *moment, struct ode_lane *lane, struct ode_pair *d)
{
    const struct ode_stretch *g = &e->net->segment[s];

    scratch_clear(e, w, s);
    if (is_two_step(e->net)) /* only the last state went on */
        memset(d->z, 0, (size_t)n * g->image * sizeof *d->z);
    if (g->memory == ODE_MEMORY_STORE)
        run_adjoint(e, w, s, 0, g->blocks, forward_slots(e->net, g), n, moment, lane, d);
    else if (g->memory == ODE_MEMORY_REVERSE)
        reverse_adjoint(e, w, s, n, moment, lane, d);
    else
        for (int c = checkpoints_of(g) - 1; c >= 0; c--)
            checkpoint_adjoint(e, w, s, c, n, moment, lane, d);
}

void
ode_segment_inverse(const struct ode_exec *e, struct ode_work *w, int s, int n,
                    enum ode_mode mode, real *moment)
{
    const int slots = forward_slots(e->net, &e->net->segment[s]);
    const struct ode_track *t = &w->track[s];

    scratch_clear(e, w, s);
    for (int b = e->net->segment[s].blocks - 1; b >= 0; b--) {
        const struct ode_step step = step_init(e, w, s, b, n, mode, moment, NULL);

        for (int i = 0, some; i < n; i += some) {
            const struct ode_step at = step_at(&step, e, s, i, n);

            some = at.shape.n;
            e->net->block->inverse(&at, state(e, t, s, b, slots, i),
                                   state(e, t, s, b + 1, slots, i));
        }
    }
}
