/* ladder.c - levels made from a budget. */
#include "core/train/ladder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/data/dataset.h"
#include "core/scales/depth.h"

/*
 * The candidates, coarse to fine. share: part of the budget. peak: of the learning rate,
 * as part of budget.peak; the first level that is kept takes the first one's.
 */
static const struct rung {
    int halvings;
    int part; /* of the blocks: 3 for a third */
    double share, peak;
} rungs[ODE_LADDER_RUNGS] = {
    {1,  3, 0.15, 1.0},
    { 0, 3, 0.45, 1.0},
    { 0, 1, 0.40, 0.5},
};

/* An image costs at least so many times less than at the next finer level. */
#define SAVES_LEAST 1.5

/* So much of a deadline is planned: measured costs are off by some percent, and what is
 * measured in a second is a little too fast (cost.h). */
#define DEADLINE_USED 0.9

/* Sums of shares are off by rounding. */
#define ROUNDING 1e-9

/* --- candidates -------------------------------------------------------------------- */

static int64_t
finest_of(const struct ode_recipe_spec *recipe)
{
    const struct ode_set_facts *facts = ode_set_facts(recipe->data.set);

    return facts->height ? facts->height : ODE_DRAWN_RESOLUTION;
}

/* How often images of the finest level can be halved, twice at most. */
static int
halvings_of(const struct ode_recipe_spec *recipe)
{
    const int64_t finest = finest_of(recipe);
    const bool drawn = ode_set_facts(recipe->data.set)->height == 0;
    int most = 0;

    while (most < 2) {
        const int64_t next = finest >> (most + 1);

        if (next << (most + 1) != finest || next % (1 << (recipe->model.units_n - 1)) != 0
            || next < 1 || (drawn && next < ODE_DRAWN_LEAST))
            break;
        most++;
    }
    return most;
}

/* A part of the blocks of each unit where that can be trained and taken to all of them.
 */
static bool
part_of_depth(const struct ode_recipe_spec *recipe, int part,
              struct ode_level_spec *level)
{
    const struct ode_model_spec *model = &recipe->model;
    bool less = false;

    for (size_t u = 0; u < model->units_n; u++) {
        const int64_t least = ode_recipe_blocks_least(model, u);
        const int64_t some = (model->units[u].blocks + part - 1) / part;

        level->blocks[u] = some > least ? some : least;
        less = less || level->blocks[u] < model->units[u].blocks;
    }
    return less && ode_depth_check(model, NULL) == ODE_OK;
}

static struct ode_level_spec
level_of(const struct ode_recipe_spec *recipe, const struct rung *r)
{
    const int most = halvings_of(recipe);
    struct ode_level_spec level;

    ode_object_preset(&ode_level_object, &level);
    level.resolution = finest_of(recipe) >> (r->halvings < most ? r->halvings : most);
    level.epochs = 1;
    level.blocks_n = recipe->model.units_n;
    if (!part_of_depth(recipe, r->part, &level))
        for (size_t u = 0; u < level.blocks_n; u++)
            level.blocks[u] = recipe->model.units[u].blocks;
    return level;
}

static bool
is_same(const struct ode_level_spec *a, const struct ode_level_spec *b)
{
    bool same = a->resolution == b->resolution;

    for (size_t u = 0; u < a->blocks_n; u++)
        same = same && a->blocks[u] == b->blocks[u];
    return same;
}

/* What is worked on: candidates, of which some are left out. */
struct rise {
    const struct ode_recipe_spec *recipe;
    size_t n;
    struct ode_level_spec level[ODE_LADDER_RUNGS];
    double share[ODE_LADDER_RUNGS], peak[ODE_LADDER_RUNGS];
    double cost[ODE_LADDER_RUNGS]; /* of an epoch, as the budget counts */
    bool left_out[ODE_LADDER_RUNGS];
    double budget;
    struct ode_ladder ladder;
};

/* Where two rungs come to the same level, they are one, with both shares. */
static void
candidates_make(struct rise *r, const struct ode_recipe_spec *recipe)
{
    r->recipe = recipe;
    for (int i = 0; i < ODE_LADDER_RUNGS; i++) {
        const struct ode_level_spec level = level_of(recipe, &rungs[i]);

        if (r->n == 0 || !is_same(&level, &r->level[r->n - 1]))
            r->level[r->n++] = level;
        r->share[r->n - 1] += rungs[i].share;
        r->peak[r->n - 1] = rungs[i].peak;
    }
}

enum ode_status
ode_ladder_candidates(struct ode_recipe_spec *out, const struct ode_recipe_spec *recipe,
                      struct ode_err *err)
{
    struct ode_recipe_spec made = *recipe;
    struct rise r = { .n = 0 };

    candidates_make(&r, recipe);
    made.levels_auto = false;
    made.levels_n = r.n;
    for (size_t i = 0; i < r.n; i++)
        made.levels[i] = r.level[i];
    ODE_TRY(ode_recipe_settle(&made, NULL, NULL, err));
    *out = made;
    return ODE_OK;
}

/* --- reasons ----------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
say(struct rise *r, const char *format, ...)
{
    va_list args;

    if (r->ladder.reasons_n == ODE_LADDER_REASONS)
        return;
    va_start(args, format);
    vsnprintf(r->ladder.reason[r->ladder.reasons_n++], ODE_LADDER_TEXT, format, args);
    va_end(args);
}

/* "16x16 pixels with 3-3-3 blocks" */
static const char *
name_of(const struct ode_level_spec *level, char text[96])
{
    int used = snprintf(text, 96, "%lldx%lld pixels with ", (long long)level->resolution,
                        (long long)level->resolution);

    for (size_t u = 0; u < level->blocks_n && used < 96; u++)
        used += snprintf(text + used, (size_t)(96 - used), "%s%lld", u ? "-" : "",
                         (long long)level->blocks[u]);
    if (used < 96)
        snprintf(text + used, (size_t)(96 - used), " blocks");
    return text;
}

static void
budget_say(struct rise *r, size_t train_n)
{
    const struct ode_budget_spec *b = &r->recipe->budget;

    if (b->deadline_s > 0)
        say(r,
            "Of the deadline of %g s, %.0f s are planned, by what each level costs on "
            "this "
            "machine.",
            b->deadline_s, r->budget);
    else if (b->epochs > 0)
        say(r, "The budget of %lld epoch%s of %zu examples is %.0f units of work.",
            (long long)b->epochs, b->epochs == 1 ? "" : "s", train_n, r->budget);
    else
        say(r, "The budget is %.0f units of work, %.2f epochs at the finest level.",
            r->budget, r->budget / (double)train_n);
}

/* --- what is left out -------------------------------------------------------------- */

static size_t
finer(const struct rise *r, size_t i)
{
    do
        i++;
    while (i < r->n && r->left_out[i]);
    return i;
}

static void
leave_out(struct rise *r, size_t i)
{
    r->left_out[i] = true;
    r->share[finer(r, i)] += r->share[i];
    r->share[i] = 0;
}

/* From the finest but one down, each beside the next finer one that stays. */
static void
costs_check(struct rise *r)
{
    for (size_t i = r->n - 1; i-- > 0;) {
        const double saves = r->cost[finer(r, i)] / r->cost[i];
        char name[96];

        if (saves >= SAVES_LEAST)
            continue;
        say(r,
            "%s is left out: an epoch costs only %.2f times less than at the next finer "
            "level; %g would be worth it.",
            name_of(&r->level[i], name), saves, SAVES_LEAST);
        leave_out(r, i);
    }
}

/* The finest level takes from the next coarser ones what it needs for an epoch. */
static void
finest_feed(struct rise *r)
{
    const size_t last = r->n - 1;
    char name[96];

    for (size_t i = last; i-- > 0;)
        if (!r->left_out[i]
            && r->share[last] * r->budget < r->cost[last] * (1 - ROUNDING)) {
            say(r, "%s is left out: the finest level needs its share for one epoch.",
                name_of(&r->level[i], name));
            leave_out(r, i);
        }
}

static void
shares_check(struct rise *r)
{
    char name[96];

    finest_feed(r);
    for (size_t i = 0; i + 1 < r->n; i++) {
        const double epochs = r->share[i] * r->budget / r->cost[i];

        if (r->left_out[i] || epochs >= 1 - ROUNDING)
            continue;
        say(r, "%s is left out: its share is %.2f epochs, less than one.",
            name_of(&r->level[i], name), epochs);
        leave_out(r, i);
    }
}

/* --- epochs ------------------------------------------------------------------------ */

/* Whole epochs of n levels, by their shares of the budget; what is left over goes to the
 * finest that it is enough for, and so on downwards. */
static void
divide(size_t n, const double *cost, const double *share, double budget, int64_t *epochs)
{
    double left = budget;

    for (size_t i = 0; i < n; i++) {
        epochs[i] = (int64_t)floor(share[i] * budget / cost[i] + ROUNDING);
        left -= (double)epochs[i] * cost[i];
    }
    for (size_t i = n; i-- > 0;) {
        const double more = share[i] > 0 ? floor(left / cost[i] + ROUNDING) : 0;

        if (more < 1)
            continue;
        epochs[i] += (int64_t)more;
        left -= more * cost[i];
    }
}

static const char *
beside_finest(const struct rise *r, size_t i, char text[80])
{
    text[0] = '\0';
    if (i + 1 < r->n)
        snprintf(text, 80, "; an epoch costs %.3g of one at the finest level",
                 r->cost[i] / r->cost[r->n - 1]);
    return text;
}

static void
levels_fill(struct rise *r)
{
    int64_t epochs[ODE_LADDER_RUNGS];
    char name[96], rest[80];

    divide(r->n, r->cost, r->share, r->budget, epochs);
    for (size_t i = 0; i < r->n; i++) {
        struct ode_level_spec *level = &r->ladder.levels[r->ladder.levels_n];
        const double peak = r->ladder.levels_n > 0 ? r->peak[i] : rungs[0].peak;

        if (r->left_out[i])
            continue;
        *level = r->level[i];
        level->epochs = epochs[i];
        level->lr.peak = peak * r->recipe->budget.peak;
        r->ladder.levels_n++;
        say(r, "%s trains for %lld epoch%s, %.0f%% of the budget%s.",
            name_of(level, name), (long long)level->epochs, level->epochs == 1 ? "" : "s",
            100 * (double)level->epochs * r->cost[i] / r->budget,
            beside_finest(r, i, rest));
    }
}

/* --- all of it --------------------------------------------------------------------- */

/* What an epoch of each candidate costs, and what there is to spend. */
static enum ode_status
costs_fill(struct rise *r, size_t train_n, size_t test_n, const struct ode_cost *costs,
           struct ode_err *err)
{
    const struct ode_budget_spec *b = &r->recipe->budget;
    struct ode_recipe_spec candidates;
    struct ode_plan plan;

    ODE_TRY(ode_ladder_candidates(&candidates, r->recipe, err));
    ODE_TRY(ode_plan_make(&plan, &candidates, train_n, test_n, 1, err));
    if (b->deadline_s > 0 && !costs)
        return ode_fail(err, ODE_ESPEC, "/budget/deadline_s",
                        "a deadline is divided by measured costs, and nothing was "
                        "measured; measure, or give epochs or work instead");
    r->budget = b->deadline_s > 0 ? DEADLINE_USED * b->deadline_s
                : b->epochs > 0   ? (double)b->epochs * (double)train_n
                                  : b->work;
    for (size_t i = 0; i < r->n; i++) {
        r->cost[i] = b->deadline_s > 0 ? ode_cost_epoch(costs, &plan, (int)i)
                                       : plan.levels[i].work_image * (double)train_n;
        if (b->deadline_s > 0)
            r->budget -= ode_cost_transfer(costs, &plan, (int)i);
    }
    return ODE_OK;
}

static enum ode_status
enough(const struct rise *r, size_t train_n, struct ode_err *err)
{
    const struct ode_budget_spec *b = &r->recipe->budget;
    const double epoch = r->cost[r->n - 1];

    if (r->budget >= epoch * (1 - ROUNDING))
        return ODE_OK;
    if (b->deadline_s > 0)
        return ode_fail(err, ODE_ESPEC, "/budget/deadline_s",
                        "%g s are not enough for one epoch at the finest level, which "
                        "takes about %.3g s on this machine",
                        b->deadline_s, epoch);
    return ode_fail(err, ODE_ESPEC, "/budget/work",
                    "%g is less than one pass over the %zu training examples", b->work,
                    train_n);
}

enum ode_status
ode_ladder_make(struct ode_ladder *out, const struct ode_recipe_spec *recipe,
                size_t train_n, size_t test_n, const struct ode_cost *costs,
                struct ode_err *err)
{
    struct rise r = { .n = 0 };

    candidates_make(&r, recipe);
    ODE_TRY(costs_fill(&r, train_n, test_n, costs, err));
    ODE_TRY(enough(&r, train_n, err));
    budget_say(&r, train_n);
    costs_check(&r);
    shares_check(&r);
    levels_fill(&r);
    *out = r.ladder;
    return ODE_OK;
}

void
ode_ladder_apply(const struct ode_ladder *ladder, struct ode_recipe_spec *recipe)
{
    recipe->levels_auto = false;
    recipe->levels_n = ladder->levels_n;
    for (size_t k = 0; k < ladder->levels_n; k++)
        recipe->levels[k] = ladder->levels[k];
}

void
ode_ladder_replan(struct ode_recipe_spec *recipe, int level, double seconds_left,
                  const double *epoch_s, const double *transfer_s)
{
    const size_t first = (size_t)level, n = recipe->levels_n - first;
    const double *cost = epoch_s + first;
    double share[32] = { 0 }, sum = 0, budget = DEADLINE_USED * seconds_left;
    int64_t epochs[32];

    for (size_t i = 0; i < n; i++) {
        share[i] = (double)recipe->levels[first + i].epochs * cost[i];
        sum += share[i];
        budget -= transfer_s[first + i];
    }
    for (size_t i = 0; i < n; i++)
        share[i] = sum > 0 ? share[i] / sum : 0;
    budget = fmax(budget, 0);
    divide(n, cost, share, budget, epochs);
    if (epochs[n - 1] < 1) { /* the others have what its one epoch leaves */
        divide(n - 1, cost, share, fmax(budget - cost[n - 1], 0), epochs);
        epochs[n - 1] = 1;
    }
    for (size_t i = 0; i < n; i++)
        recipe->levels[first + i].epochs = epochs[i];
}
