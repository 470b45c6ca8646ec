/* recipe.c - the tables that describe a recipe. */
#include "core/recipe/recipe.h"

#define ODE_FIELD_DEF "core/recipe/recipe.def"
#include "core/base/field_tables.inc"

/* What presets.def says of a network, in the order of its rows. */
struct preset {
    enum ode_block block;
    enum ode_form layer;
    enum ode_norm norm;
    bool norm_before;
    enum ode_norm stem_norm, head_norm;
    enum ode_link connector;
    enum ode_placement placement;
    int64_t closing;
    enum ode_start start;
    double step;
    int64_t channels[3], blocks;
};

static const struct preset presets[] = {
#define PRESET(NAME, json, doc, block_, layer_, norm_, before_, stem_, head_,        \
               connector_, placement_, closing_, start_, step_, c1, c2, c3, blocks_) \
    [ODE_PRESET_##NAME] = {                                                          \
        .block = ODE_BLOCK_##block_,                                                 \
        .layer = ODE_FORM_##layer_,                                                  \
        .norm = ODE_NORM_##norm_,                                                    \
        .norm_before = before_,                                                      \
        .stem_norm = ODE_NORM_##stem_,                                               \
        .head_norm = ODE_NORM_##head_,                                               \
        .connector = ODE_LINK_##connector_,                                          \
        .placement = ODE_PLACEMENT_##placement_,                                     \
        .closing = closing_,                                                         \
        .start = ODE_START_##start_,                                                 \
        .step = step_,                                                               \
        .channels = {c1, c2, c3},                                                  \
        .blocks = blocks_                                                            \
    },
#include "core/recipe/presets.def"
#undef PRESET
};

void
ode_model_preset(void *spec)
{
    struct ode_model_spec *model = spec;
    const struct preset *p = &presets[model->preset];

    if (model->preset == ODE_PRESET_CUSTOM)
        return;
    model->block = p->block;
    model->layer = p->layer;
    model->norm = p->norm;
    model->norm_before = p->norm_before;
    model->stem_norm = p->stem_norm;
    model->head_norm = p->head_norm;
    model->connector = p->connector;
    model->placement = p->placement;
    model->closing = p->closing;
    model->start = p->start;
    model->step = p->step;
    model->units_n = 3;
    for (size_t u = 0; u < model->units_n; u++) {
        ode_object_preset(&ode_unit_object, &model->units[u]);
        model->units[u].channels = p->channels[u];
        model->units[u].blocks = p->blocks;
    }
}

int
ode_recipe_resolution(const struct ode_recipe_spec *recipe)
{
    int64_t most = 0;

    for (size_t k = 0; k < recipe->levels_n; k++)
        if (recipe->levels[k].resolution > most)
            most = recipe->levels[k].resolution;
    return (int)most;
}
