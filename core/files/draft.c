/* draft.c - the words that a network's graph is written in. */
#include "core/files/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double epsilon = 1e-3; /* of all normalisations */

#define INTEGER(key, value)                                       \
    {                                                             \
        .name = key, .type = ODE_ONNX_INT, .n = 1, .i = { value } \
    }
#define REAL_NUMBER(key, value)                         \
    {                                                   \
        .name = key, .type = ODE_ONNX_FLOAT, .f = value \
    }
#define PAIR(key, value)                                                  \
    {                                                                     \
        .name = key, .type = ODE_ONNX_INTS, .n = 2, .i = { value, value } \
    }
#define FOUR(key, value)                                                                \
    {                                                                                   \
        .name = key, .type = ODE_ONNX_INTS, .n = 4, .i = { value, value, value, value } \
    }

/* --- weights -------------------------------------------------------------------- */

struct ode_place_in_time
ode_draft_place(const char *format, ...)
{
    struct ode_place_in_time at = { .part = 0 };
    va_list args;

    va_start(args, format);
    vsnprintf(at.from, sizeof at.from, format, args);
    va_end(args);
    return at;
}

static const struct ode_tensor *
tensor_find(const struct ode_draft *d, const char *name)
{
    const struct ode_params *p = d->net->params;

    for (int i = 0; i < p->tensor_n; i++)
        if (strcmp(p->tensor[i].name, name) == 0)
            return &p->tensor[i];
    return NULL;
}

static void
fail(struct ode_draft *d, enum ode_status status, const char *at, const char *text)
{
    if (d->status == ODE_OK)
        d->status = ode_fail(d->err, status, at, "%s", text);
}

static const float *
values_of(const struct ode_draft *d, const struct ode_tensor *t)
{
    const struct ode_params *p = d->net->params;

    return (t - p->tensor < p->trained_n ? d->net->theta : d->net->statistics)
           + t->offset;
}

/* A tensor of the network; fails if there is none, or it has another shape than `like`.
 */
static const struct ode_tensor *
tensor_need(struct ode_draft *d, const char *place, const char *name,
            const struct ode_tensor *like)
{
    const struct ode_tensor *t;
    char whole[ODE_ONNX_NAME];

    snprintf(whole, sizeof whole, "%s%s", place, name);
    t = tensor_find(d, whole);
    if (!t)
        fail(d, ODE_ESHAPE, whole,
             "the model has no such weights, but its spec wants them");
    else if (like && t->n != like->n)
        fail(d, ODE_ESHAPE, whole, "has another shape than the same weights before");
    else
        return t;
    return NULL;
}

/* k = K - K^T, where K^T[o][i][a][b] = K[i][o][2 - a][2 - b]. */
static void
antisymmetric(float *k, int channels)
{
    for (int o = 0; o < channels; o++)
        for (int i = 0; i < channels; i++)
            for (int tap = 0; tap < 9; tap++) {
                const int p = (o * channels + i) * 9 + tap;
                const int q = (i * channels + o) * 9 + 8 - tap;

                if (p > q)
                    continue;
                k[p] -= k[q];
                k[q] = -k[p];
            }
}

/* The weights as floats of the caller's; NULL after a failure. */
static float *
weights_fill(struct ode_draft *d, const struct ode_place_in_time *at, const char *name,
             const struct ode_tensor *from)
{
    const struct ode_tensor *to =
        at->part > 0 ? tensor_need(d, at->to, name, from) : from;
    float *w = malloc(from->n * sizeof *w);

    if (!w)
        fail(d, ODE_ENOMEM, from->name, "no memory for a copy of these weights");
    if (!w || !to) {
        free(w);
        return NULL;
    }
    for (size_t i = 0; i < from->n; i++) {
        const double a = (double)values_of(d, from)[i], b = (double)values_of(d, to)[i];

        w[i] = (float)(a + at->part * (b - a));
    }
    return w;
}

static int
weights_store(struct ode_draft *d, const char *label, const struct ode_tensor *t,
              float *w, enum ode_view view)
{
    int64_t dim[4] = { 1, 1, 1, 1 };
    int dims = view == ODE_VIEW_COLUMN ? 3 : t->dims;

    for (int i = 0; i < t->dims; i++)
        dim[i] = t->dim[i];
    if (view == ODE_VIEW_ROWS) {
        dims = 2;
        dim[1] = (int64_t)t->n / dim[0];
    }
    if (view == ODE_VIEW_ANTISYMMETRIC)
        antisymmetric(w, t->dim[0]);
    return ode_onnx_floats(d->onnx, label, dims, dim, w);
}

int
ode_draft_weights(struct ode_draft *d, const struct ode_place_in_time *at,
                  const char *name, enum ode_view view)
{
    const struct ode_tensor *from;
    char label[ODE_ONNX_NAME], part[16] = "";
    float *w;
    int value;

    if (at->part > 0) /* as in "unit.0.block.2.k1+0.5" */
        snprintf(part, sizeof part, "+%.6g", at->part);
    snprintf(label, sizeof label, "%s%s%s%s", at->from, name, part,
             view == ODE_VIEW_ANTISYMMETRIC ? ".antisymmetric" : "");
    value = ode_onnx_find(d->onnx, label);
    if (value)
        return value;
    from = tensor_need(d, at->from, name, NULL);
    w = from ? weights_fill(d, at, name, from) : NULL;
    if (!w)
        return 0;
    value = weights_store(d, label, from, w, view);
    free(w);
    return value;
}

/* --- constants ------------------------------------------------------------------ */

int
ode_draft_number(struct ode_draft *d, double value)
{
    const float x = (float)value;
    char name[ODE_ONNX_NAME];
    int known;

    snprintf(name, sizeof name, "number.%.9g", (double)x);
    known = ode_onnx_find(d->onnx, name);
    return known ? known : ode_onnx_floats(d->onnx, name, 1, (const int64_t[]){ 1 }, &x);
}

int
ode_draft_channels(struct ode_draft *d, const char *name, int n, const double *value)
{
    float x[16] = { 0 };

    for (int c = 0; c < n; c++)
        x[c] = (float)value[c];
    return ode_onnx_floats(d->onnx, name, 3, (const int64_t[]){ n, 1, 1 }, x);
}

/* --- operators ------------------------------------------------------------------ */

int
ode_draft_one(struct ode_draft *d, const char *op, int x)
{
    return ode_onnx_add(d->onnx, &(struct ode_onnx_node){ .op = op, .in = { x } });
}

int
ode_draft_two(struct ode_draft *d, const char *op, int x, int y)
{
    return ode_onnx_add(d->onnx, &(struct ode_onnx_node){
                                     .op = op, .in = {x, y}
    });
}

int
ode_draft_step(struct ode_draft *d, int y, double factor, int x)
{
    return ode_draft_two(d, "Add", y,
                         ode_draft_two(d, "Mul", x, ode_draft_number(d, factor)));
}

int
ode_draft_conv(struct ode_draft *d, int x, int k, int bias, int size, int stride)
{
    return ode_onnx_add(
        d->onnx, &(struct ode_onnx_node){
                     .op = "Conv",
                     .in = {x,                k, bias},
                     .attribute = { PAIR("kernel_shape", size), PAIR("strides", stride),
                            PAIR("dilations", 1), FOUR("pads", (size - 1) / 2),
                            INTEGER("group", 1) },
    });
}

int
ode_draft_conv_adjoint(struct ode_draft *d, int x, int k)
{
    return ode_onnx_add(
        d->onnx,
        &(struct ode_onnx_node){
            .op = "ConvTranspose",
            .in = {x,                k },
            .attribute = { PAIR("kernel_shape", 3), PAIR("strides", 1),
                   PAIR("dilations", 1), FOUR("pads", 1), INTEGER("group", 1) },
    });
}

int
ode_draft_halve(struct ode_draft *d, int x)
{
    return ode_onnx_add(d->onnx, &(struct ode_onnx_node){
                                     .op = "AveragePool",
                                     .in = {x  },
                                     .attribute = { PAIR("kernel_shape", 2),
                                            PAIR("strides", 2), FOUR("pads", 0) },
    });
}

/* --- normalisation -------------------------------------------------------------- */

/* name.which at this place. */
static int
norm_weights(struct ode_draft *d, const struct ode_place_in_time *at, const char *name,
             const char *which, enum ode_view view)
{
    char whole[ODE_ONNX_NAME];

    snprintf(whole, sizeof whole, "%s.%s", name, which);
    return ode_draft_weights(d, at, whole, view);
}

static int
norm_batch(struct ode_draft *d, const struct ode_place_in_time *at, const char *name,
           int x)
{
    return ode_onnx_add(
        d->onnx, &(struct ode_onnx_node){
                     .op = "BatchNormalization",
                     .in = {x,     norm_weights(d, at, name, "scale", ODE_VIEW_PLAIN),
                            norm_weights(d, at, name, "shift", ODE_VIEW_PLAIN),
                            norm_weights(d, at, name, "mean", ODE_VIEW_PLAIN),
                            norm_weights(d, at, name, "variance", ODE_VIEW_PLAIN) },
                     .attribute = { REAL_NUMBER("epsilon", (float)epsilon)       },
    });
}

static int
norm_instance(struct ode_draft *d, const struct ode_place_in_time *at, const char *name,
              int x)
{
    return ode_onnx_add(d->onnx,
                        &(struct ode_onnx_node){
                            .op = "InstanceNormalization",
                            .in = {x,     norm_weights(d, at, name, "scale", ODE_VIEW_PLAIN),
                                   norm_weights(d, at, name, "shift", ODE_VIEW_PLAIN) },
                            .attribute = { REAL_NUMBER("epsilon", (float)epsilon)       },
    });
}

/* g x / |x| + b, |x| over the channels of a pixel. */
static int
norm_tv(struct ode_draft *d, const struct ode_place_in_time *at, const char *name, int x)
{
    const struct ode_onnx_node squares = {
        .op = "ReduceSumSquare",
        .in = {x  },
        .attribute = { { .name = "axes", .type = ODE_ONNX_INTS, .n = 1, .i = { 1 } },
               INTEGER("keepdims", 1) },
    };
    int length;

    length = ode_draft_two(d, "Add", ode_onnx_add(d->onnx, &squares),
                           ode_draft_number(d, epsilon));
    x = ode_draft_two(d, "Div", x, ode_draft_one(d, "Sqrt", length));
    x = ode_draft_two(d, "Mul", x, norm_weights(d, at, name, "scale", ODE_VIEW_COLUMN));
    return ode_draft_two(d, "Add", x,
                         norm_weights(d, at, name, "shift", ODE_VIEW_COLUMN));
}

int
ode_draft_norm(struct ode_draft *d, enum ode_norm norm,
               const struct ode_place_in_time *at, const char *name, int x)
{
    switch (norm) {
    case ODE_NORM_BATCH:
        return norm_batch(d, at, name, x);
    case ODE_NORM_INSTANCE:
        return norm_instance(d, at, name, x);
    case ODE_NORM_TV:
        return norm_tv(d, at, name, x);
    case ODE_NORM_NONE:
    default:
        return x;
    }
}

/* --- activation ----------------------------------------------------------------- */

/* x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 */
static int
gelu(struct ode_draft *d, int x)
{
    int y = ode_draft_two(d, "Mul", x, ode_draft_number(d, 0.70710678118654752));

    y = ode_draft_one(d, "Erf", y);
    y = ode_draft_two(d, "Add", y, ode_draft_number(d, 1));
    y = ode_draft_two(d, "Mul", y, x);
    return ode_draft_two(d, "Mul", y, ode_draft_number(d, 0.5));
}

static int
with_alpha(struct ode_draft *d, const char *op, float alpha, int x)
{
    return ode_onnx_add(
        d->onnx, &(struct ode_onnx_node){ .op = op,
                                          .in = { x },
                                          .attribute = { REAL_NUMBER("alpha", alpha) } });
}

int
ode_draft_act(struct ode_draft *d, int x)
{
    switch (d->net->recipe->model.activation) {
    case ODE_ACTIVATION_TANH:
        return ode_draft_one(d, "Tanh", x);
    case ODE_ACTIVATION_LEAKY_RELU:
        return with_alpha(d, "LeakyRelu", 0.01f, x);
    case ODE_ACTIVATION_GELU:
        return gelu(d, x);
    case ODE_ACTIVATION_CELU:
        return with_alpha(d, "Celu", 1, x);
    case ODE_ACTIVATION_SOFTPLUS:
        return ode_draft_one(d, "Softplus", x);
    case ODE_ACTIVATION_RELU:
    default:
        return ode_draft_one(d, "Relu", x);
    }
}
