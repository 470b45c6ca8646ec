/* threads.c - gradients are the same bits on any number of threads. */
#include "core/check/rig.h"
#include "core/check/row.h"

enum { MOST = 3 };

static struct ode_rig_wish
wish_for(int threads)
{
    return (struct ode_rig_wish){ .memory = ODE_MEMORY_AUTO, .threads = threads };
}

static enum ode_status
team_check(const struct ode_rig *one, int threads, struct ode_err *err)
{
    struct ode_check_row row =
        ode_row("threads", "values that differ", "1 and %d threads", threads);
    struct ode_rig many;

    ODE_TRY(ode_rig_init(&many, one->check, wish_for(threads), err));
    ode_rig_gradient(&many);
    ode_row_most(one->check, &row,
                 (double)ode_vec_differing(one->net.params.theta_n, one->engine.gradient,
                                           many.engine.gradient),
                 0);
    ode_rig_release(&many);
    return ODE_OK;
}

enum ode_status
ode_check_threads(const struct ode_check *check, struct ode_err *err)
{
    struct ode_rig one;
    enum ode_status status = ODE_OK;

    ODE_TRY(ode_rig_init(&one, check, wish_for(1), err));
    ode_rig_gradient(&one);
    for (int threads = 2; threads <= MOST && status == ODE_OK; threads++)
        status = team_check(&one, threads, err);
    ode_rig_release(&one);
    return status;
}
