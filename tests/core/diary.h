/*
 * diary.h - a run on drawn digits that remembers all it told: for tests of core/train.
 */
#ifndef ODE_TESTS_CORE_DIARY_H
#define ODE_TESTS_CORE_DIARY_H

#include "core/train/train.h"

struct record {
    char kind; /* l level begins, d done, s skipped, m metrics, t transfer, w warning */
    enum ode_end end;
    int level; /* that was skipped */
    struct ode_progress at;
    struct ode_metrics m;
    struct ode_transfer_record t;
};

/* Everything a run told, and a copy of its last checkpoint. */
struct diary {
    struct record *event;
    int n, stop_after, steps; /* stop_after: asks to stop at that many questions */
    struct ode_state kept;
    float *room;
    size_t theta_n, statistic_n;
    double clock;
    int advance_from, advance_step;  /* asks level advance_from - 1 to end at that step */
    int deadline_step;               /* time is up at that step; 0: never */
    struct ode_recipe_spec *shrinks; /* that levels from shrink_at on are halved in */
    int shrink_at;
    int hold_at; /* holds at the end of level hold_at - 1 */
};

/* Two units, three levels: 8x8, then 16x16, then twice the blocks. 230 examples: epochs
 * of 5 steps, the last one of 30 images. */
struct ode_recipe_spec diary_ladder(void);

/* Trains; returns the status. The outcome's weights are copied to *theta (may be NULL),
 * which the caller frees, and d->theta_n is their number. */
enum ode_status diary_run(const struct ode_recipe_spec *recipe, int threads, bool resume,
                          struct diary *d, float **theta, struct ode_err *err);
void diary_free(struct diary *d);

/* Stopped at its first-th question and each stride-th after that, and resumed, the run
 * makes the bits and the records of one that was not. Returns the first place at which it
 * was not stopped. */
int diary_resumes(const struct ode_recipe_spec *recipe, int first, int stride);

/* The kinds of all events but metrics and warnings, in their order. */
void diary_kinds(const struct diary *d, char kinds[64]);

/* The metrics of both, in the order of their steps and each once, are the same. */
void diary_same_metrics(const struct diary *a, const struct diary *b);

#endif
