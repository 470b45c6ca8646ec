/*
 * cna.h - convolution, normalisation, activation of n images: y = s(N(K x)).
 *
 * Each of the three may be absent. What is outside the blocks is made of these: opening,
 * connectors, closing, head. Images hold all channels, in one padded run or in two.
 */
#ifndef ODE_CORE_LAYERS_CNA_H
#define ODE_CORE_LAYERS_CNA_H

#include "core/layers/norm.h"

struct ode_cna {
    const struct ode_kernels *kernels; /* borrowed, like all here */
    struct ode_conv conv;
    const real *k, *kt; /* prepared; NULL: no convolution, no K^T */
    real *dk;           /* for the adjoint */
    struct ode_normaliser norm;
    enum ode_act act;
    bool active;                 /* there is an activation */
    struct ode_norm_shape shape; /* of u and y */
};

/* u = K x, y = s(N(u)). Without a convolution u is not written, and x is what N takes. y
 * may be u, if u need not be kept, or x. */
void ode_cna_forward(const struct ode_cna *c, enum ode_mode mode, const real *x, real *u,
                     real *y);

/* d, the cotangent of y, becomes that of u; gradients are added to. Without a convolution
 * u is x. */
void ode_cna_adjoint(const struct ode_cna *c, const real *x, const real *u, real *d);

/* dx = K^T d, d being the cotangent of u. */
void ode_cna_back(const struct ode_cna *c, const real *d, real *dx);

#endif
