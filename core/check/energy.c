/*
 * energy.c - the energy of blocks whose weights are constant in time.
 *
 *     hamiltonian   H = sum Phi(K1 Z + b1) + sum Phi(K2 Y + b2)         Phi' = s
 *     leapfrog      H = sum v^2 / 2 + sum Phi(K Y + b),   v = (Y_{j+1} - Y_{j-1}) / 2h
 *
 * The flow keeps H, the steps keep it to order 1 and 2 in h: over the same time, the
 * largest deviation shrinks by 2 and by 4 as h is halved and the steps are doubled.
 * A network of one unit is made of the first block's weights of each segment; the step
 * is the segment's, halved until it is at most 0.1.
 */
#include <math.h>
#include <string.h>

#include "core/check/potential.h"
#include "core/check/rig.h"
#include "core/check/row.h"
#include "core/net/images.h"
#include "core/net/segment.h"

enum { STEPS_LEAST = 8, STEPS_MOST = 16, REFINEMENTS = 3 };

#define STEP_MOST 0.1
#define DUST      2e-6 /* deviations that are rounding */

/* --- a network of one unit --------------------------------------------------------- */

/* Segment s on its own: `steps` steps of dt with weights at one node. */
static struct ode_recipe_spec
alone(const struct ode_check *check, int s, int steps, double dt)
{
    struct ode_recipe_spec r = *check->recipe;
    struct ode_model_spec *m = &r.model;

    m->units[0] = m->units[s];
    m->units[0].blocks = steps;
    m->units[0].weights = 1;
    m->units[0].memory = ODE_UNIT_MEMORY_STORE;
    m->units_n = 1;
    m->step = dt;
    m->closing = 0;
    m->connector = ODE_LINK_ZERO;
    m->placement = ODE_PLACEMENT_BETWEEN;
    m->opening = ODE_OPENING_LEARNED;
    r.levels[0] = r.levels[check->level];
    r.levels[0].resolution >>= s;
    r.levels[0].blocks_n = 1;
    r.levels[0].blocks[0] = steps;
    r.levels_n = 1;
    return r;
}

/* The first node of segment s in `from` becomes the only one of `to`. */
static void
weights_take(const struct ode_rig *from, int s, struct ode_rig *to)
{
    const struct ode_params *p = &from->net.params, *q = &to->net.params;

    for (int i = 0; i < p->trained_n; i++)
        for (int j = 0; j < q->trained_n; j++) {
            const struct ode_tensor *a = &p->tensor[i], *b = &q->tensor[j];

            if (a->segment == s && a->block == 0 && b->segment == 0 && a->role == b->role)
                memcpy(to->engine.theta + b->offset, from->engine.theta + a->offset,
                       a->n * sizeof(real));
        }
    ode_engine_pack(&to->engine);
}

/* It begins where segment s of `from` does. */
static void
state_take(const struct ode_rig *from, int s, struct ode_rig *to)
{
    const size_t bytes = (size_t)to->n * to->net.segment[0].image * sizeof(real);
    const struct ode_pair x =
        ode_segment_begin(&from->engine.exec, &from->engine.work[0], s);
    const struct ode_pair y = ode_segment_begin(&to->engine.exec, &to->engine.work[0], 0);

    memcpy(y.y, x.y, bytes);
    if (y.z)
        memcpy(y.z, x.z, bytes);
}

/* --- the energy -------------------------------------------------------------------- */

/* sum Phi(K x + b) of one image, K and b those of the layer; u is scratch. */
static double
potential_of(const struct ode_rig *rig, int layer, const real *x)
{
    const struct ode_net *net = &rig->net;
    const struct ode_exec *e = &rig->engine.exec;
    const struct ode_conv *c = &net->segment[0].conv;
    const int *role = net->role[layer];
    real *u = rig->engine.work[0].scratch[0];
    const real *forth, *back;
    struct ode_finish to_u = { .kind = ODE_FINISH_SUM,
                               .y = u,
                               .b =
                                   ode_slot_weights(e, net->point[role[ODE_PART_BIAS]]) };
    double sum = 0;

    ode_slot_kernel(e, &rig->engine.work[0], net->point[role[ODE_PART_KERNEL]], &forth,
                    &back);
    e->kernels->conv(c, 1, x, forth, &to_u);
    for (int k = 0; k < c->out; k++)
        for (int row = 1; row <= c->h; row++)
            for (int column = 1; column <= c->w; column++)
                sum += ode_potential(
                    net->act, (double)u[(size_t)(k / ODE_VEC) * ode_plane(c->h, c->w)
                                        + (size_t)(row * (c->w + 2) + column) * ODE_VEC
                                        + (size_t)(k % ODE_VEC)]);
    return sum;
}

static double
kinetic(size_t n, const real *before, const real *after, double dt)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += pow(((double)after[i] - (double)before[i]) / (2 * dt), 2) / 2;
    return sum;
}

/* The energy of image i after j steps. */
static double
energy_at(const struct ode_rig *rig, int j, size_t i)
{
    const struct ode_exec *e = &rig->engine.exec;
    const struct ode_work *w = &rig->engine.work[0];
    const struct ode_stretch *g = &rig->net.segment[0];
    const size_t at = i * g->image;
    const struct ode_pair now = ode_segment_state(e, w, 0, j);

    if (rig->net.block->layout == ODE_HALVES)
        return potential_of(rig, 0, now.z + at) + potential_of(rig, 1, now.y + at);
    return potential_of(rig, 0, now.y + at)
           + kinetic(g->image, now.z + at, ode_segment_state(e, w, 0, j + 1).y + at,
                     (double)g->dt);
}

/* The largest deviation in time, of all images together, from the first energy. A
 * velocity is known where there are steps before and after. */
static double
deviation_of(const struct ode_rig *rig)
{
    const int inner = rig->net.block->layout == ODE_TWO_STEP;
    double most = 0, all = 0;

    for (int j = inner; j <= rig->net.segment[0].blocks - inner; j++) {
        double sum = 0;

        for (size_t i = 0; i < (size_t)rig->n; i++) {
            const double first = energy_at(rig, inner, i);

            all += j == inner ? fabs(first) : 0;
            sum += fabs(energy_at(rig, j, i) - first);
        }
        most = fmax(most, sum);
    }
    return most / all;
}

/* --- refinement -------------------------------------------------------------------- */

/* The deviation over `steps` steps of dt from where segment s of `from` begins. */
static enum ode_status
deviation_measure(struct ode_rig *from, int s, int steps, double dt, double *deviation,
                  struct ode_err *err)
{
    const struct ode_recipe_spec recipe = alone(from->check, s, steps, dt);
    struct ode_check check = *from->check;
    struct ode_rig rig;

    check.recipe = &recipe;
    check.level = 0;
    check.n = from->n;
    ODE_TRY(ode_rig_init(&rig, &check,
                         (struct ode_rig_wish){
                             .memory = ODE_MEMORY_STORE, .off_grid = true, .threads = 1 },
                         err));
    weights_take(from, s, &rig);
    state_take(from, s, &rig);
    ode_segment_forward(&rig.engine.exec, &rig.engine.work[0], 0, rig.n, ODE_TRAIN,
                        rig.engine.result[0].moment);
    *deviation = deviation_of(&rig);
    ode_rig_release(&rig);
    return ODE_OK;
}

static void
steps_choose(const struct ode_stretch *g, int *steps, double *dt)
{
    *dt = (double)g->dt;
    *steps = g->blocks;
    while (*dt > STEP_MOST) {
        *dt /= 2;
        *steps *= 2;
    }
    *steps = *steps < STEPS_LEAST ? STEPS_LEAST : *steps;
    *steps = *steps > STEPS_MOST ? STEPS_MOST : *steps;
}

static enum ode_status
segment_check(struct ode_rig *rig, int s, struct ode_err *err)
{
    const double order = rig->net.block->layout == ODE_HALVES ? 0.8 : 1.6;
    struct ode_check_row row = ode_row("energy", "observed order", "unit %d", s);
    double d[REFINEMENTS], dt;
    int steps;

    steps_choose(&rig->net.segment[s], &steps, &dt);
    for (int k = 0; k < REFINEMENTS; k++)
        ODE_TRY(deviation_measure(rig, s, steps << k, ldexp(dt, -k), &d[k], err));
    ode_row_note(&row, "relative deviation %.2g, %.2g, %.2g in steps of %.3g, %.3g, %.3g",
                 d[0], d[1], d[2], dt, dt / 2, dt / 4);
    if (d[REFINEMENTS - 1] < DUST) {
        ode_row_note(&row, "a deviation of %.2g is rounding alone", d[REFINEMENTS - 1]);
        ode_row_none(rig->check, &row);
        return ODE_OK;
    }
    ode_row_least(rig->check, &row, log2(d[REFINEMENTS - 2] / d[REFINEMENTS - 1]), order);
    return ODE_OK;
}

/* Why there is no energy that the steps could keep, or NULL. */
static const char *
reason(const struct ode_check *check, const struct ode_net *net)
{
    const enum ode_block block = check->recipe->model.block;

    if (block != ODE_BLOCK_HAMILTONIAN && block != ODE_BLOCK_LEAPFROG)
        return "only hamiltonian and leapfrog have an energy";
    if (net->norm != ODE_NORM_NONE)
        return "with a normalisation in it, a layer is no gradient";
    if (net->form != ODE_FORM_SYMMETRIC)
        return "only the symmetric layer is a gradient";
    if (net->start == ODE_START_ZERO)
        return "with start zero the first velocity has no limit";
    return NULL;
}

enum ode_status
ode_check_energy(const struct ode_check *check, struct ode_err *err)
{
    const struct ode_rig_wish wish = { .memory = ODE_MEMORY_STORE,
                                       .off_grid = true,
                                       .threads = check->threads };
    struct ode_check_row row = ode_row("energy", NULL, "%s", "");
    struct ode_rig rig;
    enum ode_status status = ODE_OK;

    ODE_TRY(ode_rig_init(&rig, check, wish, err));
    if (reason(check, &rig.net)) {
        ode_row_note(&row, "%s", reason(check, &rig.net));
        ode_row_none(check, &row);
    } else {
        ode_rig_pass(&rig);
        for (int s = 0; s < rig.net.segment_n && status == ODE_OK; s++)
            status = segment_check(&rig, s, err);
    }
    ode_rig_release(&rig);
    return status;
}
