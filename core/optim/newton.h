/*
 * newton.h - the classifier by Newton's method.
 *
 * On fixed features the last layer is a convex problem of its own: minimise over W and b
 *
 *     f(W, b) = 1/n sum_i S(W x_i + b, t_i) + decay/2 |W|^2
 *
 * S the softmax cross-entropy and t_i the smoothed label, (1 - e) onehot + e/classes.
 * Each iteration solves H d = -g for a direction by at most `cg` iterations of conjugate
 * gradients, fewer where the gradient g is still long, and halves the step along d until
 * it decreases f enough (Armijo). H is only ever multiplied with; it is positive
 * semidefinite. Where its curvature is lost to rounding the direction so far is taken, or
 * steepest descent. Everything is in double, without randomness, on the calling thread.
 *
 * Equal shifts of all biases do not change f. They stay as they were at the start.
 *
 *     struct ode_newton s = { .n = 2000, .features = 64, .classes = 10, ... };
 *
 *     ode_newton_place(&s, &arena);            twice: to measure and to place (arena.h)
 *     ode_newton_load(&s, features, labels);
 *     ode_newton_solve(&s, iterations, cg, weight, bias, &report, err);
 *
 * A solve costs about 4 n features classes (iterations + products) FLOP: a product with H
 * as much as a gradient.
 *
 * Source: Haber and Ruthotto, "Stable architectures for deep neural networks", arXiv
 * 1705.03341: block coordinate descent, the classifier by Newton-PCG; their Meganet takes
 * 4 iterations of 3 each. Nocedal and Wright, "Numerical optimization", 2006, algorithm
 * 7.1.
 */
#ifndef ODE_CORE_OPTIM_NEWTON_H
#define ODE_CORE_OPTIM_NEWTON_H

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/real.h"
#include "core/base/status.h"

/* The problem. The first group is the caller's and set before ode_newton_place(); n may
 * be made smaller afterwards. The second lies in the arena. */
struct ode_newton {
    int n, features, classes;
    double smoothing, decay;

    int *label;         /* [n]                                            */
    double *x;          /* [n][features + 1], the last one 1: for biases  */
    double *p, *u;      /* [n][classes]: softmax; room for what follows   */
    double *w, *next;   /* [classes][features + 1]: W and b; the trial    */
    double *g, *d;      /* gradient; direction                            */
    double *r, *q, *hq; /* of conjugate gradients: residual, search, H q  */
};

struct ode_newton_report {
    double before, after; /* f                                 */
    double gradient;      /* |g| at the end                    */
    int iterations;       /* that decreased f                  */
    int products;         /* with H, over all iterations       */
};

/* Places the arrays for s->n examples. */
void ode_newton_place(struct ode_newton *s, struct ode_arena *arena);

/* Copies features [n][features] and labels [n], each 0 to classes - 1. */
void ode_newton_load(struct ode_newton *s, const real *features, const int *labels);

/*
 * Improves weight [classes][features] and bias [classes]. Ends early where no step
 * decreases f any more. The report is of the numbers before they are rounded to real.
 *
 * ODE_EDIVERGE if f is not finite at the start, that is if a feature or a weight is not.
 */
enum ode_status ode_newton_solve(struct ode_newton *s, int iterations, int cg,
                                 real *weight, real *bias,
                                 struct ode_newton_report *report, struct ode_err *err);

/* The parts of it, for tests: f(w), which leaves the softmax in s->p; the gradient at
 * that w; and the product of the Hessian there with v. All [classes][features + 1]. */
double ode_newton_value(struct ode_newton *s, const double *w);
void ode_newton_gradient(struct ode_newton *s, const double *w, double *g);
void ode_newton_product(struct ode_newton *s, const double *v, double *hv);

#endif
