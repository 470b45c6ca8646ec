/*
 * cost.h - what a run will cost in seconds: measured on this machine, and summed up.
 *
 * A few real steps of each level on random images (trial.h) say how long a step and the
 * evaluation of an image take; the plan says how many there will be. What is not counted
 * is small: checkpoints, and the making of a level's engine.
 *
 * Where the interval comes from. Low counts each step as the fastest that was measured,
 * high as the slowest one, and a run's mean lies between the two unless the machine's
 * load changes. A measurement of a second is also too early to see two things, for which
 * high has an allowance, ODE_COST_SLOWER: clocks that fall under a load of minutes
 * (multiply-adds, by processor time: 4% fewer in a minute than in its first second, and
 * up to 20% fewer for moments), and the caches that a whole data set fills. Once the run
 * itself has been measured for a while it knows both, and the allowance goes.
 */
#ifndef ODE_CORE_TRAIN_COST_H
#define ODE_CORE_TRAIN_COST_H

#include "core/train/train.h"

/* Seconds. */
struct ode_span {
    double expected, low, high;
};

/* Of n measurements of one thing: seconds. */
struct ode_sample {
    double median, least, most;
    int n;
};

struct ode_level_cost {
    struct ode_sample step;  /* a training step on a whole batch */
    struct ode_sample image; /* evaluating an image              */
    double epoch; /* of each epoch, beside these: the gauge, the classifier's solves */
};

struct ode_cost {
    size_t levels_n;
    struct ode_level_cost level[32];
};

/* --- measuring --------------------------------------------------------------------- */

struct ode_cost_config {
    const struct ode_kernels *kernels;
    int threads;
    double level_s; /* a level is measured for about so long at the most,           */
    double part;    /* and for so much of what it will take; three samples at least */
    double (*seconds)(void *context); /* a monotonic clock                          */
    bool (*stop)(void *context);      /* asked between samples; may be NULL         */
    void *context;
};

/*
 * Measures the levels of a settled recipe from `first` on, which has this plan; those
 * before it are 0. One level's memory at a time. ODE_ESTOPPED if stop() said so.
 */
enum ode_status ode_cost_measure(struct ode_cost *cost,
                                 const struct ode_recipe_spec *recipe,
                                 const struct ode_plan *plan, int first,
                                 const struct ode_cost_config *config,
                                 struct ode_err *err);

/* --- summing up -------------------------------------------------------------------- */

#define ODE_COST_SLOWER 0.15

/* How fast a run was beside what had been expected of it: seconds. Zeros: not known. */
struct ode_pace {
    double expected, measured;
};

/*
 * Seconds of level k from its step `level_step` on: steps, an evaluation and a gauge
 * after each epoch, and before step 0 the transfer from level k - 1, if there is one.
 * The pace scales them, the more the longer it was measured.
 */
struct ode_span ode_cost_level(const struct ode_cost *cost, const struct ode_plan *plan,
                               int k, int64_t level_step, const struct ode_pace *pace);

/* Seconds of an epoch of level k, its evaluation included, as expected. */
double ode_cost_epoch(const struct ode_cost *cost, const struct ode_plan *plan, int k);

/* Seconds of the transfer from level k - 1 to level k, as expected; 0 for k = 0. */
double ode_cost_transfer(const struct ode_cost *cost, const struct ode_plan *plan, int k);

void ode_span_add(struct ode_span *sum, const struct ode_span *term);

#endif
