/*
 * taylor.c - the loss along a line in the weights.
 *
 *     E0(e) = |J(theta + e v) - J(theta)|                        of order 1 in e
 *     E1(e) = |J(theta + e v) - J(theta) - e <J'(theta), v>|     of order 2
 *
 * J is the training loss with its penalties. v has a random half and one along the
 * gradient, each as long as the weights of a tensor, so that an error in any one of them
 * shows. What comes after the second order may hide it along v, but not along -v as well,
 * where it has the other sign: the better of the two counts. States are not rounded to
 * their grid, which would be seen at small e.
 *
 * With an error d in <J', v> E1 is of order 2 as long as it is large against e d. So the
 * orders count only where E1 has come down to E0 / 100; smaller errors are for the slope,
 * against central differences, to show.
 *
 * Where the activation has a kink neither holds closely: GELU takes its place, and the
 * slope of the network as it is is looked at besides, with more tolerance.
 */
#include <math.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/check/rig.h"
#include "core/check/row.h"

enum { HALVINGS = 14, RUN = 3 };

#define ORDER_ONE  0.9
#define ORDER_TWO  1.9
#define ORDER_TOP  3.3 /* above it a difference only passes through zero */
#define SMALL      1e-2
#define GAP        1e-3
#define GAP_KINKED 3e-2

struct line {
    struct ode_rig *rig;
    real *theta, *v;
    double loss, slope;
    double moved[2][HALVINGS]; /* the loss along v and -v, less that at theta */
};

static void
line_place(struct line *line, struct ode_arena *arena)
{
    const size_t n = line->rig->net.params.theta_n;

    line->theta = ode_arena_take(arena, n, sizeof(real));
    line->v = ode_arena_take(arena, n, sizeof(real));
}

/* v in tensor t, whose gradient is g. */
static void
direction(const struct ode_tensor *t, uint64_t seed, const real *theta, const real *g,
          real *v)
{
    const double size = ode_vec_norm(t->n, theta) / sqrt((double)t->n);
    const double slope = ode_vec_norm(t->n, g) / sqrt((double)t->n);

    ode_vec_noise(seed, t->n, v);
    if (slope > 0)
        ode_vec_add(t->n, v, 1 / slope, g, v);
    for (size_t i = 0; i < t->n; i++)
        v[i] *= (real)size;
}

static double
loss_at(const struct line *line, double e)
{
    ode_vec_add(line->rig->net.params.theta_n, line->theta, e, line->v,
                line->rig->engine.theta);
    ode_engine_pack(&line->rig->engine);
    return ode_rig_gradient(line->rig);
}

static double
step_of(int halving)
{
    return ldexp(1, -halving - 2);
}

static void
line_begin(struct line *line)
{
    const struct ode_params *p = &line->rig->net.params;
    const struct ode_engine *e = &line->rig->engine;

    memcpy(line->theta, e->theta, p->theta_n * sizeof(real));
    line->loss = ode_rig_gradient(line->rig);
    for (int i = 0; i < p->trained_n; i++) {
        const struct ode_tensor *t = &p->tensor[i];

        direction(t, (uint64_t)i, line->theta + t->offset, e->gradient + t->offset,
                  line->v + t->offset);
    }
    line->slope = ode_vec_dot(p->theta_n, e->gradient, line->v);
    for (int j = 0; j < HALVINGS; j++) {
        line->moved[0][j] = loss_at(line, step_of(j)) - line->loss;
        line->moved[1][j] = loss_at(line, -step_of(j)) - line->loss;
    }
}

/* The best order that RUN halvings in a row all reach, the last error being at most
 * `most` there. */
static double
order_of(const double *error, const double *most)
{
    double best = 0;

    for (int j = 0; j + RUN < HALVINGS; j++) {
        double least = ORDER_TOP;

        for (int k = j; k < j + RUN; k++) {
            const double order = log2(error[k] / error[k + 1]);

            least = order > ORDER_TOP ? 0 : fmin(least, order);
        }
        if (error[j + RUN] <= most[j + RUN])
            best = fmax(best, least);
    }
    return best;
}

/* The order of |the loss moved - e slope| along v or -v, counted where it is at most
 * `small` times what the loss moved; less: 1, or 0 for that of the move itself. */
static double
order_along(const struct line *line, int way, double less, double small)
{
    double error[HALVINGS], most[HALVINGS];

    for (int j = 0; j < HALVINGS; j++) {
        const double e = way ? -step_of(j) : step_of(j);

        error[j] = fabs(line->moved[way][j] - less * e * line->slope);
        most[j] = small * fabs(line->moved[way][j]);
    }
    return order_of(error, most);
}

static void
orders_check(const struct line *line)
{
    const struct ode_check *check = line->rig->check;
    struct ode_check_row one = ode_row("taylor", "observed order", "loss");
    struct ode_check_row two =
        ode_row("taylor", "observed order", "loss less its gradient");

    ode_rig_note(line->rig, &one);
    ode_rig_note(line->rig, &two);
    ode_row_least(check, &one,
                  fmax(order_along(line, 0, 0, 1), order_along(line, 1, 0, 1)),
                  ORDER_ONE);
    ode_row_least(check, &two,
                  fmax(order_along(line, 0, 1, SMALL), order_along(line, 1, 1, SMALL)),
                  ORDER_TWO);
}

/* The slope against the central difference that comes closest: long ones have a
 * curvature, short ones rounding, in them. */
static void
slope_check(const struct line *line)
{
    struct ode_check_row row = ode_row("taylor", "relative gap", "slope of the loss");
    double best = INFINITY;

    for (int j = 4; j < HALVINGS; j++) {
        const double found = (line->moved[0][j] - line->moved[1][j]) / (2 * step_of(j));

        best = fmin(best, fabs(found - line->slope) / fabs(line->slope));
    }
    ode_rig_note(line->rig, &row);
    ode_row_most(line->rig->check, &row, best,
                 ode_rig_kinked(line->rig) ? GAP_KINKED : GAP);
}

static enum ode_status
line_check(struct ode_rig *rig, struct ode_err *err)
{
    struct line line = { .rig = rig };
    struct ode_arena arena = { 0 };

    line_place(&line, &arena);
    ODE_TRY(ode_arena_init(&arena, arena.used, err));
    line_place(&line, &arena);
    line_begin(&line);
    if (!ode_rig_kinked(rig))
        orders_check(&line);
    slope_check(&line);
    ode_arena_release(&arena);
    return ODE_OK;
}

enum ode_status
ode_check_taylor(const struct ode_check *check, struct ode_err *err)
{
    struct ode_rig_wish wish = { .off_grid = true,
                                 .memory = ODE_MEMORY_AUTO,
                                 .threads = check->threads };
    enum ode_status status = ODE_OK;
    bool again = true;

    for (int own = 0; own < 2 && again && status == ODE_OK; own++) {
        struct ode_rig rig;

        wish.smooth = !own;
        ODE_TRY(ode_rig_init(&rig, check, wish, err));
        status = line_check(&rig, err);
        again = rig.smoothed;
        ode_rig_release(&rig);
    }
    return status;
}
