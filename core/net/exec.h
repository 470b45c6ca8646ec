/*
 * exec.h - one micro-batch through the whole network and back, depth first.
 *
 * The unit of work is a micro-batch: a few images whose states fit into a core's cache.
 * One thread takes it through opening, segments and head, and back, before the next one:
 * the memory is that of one micro-batch a thread, whatever the batch; and with `reverse`,
 * whatever the depth, as states are rebuilt from a segment's last one on the way back.
 *
 * Results depend on the images, the weights and the size of the micro-batch only; not on
 * the thread, nor on `reverse`.
 */
#ifndef ODE_CORE_NET_EXEC_H
#define ODE_CORE_NET_EXEC_H

#include "core/base/arena.h"
#include "core/blocks/block.h"
#include "core/net/net.h"

/* Writes the pixels [channels][h][w] of the i-th image of the batch and returns its
 * label. scratch: `scratch_n` floats of the calling thread. Called from several threads.
 */
typedef int ode_fetch_fn(void *context, size_t i, float *scratch, float *pixels);

struct ode_exec {
    const struct ode_net *net;         /* borrowed */
    const struct ode_kernels *kernels; /* borrowed */
    const struct ode_block_ops *block; /* borrowed */
    const real *packed;                /* weights as ode_net_pack() left them */
    bool reverse;
    int micro; /* most images in a micro-batch */
    size_t scratch_n;
};

/* Moments that the two normalisations saw in a micro-batch: padded vectors. */
struct ode_moments {
    real *mean, *variance, *head_mean, *head_variance;
};

/* What became of a micro-batch. */
struct ode_result {
    double loss; /* sum over its images */
    int correct, n;
    real top; /* largest |state| */
    struct ode_moments moments;
};

/* A thread's buffers. */
struct ode_work {
    real *input, *opened,
        *ended;    /* images, opening before and head before normalisation */
    real *wide[2]; /* scratch of the size of either */
    struct ode_pair state[ODE_SEGMENTS_MAX]; /* [slot][image], one slot if reversing */
    real *kept[ODE_SEGMENTS_MAX];            /* [half-step][image], if storing */
    struct ode_pair cotangent[2];
    real *u, *a;
    real *affine[2], *features, *dfeatures, *logits, *dlogits;
    float *pixels, *scratch;
    int *label;
};

/* Images in a micro-batch, so that a state takes about half a MiB; and in how many
 * micro-batches a batch of n is dealt: micro i holds images [i n / k, (i + 1) n / k). */
int ode_exec_micro(const struct ode_net *net);
int ode_exec_micros(const struct ode_net *net, size_t n);

/* Places (or, with a counting arena, measures) the buffers of one thread. */
void ode_work_place(struct ode_work *work, const struct ode_exec *exec,
                    struct ode_arena *arena);

/* Places the vectors of a result. */
void ode_result_place(struct ode_result *result, const struct ode_net *net,
                      struct ode_arena *arena);

/* Images first..first + n - 1 forward. training: normalise by the micro-batch's own
 * moments, which go into result->moments; else by the running ones. Fills result. */
void ode_exec_forward(const struct ode_exec *exec, struct ode_work *work,
                      ode_fetch_fn *fetch, void *context, size_t first, int n,
                      bool training, struct ode_result *result);

/* After a forward pass in training of the same n images: adds the gradient of scale times
 * the sum of losses to lane (net->lane_n reals). */
void ode_exec_backward(const struct ode_exec *exec, struct ode_work *work, int n,
                       double scale, const struct ode_result *result, real *lane);

#endif
