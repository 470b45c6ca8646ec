/*
 * layer.h - the right-hand side f(theta, x) of the ODE.
 *
 *   single          s(N(K x + b))
 *   symmetric       K^T s(N(K x + b))                       K enters twice
 *   antisymmetric   s(N(A x + b)), A = K - K^T               the packed kernel is A
 *   residual        K2 s(N(K x + b)), x first replaced by s(P(x))
 *
 * N and P are normalisations. Where N is there, b is not. With the other forms, P may be
 * there without s.
 *
 * Sources: Chang et al. (AAAI 2018), Ruthotto and Haber (JMIV 2020), He et al. (2016) for
 * the residual form. Adjoints: discretise, then differentiate.
 */
#ifndef ODE_CORE_BLOCKS_LAYER_H
#define ODE_CORE_BLOCKS_LAYER_H

#include "core/layers/norm.h"
#include "core/recipe/recipe.h"

enum { ODE_LAYER_SCRATCH_MAX = 5 };

/* What the layers of a segment have in common. */
struct ode_layer_shape {
    const struct ode_kernels *kernels; /* borrowed */
    struct ode_conv conv;              /* of K */
    enum ode_act act;
    enum ode_form form;
    enum ode_mode mode;
    real grid;                            /* that increments are multiples of; 0: any */
    int n;                                /* images, one after the other */
    real *scratch[ODE_LAYER_SCRATCH_MAX]; /* n images each, zero halo */
};

/* One layer's weights, prepared, and where their gradients go; all borrowed. */
struct ode_layer {
    const real *k, *kt, *o, *ot, *b;    /* K, K^T, K2, K2^T; b is NULL beside N */
    real *dk, *dk2, *db;                /* only read by the adjoint; dk2 may be dk */
    struct ode_normaliser before, norm; /* P, N */
};

/* Reals in n images, halo included. */
static inline size_t
ode_layer_reals(const struct ode_layer_shape *s)
{
    return (size_t)s->n * ode_image(s->conv.in, s->conv.h, s->conv.w);
}

/* Images of scratch that layers of a form need. */
int ode_layer_scratch(enum ode_form form, bool before);

/* to = from + sign * round(scale f(x)), sign 1 or -1. to may be from or x. keep: if not
 * NULL, receives N's or the activation's input. Returns the largest |to|. */
real ode_layer_step(const struct ode_layer_shape *s, const struct ode_layer *f,
                    const real *x, real scale, real sign, const real *from, real *to,
                    real *keep);

/* dx += scale J' w, gradients added to the layer's. kept: what the step kept; NULL: it is
 * computed again. dx may be w. */
void ode_layer_adjoint(const struct ode_layer_shape *s, const struct ode_layer *f,
                       const real *x, const real *kept, real scale, const real *w,
                       real *dx);

/* Where a step may keep what only the adjoint that comes next will read. */
static inline real *
ode_layer_room(const struct ode_layer_shape *s)
{
    return s->scratch[0];
}

#endif
