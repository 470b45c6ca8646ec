/* warm.h - the stage of another run, whose weights a run begins with. */
#ifndef ODE_CORE_TRAIN_WARM_H
#define ODE_CORE_TRAIN_WARM_H

#include "core/train/stage.h"
#include "core/train/train.h"

/*
 * The stage of train->warm with that run's values, ready to be evaluated; it has the
 * arrays that this run's optimizer works with. Ended by ode_stage_free().
 */
enum ode_status ode_warm_stage(struct ode_stage **stage, const struct ode_train *train,
                               struct ode_team *team, struct ode_err *err);

/* Where both stages are of one network (resolution, nodes in time and step sizes are the
 * same) the running moments become those of `from` again, instead of estimates: the new
 * run begins with just the accuracy that the old one ended with. */
void ode_warm_moments(const struct ode_stage *from, struct ode_stage *to);

#endif
