/* settle.c - what ties the members of a recipe to one another. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/blocks/block.h"
#include "core/data/dataset.h"
#include "core/recipe/recipe.h"
#include "core/scales/depth.h"

/* Pixels at which digits can be drawn. */
enum { STROKES_LEAST = ODE_DRAWN_LEAST, STROKES_MOST = ODE_DRAWN_MOST };
enum { FEATURES_MOST = 1 << 20, SOLVE_MIB = 4096 }; /* of a flat head */
enum { BLOCKS_MOST = 1 << 16, AUTO_LEVELS_MOST = 3 };

struct settle {
    struct ode_recipe_spec *recipe;
    const struct ode_set_facts *facts;
    int64_t finest; /* the images' own size: the set's, or the finest level's if drawn */
    ode_complaint_fn *complain;
    void *context;
    struct ode_err *err;
    size_t found;
    char at[128];
};

static void
pass_on(struct settle *s, const struct ode_err *err)
{
    if (s->found++ == 0 && s->err)
        *s->err = *err;
    if (s->complain)
        s->complain(s->context, err);
}

static void __attribute__((format(printf, 2, 3)))
at(struct settle *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->at, sizeof s->at, format, args);
    va_end(args);
}

/* Complains about the place that at() said last. */
static void __attribute__((format(printf, 2, 3)))
wrong(struct settle *s, const char *format, ...)
{
    char text[sizeof((struct ode_err *)0)->text];
    struct ode_err err;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ode_fail(&err, ODE_ESPEC, s->at, "%s", text);
    pass_on(s, &err);
}

/* How often n can be halved. */
static int
halvings(int64_t n)
{
    int k = 0;

    while (n > 0 && n % 2 == 0) {
        n /= 2;
        k++;
    }
    return k;
}

static const char *
times(int n, char word[24])
{
    static const char *const few[] = { "not even once", "once", "twice" };

    if (n < 3)
        return few[n];
    snprintf(word, 24, "%d times", n);
    return word;
}

/* Whether fine = coarse * 2^k for some k >= 0. */
static bool
power_of_two_apart(int64_t fine, int64_t coarse)
{
    while (fine > coarse && fine % 2 == 0)
        fine /= 2;
    return fine == coarse;
}

/* --- the network ---------------------------------------------------------------- */

int
ode_recipe_blocks_least(const struct ode_model_spec *model, size_t u)
{
    if (model->connector == ODE_LINK_RESIDUAL)
        return u > 0 ? 2 : 1;
    return model->placement == ODE_PLACEMENT_CODE && u > 0 && u + 1 == model->units_n ? 2
                                                                                      : 1;
}

static void
blocks_wrong(struct settle *s, size_t u)
{
    if (s->recipe->model.connector == ODE_LINK_RESIDUAL)
        wrong(s, "unit %zu needs 2 blocks or more: the residual connector is its first",
              u);
    else
        wrong(
            s,
            "the last of %zu units needs 2 blocks or more: its first one still works at "
            "the width and resolution of the unit before",
            s->recipe->model.units_n);
}

static bool
is_halves(const struct ode_model_spec *model)
{
    return ode_block_table[model->block]->layout == ODE_HALVES;
}

static void
unit_check(struct settle *s, size_t u)
{
    const struct ode_model_spec *model = &s->recipe->model;
    const struct ode_unit_spec *unit = &model->units[u];
    long long channels = unit->channels;

    at(s, "/model/units/%zu/channels", u);
    if (channels % 2 != 0 && is_halves(model))
        wrong(s, "%lld is odd, but a unit's state is two halves of equal width; use %lld",
              channels, channels + 1);
    else if (u > 0 && channels < model->units[u - 1].channels
             && model->connector == ODE_LINK_ZERO)
        wrong(
            s,
            "%lld is less than the %lld channels of unit %zu, but units only get wider; "
            "use %lld or more",
            channels, (long long)model->units[u - 1].channels, u - 1,
            (long long)model->units[u - 1].channels);
    if (unit->blocks < ode_recipe_blocks_least(model, u)) {
        at(s, "/model/units/%zu/blocks", u);
        blocks_wrong(s, u);
    }
}

/* The choices whose bits are set: "single, symmetric or residual". */
static const char *
choices_text(const struct ode_choice *choices, unsigned bits, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; choices[i].name && used < size; i++)
        if (bits >> i & 1)
            used += (size_t)snprintf(text + used, size - used, "%s%s",
                                     used == 0         ? ""
                                     : bits >> (i + 1) ? ", "
                                                       : " or ",
                                     choices[i].name);
    return text;
}

static void
model_check(struct settle *s)
{
    const struct ode_model_spec *model = &s->recipe->model;
    const struct ode_block_ops *ops = ode_block_table[model->block];
    char text[120];

    at(s, "/model/layer");
    if (model->layer != ODE_FORM_AUTO && !(ops->forms >> model->layer & 1))
        wrong(s, "\"%s\" does not go with the integrator %s; use auto, %s",
              ode_form_choices[model->layer].name, ops->name,
              choices_text(ode_form_choices, ops->forms, text, sizeof text));
    at(s, "/model/start");
    if (model->start != ODE_START_AUTO && !ops->starts)
        wrong(s, "%s is a one-step integrator and needs no start; leave it out",
              ops->name);
    else if (model->start != ODE_START_AUTO && !(ops->starts >> model->start & 1))
        wrong(s, "\"%s\" is no start of %s; use auto, %s",
              ode_start_choices[model->start].name, ops->name,
              choices_text(ode_start_choices, ops->starts, text, sizeof text));
    at(s, "/model/norm_before");
    if (model->norm_before && model->norm == ODE_NORM_NONE)
        wrong(s, "there is no normalisation in blocks; choose one as norm, or leave this "
                 "out");
    at(s, "/model/opening");
    if (model->opening == ODE_OPENING_WHITENING && model->units[0].channels % 2 != 0)
        wrong(s, "whitening makes pairs of channels, but unit 0 has %lld; use %lld",
              (long long)model->units[0].channels,
              (long long)model->units[0].channels + 1);
    at(s, "/model/closing");
    if (model->closing % 2 != 0 && is_halves(model))
        wrong(s, "%lld is odd, but the state is two halves of equal width; use %lld",
              (long long)model->closing, (long long)model->closing + 1);
}

/* The start whose limit does not exist can't be refined in time. */
static void
depth_check(struct settle *s)
{
    const struct ode_recipe_spec *recipe = s->recipe;
    struct ode_err err;

    for (size_t k = 1; k < recipe->levels_n; k++)
        for (size_t u = 0; u < recipe->model.units_n; u++)
            if (recipe->levels[k].blocks[u] != recipe->levels[k - 1].blocks[u]
                && ode_depth_check(&recipe->model, &err) != ODE_OK) {
                pass_on(s, &err);
                return;
            }
}

/* --- resolutions ---------------------------------------------------------------- */

/* "32, 16 or 8": the sizes that the set and the units allow; false if there is none. */
static bool
sizes_list(const struct settle *s, char *list, size_t size)
{
    int deep = (int)s->recipe->model.units_n - 1;
    int most = halvings(s->finest) - deep;
    size_t used = 0;

    list[0] = '\0';
    for (int k = 0; k <= most && used < size; k++)
        used += (size_t)snprintf(list + used, size - used, "%s%lld",
                                 k == 0      ? ""
                                 : k == most ? " or "
                                             : ", ",
                                 (long long)(s->finest >> k));
    return most >= 0;
}

static void
halving_check(struct settle *s, long long resolution)
{
    int deep = (int)s->recipe->model.units_n - 1;
    int can = halvings(resolution);
    char list[96], word[2][24];
    const char *have = times(can, word[0]), *want = times(deep, word[1]);

    if (can >= deep)
        return;
    if (sizes_list(s, list, sizeof list))
        wrong(s, "%lld can be halved %s, but the %d units need it halved %s; use %s",
              resolution, have, deep + 1, want, list);
    else
        wrong(s,
              "%lld can be halved %s, but the %d units need it halved %s; use at most %d "
              "units, or for drawn digits a resolution divisible by %lld",
              resolution, have, deep + 1, want, can + 1, 1LL << deep);
}

static void
resolution_check(struct settle *s, size_t k)
{
    long long resolution = s->recipe->levels[k].resolution;
    bool drawn = s->facts->height == 0;
    char list[96];

    at(s, "/levels/%zu/resolution", k);
    if (drawn && (resolution < STROKES_LEAST || resolution > STROKES_MOST))
        wrong(s, "%lld is outside %d to %d, the sizes at which %s can be drawn",
              resolution, STROKES_LEAST, STROKES_MOST, s->facts->name);
    else if (power_of_two_apart(s->finest, resolution))
        halving_check(s, resolution);
    else if (!sizes_list(s, list, sizeof list))
        wrong(s, "%lld is not %lld, the %s, divided by a power of two", resolution,
              (long long)s->finest,
              drawn ? "resolution of the finest level" : "size of the images");
    else
        wrong(s, "%lld is not %lld, the %s%s, divided by a power of two; use %s",
              resolution, (long long)s->finest,
              drawn ? "resolution of the finest level" : "size of the images of ",
              drawn ? "" : s->facts->name, list);
}

static int64_t
finest_resolution(const struct settle *s)
{
    int64_t finest = s->facts->height;

    if (finest == 0 && s->recipe->levels_auto)
        return ODE_DRAWN_RESOLUTION;
    if (finest == 0)
        for (size_t k = 0; k < s->recipe->levels_n; k++)
            if (s->recipe->levels[k].resolution > finest)
                finest = s->recipe->levels[k].resolution;
    return finest;
}

/* --- levels --------------------------------------------------------------------- */

static void
blocks_check(struct settle *s, size_t k)
{
    const struct ode_model_spec *model = &s->recipe->model;
    struct ode_level_spec *level = &s->recipe->levels[k];
    size_t units = model->units_n;

    if (level->blocks_n == 0) {
        for (size_t u = 0; u < units; u++)
            level->blocks[u] = model->units[u].blocks;
        level->blocks_n = units;
    } else if (level->blocks_n != units) {
        at(s, "/levels/%zu/blocks", k);
        wrong(
            s,
            "has %zu entries, but there are %zu units; give one number for each unit, or "
            "leave blocks out for the finest depth",
            level->blocks_n, units);
    } else {
        for (size_t u = 0; u < units; u++)
            if (level->blocks[u] < ode_recipe_blocks_least(model, u)) {
                at(s, "/levels/%zu/blocks/%zu", k, u);
                blocks_wrong(s, u);
            }
    }
}

static void
rate_check(struct settle *s, size_t k)
{
    const struct ode_level_spec *level = &s->recipe->levels[k];
    const struct ode_lr_spec *lr = &level->lr;
    long long epochs = level->epochs;

    if (lr->schedule == ODE_SCHEDULE_COSINE && lr->floor > lr->peak) {
        at(s, "/levels/%zu/lr/floor", k);
        wrong(s, "%g is above the peak of %g; use %g or less", lr->floor, lr->peak,
              lr->peak);
    }
    for (size_t i = 0; i < lr->at_n; i++) {
        long long epoch = lr->at[i];

        at(s, "/levels/%zu/lr/at/%zu", k, i);
        if (i > 0 && epoch <= lr->at[i - 1])
            wrong(s, "%lld does not come after %lld; list the epochs in ascending order",
                  epoch, (long long)lr->at[i - 1]);
        else if (epoch >= epochs)
            wrong(s,
                  "the level ends at epoch %lld; use an epoch before that, or leave %lld "
                  "out",
                  epochs, epoch);
    }
}

/* Everybody who plans a run looks at each block of each level, and the daemon does so
 * while its clients wait: that takes a second for as many as this. */
static void
depth_total_check(struct settle *s)
{
    const struct ode_recipe_spec *recipe = s->recipe;
    long long total = 0;

    for (size_t u = 0; recipe->levels_auto && u < recipe->model.units_n; u++)
        total += AUTO_LEVELS_MOST * recipe->model.units[u].blocks;
    for (size_t k = 0; k < recipe->levels_n; k++)
        for (size_t u = 0; u < recipe->levels[k].blocks_n; u++)
            total += recipe->levels[k].blocks[u];
    at(s, "/levels");
    if (total > BLOCKS_MOST)
        wrong(
            s,
            "all levels together have %lld blocks, and may have %d; use fewer levels, or "
            "fewer blocks in model/units",
            total, BLOCKS_MOST);
}

/* --- an automatic ladder --------------------------------------------------------- */

static void
budget_check(struct settle *s)
{
    const struct ode_budget_spec *b = &s->recipe->budget;
    const int given = (b->epochs > 0) + (b->work > 0) + (b->deadline_s > 0);
    size_t train_n, test_n;

    at(s, "/budget");
    if (given == 0)
        wrong(s, "is missing: levels \"auto\" need one of epochs, work and deadline_s, "
                 "above 0");
    else if (given > 1)
        wrong(s,
              "has %d of epochs, work and deadline_s; keep one and leave the others out",
              given);
    at(s, "/budget/work");
    if (b->work > 0
        && ode_dataset_sizes(&s->recipe->data, &train_n, &test_n, NULL) == ODE_OK
        && b->work < (double)train_n)
        wrong(s,
              "%g is less than one pass over the %zu training examples; use %zu or more",
              b->work, train_n, train_n);
}

/* The finest level must be possible. */
static void
ladder_check(struct settle *s)
{
    at(s, "/levels");
    halving_check(s, s->finest);
    budget_check(s);
}

/* --- between levels --------------------------------------------------------------- */

static void
transfer_check(struct settle *s)
{
    const struct ode_transfer_spec *t = &s->recipe->transfer;

    at(s, "/transfer/damping");
    if (t->damping > 0 && t->damping < 1)
        wrong(s,
              "%g would make the sums of kernels smaller; use 1 to 16, or 0 for no "
              "damping",
              t->damping);
    at(s, "/transfer/on_jump");
    if (t->on_jump != ODE_ON_JUMP_WARN && t->max_jump == 0)
        wrong(s, "there is no limit to rise above; give max_jump, or leave this out");
    at(s, "/transfer/block_rate");
    if (t->block_rate != ODE_BLOCK_RATE_SAME
        && s->recipe->train.optimizer.type != ODE_OPTIMIZER_SGD)
        wrong(s, "the steps of adamw do not depend on the scale of gradients; use same");
}

/* --- another run ----------------------------------------------------------------- */

/* The name of a folder, and of nothing above or below it. */
static void
warm_start_check(struct settle *s)
{
    const struct ode_warm_start_spec *w = &s->recipe->warm_start;

    at(s, "/warm_start/run");
    if (strchr(w->run, '/') || w->run[0] == '.')
        wrong(s,
              "\"%.40s\" is no name of a run; give the name of its folder alone, without "
              "slashes and not beginning with a dot",
              w->run);
    at(s, "/warm_start/level");
    if (!w->run[0] && w->level >= 0)
        wrong(s,
              "%lld is a level of a run that is not named; name it in warm_start/run, "
              "or leave this out",
              (long long)w->level);
}

/* --- data ----------------------------------------------------------------------- */

static void
sizes_check(struct settle *s)
{
    const struct ode_recipe_spec *recipe = s->recipe;
    struct ode_data_spec only_train = recipe->data, only_test = recipe->data;
    size_t train_n, test_n;
    struct ode_err err;

    only_train.test_size = only_test.train_size = 0;
    if (ode_dataset_sizes(&only_test, &train_n, &test_n, &err) != ODE_OK)
        pass_on(s, &err);
    if (ode_dataset_sizes(&only_train, &train_n, &test_n, &err) != ODE_OK) {
        pass_on(s, &err);
        return;
    }
    at(s, "/train/batch");
    if ((uint64_t)recipe->train.batch > train_n)
        wrong(s, "%lld is more than the %zu training examples; use %zu or less",
              (long long)recipe->train.batch, train_n, train_n);
}

static void
crop_check(struct settle *s)
{
    long long crop = s->recipe->data.augment.crop;

    at(s, "/data/augment/crop");
    if (crop > 0 && crop >= s->finest)
        wrong(
            s,
            "padding by %lld pixels can leave nothing of an image of %lldx%lld; use %lld "
            "or less",
            crop, (long long)s->finest, (long long)s->finest, (long long)s->finest - 1);
}

/* Newton's method keeps all features of its examples, as floats and as doubles. */
static void
solve_check(struct settle *s, long long features)
{
    const struct ode_recipe_spec *recipe = s->recipe;
    const long long most = ((long long)SOLVE_MIB << 20) / (12 * features);
    size_t examples = (size_t)recipe->train.classifier.examples, train_n, test_n;

    if (ode_dataset_sizes(&recipe->data, &train_n, &test_n, NULL) == ODE_OK)
        examples = train_n < examples ? train_n : examples;
    at(s, "/train/classifier/examples");
    if ((long long)examples > most)
        wrong(s,
              "a solve on %zu examples that a flat head sees %lld numbers of takes more "
              "than %d MiB; use %lld or less",
              examples, features, SOLVE_MIB, most);
}

/* What a flat head sees at the finest resolution. */
static void
head_check(struct settle *s)
{
    const struct ode_model_spec *model = &s->recipe->model;
    const long long last = model->units[model->units_n - 1].channels;
    const long long channels = model->closing ? model->closing : last;
    const long long size = ode_recipe_resolution(s->recipe) >> (model->units_n - 1);
    const long long features = channels * size * size;

    if (model->head != ODE_READOUT_FLAT)
        return;
    at(s, "/model/head");
    if (features > FEATURES_MOST)
        wrong(s,
              "\"flat\" would see %lld numbers of an image, %lld channels of %lldx%lld "
              "pixels, and can see %d; use average, or more units",
              features, channels, size, size, FEATURES_MOST);
    else if (s->recipe->train.classifier.solver == ODE_SOLVER_NEWTON && features > 0)
        solve_check(s, features);
}

enum ode_status
ode_recipe_settle(struct ode_recipe_spec *recipe, ode_complaint_fn *complain,
                  void *context, struct ode_err *err)
{
    struct settle s = {
        .recipe = recipe, .complain = complain, .context = context, .err = err
    };

    if (recipe->model.units_n == 0) {
        at(&s, "/model/units");
        wrong(&s, "are missing; give at least one unit, or a preset");
        return ODE_ESPEC;
    }
    s.facts = ode_set_facts(recipe->data.set);
    s.finest = finest_resolution(&s);
    sizes_check(&s);
    crop_check(&s);
    model_check(&s);
    for (size_t u = 0; u < recipe->model.units_n; u++)
        unit_check(&s, u);
    for (size_t k = 0; k < recipe->levels_n; k++) {
        resolution_check(&s, k);
        blocks_check(&s, k);
        rate_check(&s, k);
    }
    head_check(&s);
    depth_total_check(&s);
    if (recipe->levels_auto)
        ladder_check(&s);
    transfer_check(&s);
    warm_start_check(&s);
    depth_check(&s);
    return s.found > 0 ? ODE_ESPEC : ODE_OK;
}
