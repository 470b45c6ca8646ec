/* sample.c - a network as its table of tensors, with weights made up. */
#include "tests/core/sample.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/dataset.h"
#include "tests/test.h"

enum { TENSORS_MOST = 512 };

static const struct sample_scheme schemes[] = {
    {"euler",        false, ODE_FORM_RESIDUAL     },
    { "parabolic",   false, ODE_FORM_SYMMETRIC    },
    { "hamiltonian", true,  ODE_FORM_SYMMETRIC    },
    { "revnet",      true,  ODE_FORM_RESIDUAL     },
    { "midpoint",    false, ODE_FORM_ANTISYMMETRIC},
    { "leapfrog",    false, ODE_FORM_SYMMETRIC    },
    { "rk4",         false, ODE_FORM_ANTISYMMETRIC},
};

const struct sample_scheme *
sample_scheme(enum ode_block block)
{
    const char *name = ode_block_choices[block].name;

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    ck_abort_msg("no sample of the integrator %s", name);
    return NULL;
}

void
sample_recipe(struct ode_recipe_spec *r)
{
    ode_object_preset(&ode_recipe_object, r);
    r->data.set = ODE_SET_STROKES;
    r->model.step = 0.25;
    r->model.units_n = 2;
    r->model.units[0] = (struct ode_unit_spec){ .channels = 4, .blocks = 3 };
    r->model.units[1] = (struct ode_unit_spec){ .channels = 10, .blocks = 3 };
    r->levels_n = 1;
    r->levels[0].resolution = 16;
    r->levels[0].blocks_n = 2;
    r->levels[0].blocks[0] = r->levels[0].blocks[1] = 3;
}

/* --- tensors -------------------------------------------------------------------- */

/* Where tensors are added: all of them first without, then the statistics. */
struct list {
    struct sample *sample;
    bool statistics;
    int segment, block;
};

static struct ode_tensor *
tensor_add(struct list *l, enum ode_tensor_kind kind, const char *place, const char *name,
           int dims, int d0, int d1, int size)
{
    struct ode_params *p = &l->sample->params;
    struct ode_tensor *t = &p->tensor[p->tensor_n];
    size_t *total = l->statistics ? &p->statistic_n : &p->theta_n;

    ck_assert_int_lt(p->tensor_n++, TENSORS_MOST);
    *t = (struct ode_tensor){
        .kind = kind,
        .dims = dims,
        .dim = {d0, d1, size, size},
        .offset = *total,
        .n = 1,
        .segment = l->segment,
        .block = l->block
    };
    snprintf(t->name, sizeof t->name, "%s%s", place, name);
    for (int d = 0; d < dims; d++)
        t->n *= (size_t)t->dim[d];
    *total += t->n;
    return t;
}

static void
kernel_add(struct list *l, const char *place, const char *name, int out, int in, int size)
{
    if (!l->statistics)
        tensor_add(l, ODE_TENSOR_CONV, place, name, 4, out, in, size);
}

static void
vector_add(struct list *l, enum ode_tensor_kind kind, const char *place, const char *name,
           int channels)
{
    const bool statistic = kind == ODE_TENSOR_MEAN || kind == ODE_TENSOR_VARIANCE;

    if (statistic == l->statistics)
        tensor_add(l, kind, place, name, 1, channels, 1, 1);
}

static void
norm_add(struct list *l, enum ode_norm norm, const char *place, const char *name,
         int channels)
{
    char whole[48];

    if (norm == ODE_NORM_NONE)
        return;
    snprintf(whole, sizeof whole, "%s%s.", place, name);
    vector_add(l, ODE_TENSOR_SCALE, whole, "scale", channels);
    vector_add(l, ODE_TENSOR_SHIFT, whole, "shift", channels);
    if (norm != ODE_NORM_BATCH)
        return;
    vector_add(l, ODE_TENSOR_MEAN, whole, "mean", channels);
    vector_add(l, ODE_TENSOR_VARIANCE, whole, "variance", channels);
}

/* --- parts of the network --------------------------------------------------------- */

static void
layer_add(struct list *l, const char *place, int i, int channels, bool first)
{
    const struct ode_model_spec *m = &l->sample->recipe.model;
    const enum ode_form auto_form = sample_scheme(m->block)->form;
    const enum ode_form form = m->layer == ODE_FORM_AUTO ? auto_form : m->layer;
    const bool before = m->norm_before && !(first && m->stem_norm != ODE_NORM_NONE);
    char p[8], k[8], b[8], n[8], o[8];

    snprintf(p, sizeof p, "p%d", i);
    snprintf(k, sizeof k, "k%d", i);
    snprintf(b, sizeof b, "b%d", i);
    snprintf(n, sizeof n, "n%d", i);
    snprintf(o, sizeof o, "o%d", i);
    if (form == ODE_FORM_RESIDUAL || before)
        norm_add(l, m->norm, place, p, channels);
    kernel_add(l, place, k, channels, channels, 3);
    if (m->norm == ODE_NORM_NONE)
        vector_add(l, ODE_TENSOR_BIAS, place, b, channels);
    norm_add(l, m->norm, place, n, channels);
    if (form == ODE_FORM_RESIDUAL)
        kernel_add(l, place, o, channels, channels, 3);
}

/* Block b of segment s, named as the unit's that it belongs to. */
static void
block_add(struct list *l, int s, int b, int channels)
{
    const struct ode_model_spec *m = &l->sample->recipe.model;
    const bool paired = sample_scheme(m->block)->paired;
    const bool shifted =
        s > 0
        && (m->connector == ODE_LINK_RESIDUAL || m->placement == ODE_PLACEMENT_CODE);
    const int own = (int)l->sample->recipe.levels[0].blocks[s] - shifted;
    char place[48];

    l->segment = s;
    l->block = b;
    if (m->units[s].weights == 0 && b >= own) /* lent by the next unit */
        snprintf(place, sizeof place, "unit.%d.block.0.", s + 1);
    else
        snprintf(place, sizeof place, "unit.%d.block.%d.", s, b + shifted);
    for (int i = 1; i <= 1 + paired; i++)
        layer_add(l, place, i, paired ? channels / 2 : channels,
                  s == 0 && b == 0 && i == 1);
    l->segment = l->block = -1;
}

static void
connector_add(struct list *l, int unit, int from, int to)
{
    const struct ode_model_spec *m = &l->sample->recipe.model;
    char place[48];

    snprintf(place, sizeof place, "connector.%d.", unit);
    if (m->connector == ODE_LINK_POINTWISE) {
        kernel_add(l, place, "weight", to, from, 1);
        norm_add(l, ODE_NORM_BATCH, place, "norm", to);
    } else if (m->connector == ODE_LINK_RESIDUAL) {
        norm_add(l, m->norm, place, "p", from);
        kernel_add(l, place, "k", to, from, 3);
        norm_add(l, m->norm, place, "n", to);
        kernel_add(l, place, "o", to, to, 3);
        kernel_add(l, place, "side", to, from, 1);
        norm_add(l, m->norm, place, "m", to);
    }
}

static void
opening_add(struct list *l, int channels, int in)
{
    const struct ode_model_spec *m = &l->sample->recipe.model;

    if (l->statistics == (m->opening == ODE_OPENING_WHITENING))
        tensor_add(l, ODE_TENSOR_CONV, "opening.", "weight", 4, channels, in, 3);
    norm_add(l, m->stem_norm, "opening.", "norm", channels);
}

static void
head_add(struct list *l, int channels, int classes)
{
    const struct ode_model_spec *m = &l->sample->recipe.model;

    if (m->closing > 0) {
        kernel_add(l, "closing.", "weight", (int)m->closing, channels, 1);
        norm_add(l, ODE_NORM_BATCH, "closing.", "norm", (int)m->closing);
        channels = (int)m->closing;
    }
    norm_add(l, m->head_norm, "head.", "norm", channels);
    if (l->statistics)
        return;
    tensor_add(l, ODE_TENSOR_DENSE, "head.", "weight",
               m->head == ODE_READOUT_FLAT ? 4 : 2, classes, channels,
               (int)l->sample->recipe.levels[0].resolution >> (m->units_n - 1));
    vector_add(l, ODE_TENSOR_BIAS, "head.", "bias", classes);
}

static void
all_add(struct list *l)
{
    const struct ode_model_spec *m = &l->sample->recipe.model;
    const struct ode_set_facts *facts = ode_set_facts(l->sample->recipe.data.set);

    opening_add(l, (int)m->units[0].channels, facts->channels);
    for (int s = 0; s < (int)m->units_n; s++) {
        if (s > 0)
            connector_add(l, s, (int)m->units[s - 1].channels, (int)m->units[s].channels);
        for (int b = 0; b < l->sample->params.segment[s].blocks; b++)
            block_add(l, s, b, (int)m->units[s].channels);
    }
    head_add(l, (int)m->units[m->units_n - 1].channels, facts->classes);
}

/* --- the whole ------------------------------------------------------------------ */

static int
steps_of(const struct ode_model_spec *m, const int64_t *blocks, int s)
{
    const bool more = s + 1 < (int)m->units_n;

    if (m->connector == ODE_LINK_RESIDUAL)
        return (int)blocks[s] - (s > 0);
    return m->placement == ODE_PLACEMENT_BETWEEN ? (int)blocks[s]
                                                 : (int)blocks[s] - (s > 0) + more;
}

static void
segments_make(struct sample *s)
{
    const struct ode_model_spec *m = &s->recipe.model;
    int64_t finest[8];

    for (size_t u = 0; u < m->units_n; u++)
        finest[u] = m->units[u].blocks;
    s->params.segment_n = (int)m->units_n;
    for (int i = 0; i < s->params.segment_n; i++) {
        const int n = steps_of(m, s->recipe.levels[0].blocks, i);
        const int weights = (int)m->units[i].weights;

        s->params.segment[i] =
            (struct ode_segment){ .unit = i,
                                  .blocks = weights ? weights : n,
                                  .channels = (int)m->units[i].channels,
                                  .dt = m->step * steps_of(m, finest, i) / n };
    }
}

/* Numbers between -1 and 1 that follow from a state. */
static float
draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*state >> 32) / 2147483648.0f;
}

static void
values_make(struct sample *s)
{
    uint64_t state = 1;

    for (int i = 0; i < s->params.tensor_n; i++) {
        const struct ode_tensor *t = &s->params.tensor[i];
        float *x = (i < s->params.trained_n ? s->theta : s->statistics) + t->offset;
        const bool positive =
            t->kind == ODE_TENSOR_SCALE || t->kind == ODE_TENSOR_VARIANCE;

        for (size_t j = 0; j < t->n; j++)
            x[j] = positive ? 1 + 0.5f * draw(&state) : 0.4f * draw(&state);
    }
}

void
sample_make(struct sample *s)
{
    struct list list = { .sample = s, .segment = -1, .block = -1 };

    s->params = (struct ode_params){ 0 };
    s->params.tensor = calloc(TENSORS_MOST, sizeof *s->params.tensor);
    s->params.segment = calloc(8, sizeof *s->params.segment);
    ck_assert(s->params.tensor && s->params.segment);
    segments_make(s);
    all_add(&list);
    s->params.trained_n = s->params.tensor_n;
    list.statistics = true;
    all_add(&list);
    s->theta = calloc(s->params.theta_n, sizeof *s->theta);
    s->statistics = calloc(s->params.statistic_n + 1, sizeof *s->statistics);
    ck_assert(s->theta && s->statistics);
    values_make(s);
}

void
sample_release(struct sample *s)
{
    free(s->params.tensor);
    free(s->params.segment);
    free(s->theta);
    free(s->statistics);
}

struct ode_netgraph
sample_net(const struct sample *s)
{
    return (struct ode_netgraph){ .recipe = &s->recipe,
                                  .params = &s->params,
                                  .theta = s->theta,
                                  .statistics = s->statistics };
}
