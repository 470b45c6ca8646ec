/*
 * head.h - mean over pixels, linear classifier, softmax cross-entropy.
 *
 * x: n images of `blocks` channel blocks, h x w, whose `channels` channels stand in two
 * padded runs (Y and Z). weight [classes][channels], bias [classes].
 */
#ifndef ODE_CORE_LAYERS_HEAD_H
#define ODE_CORE_LAYERS_HEAD_H

#include "core/kernels/kernels.h"

struct ode_head {
    int n, channels, classes, blocks, h, w;
};

/* features[n][channels] = mean over pixels of each channel. */
void ode_head_features(const struct ode_head *s, const real *x, real *features);

/* dx = J' dfeatures, all of it written. */
void ode_head_features_adjoint(const struct ode_head *s, const real *dfeatures, real *dx);

/* logits[n][classes] = features weight' + bias. */
void ode_head_logits(const struct ode_head *s, const real *features, const real *weight,
                     const real *bias, real *logits);

/* dfeatures = dlogits weight; dweight and dbias are added to. */
void ode_head_logits_adjoint(const struct ode_head *s, const real *features,
                             const real *weight, const real *dlogits, real *dfeatures,
                             real *dweight, real *dbias);

/* Returns -log softmax(logits)[label]; logits become scale * (softmax - one-hot(label)),
 * the loss's gradient. *hit: whether the label's logit was the (first) largest. */
double ode_head_loss(int classes, int label, double scale, real *logits, int *hit);

#endif
