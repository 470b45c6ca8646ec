/*
 * engine.h - gradients of a batch, updates, evaluation: one level's state and its team.
 *
 * A batch is dealt into micro-batches, which the team takes one after the other, and
 * these to a fixed number of lanes: micro-batch i adds its gradient to lane i mod lanes,
 * after micro-batch i - lanes (lane.h). Lanes are summed in a fixed tree. So neither the
 * number of threads nor their luck changes a bit of the result.
 *
 * All memory of a level is placed before it begins, in one arena.
 */
#ifndef ODE_CORE_TRAIN_ENGINE_H
#define ODE_CORE_TRAIN_ENGINE_H

#include "core/base/team.h"
#include "core/net/exec.h"
#include "core/optim/penalty.h"
#include "core/scales/metric.h"

enum { ODE_LANES_MAX = 8 };

struct ode_engine_config {
    const struct ode_net *net; /* borrowed, like all here */
    const struct ode_kernels *kernels;
    struct ode_team *team; /* may be NULL for measuring only */
    int threads;
    int batch;                       /* images in a training step */
    double smoothing;                /* of labels, in training */
    bool flip;                       /* evaluate images and their mirror images */
    bool second, average;            /* room for Adam's second moments, for an average */
    const struct ode_metric *metric; /* of the weights' gradients; NULL: none */
    size_t scratch_n;                /* floats that fetch needs */
};

struct ode_engine {
    struct ode_exec exec;
    struct ode_team *team;
    const struct ode_metric *metric;
    int threads, lanes;
    bool keeps_second, keeps_average;
    int span;   /* most images at once */
    int micros; /* micro-batches of the last ode_engine_gradient() */
    struct ode_arena arena;
    real *theta, *momentum, *gradient, *statistics; /* params.theta_n, statistic_n */
    real *second, *average;   /* theta_n; NULL where the configuration has none */
    real *average_statistics; /* statistic_n, made for the average; NULL without one */
    bool average_known;       /* they are those of the average as it is now */
    double *squares;          /* |gradient|^2 of each trained tensor */
    real *packed;
    real **lane;      /* theta_n each; gradient is the first one */
    atomic_int *turn; /* of each micro-batch: stages that it has added to its lane */
    struct ode_work *work;
    struct ode_result *result; /* one per micro-batch */
};

/* Bytes that an engine of this configuration takes. */
size_t ode_engine_bytes(const struct ode_engine_config *config);

/* Takes the memory, all zero. Fails with ODE_ENOMEM; ended with ode_engine_release(). */
enum ode_status ode_engine_init(struct ode_engine *engine,
                                const struct ode_engine_config *config,
                                struct ode_err *err);
void ode_engine_release(struct ode_engine *engine); /* safe on zeros and twice */

/* To be called after theta or statistics were written from outside. */
void ode_engine_pack(struct ode_engine *engine);

/*
 * Evaluations see the average of the weights from now on, until ode_engine_see_own().
 * Running moments follow the weights themselves, and say little of an average that lags
 * behind them: where it has none of its own yet, they are made from n images.
 */
void ode_engine_see_average(struct ode_engine *engine, ode_fetch_fn *fetch, void *context,
                            size_t n);
void ode_engine_see_own(struct ode_engine *engine);

struct ode_batch_report {
    double loss; /* sum over the images */
    int64_t correct, n;
    double top[ODE_SEGMENTS_MAX]; /* largest |state| in each segment */
    double norm;                  /* |gradient|, penalty and metric included */
};

/* gradient = d/dtheta (1/n sum of losses + penalty) of n <= batch images, with batch
 * moments; the losses' part goes through the metric. The moments stay in the results for
 * ode_engine_follow(). */
void ode_engine_gradient(struct ode_engine *engine, ode_fetch_fn *fetch, void *context,
                         int n, const struct ode_penalty *penalty,
                         struct ode_batch_report *report);

/* How weights follow the gradient. */
struct ode_update {
    const struct ode_optimizer_spec *optimizer; /* borrowed */
    double rate;
    int64_t t;                         /* the number of this update, from 1       */
    const struct ode_penalty *penalty; /* whose decay is decoupled; NULL: none    */
    double scale;                      /* of the gradient: clipping               */
    double box;                        /* weights stay within it; 0: no limit     */
    double ema;                        /* how the average remembers               */
    bool fixed_head;                   /* the classifier is trained otherwise */
    double block_step; /* of blocks the rate is times this / their step; 0: the rate */
};

/* theta and what the optimiser remembers make a step along gradient. */
void ode_engine_update(struct ode_engine *engine, const struct ode_update *update);

/* features [n][net->features] and labels of n images, in training mode. */
void ode_engine_features(struct ode_engine *engine, ode_fetch_fn *fetch, void *context,
                         int n, real *features, int *labels);

/* The segment in which a state of n images is first not finite, in training mode; -1 if
 * there is none: then it is the head or the loss. */
int ode_engine_blame(struct ode_engine *engine, ode_fetch_fn *fetch, void *context,
                     int n);

/* Running moments = keep * running + (1 - keep) * mean over the last batch's. */
void ode_engine_follow(struct ode_engine *engine, double keep);

/* Loss and hits of n images with the running moments. `stop` (may be NULL) is asked now
 * and then; ODE_ESTOPPED if it said so. */
typedef bool ode_stop_fn(void *context);
enum ode_status ode_engine_evaluate(struct ode_engine *engine, ode_fetch_fn *fetch,
                                    void *context, size_t n, ode_stop_fn *stop,
                                    void *stop_context, struct ode_batch_report *report);

/* logits [n][classes] of n images with the running moments. */
void ode_engine_logits(struct ode_engine *engine, ode_fetch_fn *fetch, void *context,
                       size_t n, real *logits);

/* Running moments = those of n images, as a plain mean over micro-batches. */
void ode_engine_reestimate(struct ode_engine *engine, ode_fetch_fn *fetch, void *context,
                           size_t n);

#endif
