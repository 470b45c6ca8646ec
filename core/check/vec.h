/* vec.h - arrays of reals as vectors. Sums are in double. */
#ifndef ODE_CORE_CHECK_VEC_H
#define ODE_CORE_CHECK_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/real.h"

/* Normal numbers: n of them; or inside the halo of an image of c channels, else zeros. */
void ode_vec_noise(uint64_t seed, size_t n, real *x);
void ode_vec_noise_image(uint64_t seed, int c, int h, int w, real *x);

double ode_vec_dot(size_t n, const real *x, const real *y);
double ode_vec_norm(size_t n, const real *x);

/* z = x + a y; z may be either. */
void ode_vec_add(size_t n, const real *x, double a, const real *y, real *z);

/* How many of the values differ in their bits; |x - y| / |y|. */
size_t ode_vec_differing(size_t n, const real *x, const real *y);
double ode_vec_distance(size_t n, const real *x, const real *y);

#endif
