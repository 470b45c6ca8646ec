/*
 * ladder.h - levels made from a budget, where the recipe says `auto`.
 *
 * Candidates are coarse to fine: images halved once with a third of the blocks, whole
 * images with a third, and with all of them; as far as the data set and the units allow
 * (RESULTS.md, c: a shallow network learns as much in an epoch at first, and one on half
 * the resolution nearly so). Each has a share of the budget. One that costs too little
 * less than the next finer one is left out, and so is one whose share is less than an
 * epoch: the next finer one inherits. The finest level stays.
 *
 * Budgets of epochs and of work are divided by FLOPs alone: the same recipe has the same
 * ladder on every machine. A deadline is divided by measured costs, so its ladder is this
 * machine's of this moment.
 */
#ifndef ODE_CORE_TRAIN_LADDER_H
#define ODE_CORE_TRAIN_LADDER_H

#include "core/train/cost.h"

enum { ODE_LADDER_RUNGS = 3, ODE_LADDER_REASONS = 12, ODE_LADDER_TEXT = 200 };

struct ode_ladder {
    size_t levels_n;
    struct ode_level_spec levels[ODE_LADDER_RUNGS];
    size_t reasons_n;
    char reason[ODE_LADDER_REASONS][ODE_LADDER_TEXT]; /* sentences, for people */
};

/* *out becomes the recipe with all candidates as its levels, an epoch each: what is to be
 * measured for a deadline. The recipe is settled, its levels are auto. */
enum ode_status ode_ladder_candidates(struct ode_recipe_spec *out,
                                      const struct ode_recipe_spec *recipe,
                                      struct ode_err *err);

/*
 * The ladder of a settled recipe whose levels are auto. costs: of the candidates, for a
 * deadline; else ignored, and may be NULL. A pure function. ODE_ESPEC, at the budget,
 * where it is not enough for one epoch of the finest level, or a deadline has no costs.
 */
enum ode_status ode_ladder_make(struct ode_ladder *ladder,
                                const struct ode_recipe_spec *recipe, size_t train_n,
                                size_t test_n, const struct ode_cost *costs,
                                struct ode_err *err);

/* The recipe has these levels now; its budget stays, as what it was made from. */
void ode_ladder_apply(const struct ode_ladder *ladder, struct ode_recipe_spec *recipe);

/*
 * Gives the levels from `level` on new epochs, so that they fit into the seconds that are
 * left, in the proportions that they have: at least one for the last, perhaps none for
 * those before it. epoch_s, transfer_s: seconds of an epoch of each level of the recipe,
 * and of the transfer to it, as they are known by now. A pure function.
 */
void ode_ladder_replan(struct ode_recipe_spec *recipe, int level, double seconds_left,
                       const double *epoch_s, const double *transfer_s);

#endif
