/* coupling.c - steps of states in two halves, each moved by a function of the other. */
#include "core/blocks/coupling.h"

real
ode_coupling_forward(const struct ode_step *s, real sign, struct ode_pair from,
                     struct ode_pair to, real *const *keep)
{
    const struct ode_layer *f = s->f[0];
    const real y = ode_layer_step(&s->shape, &f[0], from.z, s->dt, 1, from.y, to.y,
                                  keep ? keep[0] : NULL);
    const real z = ode_layer_step(&s->shape, &f[1], to.y, s->dt, sign, from.z, to.z,
                                  keep ? keep[1] : NULL);

    return y > z ? y : z;
}

void
ode_coupling_inverse(const struct ode_step *s, real sign, struct ode_pair from,
                     struct ode_pair to)
{
    const struct ode_layer *f = s->f[0];

    ode_layer_step(&s->shape, &f[1], to.y, s->dt, -sign, to.z, from.z, NULL);
    ode_layer_step(&s->shape, &f[0], from.z, s->dt, -1, to.y, from.y, NULL);
}

void
ode_coupling_adjoint(const struct ode_step *s, real sign, struct ode_pair from,
                     struct ode_pair to, real *const *keep, struct ode_pair d)
{
    const struct ode_layer *f = s->f[0];
    real *room = s->reverse ? ode_layer_room(&s->shape) : NULL;

    if (s->reverse)
        ode_layer_step(&s->shape, &f[1], to.y, s->dt, -sign, to.z, from.z, room);
    ode_layer_adjoint(&s->shape, &f[1], to.y, keep ? keep[1] : room, sign * s->dt, d.z,
                      d.y);
    if (s->reverse)
        ode_layer_step(&s->shape, &f[0], from.z, s->dt, -1, to.y, from.y, room);
    ode_layer_adjoint(&s->shape, &f[0], from.z, keep ? keep[0] : room, s->dt, d.y, d.z);
}
