/* netsteps.c - the time steps of a network's segments as parts of a graph. */
#include "core/files/netsteps.h"

#include <stdio.h>
#include <string.h>

/* A segment while it is drawn. */
struct run {
    struct ode_draft *draft;
    enum ode_form form;
    enum ode_start start;
    int segment, steps;
    double h;
};

/* --- weights in time ------------------------------------------------------------ */

static bool
ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What the names of weights at node k of a segment begin with. */
static void
node_prefix(const struct run *r, int k, char prefix[48])
{
    const struct ode_params *p = r->draft->net->params;

    snprintf(prefix, 48, "segment.%d.node.%d.", r->segment, k);
    for (int i = 0; i < p->trained_n; i++) {
        const struct ode_tensor *t = &p->tensor[i];

        if (t->segment == r->segment && t->block == k && ends_with(t->name, ".k1"))
            snprintf(prefix, 48, "%.*s", (int)strlen(t->name) - 2, t->name);
    }
}

/* The weights after so many half steps: linear between the nodes t_k = k T / M, constant
 * after the last. In whole numbers, so that a time on a node is exactly that. */
static struct ode_place_in_time
time_place(const struct run *r, int halves)
{
    const int nodes = r->draft->net->params->segment[r->segment].blocks;
    const int64_t position = (int64_t)halves * nodes, node = 2 * (int64_t)r->steps;
    struct ode_place_in_time at = { .part = 0 };
    int k = (int)(position / node);

    if (k >= nodes - 1)
        k = nodes - 1;
    else
        at.part = (double)(position % node) / (double)node;
    at.node = k;
    node_prefix(r, k, at.from);
    if (at.part > 0)
        node_prefix(r, k + 1, at.to);
    ode_onnx_scope(r->draft->onnx, "segment.%d.step.%d", r->segment, halves / 2);
    return at;
}

/* --- layers --------------------------------------------------------------------- */

/* s(N(K y) or K y + b) */
static int
inner(const struct run *r, const struct ode_place_in_time *at, int l, int y,
      enum ode_view view)
{
    const enum ode_norm norm = r->draft->net->recipe->model.norm;
    char k[8], b[8], n[8];
    int u;

    snprintf(k, sizeof k, "k%d", l);
    snprintf(b, sizeof b, "b%d", l);
    snprintf(n, sizeof n, "n%d", l);
    u = ode_draft_conv(
        r->draft, y, ode_draft_weights(r->draft, at, k, view),
        norm == ODE_NORM_NONE ? ode_draft_weights(r->draft, at, b, ODE_VIEW_PLAIN) : 0, 3,
        1);
    return ode_draft_act(r->draft, ode_draft_norm(r->draft, norm, at, n, u));
}

/* Whether a layer's input is normalised first. The network's first block has no weights
 * for that where the opening was normalised. */
static bool
norm_before(const struct run *r, const struct ode_place_in_time *at, int l)
{
    const struct ode_model_spec *m = &r->draft->net->recipe->model;
    const bool first = r->segment == 0 && at->node == 0 && l == 1;

    return r->form == ODE_FORM_RESIDUAL
           || (m->norm_before && !(first && m->stem_norm != ODE_NORM_NONE));
}

static int
prepared(const struct run *r, const struct ode_place_in_time *at, int l, int y)
{
    char p[8];

    snprintf(p, sizeof p, "p%d", l);
    if (norm_before(r, at, l))
        y = ode_draft_norm(r->draft, r->draft->net->recipe->model.norm, at, p, y);
    return r->form == ODE_FORM_RESIDUAL ? ode_draft_act(r->draft, y) : y;
}

/* f(y), the right-hand side of layer l. */
static int
layer(const struct run *r, const struct ode_place_in_time *at, int l, int y)
{
    char k[8], o[8];
    int u;

    snprintf(k, sizeof k, "k%d", l);
    snprintf(o, sizeof o, "o%d", l);
    u = inner(r, at, l, prepared(r, at, l, y),
              r->form == ODE_FORM_ANTISYMMETRIC ? ODE_VIEW_ANTISYMMETRIC
                                                : ODE_VIEW_PLAIN);
    if (r->form == ODE_FORM_SYMMETRIC)
        return ode_draft_conv_adjoint(r->draft, u,
                                      ode_draft_weights(r->draft, at, k, ODE_VIEW_PLAIN));
    if (r->form == ODE_FORM_RESIDUAL)
        return ode_draft_conv(
            r->draft, u, ode_draft_weights(r->draft, at, o, ODE_VIEW_PLAIN), 0, 3, 1);
    return u;
}

/* f at the begin of step j, by its first or second layer. */
static int
slope(const struct run *r, int j, int l, int y)
{
    const struct ode_place_in_time at = time_place(r, 2 * j);

    return layer(r, &at, l, y);
}

static int
add(const struct run *r, int y, double factor, int x)
{
    return ode_draft_step(r->draft, y, factor, x);
}

/* --- integrators ---------------------------------------------------------------- */

static void
euler(const struct run *r, struct ode_drawn *s)
{
    for (int j = 0; j < r->steps; j++)
        s->y = add(r, s->y, r->h, slope(r, j, 1, s->y));
}

static void
parabolic(const struct run *r, struct ode_drawn *s)
{
    for (int j = 0; j < r->steps; j++)
        s->y = add(r, s->y, -r->h, slope(r, j, 1, s->y));
}

static void
hamiltonian(const struct run *r, struct ode_drawn *s)
{
    for (int j = 0; j < r->steps; j++) {
        s->y = add(r, s->y, r->h, slope(r, j, 1, s->z));
        s->z = add(r, s->z, -r->h, slope(r, j, 2, s->y));
    }
}

static void
revnet(const struct run *r, struct ode_drawn *s)
{
    for (int j = 0; j < r->steps; j++) {
        s->y = add(r, s->y, r->h, slope(r, j, 1, s->z));
        s->z = add(r, s->z, r->h, slope(r, j, 2, s->y));
    }
}

static void
midpoint(const struct run *r, struct ode_drawn *s)
{
    int last = 0;

    for (int j = 0; j < r->steps; j++) {
        const int y = s->y, f = slope(r, j, 1, y);

        if (j > 0)
            s->y = add(r, last, 2 * r->h, f);
        else if (r->start == ODE_START_ZERO)
            s->y =
                ode_draft_two(r->draft, "Mul", f, ode_draft_number(r->draft, 2 * r->h));
        else
            s->y = add(r, y, r->h, f);
        last = y;
    }
}

/* Y + Y - last - h^2 f; the first step by what stands for Y - last: the state before is
 * 0, equals Y, or lies so that the step is of second order. */
static void
leapfrog(const struct run *r, struct ode_drawn *s)
{
    const double h2 = r->h * r->h;
    int last = 0;

    for (int j = 0; j < r->steps; j++) {
        const int y = s->y, f = slope(r, j, 1, y);

        if (j == 0 && r->start == ODE_START_ZERO)
            s->y = add(r, ode_draft_two(r->draft, "Add", y, y), -h2, f);
        else if (j == 0)
            s->y = add(r, y, r->start == ODE_START_NEUMANN ? -h2 : -h2 / 2, f);
        else
            s->y = add(r,
                       ode_draft_two(r->draft, "Sub",
                                     ode_draft_two(r->draft, "Add", y, y), last),
                       -h2, f);
        last = y;
    }
}

static void
rk4(const struct run *r, struct ode_drawn *s)
{
    static const int half_steps[] = { 0, 1, 1, 2 };
    static const double reach[] = { 0, 0.5, 0.5, 1 };
    static const double weight[] = { 1 / 6.0, 1 / 3.0, 1 / 3.0, 1 / 6.0 };

    for (int j = 0; j < r->steps; j++) {
        const int y = s->y;
        int f = 0;

        for (int i = 0; i < 4; i++) {
            const struct ode_place_in_time at = time_place(r, 2 * j + half_steps[i]);

            f = layer(r, &at, 1, i == 0 ? y : add(r, y, reach[i] * r->h, f));
            s->y = add(r, s->y, weight[i] * r->h, f);
        }
    }
}

/* By the names that recipes give them. */
static const struct scheme {
    const char *name;
    bool paired;
    enum ode_form form;   /* what auto stands for */
    enum ode_start start; /* the same; START_AUTO: it has one step only */
    void (*steps)(const struct run *, struct ode_drawn *);
} schemes[] = {
    {"euler",        false, ODE_FORM_RESIDUAL,      ODE_START_AUTO,   euler      },
    { "parabolic",   false, ODE_FORM_SYMMETRIC,     ODE_START_AUTO,   parabolic  },
    { "hamiltonian", true,  ODE_FORM_SYMMETRIC,     ODE_START_AUTO,   hamiltonian},
    { "revnet",      true,  ODE_FORM_RESIDUAL,      ODE_START_AUTO,   revnet     },
    { "midpoint",    false, ODE_FORM_ANTISYMMETRIC, ODE_START_EULER,  midpoint   },
    { "leapfrog",    false, ODE_FORM_SYMMETRIC,     ODE_START_TAYLOR, leapfrog   },
    { "rk4",         false, ODE_FORM_ANTISYMMETRIC, ODE_START_AUTO,   rk4        },
};

static const struct scheme *
scheme_of(const struct ode_model_spec *model)
{
    const char *name = ode_block_choices[model->block].name;

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

enum ode_status
ode_netsteps_paired(const struct ode_model_spec *model, bool *paired, struct ode_err *err)
{
    const struct scheme *scheme = scheme_of(model);

    if (!scheme)
        return ode_fail(err, ODE_ESPEC, "/model/block",
                        "\"%s\" cannot be drawn as a graph; export the weights alone",
                        ode_block_choices[model->block].name);
    *paired = scheme->paired;
    return ODE_OK;
}

int
ode_netsteps_count(const struct ode_recipe_spec *recipe, size_t level, int s)
{
    const struct ode_model_spec *m = &recipe->model;
    const int blocks = (int)recipe->levels[level].blocks[s];

    if (m->connector == ODE_LINK_RESIDUAL)
        return blocks - (s > 0);
    if (m->placement == ODE_PLACEMENT_BETWEEN)
        return blocks;
    return blocks - (s > 0) + (s + 1 < (int)m->units_n);
}

struct ode_drawn
ode_netsteps_draw(struct ode_draft *d, int segment, struct ode_drawn state)
{
    const struct ode_model_spec *m = &d->net->recipe->model;
    const struct scheme *scheme = scheme_of(m);
    const struct run r = {
        .draft = d,
        .form = m->layer == ODE_FORM_AUTO ? scheme->form : m->layer,
        .start = m->start == ODE_START_AUTO ? scheme->start : m->start,
        .segment = segment,
        .steps = ode_netsteps_count(d->net->recipe, d->net->level, segment),
        .h = d->net->params->segment[segment].dt,
    };

    scheme->steps(&r, &state);
    return state;
}
