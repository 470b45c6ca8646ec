/* cached.c - what a run says of levels that another one has trained. */
#include "cli/cached.h"

#include <stdio.h>

#include "schema/plan.h"

json_t *
cached_json(const struct prefix_hit *hit)
{
    if (hit->level < 0)
        return json_null();
    return json_pack("{s:i, s:s}", "level", hit->level, "key", hit->key);
}

/* Where the level ended in the run that trained it. The time of a level is known where
 * its own checkpoint was found. */
static json_t *
end_json(const struct prefix_level *l, const struct ode_plan *plan, int level)
{
    const struct ode_level_plan *p = &plan->levels[level];

    return json_pack("{s:i, s:I, s:f, s:o}", "level", level, "step",
                     (json_int_t)(p->first_step + p->steps), "work",
                     ode_plan_work(plan, level, p->steps), "time",
                     l->known ? json_real(l->time) : json_null());
}

static enum ode_status
level_write(const struct prefix_level *l, struct journal *journal,
            const struct ode_plan *plan, int level, struct ode_err *err)
{
    json_t *m = end_json(l, plan, level);

    if (m) {
        json_object_set_new(m, "state", json_string("done"));
        json_object_set_new(m, "ended", json_string("budget"));
        json_object_set_new(m, "cached", json_true());
        json_object_set_new(m, "metrics",
                            l->known ? schema_test(&l->test) : json_object());
    }
    return journal_write(journal, "level", m, err);
}

/* The last score of a level, as the run that trained it has it, too. */
static enum ode_status
score_write(const struct prefix_level *l, struct journal *journal,
            const struct ode_plan *plan, int level, struct ode_err *err)
{
    json_t *m = end_json(l, plan, level);

    if (m) {
        json_object_set_new(m, "epoch", json_real((double)plan->levels[level].epochs));
        json_object_set_new(m, "values", schema_test(&l->test));
    }
    return journal_write(journal, "metric", m, err);
}

static enum ode_status
level_tell(const struct prefix_level *l, struct journal *journal,
           const struct ode_plan *plan, int level, struct ode_err *err)
{
    if (l->known) {
        fprintf(stderr,
                "level %d of %zu comes from the cache: test accuracy %.2f%%, %.1f s\n",
                level + 1, plan->levels_n, 100 * l->test.accuracy, l->time);
        ODE_TRY(score_write(l, journal, plan, level, err));
    } else {
        fprintf(stderr, "level %d of %zu need not be trained\n", level + 1,
                plan->levels_n);
    }
    return level_write(l, journal, plan, level, err);
}

static enum ode_status
checkpoint_take(const struct prefix_hit *hit, struct journal *journal, int level,
                const char *run_dir, struct ode_err *err)
{
    char name[CHECKPOINT_NAME];
    size_t bytes;
    const enum ode_status status = prefix_take(hit, level, run_dir, name, &bytes, err);

    if (status == ODE_ENOENT) /* gone from the cache meanwhile; it was read before */
        return ODE_OK;
    ODE_TRY(status);
    return journal_write(journal, "checkpoint",
                         json_pack("{s:i, s:I, s:s, s:I}", "level", level, "step",
                                   (json_int_t)hit->levels[level].step, "file", name,
                                   "bytes", (json_int_t)bytes),
                         err);
}

enum ode_status
cached_take(const struct prefix_hit *hit, struct journal *journal,
            const struct ode_plan *plan, const char *run_dir, struct ode_err *err)
{
    for (int k = 0; k <= hit->level; k++)
        ODE_TRY(level_tell(&hit->levels[k], journal, plan, k, err));
    for (int k = 0; k <= hit->level; k++)
        if (hit->levels[k].known)
            ODE_TRY(checkpoint_take(hit, journal, k, run_dir, err));
    return ODE_OK;
}
