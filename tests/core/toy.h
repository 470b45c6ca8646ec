/*
 * toy.h - small networks for tests, and the same network written down naively.
 *
 * The reference follows the formulas with plain loops over [channel][y][x] in double: no
 * blocks of 16, no halos, no lanes, no reversal. It shares no code with the engine.
 */
#ifndef ODE_TESTS_CORE_TOY_H
#define ODE_TESTS_CORE_TOY_H

#include "core/train/engine.h"

struct toy_options {
    int units, channels[4], blocks[4];
    int resolution, in, classes;
    double step;
    bool tanh;
    bool rounded; /* states on the grid */
    /* all zero: a Hamiltonian network as Chang et al. have it */
    enum ode_block block;
    enum ode_form layer;
    enum ode_start start;
    enum ode_norm norm;
    bool before, plain_ends; /* plain: no normalisation of opening and head */
    enum ode_link connector;
    enum ode_placement placement;
    int closing, weights;
    enum ode_readout head;
    enum ode_activation activation; /* where it is not tanh */
    enum ode_memory memory;         /* where toy_init() is not told to reverse */
    enum ode_convolution convolution;
    bool average; /* the engine keeps one of the weights */
};

struct toy {
    struct ode_recipe_spec recipe;
    struct ode_net net;
    struct ode_team *team;
    struct ode_engine engine;
    const struct ode_kernels *kernels;
};

/* A network with random weights (biases and shifts too) and an engine for it. */
void toy_init(struct toy *toy, const struct toy_options *o, unsigned isa, int threads,
              int batch, bool reverse);
void toy_release(struct toy *toy);

/* ode_fetch_fn: smooth random images and labels from the context's seed (a uint64_t *).
 * Set toy_fetch_shape() first. */
void toy_fetch_shape(int channels, int size, int classes);
int toy_fetch(void *seed, size_t i, float *scratch, float *pixels);

/* The mean loss of the micro-batch of images first..first + n - 1, by the naive
 * reference. theta in double, in the net's order. untied: where to read the outer K^T of
 * each layer from instead of theta (NULL: theta itself). */
double reference_loss(const struct ode_net *net, const double *theta,
                      const double *untied, void *seed, size_t first, int n);

/* y = K x with zero padding: x [in][h][w], k [out][in][3][3], y [out][h][w]. */
void reference_conv(int in, int out, int h, int w, const double *x, const double *k,
                    double *y);

/* The portable table of kernels, that for AVX2, that for AVX-512: i of 0..2. NULL where
 * this machine can't run it. */
const struct ode_kernels *toy_table(int i);

/* s(x) by its formula. */
double toy_activation(enum ode_act act, double x);

/* Fills with normal numbers. */
void toy_noise(uint64_t seed, real *x, size_t n);

/* An image in the engine's layout from planes [channels][h][w], and back. */
void toy_blocked(int channels, int h, int w, const double *planes, real *image);
void toy_planes(int channels, int h, int w, const real *image, double *planes);

/* An image of noise in the engine's layout: zero halo and padding. */
void toy_noise_image(uint64_t seed, int channels, int h, int w, real *image);

/* <x, y> over n. */
double toy_dot(const real *x, const real *y, size_t n);

#endif
