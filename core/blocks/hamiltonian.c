/*
 * hamiltonian.c - the two-layer Hamiltonian block, a Verlet step (Chang et al., AAAI
 * 2018, eq. for Y_{j+1}, Z_{j+1}):
 *
 *     Y' = Y + h K1^T s(K1 Z  + b1)
 *     Z' = Z - h K2^T s(K2 Y' + b2)
 */
#include "core/blocks/block.h"

#include <stddef.h>

/* to = from + sign * round(h K^T s(K x + b)); u receives K x + b. */
static real
half_step(const struct ode_step *s, const struct ode_layer *l, const real *x, real sign,
          const real *from, real *to, real *u)
{
    const struct ode_kernels *k = s->kernels;

    k->conv(&s->conv, x, l->k, l->b, u);
    k->act(s->act, s->dt, ode_blocks(s->conv.out), s->conv.h, s->conv.w, u, s->a);
    return k->conv_add(&s->conv, s->a, l->kt, sign, s->grid, from, to);
}

/* Cotangents through to = from + sign h K^T s(u), u = K x + b: dx += J' dto, and
 * dK = G(q, x) + G(sign h s(u), dto), as K enters twice. q overwrites a. */
static void
half_adjoint(const struct ode_step *s, const struct ode_layer *l, const real *x,
             const real *u, real sign, const real *dto, real *dx)
{
    const struct ode_kernels *k = s->kernels;
    const int blocks = ode_blocks(s->conv.out), h = s->conv.h, w = s->conv.w;
    const real scale = sign * s->dt;

    k->act(s->act, scale, blocks, h, w, u, s->a);
    k->conv_weights(&s->conv, s->a, dto, l->dk);
    k->conv(&s->conv, dto, l->k, NULL, s->a);
    k->act_adjoint(s->act, scale, blocks, h, w, u, s->a, s->a, l->db);
    k->conv_weights(&s->conv, s->a, x, l->dk);
    k->conv_add(&s->conv, s->a, l->kt, 1, 0, dx, dx);
}

static real
hamiltonian_forward(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const keep[2])
{
    real *u1 = keep ? keep[0] : s->u, *u2 = keep ? keep[1] : s->u;
    const real y = half_step(s, &s->layer[0], from.z, 1, from.y, to.y, u1);
    const real z = half_step(s, &s->layer[1], to.y, -1, from.z, to.z, u2);

    return y > z ? y : z;
}

static void
hamiltonian_inverse(const struct ode_step *s, struct ode_pair x)
{
    half_step(s, &s->layer[1], x.y, 1, x.z, x.z, s->u);
    half_step(s, &s->layer[0], x.z, -1, x.y, x.y, s->u);
}

static void
hamiltonian_adjoint(const struct ode_step *s, struct ode_pair from, struct ode_pair to,
                    real *const keep[2], struct ode_pair d)
{
    if (keep) {
        half_adjoint(s, &s->layer[1], to.y, keep[1], -1, d.z, d.y);
        half_adjoint(s, &s->layer[0], from.z, keep[0], 1, d.y, d.z);
        return;
    }
    half_step(s, &s->layer[1], to.y, 1, to.z, to.z, s->u);
    half_adjoint(s, &s->layer[1], to.y, s->u, -1, d.z, d.y);
    half_step(s, &s->layer[0], to.z, -1, to.y, to.y, s->u);
    half_adjoint(s, &s->layer[0], to.z, s->u, 1, d.y, d.z);
}

const struct ode_block_ops ode_hamiltonian_ops = {
    .name = "hamiltonian",
    .forward = hamiltonian_forward,
    .inverse = hamiltonian_inverse,
    .adjoint = hamiltonian_adjoint,
};
