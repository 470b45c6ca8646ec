/* inverse.c - blocks forward and back again. */
#include "core/base/arena.h"
#include "core/check/rig.h"
#include "core/check/row.h"
#include "core/net/segment.h"

#define GAP_INEXACT 1e-3

/* The state `begin` through the blocks of segment s and back, into `back`. */
static void
round_trip(struct ode_rig *rig, int s, const real *begin, real *back, double *top)
{
    const struct ode_exec *e = &rig->engine.exec;
    struct ode_work *w = &rig->engine.work[0];
    real *moment = rig->engine.result[0].moment;

    ode_rig_put(rig, s, begin, ode_segment_begin(e, w, s));
    *top = (double)ode_segment_forward(e, w, s, rig->n, ODE_TRAIN, moment);
    ode_segment_inverse(e, w, s, rig->n, ODE_REPLAY, moment);
    ode_rig_get(rig, s, ode_segment_begin(e, w, s), back);
}

static void
back_judge(const struct ode_rig *rig, int s, const real *begin, const real *back,
           double top)
{
    const double grid = (double)rig->net.segment[s].grid;
    const double range = grid * (double)(1 << ODE_REAL_BITS) / rig->net.block->reach;
    const size_t n = ode_rig_state_n(rig, s);
    struct ode_check_row row = ode_row("inverse", "values that differ", "unit %d", s);

    if (grid > 0) {
        if (!(top < range))
            ode_row_note(&row, "a state of %.3g is beyond %.4g, where exact steps end",
                         top, range);
        ode_row_most(rig->check, &row, (double)ode_vec_differing(n, begin, back), 0);
        return;
    }
    row.figure = "relative gap";
    ode_row_note(&row, "the recipe reverses inexactly");
    ode_row_most(rig->check, &row, ode_vec_distance(n, back, begin), GAP_INEXACT);
}

/* stored knows where each segment begins. */
static enum ode_status
segment_check(struct ode_rig *stored, struct ode_rig *rig, int s, struct ode_err *err)
{
    const size_t n = ode_rig_state_n(rig, s);
    struct ode_arena arena = { 0 };
    real *begin, *back;
    double top;

    ODE_TRY(ode_arena_init(&arena, 2 * (n * sizeof(real) + ODE_ALIGN), err));
    begin = ode_arena_take(&arena, n, sizeof(real));
    back = ode_arena_take(&arena, n, sizeof(real));
    ode_rig_get(stored, s,
                ode_segment_begin(&stored->engine.exec, &stored->engine.work[0], s),
                begin);
    round_trip(rig, s, begin, back, &top);
    back_judge(rig, s, begin, back, top);
    ode_arena_release(&arena);
    return ODE_OK;
}

static enum ode_status
segments_check(struct ode_rig *stored, struct ode_err *err)
{
    const struct ode_check *check = stored->check;
    const struct ode_rig_wish wish = { .memory = ODE_MEMORY_REVERSE,
                                       .threads = check->threads };
    struct ode_rig rig;
    enum ode_status status = ODE_OK;

    ODE_TRY(ode_rig_init(&rig, check, wish, err));
    ode_rig_pass(stored);
    for (int s = 0; s < rig.net.segment_n && status == ODE_OK; s++)
        status = segment_check(stored, &rig, s, err);
    ode_rig_release(&rig);
    return status;
}

enum ode_status
ode_check_inverse(const struct ode_check *check, struct ode_err *err)
{
    const struct ode_rig_wish wish = { .memory = ODE_MEMORY_STORE,
                                       .threads = check->threads };
    struct ode_check_row row = ode_row("inverse", NULL, "%s", "");
    struct ode_rig stored;
    enum ode_status status = ODE_OK;

    ODE_TRY(ode_rig_init(&stored, check, wish, err));
    if (stored.net.block->inverse) {
        status = segments_check(&stored, err);
    } else {
        ode_row_note(&row, "steps of %s cannot be undone", stored.net.block->name);
        ode_row_none(check, &row);
    }
    ode_rig_release(&stored);
    return status;
}
