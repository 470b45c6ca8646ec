/*
 * run.h - what the files that make up a run share; nobody else includes it.
 *
 *   train.c     levels in their order, begin and resume
 *   steps.c     the steps of a level, and when it ends
 *   records.c   what is told and warned of: scores, the gauge, ranges
 *   passage.c   from level to level
 */
#ifndef ODE_CORE_TRAIN_RUN_H
#define ODE_CORE_TRAIN_RUN_H

#include "core/train/stage.h"
#include "core/train/train.h"

struct ode_run {
    const struct ode_train *train;
    const struct ode_recipe_spec *recipe; /* train's */
    const struct ode_train_ops *ops;      /* train's */
    struct ode_plan plan;
    struct ode_team *team;
    struct ode_stage *stage; /* the current level's */
    struct ode_state state;
    uint32_t *order;               /* of the training examples in this epoch */
    double started;                /* the clock's reading at state.at.time 0 */
    double rate;                   /* of the last step */
    bool tested;                   /* state.test is of the weights as they are */
    bool warned;                   /* about the range, in this level */
    bool gauged[ODE_SEGMENTS_MAX]; /* warned by the gauge, in this level */
};

/* A segment whose states grow so much, and whose step is beyond the longest stable one,
 * is taken for unstable. */
#define ODE_GROWTH_MOST 10

static inline size_t
ode_run_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- records.c */

void ode_run_read_clock(struct ode_run *run);

/* Places the run after so many steps of the current level. */
void ode_run_place(struct ode_run *run, int64_t level_step);

/* Fails with `code` at the current level. unit: where it was seen first; -1: outside
 * units. */
enum ode_status ode_run_diverged(const struct ode_run *run, enum ode_status code,
                                 int unit, struct ode_err *err, const char *what);

/* One line of advice to the user, at the current place. */
enum ode_status ode_run_warn(struct ode_run *run, const char *text, struct ode_err *err);

/* Means since the last such record. */
enum ode_status ode_run_train_record(struct ode_run *run, struct ode_err *err);

/* What running moments are made from: the first *n of the images to train with, which are
 * read as a test reads them. */
struct ode_source ode_run_moments_source(struct ode_stage *stage, size_t *n);

/* Loss and hits of n examples of a source on a stage, with the average of the weights
 * where there is one. ODE_ESTOPPED if asked to stop. */
enum ode_status ode_run_evaluate(struct ode_run *run, struct ode_stage *stage,
                                 struct ode_source *source, size_t n,
                                 struct ode_batch_report *report);

/* The gauge on a stage's first training examples, with the weights themselves. */
void ode_run_gauge(struct ode_stage *stage, struct ode_gauge *gauge);

/* The test set's score and the gauge, with a warning where that calls for one. */
enum ode_status ode_run_test_record(struct ode_run *run, struct ode_err *err);

/* The largest states of a step: beyond the range of exact reversal they end a run that
 * reverses. */
enum ode_status ode_run_range_check(struct ode_run *run, const double *top,
                                    struct ode_err *err);

/* Writes a checkpoint of weights that are numbers. last: the level has ended. */
enum ode_status ode_run_checkpoint(struct ode_run *run, bool last, struct ode_err *err);

/* The state's arrays become the stage's. */
void ode_run_point(struct ode_run *run);

/* --- steps.c */

/* Steps of the current level from state.level_step to its end, whose reason is in
 * state.end then. ODE_ESTOPPED, with a checkpoint, if asked to stop. */
enum ode_status ode_run_level_steps(struct ode_run *run, struct ode_err *err);

/* --- passage.c */

/* The score of a stage on the probe, the first training examples as they are; *n (may be
 * NULL): how many. */
enum ode_status ode_run_probe(struct ode_run *run, struct ode_stage *stage,
                              struct ode_score *score, size_t *n, struct ode_err *err);

/* Takes the run to the begin of another level: run->stage is replaced, unless the gate
 * rolls it back (*taken false). */
enum ode_status ode_run_transfer(struct ode_run *run, int level, bool *taken,
                                 struct ode_err *err);

/* The first level, whose stage is there, takes the weights of train->warm. */
enum ode_status ode_run_warm(struct ode_run *run, struct ode_err *err);

#endif
