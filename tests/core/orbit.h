/*
 * orbit.h - one segment alone, from a state that the test chooses, and all the states it
 * passes through. No normalisation, no grid.
 *
 * States are plain vectors here: [image][channel][y][x] in double, the halves of a state
 * one after the other.
 *
 * Linear problems: there is no activation that is the identity, but tanh(x) rounds to x
 * itself where |x| < 2^-55, and states may be as small as one likes. So an orbit of
 * states near ORBIT_TINY sees the identity bit for bit (dynamics.c holds it).
 */
#ifndef ODE_TESTS_CORE_ORBIT_H
#define ODE_TESTS_CORE_ORBIT_H

#include "core/net/exec.h"

enum { ORBIT_MAX = 4096 }; /* values of the states of all tests */

#ifdef ODE_DOUBLE
#define ORBIT_TINY      1e-60
#define IN_DOUBLE(d, f) (d)
#else
#define ORBIT_TINY      1e-20
#define IN_DOUBLE(d, f) (f)
#endif

struct orbit_options {
    enum ode_block block;
    enum ode_form form;
    enum ode_start start;
    enum ode_activation act;
    int channels, size, images, blocks;
    double dt;
};

struct orbit {
    int channels, size, images, blocks;
    size_t n; /* values of a state */
    struct ode_net net;
    struct ode_exec exec;
    struct ode_work work;
    struct ode_result result;
    struct ode_arena arena;
    real *theta, *packed, *gradient;
};

/* With the initial weights of a network of its own, biases 0; images 0 means 1. */
void orbit_init(struct orbit *o, const struct orbit_options *options);
void orbit_release(struct orbit *o);

/* Where a weight of theta is; orbit_pack() after it was written. part: bias, kernel. */
real *orbit_theta(const struct orbit *o, int block, int layer, enum ode_part part);
void orbit_pack(struct orbit *o);

/* Every block gets the weights of the first. */
void orbit_freeze(struct orbit *o);

/* For 1x1 images: K of all blocks becomes the matrix k [channels][channels of a layer],
 * and b is added to it. */
void orbit_matrix(struct orbit *o, int layer, const double *k, double b);

/* From x to the end. */
void orbit_run(struct orbit *o, const double *x);

/* After it: state j, 0..blocks. */
void orbit_state(struct orbit *o, int j, double *x);

/* After it: d = J' w for the end's cotangent w, and the gradient of all weights. */
void orbit_adjoint(struct orbit *o, const double *w, double *d);

/* Normal numbers times scale. */
void orbit_noise(const struct orbit *o, uint64_t seed, double scale, double *x);

double orbit_dot(const double *x, const double *y, size_t n);
double orbit_norm(const double *x, size_t n);
double orbit_distance(const double *x, const double *y, size_t n);

/* u = K x + b of one block's layer, in plain loops; x and u: images of a layer's
 * channels, for one image. */
void orbit_apply(const struct orbit *o, int block, int layer, const double *x, double *u);

#endif
