/*
 * symplecticity.c - Hamiltonian blocks keep the areas of phase space.
 *
 * With W = [0 1; -1 0] on the halves Y, Z the Jacobian J of a segment has J' W J = W,
 * and J W J' = W as well. So for any u1, u2
 *
 *     <J' u1, W J' u2> = <u1, W u2>
 *
 * which two passes backwards show to rounding, without differences. u2 leans on W' u1,
 * so that the right hand side is not small by chance.
 */
#include <math.h>

#include "core/base/arena.h"
#include "core/check/map.h"
#include "core/check/row.h"

#define GAP 1e-5

struct pair_of_vectors {
    real *u[2], *back[2];
};

static void
vectors_place(struct pair_of_vectors *a, size_t n, struct ode_arena *arena)
{
    for (int k = 0; k < 2; k++) {
        a->u[k] = ode_arena_take(arena, n, sizeof(real));
        a->back[k] = ode_arena_take(arena, n, sizeof(real));
    }
}

/* <a, W b>, n reals in a half. */
static double
area(size_t n, const real *a, const real *b)
{
    return ode_vec_dot(n, a, b + n) - ode_vec_dot(n, a + n, b);
}

static double
gap_of(const struct ode_map *m, const struct pair_of_vectors *a)
{
    const size_t half = m->in / 2;
    double before, after;

    m->ops->noise_out(m, 1, a->u[0]);
    m->ops->noise_out(m, 2, a->u[1]);
    ode_vec_add(half, a->u[1] + half, 1, a->u[0], a->u[1] + half);
    ode_vec_add(half, a->u[1], -1, a->u[0] + half, a->u[1]);
    for (int k = 0; k < 2; k++)
        m->ops->adjoint(m, a->u[k], a->back[k]);
    before = area(half, a->u[0], a->u[1]);
    after = area(half, a->back[0], a->back[1]);
    return fabs(after - before) / fabs(before);
}

static enum ode_status
segment_check(struct ode_rig *rig, int s, struct ode_err *err)
{
    const struct ode_map m = ode_map_at(&ode_map_blocks, rig, s);
    struct ode_check_row row = ode_row("symplecticity", "relative gap", "unit %d", s);
    struct ode_arena arena = { 0 };
    struct pair_of_vectors a;

    vectors_place(&a, m.in, &arena);
    ODE_TRY(ode_arena_init(&arena, arena.used, err));
    vectors_place(&a, m.in, &arena);
    ode_row_most(rig->check, &row, gap_of(&m, &a), GAP);
    ode_arena_release(&arena);
    return ODE_OK;
}

/* Why the blocks have no Hamiltonian function, or NULL. */
static const char *
reason(const struct ode_check *check, const struct ode_net *net)
{
    if (check->recipe->model.block != ODE_BLOCK_HAMILTONIAN)
        return "only Hamiltonian blocks have halves that move each other like this";
    if (net->norm != ODE_NORM_NONE)
        return "with a normalisation in it, a layer is no gradient";
    if (net->form != ODE_FORM_SYMMETRIC)
        return "only the symmetric layer is a gradient";
    return NULL;
}

enum ode_status
ode_check_symplecticity(const struct ode_check *check, struct ode_err *err)
{
    const struct ode_rig_wish wish = { .memory = ODE_MEMORY_STORE,
                                       .off_grid = true,
                                       .threads = check->threads };
    struct ode_check_row row = ode_row("symplecticity", NULL, "%s", "");
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
