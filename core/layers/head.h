/*
 * head.h - mean over pixels, or all of them; linear classifier, softmax cross-entropy.
 *
 * x: n images of `blocks` channel blocks, h x w, whose `channels` channels stand in
 * `parts` padded runs. An image has ode_head_size() features: the means of its channels,
 * or, flat, its pixels [channels][h][w]. weight [classes][features], bias [classes].
 */
#ifndef ODE_CORE_LAYERS_HEAD_H
#define ODE_CORE_LAYERS_HEAD_H

#include "core/kernels/kernels.h"

struct ode_head {
    int n, channels, parts, classes, blocks, h, w;
    bool flat;
};

/* Features of an image. */
static inline int
ode_head_size(const struct ode_head *s)
{
    return s->flat ? s->channels * s->h * s->w : s->channels;
}

/* features[n][size] = the mean over pixels of each channel, or the pixels. */
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

/*
 * The cross-entropy of softmax(logits) and the label's distribution q, which gives
 * `smoothing` to all classes alike and the rest to the label: -sum_k q_k log softmax_k.
 * dlogits = softmax - q, the loss's gradient; may be logits. *hit: whether the label's
 * logit was the (first) largest.
 */
double ode_head_loss(int classes, int label, double smoothing, const real *logits,
                     real *dlogits, int *hit);

#endif
