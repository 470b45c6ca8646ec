/* netgraph.c - a trained network as an ONNX graph. */
#include "core/files/netgraph.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/data/dataset.h"
#include "core/files/draft.h"
#include "core/files/netsteps.h"

/* --- states --------------------------------------------------------------------- */

static int
concat(struct ode_draft *d, int axis, int x, int y)
{
    return ode_onnx_add(
        d->onnx,
        &(struct ode_onnx_node){
            .op = "Concat",
            .in = {x,  y },
            .attribute = { { .name = "axis", .type = ODE_ONNX_INT, .i = { axis } }},
    });
}

/* All channels of a state in one value. */
static int
whole(struct ode_draft *d, struct ode_drawn s)
{
    return s.z ? concat(d, 1, s.y, s.z) : s.y;
}

/* All channels as a state. */
static struct ode_drawn
parts(struct ode_draft *d, bool paired, int x)
{
    int y;

    if (!paired)
        return (struct ode_drawn){ .y = x };
    y = ode_onnx_add(
        d->onnx,
        &(struct ode_onnx_node){
            .op = "Split",
            .in = { x },
            .outputs = 2,
            .attribute = { { .name = "axis", .type = ODE_ONNX_INT, .i = { 1 } } },
        });
    return (struct ode_drawn){ .y = y, .z = y + 1 };
}

/* --- from pixels to the first state --------------------------------------------- */

/* Images and then their mirror images, as one batch of twice the size. */
static int
mirrored_too(struct ode_draft *d, int x, int size)
{
    const int64_t from[] = { -1 }, to[] = { -size - 1 }, axis[] = { 3 }, step[] = { -1 };
    const struct ode_onnx_node mirror = {
        .op = "Slice",
        .in = {x, ode_onnx_ints(d->onnx, "mirror.from", 1, from),
               ode_onnx_ints(d->onnx, "mirror.to", 1, to),
               ode_onnx_ints(d->onnx, "mirror.axis", 1, axis),
               ode_onnx_ints(d->onnx, "mirror.step", 1, step)},
    };

    return concat(d, 0, x, ode_onnx_add(d->onnx, &mirror));
}

static int
pixels(struct ode_draft *d, const struct ode_set_facts *facts)
{
    const int size = (int)d->net->recipe->levels[d->net->level].resolution;
    const int64_t dim[] = { ODE_ONNX_ANY, facts->channels, size, size };
    int x = ode_onnx_input(d->onnx, "image", 4, dim,
                           "pixel values from 0 to 1: [image][channel][row][column]");

    ode_onnx_scope(d->onnx, "pixels");
    x = ode_draft_two(d, "Sub", x,
                      ode_draft_channels(d, "pixels.mean", facts->channels, facts->mean));
    x = ode_draft_two(
        d, "Div", x,
        ode_draft_channels(d, "pixels.deviation", facts->channels, facts->deviation));
    return d->net->recipe->data.test_flip ? mirrored_too(d, x, size) : x;
}

static int
opening(struct ode_draft *d, int x)
{
    const enum ode_norm norm = d->net->recipe->model.stem_norm;
    const struct ode_place_in_time at = ode_draft_place("opening.");

    ode_onnx_scope(d->onnx, "opening");
    x = ode_draft_conv(d, x, ode_draft_weights(d, &at, "weight", ODE_VIEW_PLAIN), 0, 3,
                       1);
    if (norm == ODE_NORM_NONE)
        return x;
    return ode_draft_act(d, ode_draft_norm(d, norm, &at, "norm", x));
}

/* --- connectors ----------------------------------------------------------------- */

/* `before` channels of zeros, x, `after` channels of zeros. */
static int
pad(struct ode_draft *d, int x, int64_t before, int64_t after)
{
    const int64_t pads[] = { 0, before, 0, 0, 0, after, 0, 0 };
    char name[ODE_ONNX_NAME];
    int known;

    snprintf(name, sizeof name, "pads.%lld.%lld", (long long)before, (long long)after);
    known = ode_onnx_find(d->onnx, name);
    return ode_draft_two(d, "Pad", x,
                         known ? known : ode_onnx_ints(d->onnx, name, 8, pads));
}

static int
zero_part(struct ode_draft *d, int x, int64_t more)
{
    x = ode_draft_halve(d, x);
    return more > 0 ? pad(d, x, more / 2, more - more / 2) : x;
}

static struct ode_drawn
connector_zero(struct ode_draft *d, int unit, struct ode_drawn s)
{
    const struct ode_unit_spec *to = &d->net->recipe->model.units[unit];
    const int64_t more = to->channels - to[-1].channels;

    if (!s.z)
        return (struct ode_drawn){ .y = zero_part(d, s.y, more) };
    return (struct ode_drawn){ .y = zero_part(d, s.y, more / 2),
                               .z = zero_part(d, s.z, more / 2) };
}

static int
connector_pointwise(struct ode_draft *d, int unit, int x)
{
    const struct ode_place_in_time at = ode_draft_place("connector.%d.", unit);

    x = ode_draft_conv(d, x, ode_draft_weights(d, &at, "weight", ODE_VIEW_PLAIN), 0, 1,
                       1);
    x = ode_draft_act(d, ode_draft_norm(d, ODE_NORM_BATCH, &at, "norm", x));
    return ode_draft_halve(d, x);
}

static int
connector_residual(struct ode_draft *d, int unit, int x)
{
    const struct ode_place_in_time at = ode_draft_place("connector.%d.", unit);
    const enum ode_norm norm = d->net->recipe->model.norm;
    int side, branch;

    branch = ode_draft_act(d, ode_draft_norm(d, norm, &at, "p", x));
    branch = ode_draft_conv(d, branch, ode_draft_weights(d, &at, "k", ODE_VIEW_PLAIN), 0,
                            3, 2);
    branch = ode_draft_act(d, ode_draft_norm(d, norm, &at, "n", branch));
    branch = ode_draft_conv(d, branch, ode_draft_weights(d, &at, "o", ODE_VIEW_PLAIN), 0,
                            3, 1);
    side =
        ode_draft_conv(d, x, ode_draft_weights(d, &at, "side", ODE_VIEW_PLAIN), 0, 1, 2);
    return ode_draft_two(d, "Add", ode_draft_norm(d, norm, &at, "m", side), branch);
}

/* To the unit from the one before it. */
static struct ode_drawn
connector(struct ode_draft *d, int unit, struct ode_drawn s)
{
    const enum ode_link link = d->net->recipe->model.connector;
    const bool paired = s.z != 0;

    ode_onnx_scope(d->onnx, "connector.%d", unit);
    if (link == ODE_LINK_POINTWISE)
        return parts(d, paired, connector_pointwise(d, unit, whole(d, s)));
    if (link == ODE_LINK_RESIDUAL)
        return parts(d, paired, connector_residual(d, unit, whole(d, s)));
    return connector_zero(d, unit, s);
}

/* --- from the last state to probabilities --------------------------------------- */

static int
closing(struct ode_draft *d, int x)
{
    const struct ode_place_in_time at = ode_draft_place("closing.");

    if (d->net->recipe->model.closing == 0)
        return x;
    ode_onnx_scope(d->onnx, "closing");
    x = ode_draft_conv(d, x, ode_draft_weights(d, &at, "weight", ODE_VIEW_PLAIN), 0, 1,
                       1);
    return ode_draft_act(d, ode_draft_norm(d, ODE_NORM_BATCH, &at, "norm", x));
}

/* Means over the pixels, or all of them: [N][features]. */
static int
features(struct ode_draft *d, int x)
{
    const enum ode_norm norm = d->net->recipe->model.head_norm;
    const struct ode_place_in_time at = ode_draft_place("head.");

    ode_onnx_scope(d->onnx, "head");
    if (norm != ODE_NORM_NONE)
        x = ode_draft_act(d, ode_draft_norm(d, norm, &at, "norm", x));
    if (d->net->recipe->model.head == ODE_READOUT_AVERAGE)
        x = ode_draft_one(d, "GlobalAveragePool", x);
    return ode_draft_one(d, "Flatten", x);
}

/* The mean of the logits of images and of their mirror images. */
static int
mirrored_mean(struct ode_draft *d, int x, int classes)
{
    const int64_t shape[] = { 2, -1, classes };

    x = ode_draft_two(d, "Reshape", x, ode_onnx_ints(d->onnx, "mirror.shape", 3, shape));
    return ode_onnx_add(
        d->onnx,
        &(struct ode_onnx_node){
            .op = "ReduceMean",
            .name = "logits",
            .in = {x                                                       },
            .attribute = { { .name = "axes", .type = ODE_ONNX_INTS, .n = 1, .i = { 0 } },
                   { .name = "keepdims", .type = ODE_ONNX_INT, .i = { 0 } } },
    });
}

static int
logits(struct ode_draft *d, int x, int classes)
{
    const struct ode_place_in_time at = ode_draft_place("head.");
    const bool flip = d->net->recipe->data.test_flip;

    x = ode_onnx_add(
        d->onnx,
        &(struct ode_onnx_node){
            .op = "Gemm",
            .name = flip ? NULL : "logits",
            .in = {x,    ode_draft_weights(d, &at, "weight", ODE_VIEW_ROWS),
                   ode_draft_weights(d, &at, "bias", ODE_VIEW_PLAIN) },
            .attribute = { { .name = "transB", .type = ODE_ONNX_INT, .i = { 1 } }},
    });
    return flip ? mirrored_mean(d, x, classes) : x;
}

static void
outputs(struct ode_draft *d, int x, const struct ode_set_facts *facts)
{
    const int64_t dim[] = { ODE_ONNX_ANY, facts->classes };
    int p = ode_onnx_add(
        d->onnx,
        &(struct ode_onnx_node){
            .op = "Softmax",
            .name = "probabilities",
            .in = { x },
            .attribute = { { .name = "axis", .type = ODE_ONNX_INT, .i = { 1 } } },
        });

    ode_onnx_output(d->onnx, x, 2, dim, "one a class; the largest is the model's answer");
    ode_onnx_output(d->onnx, p, 2, dim, "the softmax of the logits");
}

static void
classes_tell(struct ode_draft *d, const struct ode_set_facts *facts)
{
    char list[256] = "";
    size_t used = 0;

    for (int i = 0; i < facts->classes && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i > 0 ? "," : "", facts->class_names[i]);
    assert(used < sizeof list);
    ode_onnx_metadata(d->onnx, "classes", list);
}

/* --- the whole ------------------------------------------------------------------ */

enum ode_status
ode_netgraph_draw(const struct ode_netgraph *net, struct ode_onnx *graph,
                  struct ode_err *err)
{
    const struct ode_set_facts *facts = ode_set_facts(net->recipe->data.set);
    struct ode_draft d = { .net = net, .onnx = graph, .err = err };
    struct ode_drawn state;
    bool paired;

    ODE_TRY(ode_netsteps_paired(&net->recipe->model, &paired, err));
    state = parts(&d, paired, opening(&d, pixels(&d, facts)));
    for (int u = 0; u < net->params->segment_n; u++) {
        if (u > 0)
            state = connector(&d, u, state);
        state = ode_netsteps_draw(&d, u, state);
    }
    outputs(&d, logits(&d, features(&d, closing(&d, whole(&d, state))), facts->classes),
            facts);
    classes_tell(&d, facts);
    return d.status;
}
