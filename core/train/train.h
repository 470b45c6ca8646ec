/*
 * train.h - a run: level after level, transfer after transfer.
 *
 * Core does the numbers; what becomes of its records and checkpoints is the caller's
 * matter, told through a table of functions. A run that is stopped or killed at any
 * moment and resumed from its last checkpoint makes the same records (but for `time`) and
 * the same final bits as one that was not.
 */
#ifndef ODE_CORE_TRAIN_TRAIN_H
#define ODE_CORE_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/data/dataset.h"
#include "core/kernels/kernels.h"
#include "core/net/net.h"
#include "core/recipe/recipe.h"
#include "core/train/gauge.h"

/* Training examples that a transfer is judged by, and that moments are estimated from. */
enum { ODE_PROBE_N = 512, ODE_MOMENTS_N = 1024 };

/* --- what a run will do
 * ------------------------------------------------------------------ */

struct ode_level_plan {
    int64_t resolution, epochs;
    int64_t epoch_steps, steps; /* of the level */
    int64_t first_step;         /* of the whole run */
    size_t parameters;
    double flops; /* of a forward pass on one image                           */
    double
        work_image; /* work units of one training image: flops / the most of any level */
    double work;    /* work units of the level                                  */
    size_t memory_bytes; /* at its peak, without the data set                        */
    int segments;
    int64_t blocks[8];
    size_t blocks_n;
    enum ode_memory memory[8]; /* of each unit: store, checkpoint or reverse */
};

/*
 * The unit of work is the cost of one training image at the finest level, the one whose
 * network takes the most FLOPs: an image at level k counts flops[k] / max flops.
 */
struct ode_plan {
    size_t levels_n;
    struct ode_level_plan levels[32];
    int64_t steps;
    double work;
    size_t memory_bytes;
    size_t train_n, test_n;
    int64_t batch, test_every;
    int classes, channels;
};

/* The plan of a settled recipe: every level's network is described, every transfer is
 * checked, nothing is trained. Sizes of the sets are given, as the data may not be at
 * hand. Fails with ODE_ESPEC or ODE_ESHAPE and a JSON pointer. */
enum ode_status ode_plan_make(struct ode_plan *plan, const struct ode_recipe_spec *recipe,
                              size_t train_n, size_t test_n, int threads,
                              struct ode_err *err);

/* Whether the test set is looked at after so many steps of a level: at the end of each
 * test_every-th epoch and of the level. */
bool ode_plan_tests(const struct ode_plan *plan, int level, int64_t level_step);

/* Units of work of so many steps of a level, 0 to its `steps`; an epoch's last batch may
 * be a smaller one. */
double ode_plan_level_work(const struct ode_plan *plan, int level, int64_t level_step);

/* The same and all of the levels before it: where a run is then, if none of them ends
 * early or is skipped. */
double ode_plan_work(const struct ode_plan *plan, int level, int64_t level_step);

/* --- what it tells while it runs
 * ----------------------------------------------------------- */

/* Where a run stands. step and time count over the whole run and all attempts. */
struct ode_progress {
    int level;
    int64_t step;
    double epoch; /* of the level */
    double work;  /* units */
    double time;  /* seconds of training */
};

struct ode_score {
    double loss, accuracy;
};

/* A unit whose kernels a transfer has damped; -1: those outside units. */
struct ode_adjustment {
    int unit;
    double cap;          /* ode_stencil_damp() to this */
    double growth[2];    /* gauge.h: without it, with it */
    double stability[2]; /* the same */
};

struct ode_transfer_record {
    enum ode_space space;
    enum ode_time time;
    double damping;
    int64_t resolution[2];
    size_t blocks_n;
    int64_t blocks[2][8];
    struct ode_score before, after; /* on the probe: the first training examples */
    struct ode_score undamped;      /* after it, before anything was adjusted */
    size_t probe_n;
    double norm_before, norm_after; /* Frobenius, of all convolution kernels */
    struct ode_gauge gauge[2];      /* before, after; with the weights as they stay */
    int adjusted;
    struct ode_adjustment adjustment[ODE_SEGMENTS_MAX + 1];
    double max_jump; /* 0: no limit */
    bool jumped;     /* after.loss is above before.loss + max_jump, or no number */
    enum ode_on_jump on_jump;
};

/* Why a level has ended. */
enum ode_end {
    ODE_END_NOT,     /* it has not */
    ODE_END_BUDGET,  /* all of its epochs are done */
    ODE_END_PLATEAU, /* its training loss no longer fell */
    ODE_END_REQUEST, /* whoever asked for it */
    ODE_END_DEADLINE /* time is up: it is the run's end, too */
};

/* All that a resume needs, beside the recipe and the data. The arrays are borrowed. */
struct ode_state {
    struct ode_progress at;
    int64_t level_step; /* steps done in this level */
    int64_t base_step;  /* at.step when the level began */
    double base_work;   /* at.work when the level began */
    enum ode_end end;
    double loss_sum; /* since the last train record */
    int64_t hits, seen;
    double top;
    double epoch_loss, best_loss; /* sum in this epoch; lowest mean of one, 0: none yet */
    int64_t stale;                /* epochs in a row without a lower mean */
    bool test_due;       /* the last step ended an epoch whose test record was not made */
    int64_t moments_age; /* steps that second moments were followed for before the run */
    struct ode_score test; /* the newest; accuracy -1: none yet */
    bool kept; /* a level before this one has ended; its scores, on probe and test: */
    struct ode_score kept_probe, kept_test;
    const struct ode_net *net; /* names and shapes of the arrays */
    float *theta, *momentum, *statistics;
    float *second, *average; /* NULL where the recipe has none */
    /* Made for the average, at the end of a level; not resumed. */
    float *average_statistics;
};

/* What a metric record holds; NaN stands for "not in this record". */
struct ode_metrics {
    double train_loss, train_accuracy, lr, test_loss, test_accuracy, state_max;
    struct ode_gauge gauge; /* with test_loss; segments 0: not in this record */
};

struct ode_train_ops {
    enum ode_status (*level_begins)(void *context, const struct ode_progress *at,
                                    struct ode_err *err);
    enum ode_status (*level_done)(void *context, const struct ode_progress *at,
                                  enum ode_end end, const struct ode_score *test,
                                  struct ode_err *err);
    /* The level is not trained, or not to any use: its transfer was rolled back, or time
     * is up. at is where the run stays; at the level itself where time cut it short. */
    enum ode_status (*level_skipped)(void *context, const struct ode_progress *at,
                                     int level, struct ode_err *err);
    enum ode_status (*metrics)(void *context, const struct ode_progress *at,
                               const struct ode_metrics *m, struct ode_err *err);
    enum ode_status (*transfer)(void *context, const struct ode_progress *at,
                                const struct ode_transfer_record *r, struct ode_err *err);
    enum ode_status (*warning)(void *context, const struct ode_progress *at,
                               const char *text, struct ode_err *err);
    /* Keeps the state. last: it is the level's last. */
    enum ode_status (*checkpoint)(void *context, const struct ode_state *state, bool last,
                                  struct ode_err *err);
    /* Fills the arrays of a state whose level and sizes are set. */
    enum ode_status (*restore)(void *context, struct ode_state *state,
                               struct ode_err *err);
    bool (*stop)(void *context); /* asked after every step */
    /* Whether the level is to end now, and why; asked after every step. */
    enum ode_end (*advance)(void *context, const struct ode_progress *at);
    /* Asked before the transfer to a level: may give it and those behind it other epochs,
     * in train's recipe; *changed says whether it did. */
    enum ode_status (*replan)(void *context, const struct ode_progress *at, int level,
                              bool *changed, struct ode_err *err);
    /* Whether the run is to stop at the end of this level; not asked of the last one. */
    bool (*hold)(void *context, int level);
    double (*seconds)(void *context); /* a monotonic clock */
    void *context;
};

/* Another run, whose weights the first level begins with. */
struct ode_warm {
    const struct ode_recipe_spec *recipe; /* its own, settled; ode_recipe_continues() */
    int level;                            /* the one that ended with them */
    const struct ode_dataset *set; /* the run's, or the same in that level's resolution */
    int64_t moments_age;           /* of its second moments, in steps */
    /* Fills all arrays of a state of that level's network that are not NULL; those that
     * the recipe of the new run calls for are there. */
    enum ode_status (*fill)(void *context, struct ode_state *state, struct ode_err *err);
    void *context;
};

struct ode_train {
    const struct ode_recipe_spec *recipe; /* settled; borrowed, like all here */
    const struct ode_dataset *set;
    const struct ode_kernels *kernels;
    int threads;
    const struct ode_train_ops *ops;
    bool resume; /* restore() will be called for resume_level */
    int resume_level;
    const struct ode_warm *warm; /* NULL: the first level begins with initial values */
};

/*
 * Trains. On success *last (if not NULL) is the final state, whose arrays and net the
 * caller owns until ode_train_release(). ODE_ESTOPPED after a stop, with a checkpoint;
 * ODE_EDIVERGE and ODE_ERANGE with level and step; whatever an ops function failed with.
 */
struct ode_outcome {
    struct ode_state state;
    void *storage; /* private */
};
enum ode_status ode_train_run(const struct ode_train *train, struct ode_outcome *outcome,
                              struct ode_err *err);
void ode_train_release(struct ode_outcome *outcome); /* safe on zeros and twice */

#endif
