/*
 * classifier.h - the classifier solved for, while the rest follows its gradient.
 *
 * Block coordinate descent of Haber and Ruthotto (arXiv 1705.03341): now and then, W and
 * b are set to the minimum of the loss on the features of some training examples, by
 * Newton's method (optim/newton.h); the other weights follow their gradients in between,
 * with the classifier held fixed.
 */
#ifndef ODE_CORE_TRAIN_CLASSIFIER_H
#define ODE_CORE_TRAIN_CLASSIFIER_H

#include "core/optim/newton.h"
#include "core/train/engine.h"

struct ode_classifier {
    struct ode_newton problem;
    real *features;
    int *labels;
};

/* Places (or measures) room for a solve on `examples` examples with a network's head. */
void ode_classifier_place(struct ode_classifier *c, const struct ode_net *net,
                          const struct ode_train_spec *train, size_t examples,
                          struct ode_arena *arena);

/* Solves on n images and sets the engine's classifier. ODE_EDIVERGE where features are
 * not finite. */
enum ode_status
ode_classifier_solve(struct ode_classifier *c, const struct ode_classifier_spec *spec,
                     struct ode_engine *engine, ode_fetch_fn *fetch, void *context, int n,
                     struct ode_newton_report *report, struct ode_err *err);

#endif
