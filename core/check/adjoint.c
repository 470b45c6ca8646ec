/* adjoint.c - <J v, w> = <v, J' w> for every operator of a network. */
#include <math.h>
#include <stdio.h>

#include "core/base/arena.h"
#include "core/check/map.h"
#include "core/check/row.h"

/* Of differences in fp32, and of what is linear. */
#define GAP        2e-4
#define GAP_LINEAR 1e-5

/* Steps of differences: long ones have what comes after the derivative in them, short
 * ones rounding. The one that comes closest counts; a wrong adjoint is far from all. */
static const double steps[] = { 0x1p-6, 0x1p-8, 0x1p-10, 0x1p-12 };

enum { STEPS = sizeof steps / sizeof *steps };

/* --- the gap ----------------------------------------------------------------------- */

struct vectors {
    real *x, *v, *dx;         /* [in]  */
    real *d, *near, *far, *w; /* [out] */
};

static void
vectors_place(struct vectors *a, const struct ode_map *m, struct ode_arena *arena)
{
    a->x = ode_arena_take(arena, m->in, sizeof(real));
    a->v = ode_arena_take(arena, m->in, sizeof(real));
    a->dx = ode_arena_take(arena, m->in, sizeof(real));
    a->d = ode_arena_take(arena, m->out, sizeof(real));
    a->near = ode_arena_take(arena, m->out, sizeof(real));
    a->far = ode_arena_take(arena, m->out, sizeof(real));
    a->w = ode_arena_take(arena, m->out, sizeof(real));
}

/* to = (F(x + e v) - F(x - e v)) / 2e; uses dx and w. */
static void
difference(const struct ode_map *m, const struct vectors *a, double e, real *to)
{
    ode_vec_add(m->in, a->x, -e, a->v, a->dx);
    m->ops->apply(m, a->dx, a->w);
    ode_vec_add(m->in, a->x, e, a->v, a->dx);
    m->ops->apply(m, a->dx, to);
    for (size_t i = 0; i < m->out; i++)
        to[i] = (real)(((double)to[i] - (double)a->w[i]) / (2 * e));
}

/* d = J v, by differences of this step, and the map was last applied to x. */
static void
derivative(const struct ode_map *m, const struct vectors *a, double step)
{
    if (m->ops->linear) {
        m->ops->apply(m, a->v, a->d);
        return;
    }
    m->ops->begin(m, a->x);
    difference(m, a, step, a->far);
    difference(m, a, step / 2, a->near);
    m->ops->apply(m, a->x, a->d);
    for (size_t i = 0; i < m->out; i++)
        a->d[i] = (real)((4 * (double)a->near[i] - (double)a->far[i]) / 3);
}

static double
gap_of(const struct ode_map *m, const struct vectors *a, double step)
{
    double left, right;

    m->ops->noise_in(m, 1, a->v);
    derivative(m, a, step);
    if (m->ops->increment)
        ode_vec_add(m->out, a->d, -1, a->v, a->d);
    m->ops->noise_out(m, 2, a->w);
    ode_vec_add(m->out, a->w, ode_vec_norm(m->out, a->w) / ode_vec_norm(m->out, a->d),
                a->d, a->w);
    m->ops->adjoint(m, a->w, a->dx);
    left = ode_vec_dot(m->out, a->d, a->w);
    right = ode_vec_dot(m->in, a->dx, a->v);
    if (m->ops->increment)
        right -= ode_vec_dot(m->in, a->v, a->w);
    return fabs(left - right) / (ode_vec_norm(m->out, a->d) * ode_vec_norm(m->out, a->w));
}

/* The gap of D = J v, or J v - v where the map is close to the identity, for a random v
 * and a w that leans on D: |<D, w> - <v, D' w>| / (|D| |w|). */
static enum ode_status
map_gap(const struct ode_map *m, double *gap, struct ode_err *err)
{
    struct ode_arena arena = { 0 };
    struct vectors a;

    vectors_place(&a, m, &arena);
    ODE_TRY(ode_arena_init(&arena, arena.used, err));
    vectors_place(&a, m, &arena);
    *gap = INFINITY;
    for (int k = 0; k < (m->ops->linear ? 1 : STEPS); k++)
        *gap = fmin(*gap, gap_of(m, &a, steps[k]));
    ode_arena_release(&arena);
    return ODE_OK;
}

/* --- rows -------------------------------------------------------------------------- */

static enum ode_status
map_check(const struct ode_map_ops *ops, struct ode_rig *rig, int s, const char *place,
          struct ode_err *err)
{
    struct ode_map m;
    struct ode_check_row row =
        ode_row("adjoint", "relative gap", "%s%s", place, ops->what);
    double gap;

    ode_rig_pass(rig);
    m = ode_map_at(ops, rig, s);
    if (m.in == 0) {
        ode_row_note(&row, "nothing of it is trained");
        ode_row_none(rig->check, &row);
        return ODE_OK;
    }
    if (!ops->linear)
        ode_rig_note(rig, &row);
    ODE_TRY(map_gap(&m, &gap, err));
    ode_row_most(rig->check, &row, gap, ops->linear ? GAP_LINEAR : GAP);
    return ODE_OK;
}

static enum ode_status
segment_check(struct ode_rig *rig, int s, struct ode_err *err)
{
    char place[24];

    snprintf(place, sizeof place, "unit %d, ", s);
    ODE_TRY(map_check(&ode_map_conv, rig, s, place, err));
    ODE_TRY(map_check(&ode_map_conv_weights, rig, s, place, err));
    ODE_TRY(map_check(&ode_map_blocks, rig, s, place, err));
    return map_check(&ode_map_block_weights, rig, s, place, err);
}

static enum ode_status
link_check(struct ode_rig *rig, int s, struct ode_err *err)
{
    char place[24];

    snprintf(place, sizeof place, "connector %d, ", s + 1);
    if (rig->net.link[s].kind == ODE_LINK_ZERO)
        return map_check(&ode_map_linear_link, rig, s, place, err);
    ODE_TRY(map_check(&ode_map_halving, rig, s, place, err));
    return map_check(&ode_map_link, rig, s, place, err);
}

static enum ode_status
operators_check(struct ode_rig *rig, struct ode_err *err)
{
    ODE_TRY(map_check(&ode_map_opening_weights, rig, 0, "", err));
    for (int s = 0; s < rig->net.segment_n; s++) {
        ODE_TRY(segment_check(rig, s, err));
        if (s + 1 < rig->net.segment_n)
            ODE_TRY(link_check(rig, s, err));
    }
    return map_check(&ode_map_head, rig, 0, "", err);
}

enum ode_status
ode_check_adjoint(const struct ode_check *check, struct ode_err *err)
{
    const struct ode_rig_wish wish = { .memory = ODE_MEMORY_STORE,
                                       .off_grid = true,
                                       .smooth = true,
                                       .threads = check->threads };
    struct ode_rig rig;
    enum ode_status status;

    ODE_TRY(ode_rig_init(&rig, check, wish, err));
    status = operators_check(&rig, err);
    ode_rig_release(&rig);
    return status;
}
