/*
 * hamiltonian.c - the Hamiltonian network, Verlet steps (Chang et al., AAAI 2018, eq. for
 * Y_{j+1}, Z_{j+1}):
 *
 *     Y' = Y + h f1(Z)      f = K^T s(K x + b), two layers: 4 convolutions a block
 *     Z' = Z - h f2(Y')
 */
#include <math.h>

#include "core/blocks/coupling.h"

static real
hamiltonian_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const *keep)
{
    return ode_coupling_forward(s, -1, from, to, keep);
}

static void
hamiltonian_inverse(const struct ode_step *s, struct ode_pair from, struct ode_pair to)
{
    ode_coupling_inverse(s, -1, from, to);
}

static void
hamiltonian_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const *keep, struct ode_pair d)
{
    ode_coupling_adjoint(s, -1, from, to, keep, d);
}

/* h^2 L1 L2 < 4. */
static double
hamiltonian_stability(double dt, const double *lipschitz)
{
    return dt * sqrt(lipschitz[0] * lipschitz[1]) / 2;
}

const struct ode_block_ops ode_hamiltonian_ops = {
    .name = "hamiltonian",
    .layout = ODE_HALVES,
    .form = ODE_FORM_SYMMETRIC,
    .forms = 1 << ODE_FORM_SYMMETRIC | 1 << ODE_FORM_SINGLE,
    .time = ODE_TIME_CELL,
    .layers = 2,
    .points = 1,
    .stride = 1,
    .keeps = 2,
    .reach = 1,
    .forward = hamiltonian_forward,
    .inverse = hamiltonian_inverse,
    .adjoint = hamiltonian_adjoint,
    .stability = hamiltonian_stability,
};
