/*
 * forecast.h - how long a run takes: said before it, and corrected from level to level.
 *
 * The worker measures (core/train/cost.h) before the run's clock starts, and writes a
 * `forecast` record then and after each level (ARCHITECTURE.md 2.2).
 */
#ifndef ODE_CLI_FORECAST_H
#define ODE_CLI_FORECAST_H

#include "cli/journal.h"
#include "core/train/cost.h"

/* For how long a level is measured at the most: seconds; and by a worker, of what it
 * takes. */
#define FORECAST_LEVEL_S 1.0
#define FORECAST_PART    0.02

/* Measures levels from `first` on, for at most the part `part` of what they take, as well
 * as that can be done. stop may be NULL. */
enum ode_status forecast_measure(struct ode_cost *cost,
                                 const struct ode_recipe_spec *recipe,
                                 const struct ode_plan *plan, int first,
                                 const struct ode_kernels *kernels, int threads,
                                 double part, bool (*stop)(void *), struct ode_err *err);

/* Where a worker stands when it begins. */
struct forecast_start {
    int level;
    int64_t level_step;
    double time; /* of training, so far */
};

/* Zeros: nothing is forecast, and forecast_level_done() does nothing. */
struct forecast {
    const struct ode_plan *plan; /* borrowed, as the journal is */
    struct journal *journal;
    struct ode_cost cost;
    struct ode_pace pace;  /* of the levels done in this attempt           */
    struct ode_span level; /* the newest forecast of the level that runs,  */
    double plain;          /* and what had been expected of it at first    */
    double level_began;    /* at this time                                 */
    double total;          /* the first forecast of the total              */
    bool cut;              /* a level ended early or was skipped: no error of the total */
    bool over;             /* time is up: nothing is to come */
};

/* From costs: writes the first record, and says it on stderr. */
enum ode_status forecast_begin(struct forecast *forecast, const struct ode_plan *plan,
                               const struct ode_cost *cost,
                               const struct forecast_start *start,
                               struct journal *journal, struct ode_err *err);

/* Gives the recipe's levels from `level` on new epochs, so that they fit into the seconds
 * that are left (ode_ladder_replan()), at the pace so far. */
void forecast_replan(const struct forecast *forecast, struct ode_recipe_spec *recipe,
                     int level, double left);

/* The plan has changed: writes a record of the levels from `level` on. */
enum ode_status forecast_again(struct forecast *forecast, const struct ode_progress *at,
                               int level, struct ode_err *err);

/* A level has ended: writes the next record. One that ended early says nothing of how
 * fast the machine is. */
enum ode_status forecast_level_done(struct forecast *forecast,
                                    const struct ode_progress *at, enum ode_end end,
                                    struct ode_err *err);

/* A level is skipped; or dropped, where it is the one the run is at, and the run ends. */
enum ode_status forecast_level_skipped(struct forecast *forecast,
                                       const struct ode_progress *at, int level,
                                       struct ode_err *err);

#endif
