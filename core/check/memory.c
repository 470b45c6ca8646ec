/* memory.c - gradients are the same bits whatever is kept for the way back. */
#include "core/check/rig.h"
#include "core/check/row.h"

#define GAP_INEXACT 1e-3

static void
gradients_compare(const struct ode_rig *stored, const struct ode_rig *other, bool exact,
                  struct ode_check_row *row)
{
    const size_t n = stored->net.params.theta_n;
    const real *a = stored->engine.gradient, *b = other->engine.gradient;

    if (exact) {
        ode_row_most(stored->check, row, (double)ode_vec_differing(n, a, b), 0);
        return;
    }
    row->figure = "relative gap";
    ode_row_note(row, "the recipe reverses inexactly");
    ode_row_most(stored->check, row, ode_vec_distance(n, b, a), GAP_INEXACT);
}

static enum ode_status
mode_check(const struct ode_rig *stored, enum ode_memory memory, const char *where,
           struct ode_err *err)
{
    const struct ode_check *check = stored->check;
    const bool inexact = memory == ODE_MEMORY_REVERSE && stored->net.segment[0].grid == 0;
    struct ode_check_row row = ode_row("memory", "values that differ", "%s", where);
    struct ode_rig rig;

    if (memory == ODE_MEMORY_REVERSE && !stored->net.block->reach) {
        ode_row_note(&row, "steps of %s cannot be undone", stored->net.block->name);
        ode_row_none(check, &row);
        return ODE_OK;
    }
    ODE_TRY(ode_rig_init(
        &rig, check, (struct ode_rig_wish){ .memory = memory, .threads = check->threads },
        err));
    ode_rig_gradient(&rig);
    gradients_compare(stored, &rig, !inexact, &row);
    ode_rig_release(&rig);
    return ODE_OK;
}

enum ode_status
ode_check_memory(const struct ode_check *check, struct ode_err *err)
{
    struct ode_rig stored;
    enum ode_status status;

    ODE_TRY(ode_rig_init(
        &stored, check,
        (struct ode_rig_wish){ .memory = ODE_MEMORY_STORE, .threads = check->threads },
        err));
    ode_rig_gradient(&stored);
    status = mode_check(&stored, ODE_MEMORY_CHECKPOINT, "store, checkpoint", err);
    if (status == ODE_OK)
        status = mode_check(&stored, ODE_MEMORY_REVERSE, "store, reverse", err);
    ode_rig_release(&stored);
    return status;
}
