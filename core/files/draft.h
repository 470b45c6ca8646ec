/*
 * draft.h - the words that a network's graph is written in: weights at a time,
 * convolutions, normalisations, activations.
 *
 * For netgraph.c and netsteps.c. All functions return a value of the graph. The first
 * failure is kept, and everything after it is without meaning, so that only the end has
 * to be checked.
 */
#ifndef ODE_CORE_FILES_DRAFT_H
#define ODE_CORE_FILES_DRAFT_H

#include "core/files/netgraph.h"

struct ode_draft {
    const struct ode_netgraph *net;
    struct ode_onnx *onnx;
    enum ode_status status;
    struct ode_err *err; /* of the first failure */
};

/* Where weights are looked up: tensors whose names begin with `from`; with part > 0,
 * (1 - part) of them and part of those that begin with `to`. */
struct ode_place_in_time {
    char from[48], to[48]; /* "unit.0.block.2." */
    double part;
    int node; /* of the segment, that `from` is */
};

/* How a tensor is stored in the graph. */
enum ode_view {
    ODE_VIEW_PLAIN,
    ODE_VIEW_COLUMN,       /* [c] as [c][1][1], for every pixel      */
    ODE_VIEW_ROWS,         /* [c][...] as [c][all of them]           */
    ODE_VIEW_ANTISYMMETRIC /* K - K^T, K^T the kernel of the adjoint */
};

/* A place with no time about it: tensors whose names begin so. */
struct ode_place_in_time ode_draft_place(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Weights `name` at this place; stored once, however often they are asked for. */
int ode_draft_weights(struct ode_draft *draft, const struct ode_place_in_time *at,
                      const char *name, enum ode_view view);

/* Constants: one number, or one for each of n channels. */
int ode_draft_number(struct ode_draft *draft, double value);
int ode_draft_channels(struct ode_draft *draft, const char *name, int n,
                       const double *value);

/* Operators of one or two inputs without attributes. */
int ode_draft_one(struct ode_draft *draft, const char *op, int x);
int ode_draft_two(struct ode_draft *draft, const char *op, int x, int y);

/* y + factor x */
int ode_draft_step(struct ode_draft *draft, int y, double factor, int x);

/* Convolution by k [..][..][size][size], bias (0: none), of every stride-th pixel; and
 * the adjoint of that with size 3 and stride 1. */
int ode_draft_conv(struct ode_draft *draft, int x, int k, int bias, int size, int stride);
int ode_draft_conv_adjoint(struct ode_draft *draft, int x, int k);

/* N(x), with weights name.scale, name.shift and statistics at this place. */
int ode_draft_norm(struct ode_draft *draft, enum ode_norm norm,
                   const struct ode_place_in_time *at, const char *name, int x);

/* s(x), the model's activation. */
int ode_draft_act(struct ode_draft *draft, int x);

/* The mean of 2x2 pixels. */
int ode_draft_halve(struct ode_draft *draft, int x);

#endif
