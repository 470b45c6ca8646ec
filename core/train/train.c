/* train.c - a run: level after level, transfer after transfer. */
#include "core/train/train.h"

#include <stdlib.h>

#include "core/train/run.h"

/* The first level, with initial values, or another run's. */
static enum ode_status
run_begin(struct ode_run *run, struct ode_err *err)
{
    ODE_TRY(ode_stage_new(&run->stage, run->recipe, 0, run->train->set,
                          run->train->kernels, run->team, err));
    ODE_TRY(ode_stage_initialise(run->stage, run->recipe, err));
    ode_run_place(run, 0);
    run->state.test_due = run->plan.levels[0].steps == 0;
    return run->train->warm ? ode_run_warm(run, err) : ODE_OK;
}

/* The level of the checkpoint, with its values. */
static enum ode_status
run_resume(struct ode_run *run, struct ode_err *err)
{
    const int level = run->train->resume_level;
    const struct ode_level_plan *p = &run->plan.levels[level];
    struct ode_state *s = &run->state;

    ODE_TRY(ode_stage_new(&run->stage, run->recipe, level, run->train->set,
                          run->train->kernels, run->team, err));
    s->at.level = level;
    ode_run_point(run);
    ODE_TRY(run->ops->restore(run->ops->context, s, err));
    if (s->level_step < 0 || s->level_step > p->steps)
        return ode_fail(err, ODE_EFORMAT, NULL,
                        "the checkpoint is at step %lld of level %d, which has %lld",
                        (long long)s->level_step, level, (long long)p->steps);
    run->started -= s->at.time;
    ode_run_place(run, s->level_step);
    run->tested = !s->test_due && s->level_step > 0
                  && ode_plan_tests(&run->plan, level, s->level_step);
    return ODE_OK;
}

/* Whether a level that time has cut short is worse than the one before it. */
static enum ode_status
level_judge(struct ode_run *run, bool *worse, struct ode_err *err)
{
    struct ode_state *s = &run->state;
    struct ode_score now;

    *worse = false;
    if (s->end != ODE_END_DEADLINE || !s->kept)
        return ODE_OK;
    ODE_TRY(ode_run_probe(run, run->stage, &now, NULL, err));
    *worse = !(now.loss <= s->kept_probe.loss);
    return ODE_OK;
}

/* Time was up too soon for the level: the model stays that of the one before it. */
static enum ode_status
level_drop(struct ode_run *run, struct ode_err *err)
{
    struct ode_state *s = &run->state;

    s->test = s->kept_test;
    ODE_TRY(ode_run_warn(run,
                         "time was up before the level was better than the one before "
                         "it, whose model stays",
                         err));
    return run->ops->level_skipped(run->ops->context, &s->at, s->at.level, err);
}

/* The current level from where it stands to its end. */
static enum ode_status
run_level(struct ode_run *run, struct ode_err *err)
{
    const struct ode_train_ops *ops = run->ops;
    const struct ode_state *s = &run->state;
    const int64_t steps = run->plan.levels[s->at.level].steps;
    bool worse;

    ode_engine_pack(&run->stage->engine);
    if (s->end == ODE_END_NOT) {
        if (steps == 0 || s->level_step < steps)
            ODE_TRY(ops->level_begins(ops->context, &s->at, err));
        ODE_TRY(ode_run_level_steps(run, err));
    }
    ODE_TRY(level_judge(run, &worse, err));
    if (worse)
        return level_drop(run, err);
    ODE_TRY(ode_run_checkpoint(run, true, err));
    return ops->level_done(ops->context, &s->at, s->end, &s->test, err);
}

/* The caller may give the levels that are to come other epochs. */
static enum ode_status
run_replan(struct ode_run *run, int level, struct ode_err *err)
{
    const struct ode_train *t = run->train;
    bool changed = false;

    ODE_TRY(run->ops->replan(run->ops->context, &run->state.at, level, &changed, err));
    return changed ? ode_plan_make(&run->plan, run->recipe, t->set->train.n,
                                   t->set->test.n, t->threads, err)
                   : ODE_OK;
}

/* There is no time for the levels that are to come. */
static enum ode_status
levels_leave(struct ode_run *run, struct ode_err *err)
{
    const struct ode_state *s = &run->state;

    for (int level = s->at.level + 1; level < (int)run->plan.levels_n; level++)
        ODE_TRY(run->ops->level_skipped(run->ops->context, &s->at, level, err));
    return ODE_OK;
}

/* To the next level that a transfer leads to; *more is false where there is none. */
static enum ode_status
run_on(struct ode_run *run, bool *more, struct ode_err *err)
{
    const struct ode_train_ops *ops = run->ops;
    const int from = run->state.at.level, last = (int)run->plan.levels_n - 1;

    *more = false;
    if (run->state.end == ODE_END_DEADLINE)
        return levels_leave(run, err);
    if (from == last)
        return ODE_OK;
    if (ops->hold(ops->context, from))
        return ode_fail(err, ODE_ESTOPPED, NULL,
                        "held at the end of level %d, whose checkpoint was written",
                        from);
    ODE_TRY(run_replan(run, from + 1, err));
    for (int level = from + 1; level <= last && !*more; level++) {
        ODE_TRY(ode_run_transfer(run, level, more, err));
        if (!*more)
            ODE_TRY(ops->level_skipped(ops->context, &run->state.at, level, err));
    }
    return ODE_OK;
}

static enum ode_status
run_levels(struct ode_run *run, struct ode_err *err)
{
    bool more = true;

    ODE_TRY(run->train->resume ? run_resume(run, err) : run_begin(run, err));
    while (more) {
        ODE_TRY(run_level(run, err));
        ODE_TRY(run_on(run, &more, err));
    }
    return ODE_OK;
}

enum ode_status
ode_train_run(const struct ode_train *train, struct ode_outcome *outcome,
              struct ode_err *err)
{
    const struct ode_dataset *set = train->set;
    struct ode_run run = { .train = train, .recipe = train->recipe, .ops = train->ops };
    enum ode_status status;

    run.state.test.accuracy = -1;
    run.started = run.ops->seconds(run.ops->context);
    ODE_TRY(ode_plan_make(&run.plan, run.recipe, set->train.n, set->test.n,
                          train->threads, err));
    ODE_TRY(ode_team_new(&run.team, train->threads, err));
    run.order = malloc(set->train.n * sizeof *run.order);
    status = run.order ? run_levels(&run, err)
                       : ode_fail(err, ODE_ENOMEM, NULL, "no memory for the order of %zu",
                                  set->train.n);
    free(run.order);
    ode_team_free(run.team);
    if (status == ODE_OK && outcome) {
        outcome->state = run.state;
        outcome->storage = run.stage;
    } else {
        ode_stage_free(run.stage);
    }
    return status;
}

void
ode_train_release(struct ode_outcome *outcome)
{
    ode_stage_free(outcome->storage);
    *outcome = (struct ode_outcome){ 0 };
}
