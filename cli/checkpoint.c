/* checkpoint.c - the checkpoints of a run folder. */
#include "cli/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ladder.h"
#include "cli/numbers.h"

enum { KEPT_WITHIN_LEVELS = 2 };

/* Two digits of level, twelve of step: names sort by age. "-end" marks a level's last. */
#define NAME_FORMAT "checkpoints/%02d-%012" PRId64 "%s.safetensors"

void
checkpoint_name(int level, int64_t step, bool last, char name[CHECKPOINT_NAME])
{
    snprintf(name, CHECKPOINT_NAME, NAME_FORMAT, level, step, last ? "-end" : "");
}

static enum ode_status
folder_path(const char *dir, char path[CHECKPOINT_PATH], struct ode_err *err)
{
    if (snprintf(path, CHECKPOINT_PATH, "%s/checkpoints", dir) >= CHECKPOINT_PATH - 40)
        return ode_fail(err, ODE_EARG, NULL, "the path of the run folder is too long");
    return ODE_OK;
}

enum ode_status
checkpoint_prepare(const char *dir, struct ode_err *err)
{
    char path[CHECKPOINT_PATH];

    ODE_TRY(folder_path(dir, path, err));
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return ode_fail_errno(err, ODE_EIO, path, "the folder cannot be made");
    return ODE_OK;
}

/* --- the folder
 * ---------------------------------------------------------------------------- */

struct listing {
    size_t n;
    struct dirent **entry; /* ascending by name */
};

static int
is_checkpoint(const struct dirent *entry)
{
    const char *suffix = strstr(entry->d_name, ".safetensors");

    return suffix && strcmp(suffix, ".safetensors") == 0 && entry->d_name[0] >= '0'
           && entry->d_name[0] <= '9';
}

static enum ode_status
listing_read(struct listing *l, const char *folder, struct ode_err *err)
{
    const int n = scandir(folder, &l->entry, is_checkpoint, alphasort);

    if (n < 0 && errno != ENOENT)
        return ode_fail_errno(err, ODE_EIO, folder, "the folder cannot be read");
    l->n = n < 0 ? 0 : (size_t)n;
    if (n < 0)
        l->entry = NULL;
    return ODE_OK;
}

static void
listing_free(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->entry[i]);
    free(l->entry);
}

static bool
is_last(const struct dirent *entry)
{
    return strstr(entry->d_name, "-end.") != NULL;
}

enum ode_status
checkpoint_last(const char *dir, int level, char path[CHECKPOINT_PATH],
                struct ode_err *err)
{
    char folder[CHECKPOINT_PATH];
    enum ode_status status = ODE_ENOENT;
    struct listing l;

    ODE_TRY(folder_path(dir, folder, err));
    ODE_TRY(listing_read(&l, folder, err));
    for (size_t i = l.n; i-- > 0 && status != ODE_OK;)
        if (is_last(l.entry[i])
            && (level < 0 || strtol(l.entry[i]->d_name, NULL, 10) == level)
            && snprintf(path, CHECKPOINT_PATH, "%s/%s", folder, l.entry[i]->d_name)
                   < CHECKPOINT_PATH)
            status = ODE_OK;
    listing_free(&l);
    if (status != ODE_OK)
        ode_fail(err, ODE_ENOENT, folder, "there is no last checkpoint of a level");
    return status;
}

/* What can't be removed now is removed another time. */
static void
prune(const char *folder)
{
    struct listing l;
    int within = 0;

    if (listing_read(&l, folder, NULL) != ODE_OK)
        return;
    for (size_t i = l.n; i-- > 0;) {
        char path[2 * CHECKPOINT_PATH];

        if (is_last(l.entry[i]) || ++within <= KEPT_WITHIN_LEVELS)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, l.entry[i]->d_name);
        unlink(path);
    }
    listing_free(&l);
}

/* --- writing
 * -------------------------------------------------------------------------------- */

static json_t *
real_text(double x)
{
    char text[40];

    snprintf(text, sizeof text, "%.17g", x);
    return json_string(text);
}

static json_t *
integer_text(int64_t x)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, x);
    return json_string(text);
}

/* What only some runs have, and what the values come from. */
static int
origin_metadata(json_t *all, const struct checkpoint_origin *o, const struct ode_state *s)
{
    int failed = json_object_set_new(all, "engine", json_string(o->engine));

    if (o->warm[0]) {
        failed |= json_object_set_new(all, "warm_level", integer_text(o->warm_level));
        failed |= json_object_set_new(all, "warm_sha256", json_string(o->warm));
    }
    if (s->kept) {
        failed |=
            json_object_set_new(all, "kept_probe_loss", real_text(s->kept_probe.loss));
        failed |= json_object_set_new(all, "kept_loss", real_text(s->kept_test.loss));
        failed |=
            json_object_set_new(all, "kept_accuracy", real_text(s->kept_test.accuracy));
    }
    if (s->moments_age)
        failed |= json_object_set_new(all, "moments_age", integer_text(s->moments_age));
    return failed;
}

static json_t *
state_metadata(const struct checkpoint_origin *origin, const struct ode_state *s)
{
    json_t *all = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "level_step", integer_text(s->level_step), "base_step",
        integer_text(s->base_step), "base_work", real_text(s->base_work), "end",
        integer_text(s->end), "time", real_text(s->at.time), "loss_sum",
        real_text(s->loss_sum), "hits", integer_text(s->hits), "seen",
        integer_text(s->seen), "top", real_text(s->top), "epoch_loss",
        real_text(s->epoch_loss), "best_loss", real_text(s->best_loss), "stale",
        integer_text(s->stale), "test_due", integer_text(s->test_due), "test_loss",
        real_text(s->test.loss), "test_accuracy", real_text(s->test.accuracy));

    if (all && origin_metadata(all, origin, s) != 0) {
        json_decref(all);
        return NULL;
    }
    return all;
}

enum ode_status
checkpoint_write(const char *dir, const struct ode_recipe_spec *recipe,
                 const struct checkpoint_origin *origin, const struct ode_state *state,
                 bool last, char name[CHECKPOINT_NAME], size_t *bytes,
                 struct ode_err *err)
{
    const struct weights_source source = { .recipe = recipe,
                                           .level = state->at.level,
                                           .step = state->at.step,
                                           .net = state->net,
                                           .theta = state->theta,
                                           .statistics = state->statistics,
                                           .momentum = state->momentum,
                                           .second = state->second,
                                           .average = state->average };
    char folder[CHECKPOINT_PATH], file[CHECKPOINT_NAME], path[2 * CHECKPOINT_PATH];
    json_t *extra = state_metadata(origin, state);
    enum ode_status status = folder_path(dir, folder, err);
    struct stat st;

    ladder_mark(extra, recipe);
    checkpoint_name(state->at.level, state->at.step, last, file);
    snprintf(path, sizeof path, "%s/%s", dir, file);
    if (status == ODE_OK)
        status = extra ? weights_write(path, &source, extra, err)
                       : ode_fail(err, ODE_ENOMEM, path, "no memory for metadata");
    json_decref(extra);
    ODE_TRY(status);
    prune(folder);
    *bytes = stat(path, &st) == 0 ? (size_t)st.st_size : 0;
    memcpy(name, file, sizeof file);
    return ODE_OK;
}

/* --- reading
 * --------------------------------------------------------------------------------- */

enum ode_status
checkpoint_open(const char *path, struct weights *w, struct ode_err *err)
{
    struct ode_state state = { 0 };
    size_t n;
    float *room;
    enum ode_status status;

    ODE_TRY(weights_open(w, path, err));
    n = w->net.params.theta_n;
    room = malloc((4 * n + w->net.params.statistic_n) * sizeof *room);
    if (!room) {
        weights_close(w);
        return ode_fail(err, ODE_ENOMEM, path, "no memory for its %zu parameters", n);
    }
    state.theta = room;
    state.momentum = room + n;
    if (w->recipe.train.optimizer.type == ODE_OPTIMIZER_ADAMW)
        state.second = room + 2 * n;
    if (w->recipe.train.ema > 0)
        state.average = room + 3 * n;
    state.statistics = room + 4 * n;
    status = checkpoint_restore(w, &state, err);
    free(room);
    if (status != ODE_OK)
        weights_close(w);
    return status;
}

/* Whether the spec asks for what is in the checkpoint. */
static bool
same_beginning(const struct ode_recipe_spec *recipe, const struct weights *w)
{
    const struct ode_recipe_spec trained =
        recipe->levels_auto ? ladder_asked(w) : w->recipe;

    if (recipe->levels_auto != trained.levels_auto
        || (!recipe->levels_auto && (size_t)w->level >= recipe->levels_n))
        return false;
    return !recipe->warm_start.run[0] == !trained.warm_start.run[0]
           && numbers_same(recipe, &trained, w->level);
}

enum ode_status
checkpoint_find(const char *dir, const struct ode_recipe_spec *recipe,
                checkpoint_skip_fn *skip, void *context, struct weights *weights,
                struct ode_err *err)
{
    char folder[CHECKPOINT_PATH], path[2 * CHECKPOINT_PATH];
    enum ode_status status = ODE_ENOENT;
    struct listing l;

    ODE_TRY(folder_path(dir, folder, err));
    ODE_TRY(listing_read(&l, folder, err));
    for (size_t i = l.n; i-- > 0 && status != ODE_OK;) {
        struct ode_err why;

        snprintf(path, sizeof path, "%s/%s", folder, l.entry[i]->d_name);
        status = checkpoint_open(path, weights, &why);
        if (status != ODE_OK)
            skip(context, &why);
    }
    listing_free(&l);
    if (status != ODE_OK)
        return ode_fail(err, ODE_ENOENT, folder, "there is no checkpoint to resume from");
    if (same_beginning(recipe, weights))
        return ODE_OK;
    weights_close(weights);
    return ode_fail(
        err, ODE_ESPEC, path,
        "the checkpoint is of another job: its data, model, training, levels, "
        "transfer or seed differ from the spec; choose another --run-dir");
}

/* A number that not every checkpoint has: 0 where it is missing. */
static enum ode_status
integer_or_none(const struct weights *w, const char *key, int64_t *value,
                struct ode_err *err)
{
    *value = 0;
    return safetensors_text(&w->file, key) ? weights_integer(w, key, value, err) : ODE_OK;
}

/* The scores of the level before, if there is one. */
static enum ode_status
kept_read(const struct weights *w, struct ode_state *s, struct ode_err *err)
{
    s->kept = safetensors_text(&w->file, "kept_probe_loss") != NULL;
    if (!s->kept)
        return ODE_OK;
    ODE_TRY(weights_real(w, "kept_probe_loss", &s->kept_probe.loss, err));
    ODE_TRY(weights_real(w, "kept_loss", &s->kept_test.loss, err));
    return weights_real(w, "kept_accuracy", &s->kept_test.accuracy, err);
}

/* Where the run stood: all of a state but its arrays. */
static enum ode_status
progress_read(const struct weights *w, struct ode_state *s, struct ode_err *err)
{
    int64_t end, due;

    ODE_TRY(weights_integer(w, "step", &s->at.step, err));
    ODE_TRY(weights_real(w, "time", &s->at.time, err));
    ODE_TRY(weights_integer(w, "level_step", &s->level_step, err));
    ODE_TRY(weights_integer(w, "base_step", &s->base_step, err));
    ODE_TRY(weights_real(w, "base_work", &s->base_work, err));
    ODE_TRY(weights_integer(w, "end", &end, err));
    ODE_TRY(weights_integer(w, "hits", &s->hits, err));
    ODE_TRY(weights_integer(w, "seen", &s->seen, err));
    ODE_TRY(weights_real(w, "loss_sum", &s->loss_sum, err));
    ODE_TRY(weights_real(w, "top", &s->top, err));
    ODE_TRY(weights_real(w, "epoch_loss", &s->epoch_loss, err));
    ODE_TRY(weights_real(w, "best_loss", &s->best_loss, err));
    ODE_TRY(weights_integer(w, "stale", &s->stale, err));
    ODE_TRY(weights_integer(w, "test_due", &due, err));
    ODE_TRY(integer_or_none(w, "moments_age", &s->moments_age, err));
    ODE_TRY(weights_real(w, "test_loss", &s->test.loss, err));
    ODE_TRY(weights_real(w, "test_accuracy", &s->test.accuracy, err));
    ODE_TRY(kept_read(w, s, err));
    s->end = (enum ode_end)end;
    s->test_due = due != 0;
    return ODE_OK;
}

enum ode_status
checkpoint_origin(const struct weights *w, struct checkpoint_origin *out,
                  struct ode_err *err)
{
    const char *engine = safetensors_text(&w->file, "engine");
    const char *warm = safetensors_text(&w->file, "warm_sha256");
    struct checkpoint_origin o = { .warm_level = -1 };
    int64_t level = -1;

    snprintf(o.engine, sizeof o.engine, "%s", engine ? engine : "mixed");
    if (warm) {
        ODE_TRY(weights_integer(w, "warm_level", &level, err));
        snprintf(o.warm, sizeof o.warm, "%s", warm);
        o.warm_level = (int)level;
    }
    *out = o;
    return ODE_OK;
}

enum ode_status
checkpoint_restore(const struct weights *w, struct ode_state *s, struct ode_err *err)
{
    const struct weights_room room = { .theta = s->theta,
                                       .statistics = s->statistics,
                                       .momentum = s->momentum,
                                       .second = s->second,
                                       .average = s->average };
    struct ode_state read = *s;

    ODE_TRY(progress_read(w, &read, err));
    ODE_TRY(weights_get(w, &room, err));
    *s = read;
    return ODE_OK;
}
