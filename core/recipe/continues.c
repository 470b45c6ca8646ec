/* continues.c - whether one run can begin with the weights of another. */
#include <stdio.h>
#include <string.h>

#include "core/blocks/block.h"
#include "core/data/dataset.h"
#include "core/recipe/recipe.h"
#include "core/scales/depth.h"
#include "core/scales/stencil.h"

/* --- the network ----------------------------------------------------------------- */

/* What an integrator would choose by itself is said. */
static struct ode_model_spec
model_resolved(const struct ode_model_spec *model)
{
    const struct ode_block_ops *ops = ode_block_table[model->block];
    struct ode_model_spec m = *model;

    if (m.layer == ODE_FORM_AUTO)
        m.layer = ops->form;
    if (m.start == ODE_START_AUTO)
        m.start = ops->start;
    return m;
}

/* Members that two networks may differ in; units are compared by themselves. */
static bool
is_free(const char *name)
{
    static const char *const names[] = { "preset", "init", "step", "units" };
    bool is = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        is = is || strcmp(name, names[i]) == 0;
    return is;
}

/* The value as JSON has it, of a member that is no object, list or text. */
static const char *
value_text(const struct ode_field *f, const void *at, char text[40])
{
    if (f->kind == ODE_FIELD_CHOICE)
        return f->choices[*(const int *)at].name;
    if (f->kind == ODE_FIELD_BOOL)
        return *(const bool *)at ? "true" : "false";
    if (f->kind == ODE_FIELD_INT)
        snprintf(text, 40, "%lld", (long long)*(const int64_t *)at);
    else
        snprintf(text, 40, "%.10g", *(const double *)at);
    return text;
}

static enum ode_status
differs(const char *at, const char *theirs, const char *ours, struct ode_err *err)
{
    return ode_fail(err, ODE_ESPEC, at,
                    "is %.40s, but %.40s in the run that warm_start names; make them "
                    "equal: a warm start goes on with the same network",
                    ours, theirs);
}

static enum ode_status
members_check(const struct ode_model_spec *from, const struct ode_model_spec *to,
              struct ode_err *err)
{
    for (const struct ode_field *f = ode_model_object.fields; f->name; f++) {
        char at[64], text[2][40];
        const char *theirs, *ours;

        if (is_free(f->name))
            continue;
        theirs = value_text(f, (const char *)from + f->offset, text[0]);
        ours = value_text(f, (const char *)to + f->offset, text[1]);
        snprintf(at, sizeof at, "/model/%.50s", f->name);
        if (strcmp(theirs, ours) != 0)
            return differs(at, theirs, ours, err);
    }
    return ODE_OK;
}

static enum ode_status
units_check(const struct ode_model_spec *from, const struct ode_model_spec *to,
            struct ode_err *err)
{
    char at[64], theirs[40], ours[40];

    if (from->units_n != to->units_n) {
        snprintf(theirs, sizeof theirs, "%zu", from->units_n);
        snprintf(ours, sizeof ours, "%zu", to->units_n);
        return differs("/model/units", theirs, ours, err);
    }
    for (size_t u = 0; u < to->units_n; u++)
        if (from->units[u].channels != to->units[u].channels) {
            snprintf(at, sizeof at, "/model/units/%zu/channels", u);
            snprintf(theirs, sizeof theirs, "%lld", (long long)from->units[u].channels);
            snprintf(ours, sizeof ours, "%lld", (long long)to->units[u].channels);
            return differs(at, theirs, ours, err);
        }
    return ODE_OK;
}

/* --- all else -------------------------------------------------------------------- */

static enum ode_status
data_check(const struct ode_set_facts *from, const struct ode_set_facts *to,
           int64_t resolution, struct ode_err *err)
{
    if (from->channels != to->channels || from->classes != to->classes)
        return ode_fail(err, ODE_ESPEC, "/data/set",
                        "%s has %d classes and %d channels a pixel, but the run that "
                        "warm_start names was trained on %s with %d and %d; choose a set "
                        "with as many",
                        to->name, to->classes, to->channels, from->name, from->classes,
                        from->channels);
    if (to->height > 0 && resolution > to->height)
        return ode_fail(err, ODE_ESPEC, "/warm_start/level",
                        "that level works on %lldx%lld pixels, and images of %s have "
                        "%dx%d; choose a coarser one",
                        (long long)resolution, (long long)resolution, to->name,
                        to->height, to->width);
    return ODE_OK;
}

static enum ode_status
resolution_check(int64_t from, int64_t to, struct ode_err *err)
{
    int halvings;

    if (ode_stencil_halvings(from, to, &halvings, NULL) == ODE_OK)
        return ODE_OK;
    return ode_fail(err, ODE_ESPEC, "/levels/0/resolution",
                    "%lld is not a power of two apart from %lld, the resolution of the "
                    "level that warm_start names",
                    (long long)to, (long long)from);
}

enum ode_status
ode_recipe_continues(const struct ode_recipe_spec *from, int level,
                     const struct ode_recipe_spec *to, struct ode_err *err)
{
    const struct ode_model_spec theirs = model_resolved(&from->model),
                                ours = model_resolved(&to->model);
    const struct ode_level_spec *last = &from->levels[level];

    ODE_TRY(members_check(&theirs, &ours, err));
    ODE_TRY(units_check(&theirs, &ours, err));
    ODE_TRY(data_check(ode_set_facts(from->data.set), ode_set_facts(to->data.set),
                       last->resolution, err));
    ODE_TRY(resolution_check(last->resolution, to->levels[0].resolution, err));
    for (size_t u = 0; u < ours.units_n; u++)
        if (last->blocks[u] != to->levels[0].blocks[u])
            return ode_depth_check(&to->model, err);
    return ODE_OK;
}
