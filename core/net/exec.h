/*
 * exec.h - one micro-batch through the whole network and back, depth first.
 *
 * The unit of work is a micro-batch: a few images whose states fit into a core's cache.
 * One thread takes it through opening, segments and head, and back, before the next one:
 * the memory is that of one micro-batch a thread, whatever the batch; and where a segment
 * is reversed, whatever its depth, as states are rebuilt from its last one on the way
 * back.
 *
 * Results depend on the images, the weights and the size of the micro-batch only; not on
 * the thread, nor on what is kept (but where reversal is inexact).
 */
#ifndef ODE_CORE_NET_EXEC_H
#define ODE_CORE_NET_EXEC_H

#include "core/base/arena.h"
#include "core/net/lane.h"

/* Writes the pixels [channels][h][w] of the i-th image of the batch and returns its
 * label. scratch: `scratch_n` floats of the calling thread. Called from several threads.
 */
typedef int ode_fetch_fn(void *context, size_t i, float *scratch, float *pixels);

struct ode_exec {
    const struct ode_net *net;         /* borrowed */
    const struct ode_kernels *kernels; /* borrowed */
    const real *packed;                /* weights as ode_net_prepare() left them */
    const real *theta;                 /* for those that are prepared when needed */
    int micro;                         /* most images in a micro-batch */
    size_t scratch_n;
    double smoothing; /* of labels, in training */
    bool flip; /* evaluation: mean of the logits of an image and its mirror image */
};

/* What became of a micro-batch. */
struct ode_result {
    double loss; /* sum over its images */
    int correct, n;
    real top[ODE_SEGMENTS_MAX]; /* largest |state| in each segment */
    real *moment;               /* net->moment_n: moments that its normalisations saw */
};

/* The states of a segment: see segment.c. */
struct ode_track {
    real *y, *z;             /* slots of micro images                */
    int slots;               /* of y; of z where the layout has it   */
    real *saved_y, *saved_z; /* checkpoints                          */
    real *kept;              /* [step][keep][image]                  */
};

/* What a connector remembers until its way back: outputs of convolutions. */
struct ode_link_work {
    real *main, *inner, *side;
};

/* A thread's buffers. */
struct ode_work {
    real *input, *opened; /* images; the opening's convolution                     */
    struct ode_track track[ODE_SEGMENTS_MAX];
    struct ode_link_work link[ODE_SEGMENTS_MAX];
    real *closed, *ended; /* closing's convolution, head's input */
    struct ode_pair cotangent[2];
    real *wide[6]; /* scratch for n images of all channels */
    real *scratch[ODE_LAYER_SCRATCH_MAX], *spare[ODE_BLOCK_SCRATCH_MAX];
    real *moment;   /* of evaluations that are repeated, see segment.c */
    real *room;     /* room_n, to prepare weights in */
    real *prepared; /* local_n: of the step that is at work */
    real *share;    /* share_n, a lane's room */
    real *features, *dfeatures, *logits, *dlogits;
    float *pixels, *fetched;
    int *label;
};

/* Images of a micro-batch of `micro` that go through a step of segment s together: all
 * that batch normalisation looks at; else so many that what a step works with stays in a
 * core's second-level cache. */
int ode_exec_group(const struct ode_net *net, int s, int micro);

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

/* Images first..first + n - 1 forward. ODE_TRAIN: normalise by the micro-batch's own
 * moments, which go into result->moment; else by the running ones. Fills result; the
 * work's label, features and logits are those of the images. */
void ode_exec_forward(const struct ode_exec *exec, struct ode_work *work,
                      ode_fetch_fn *fetch, void *context, size_t first, int n,
                      enum ode_mode mode, struct ode_result *result);

/* After a forward pass in training of the same n images: adds the gradient of scale times
 * the sum of losses to the lane, which is at its first stage. */
void ode_exec_backward(const struct ode_exec *exec, struct ode_work *work, int n,
                       double scale, const struct ode_result *result,
                       struct ode_lane *lane);

#endif
