/* warm.c - the run whose weights another one begins with. */
#include "cli/warm.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- which file ------------------------------------------------------------------ */

/* The folder of the run: NAME, or NAME.run. */
static enum ode_status
folder_find(const char *name, const char *run_dir, const char *parent,
            char dir[CHECKPOINT_PATH], struct ode_err *err)
{
    static const char *const endings[] = { "", ".run" };
    char place[CHECKPOINT_PATH], *whole;
    struct stat own, st;

    snprintf(place, sizeof place, "%s%s", parent ? parent : run_dir, parent ? "" : "/..");
    whole = realpath(place, NULL);
    for (int i = 0; i < 2 && whole; i++) {
        const int n = snprintf(dir, CHECKPOINT_PATH, "%s/%s%s", whole, name, endings[i]);

        if (n < CHECKPOINT_PATH && stat(dir, &st) == 0 && S_ISDIR(st.st_mode)) {
            free(whole);
            if (stat(run_dir, &own) == 0 && own.st_dev == st.st_dev
                && own.st_ino == st.st_ino)
                return ode_fail(err, ODE_ESPEC, "/warm_start/run",
                                "%.100s is this run's own folder; name another run",
                                name);
            return ODE_OK;
        }
    }
    ode_fail(err, ODE_ESPEC, "/warm_start/run",
             "there is no run %.40s in %.60s (any more); name one that is there%s", name,
             whole ? whole : place, parent ? "" : ", or say where with --runs");
    free(whole);
    return ODE_ESPEC;
}

/* The last checkpoint of that run's level. */
static enum ode_status
checkpoint_of(const char *name, int level, const char *run_dir, const char *parent,
              char path[CHECKPOINT_PATH], struct ode_err *err)
{
    char dir[CHECKPOINT_PATH];
    enum ode_status status;

    ODE_TRY(folder_find(name, run_dir, parent, dir, err));
    status = checkpoint_last(dir, level, path, err);
    if (status != ODE_ENOENT)
        return status;
    if (level < 0)
        return ode_fail(err, ODE_ESPEC, "/warm_start/run",
                        "run %.100s has finished no level; wait for one", name);
    return ode_fail(err, ODE_ESPEC, "/warm_start/level",
                    "run %.80s has no finished level %d; wait for it, or name another",
                    name, level);
}

/* --- begin ----------------------------------------------------------------------- */

/* Fills what the new run has, as far as the old one has it, too. */
static enum ode_status
warm_fill(void *context, struct ode_state *s, struct ode_err *err)
{
    const struct warm *w = context;
    const struct ode_train_spec *t = &w->from.recipe.train;
    const bool adam = t->optimizer.type == ODE_OPTIMIZER_ADAMW;
    const struct weights_room room = { .theta = s->theta,
                                       .statistics = s->statistics,
                                       .momentum = adam == w->second ? s->momentum : NULL,
                                       .second = adam ? s->second : NULL,
                                       .average = t->ema > 0 ? s->average : NULL };

    ODE_TRY(weights_get(&w->from, &room, err));
    if (s->average && !room.average)
        memcpy(s->average, s->theta, s->net->params.theta_n * sizeof *s->average);
    return ODE_OK;
}

/* How long Adam has followed the moments that go on. */
static enum ode_status
moments_age(const struct weights *from, int64_t *age, struct ode_err *err)
{
    int64_t step, before = 0;

    ODE_TRY(weights_integer(from, "step", &step, err));
    if (safetensors_text(&from->file, "moments_age"))
        ODE_TRY(weights_integer(from, "moments_age", &before, err));
    *age = step + before;
    return ODE_OK;
}

static enum ode_status
start_fill(struct warm *w, const struct ode_recipe_spec *recipe, struct ode_err *err)
{
    const bool adam = recipe->train.optimizer.type == ODE_OPTIMIZER_ADAMW;

    ODE_TRY(ode_recipe_continues(&w->from.recipe, w->from.level, recipe, err));
    w->second = adam;
    w->average = recipe->train.ema > 0;
    w->start = (struct ode_warm){
        .recipe = &w->from.recipe, .level = w->from.level, .fill = warm_fill, .context = w
    };
    if (adam && w->from.recipe.train.optimizer.type == ODE_OPTIMIZER_ADAMW)
        ODE_TRY(moments_age(&w->from, &w->start.moments_age, err));
    return ODE_OK;
}

enum ode_status
warm_open(struct warm *w, const struct ode_recipe_spec *recipe, const char *run_dir,
          const char *parent, struct checkpoint_origin *origin, struct ode_err *err)
{
    const struct ode_warm_start_spec *spec = &recipe->warm_start;
    char path[CHECKPOINT_PATH];

    if (!spec->run[0])
        return ODE_OK;
    ODE_TRY(checkpoint_of(spec->run, (int)spec->level, run_dir, parent, path, err));
    ODE_TRY(ode_hash_file(path, origin->warm, err));
    ODE_TRY(checkpoint_open(path, &w->from, err));
    origin->warm_level = w->from.level;
    return start_fill(w, recipe, err);
}

enum ode_status
warm_resume(const struct ode_recipe_spec *recipe, const struct weights *checkpoint,
            const char *run_dir, const char *parent,
            const struct checkpoint_origin *origin, struct ode_err *err)
{
    const struct ode_warm_start_spec *now = &recipe->warm_start,
                                     *then = &checkpoint->recipe.warm_start;
    char path[CHECKPOINT_PATH], hash[ODE_HASH_HEX];

    if (strcmp(now->run, then->run) == 0 && now->level == then->level)
        return ODE_OK;
    if (checkpoint_of(now->run, origin->warm_level, run_dir, parent, path, NULL) != ODE_OK
        || ode_hash_file(path, hash, NULL) != ODE_OK || strcmp(hash, origin->warm) == 0)
        return ODE_OK;
    return ode_fail(err, ODE_ESPEC, "/warm_start",
                    "the checkpoint in the run folder began with other weights than "
                    "level %d of %.60s has; choose another --run-dir",
                    origin->warm_level, now->run);
}

/* --- images ---------------------------------------------------------------------- */

enum ode_status
warm_prepare(struct warm *w, const struct ode_recipe_spec *recipe,
             const struct ode_dataset *set, const char *data_root, int threads,
             struct ode_err *err)
{
    int resolution;

    if (!w->start.recipe)
        return ODE_OK;
    w->start.set = set;
    resolution = (int)w->from.recipe.levels[w->from.level].resolution;
    if (resolution <= set->height)
        return ODE_OK;
    ODE_TRY(ode_dataset_open(&w->drawn, &recipe->data, data_root, resolution,
                             (uint64_t)recipe->seed, threads, err));
    w->start.set = &w->drawn;
    return ODE_OK;
}

void
warm_close(struct warm *w)
{
    weights_close(&w->from);
    ode_dataset_release(&w->drawn);
    w->start = (struct ode_warm){ 0 };
}
