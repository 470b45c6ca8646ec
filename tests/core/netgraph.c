/* netgraph.c - tests of networks as graphs: whole, well joined, and with the right
 * weights.
 *
 * What the graphs compute is compared with the engine by tests/export. */
#include "core/files/netgraph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/graph.h"
#include "tests/core/sample.h"
#include "tests/test.h"

static char path[128];

/* Makes the sample's tensors and draws it. */
static void
drawn(struct sample *s, struct graph *g)
{
    struct ode_onnx o = { 0 };
    struct ode_netgraph net;
    struct ode_err err;

    if (!*path)
        snprintf(path, sizeof path, "%s/net.onnx", test_dir());
    sample_make(s);
    net = sample_net(s);
    test_ok(ode_netgraph_draw(&net, &o, &err), &err);
    test_ok(ode_onnx_write(&o, path, "net", &err), &err);
    ode_onnx_release(&o);
    graph_read(g, path);
}

/* --- every graph ---------------------------------------------------------------- */

/* Whether a value is there before node n: the image, a constant, an earlier output. */
static bool
known_before(const struct graph *g, int n, const char *name)
{
    if (strcmp(name, "image") == 0 || graph_constant(g, name))
        return true;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < g->node[i].out_n; j++)
            if (strcmp(g->node[i].out[j], name) == 0)
                return true;
    return false;
}

static bool
used(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->node_n; i++)
        for (int j = 0; j < g->node[i].in_n; j++)
            if (strcmp(g->node[i].in[j], name) == 0)
                return true;
    return false;
}

static void
joined(const struct graph *g)
{
    for (int i = 0; i < g->node_n; i++) {
        for (int j = 0; j < g->node[i].in_n; j++)
            ck_assert_msg(known_before(g, i, g->node[i].in[j]), "%s of %s",
                          g->node[i].in[j], g->node[i].out[0]);
        for (int j = 0; j < g->node[i].out_n; j++) {
            const char *name = g->node[i].out[j];

            ck_assert_msg(!known_before(g, i, name), "%s twice", name);
            ck_assert_msg(used(g, name) || strcmp(name, "probabilities") == 0,
                          "%s is not used", name);
        }
    }
    for (int i = 0; i < g->constant_n; i++)
        ck_assert_msg(used(g, g->constant[i].name), "%s is not used",
                      g->constant[i].name);
}

/* All weights of the table are in the graph, once, with their shape (but columns, and a
 * flat head's rows). */
static void
complete(const struct sample *s, const struct graph *g)
{
    for (int i = 0; i < s->params.tensor_n; i++) {
        const struct ode_tensor *t = &s->params.tensor[i];
        const struct graph_constant *c = graph_constant(g, t->name);
        char name[80];

        snprintf(name, sizeof name, "%s.antisymmetric", t->name);
        if (!c)
            c = graph_constant(g, name);
        ck_assert_msg(c != NULL, "%s is missing", t->name);
        ck_assert_uint_eq(c->raw.n, t->n * sizeof(float));
        for (int d = 0; d < t->dims && !ode_tensor_is_map(t); d++)
            ck_assert_int_eq(c->dim[d], t->dim[d]);
        if (ode_tensor_is_map(t))
            ck_assert_int_eq(c->dim[1], t->dim[1] * t->dim[2] * t->dim[3]);
    }
}

static void
whole(struct sample *s)
{
    struct graph g;

    drawn(s, &g);
    joined(&g);
    complete(s, &g);
    graph_release(&g);
    sample_release(s);
}

START_TEST(every_layer_is_complete)
{
    static struct sample s;

    for (int block = 0; ode_block_choices[block].name; block++)
        for (int form = 0; ode_form_choices[form].name; form++)
            for (int norm = 0; ode_norm_choices[norm].name; norm++)
                for (int before = 0; before < 2; before++) {
                    sample_recipe(&s.recipe);
                    s.recipe.model.block = (enum ode_block)block;
                    s.recipe.model.layer = (enum ode_form)form;
                    s.recipe.model.norm = (enum ode_norm)norm;
                    s.recipe.model.norm_before = before;
                    whole(&s);
                }
}
END_TEST

START_TEST(every_connector_is_complete)
{
    static struct sample s;

    for (int block = 0; ode_block_choices[block].name; block++)
        for (int link = 0; ode_link_choices[link].name; link++)
            for (int norm = 0; ode_norm_choices[norm].name; norm++)
                for (int place = 0; ode_placement_choices[place].name; place++) {
                    sample_recipe(&s.recipe);
                    s.recipe.model.block = (enum ode_block)block;
                    s.recipe.model.connector = (enum ode_link)link;
                    s.recipe.model.norm = (enum ode_norm)norm;
                    s.recipe.model.placement = (enum ode_placement)place;
                    whole(&s);
                }
}
END_TEST

START_TEST(every_end_is_complete)
{
    static struct sample s;

    for (int stem = 0; ode_norm_choices[stem].name; stem++)
        for (int head = 0; ode_norm_choices[head].name; head++)
            for (int closing = 0; closing < 2; closing++) {
                sample_recipe(&s.recipe);
                s.recipe.model.stem_norm = (enum ode_norm)stem;
                s.recipe.model.head_norm = (enum ode_norm)head;
                s.recipe.model.closing = 7 * closing;
                s.recipe.model.head = (enum ode_readout)(head % 2);
                s.recipe.model.norm = ODE_NORM_BATCH;
                s.recipe.model.norm_before = true;
                s.recipe.model.opening =
                    closing ? ODE_OPENING_WHITENING : ODE_OPENING_LEARNED;
                s.recipe.data.set = closing ? ODE_SET_CIFAR10 : ODE_SET_STROKES;
                whole(&s);
            }
}
END_TEST

/* --- what is particular ----------------------------------------------------------- */

START_TEST(a_kernel_and_its_adjoint_are_stored_once)
{
    static struct sample s;
    struct graph g;

    sample_recipe(&s.recipe);
    drawn(&s, &g);
    ck_assert_int_eq(graph_count(&g, "Conv"), 1 + 2 * 6); /* opening, 6 blocks */
    ck_assert_int_eq(graph_count(&g, "ConvTranspose"), 2 * 6);
    for (int i = 0; i < g.node_n; i++)
        if (strcmp(g.node[i].op, "ConvTranspose") == 0)
            ck_assert_ptr_nonnull(strstr(g.node[i].in[1], ".k"));
    ck_assert_uint_lt(g.size, s.params.theta_n * sizeof(float) + 30000);
    graph_release(&g);
    sample_release(&s);
}
END_TEST

START_TEST(each_activation_has_its_operator)
{
    static const char *const op[] = {
        [ODE_ACTIVATION_RELU] = "Relu",
        [ODE_ACTIVATION_TANH] = "Tanh",
        [ODE_ACTIVATION_LEAKY_RELU] = "LeakyRelu",
        [ODE_ACTIVATION_GELU] = "Erf",
        [ODE_ACTIVATION_CELU] = "Celu",
        [ODE_ACTIVATION_SOFTPLUS] = "Softplus",
    };
    static struct sample s;

    for (int a = 0; ode_activation_choices[a].name; a++) {
        struct graph g;

        sample_recipe(&s.recipe);
        s.recipe.model.activation = (enum ode_activation)a;
        drawn(&s, &g);
        ck_assert_int_eq(graph_count(&g, op[a]), 2 + 2 * 6);
        graph_release(&g);
        sample_release(&s);
    }
}
END_TEST

static float
value_at(const struct graph_constant *c, size_t i)
{
    float x;

    memcpy(&x, c->raw.data + i * sizeof x, sizeof x);
    return x;
}

static const float *
values_of(const struct sample *s, const char *name)
{
    for (int i = 0; i < s->params.trained_n; i++)
        if (strcmp(s->params.tensor[i].name, name) == 0)
            return s->theta + s->params.tensor[i].offset;
    ck_abort_msg("no %s", name);
    return NULL;
}

START_TEST(antisymmetric_kernels_are_stored_as_they_come_out)
{
    static struct sample s;
    const struct graph_constant *a;
    const float *k;
    struct graph g;
    size_t c, n = 0;

    sample_recipe(&s.recipe);
    s.recipe.model.layer = ODE_FORM_ANTISYMMETRIC;
    drawn(&s, &g);
    a = graph_constant(&g, "unit.0.block.1.k1.antisymmetric");
    k = values_of(&s, "unit.0.block.1.k1");
    ck_assert_ptr_nonnull(a);
    c = (size_t)a->dim[0];
    for (size_t o = 0; o < c; o++)
        for (size_t i = 0; i < c; i++)
            for (size_t y = 0; y < 3; y++)
                for (size_t x = 0; x < 3; x++, n++)
                    ck_assert_float_eq(value_at(a, n),
                                       k[n] - k[((i * c + o) * 3 + 2 - y) * 3 + 2 - x]);
    ck_assert_int_eq(graph_count(&g, "ConvTranspose"), 0);
    graph_release(&g);
    sample_release(&s);
}
END_TEST

/* Two nodes for four steps: on the first, halfway, and on the last from then on. */
START_TEST(weights_between_nodes_are_interpolated)
{
    static struct sample s;
    const struct graph_constant *between;
    const float *first, *last;
    struct graph g;

    sample_recipe(&s.recipe);
    s.recipe.model.units[0].weights = 2;
    drawn(&s, &g);
    between = graph_constant(&g, "unit.0.block.0.k1+0.5");
    first = values_of(&s, "unit.0.block.0.k1");
    last = values_of(&s, "unit.0.block.1.k1");
    ck_assert_ptr_nonnull(between);
    for (size_t i = 0; i < between->raw.n / sizeof(float); i++)
        ck_assert_float_eq_tol(value_at(between, i), (first[i] + last[i]) / 2, 1e-6f);
    ck_assert_ptr_nonnull(graph_constant(&g, "unit.0.block.0.k1"));
    ck_assert_ptr_nonnull(graph_constant(&g, "unit.0.block.1.k1"));
    ck_assert_ptr_null(graph_constant(&g, "unit.0.block.1.k1+0.5"));
    graph_release(&g);
    sample_release(&s);
}
END_TEST

START_TEST(mirror_images_are_looked_at_where_asked_for)
{
    static struct sample s;
    struct graph g;

    for (int flip = 0; flip < 2; flip++) {
        sample_recipe(&s.recipe);
        s.recipe.data.test_flip = flip;
        drawn(&s, &g);
        joined(&g);
        ck_assert_int_eq(graph_count(&g, "Slice"), flip);
        ck_assert_int_eq(graph_count(&g, "ReduceMean"), flip);
        graph_release(&g);
        sample_release(&s);
    }
}
END_TEST

START_TEST(a_flat_head_has_no_pooling)
{
    static struct sample s;
    struct graph g;

    for (int head = ODE_READOUT_AVERAGE; head <= ODE_READOUT_FLAT; head++) {
        sample_recipe(&s.recipe);
        s.recipe.model.head = (enum ode_readout)head;
        drawn(&s, &g);
        ck_assert_int_eq(graph_count(&g, "GlobalAveragePool"),
                         head == ODE_READOUT_AVERAGE);
        graph_release(&g);
        sample_release(&s);
    }
}
END_TEST

START_TEST(the_image_and_the_answers_are_named)
{
    static struct sample s;
    struct graph_span all;
    struct graph_field f;
    struct graph g;
    char names[3][64];
    int n = 0;

    sample_recipe(&s.recipe);
    s.recipe.data.set = ODE_SET_CIFAR10;
    drawn(&s, &g);
    all = g.graph;
    while (graph_next(&all, &f))
        if (f.number == 11 || f.number == 12) {
            ck_assert_int_lt(n, 3);
            snprintf(names[n++], 64, "%s",
                     graph_text((struct graph_span){ f.data, f.n }, 1));
        }
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(names[0], "image");
    ck_assert_str_eq(names[1], "logits");
    ck_assert_str_eq(names[2], "probabilities");
    ck_assert(graph_find(g.model, 14, &f));
    ck_assert_ptr_nonnull(strstr(graph_text((struct graph_span){ f.data, f.n }, 2),
                                 "airplane,automobile,bird"));
    graph_release(&g);
    sample_release(&s);
}
END_TEST

/* Each tensor in turn is taken away: by its name it is missed. */
START_TEST(missing_weights_are_named)
{
    static struct sample s;
    struct ode_netgraph net;

    sample_recipe(&s.recipe);
    s.recipe.model.norm = ODE_NORM_BATCH;
    s.recipe.model.connector = ODE_LINK_POINTWISE;
    sample_make(&s);
    net = sample_net(&s);
    for (int i = 0; i < s.params.tensor_n; i++) {
        struct ode_tensor *t = &s.params.tensor[i];
        const char first = t->name[0];
        struct ode_onnx o = { 0 };
        struct ode_err err;

        if (strstr(t->name, ".k1")) /* by which blocks are known at all */
            continue;
        t->name[0] = '?';
        ck_assert_int_eq(ode_netgraph_draw(&net, &o, &err), ODE_ESHAPE);
        ode_onnx_release(&o);
        t->name[0] = first;
        ck_assert_str_eq(err.at, t->name);
        ck_assert_ptr_nonnull(strstr(err.text, "no such weights"));
    }
    sample_release(&s);
}
END_TEST

TEST_SUITE(netgraph, 60, every_layer_is_complete, every_connector_is_complete,
           every_end_is_complete, a_kernel_and_its_adjoint_are_stored_once,
           each_activation_has_its_operator,
           antisymmetric_kernels_are_stored_as_they_come_out,
           weights_between_nodes_are_interpolated,
           mirror_images_are_looked_at_where_asked_for, a_flat_head_has_no_pooling,
           the_image_and_the_answers_are_named, missing_weights_are_named)
